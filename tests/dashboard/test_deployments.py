"""Each attempt with what it did, newest first, a page at a time."""

from __future__ import annotations

import re
from html import unescape

import pytest

from dashboard.world import Browser, World
from lepinet.commit import Commit
from lepinet.dashboard.links import Links


def attempts(page: str) -> list[str]:
    return [re.sub(r"<[^>]*>", "", unescape(title)).strip() for title in re.findall(r"<h2>(.*?)</h2>", page)]


def test_the_newest_comes_first_with_who_why_verdict_and_steps(browser: Browser) -> None:
    page = browser.get("/deployments").text
    assert attempts(page) == [
        "v1.0.0 → production succeeded",
        "v1.1.0 → production succeeded",
        "v1.0.0 → production succeeded",
        "v1.1.0 → staging succeeded",
    ]
    first, second = re.findall(r'<li id="deployment-.*?</li>\s*(?=<li id=|</ol>)', page, re.DOTALL)[:2]
    assert "Roll production back to v1.0.0: wrong names" in first
    assert "In place of v1.1.0" in first
    assert "<b>prove</b>: no endpoint: nothing to move or prove" in first
    assert "<b>undecided, a person decides</b>: a smoke test of 12 known images" in second


def test_what_was_restored_took_no_other_version_s_place(browser: Browser, world: World) -> None:
    """By `--mend`, say: the row's way back is the version itself."""
    way_back = "update public.model_deployments set way_back = way_back || jsonb_build_object('version', %s::text)"
    newest = " where number = (select max(number) from public.model_deployments)"
    with world.database() as owner:
        owner.execute(way_back + newest, ["v1.0.0"])
        page = browser.get("/deployments?environment=production").text
        owner.execute(way_back + newest, ["v1.1.0"])
    assert "In place of v1.1.0" not in page
    assert page.count("In place of v1.0.0") == 1, "of v1.1.0, before it"


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ("environment=staging", ["v1.1.0 → staging succeeded"]),
        ("version=v1.1.0", ["v1.1.0 → production succeeded", "v1.1.0 → staging succeeded"]),
        ("version=v1.1.0&environment=production", ["v1.1.0 → production succeeded"]),
        ("environment=&version=v1.1.0", ["v1.1.0 → production succeeded", "v1.1.0 → staging succeeded"]),
    ],
)
def test_filters_leave_out_the_others(browser: Browser, filters: str, shown: list[str]) -> None:
    assert attempts(browser.get(f"/deployments?{filters}").text) == shown


def test_a_version_that_nobody_knows_has_none(browser: Browser) -> None:
    shown = browser.get("/deployments?version=v9.9.9")
    assert (shown.status_code, attempts(shown.text)) == (200, [])
    assert "This registry has no version v9.9.9." in shown.text


def test_an_environment_that_there_is_not_has_no_page(browser: Browser) -> None:
    shown = browser.get("/deployments?environment=moon")
    assert (shown.status_code, attempts(shown.text)) == (404, [])
    assert "There is no environment moon." in shown.text


def test_pages_follow_each_other_without_gap_or_repetition(hostile: World) -> None:
    with hostile.dashboard() as url, Browser(url) as browser:
        path: str | None = "/deployments"
        seen: list[str] = []
        while path:
            page = browser.get(path).text
            seen += re.findall(r'<li id="deployment-([^"]*)"', page)
            older = re.search(r'<a href="([^"]*)">Older</a>', page)
            path = unescape(older[1]) if older else None
    with hostile.database() as owner:
        known = owner.execute(
            "select id::text from public.model_deployments order by begun_at desc, number desc"
        ).fetchall()
    assert sorted(seen) == sorted(identity for (identity,) in known)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Merge pull request #41 from asha/wet-season", "41"),
        ("Wet-season photos (#57)", "57"),
        ("Closes (#57) at last", None),
        ("Merge branch 'main'", None),
    ],
)
def test_a_merge_on_github_leads_to_its_pull_request(world: World, subject: str, number: str | None) -> None:
    head = world.workspace.git.commit("HEAD")
    commit = Commit(head.id, head.author, subject, head.at)
    expected = number and f"https://github.com/lepinet/models/pull/{number}"
    assert Links("lepinet/models").pull_request(commit) == expected
    assert Links(None).pull_request(commit) is None
