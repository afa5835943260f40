"""The list of versions: found, sorted and passed on by its address alone."""

from __future__ import annotations

import re
from html import unescape

import pytest

from dashboard.world import Browser, World


def names(page: str) -> list[str]:
    """Of the versions that a page lists."""
    return re.findall(r'<th scope="row"><a href="/version[?]name=[^"]*">([^<]*)</a>', page)


def link(page: str, words: str) -> str:
    (found,) = re.findall(rf'href="([^"]*)"[^>]*>{words}', page)
    return unescape(found)


def test_each_version_says_where_it_stands(browser: Browser) -> None:
    page = browser.get("/versions").text
    assert names(page) == ["v1.2.0", "v1.1.0", "v1.0.0"]
    for words in ("active in production", "active in staging", "proposal", "93.00\N{NO-BREAK SPACE}%", "1,500"):
        assert words in page


@pytest.mark.parametrize("column", ["version", "path", "trainer&#39;s own test", "trained on", "status", "logged"])
def test_a_column_sorts_by_its_link_and_the_other_way_round_by_the_same_again(browser: Browser, column: str) -> None:
    once = browser.get(link(browser.get("/versions?sort=version").text, column)).text
    again = browser.get(link(once, column)).text
    assert sorted(names(once)) == ["v1.0.0", "v1.1.0", "v1.2.0"]
    assert names(again) == names(once)[::-1]
    assert {*re.findall(r'aria-sort="(\w+)"', once)} == {"none", *re.findall(r'aria-sort="(\w+ing)"', once)}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=1.1", ["v1.1.0"]),
        ("status=proposal", ["v1.2.0"]),
        ("status=active&sort=version", ["v1.0.0", "v1.1.0"]),
        ("search=1.1&status=proposal", []),
        ("sort=nonsense&order=sideways&page=-1&status=x&environment=moon", ["v1.2.0", "v1.1.0", "v1.0.0"]),
        ("page=9", []),
    ],
)
def test_an_address_says_what_is_listed(browser: Browser, query: str, found: list[str]) -> None:
    page = browser.get(f"/versions?{query}")
    assert (page.status_code, names(page.text)) == (200, found)


@pytest.mark.parametrize("path", ["/versions?page=999", "/species?page=999", "/species?page=999&search=tiger"])
def test_a_page_after_the_last_one_says_so(browser: Browser, path: str) -> None:
    page = browser.get(path).text
    assert "The list ends before this page." in page
    assert not re.search("no versions yet|No version was tested|No species is called", page)


def test_an_admin_sees_the_same_list(admin: Browser) -> None:
    assert names(admin.get("/versions").text) == ["v1.2.0", "v1.1.0", "v1.0.0"]


@pytest.mark.parametrize("query", ["", "?sort=accuracy&order=up", "?search=v7&status=proposal"])
def test_a_long_list_goes_on_by_its_links_and_leaves_none_out(world: World, browser: Browser, query: str) -> None:
    with world.database() as owner:
        owner.execute(
            "insert into public.model_versions (version_name, file_path)"
            " select 'v7.' || n || '.0', 'models/many' from generate_series(1, 120) n"
        )
        seen, page = [], browser.get(f"/versions{query}").text
        while True:
            seen += names(page)
            if 'rel="next"' not in page:
                break
            page = browser.get(link(page, "Next")).text
        owner.execute("delete from public.model_versions where file_path = 'models/many'")
    assert len([name for name in seen if name.startswith("v7.")]) == 120
    assert len(set(seen)) == len(seen)
    assert 'rel="prev"' in page
