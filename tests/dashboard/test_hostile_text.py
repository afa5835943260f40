"""Whatever strangers have written into the registry, a page shows it as text."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from dashboard.world import Browser, World, stranger_s_version
from lepinet.dashboard.pages import PAGES
from lepinet.report.escape import for_terminal
from report.hostile import NAMES

LOADING = {"src", "href", "action", "formaction", "srcset", "data", "poster", "hx-get", "hx-post"}


class Seen(HTMLParser):
    """What a browser would take for markup."""

    def __init__(self, page: str, scripts: str = "/static/") -> None:
        super().__init__()
        self.text: list[str] = []
        self._scripts = scripts
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        followed = tag == "a" and dict(attrs).get("rel") == "nofollow noopener noreferrer"
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name, value)
            assert name not in {"style", "srcdoc"}, (tag, name, value)
            if name in LOADING and value:
                assert urlsplit(value).scheme in {"", "https", "data"}, (tag, name, value)
                assert followed or "evil.example" not in urlsplit(value).netloc, (tag, name, value)
        if tag == "script":
            assert dict(attrs).get("src", "").startswith(self._scripts)  # type: ignore[union-attr]  # it has one

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def stranger(hostile: World) -> Iterator[Browser]:
    with hostile.dashboard() as url, Browser(url) as browser:
        yield browser


CONSTRAINED = {
    *("environments.name", "environments.repository", "environments.commit_sha"),
    *("model_deployments.environment", "model_deployments.kind"),
    *("model_deployments.status", "model_deployments.failure", "model_deployments.conditions"),
    "model_performance_logs.known_images_sha256",
}
"""Columns in which no stranger can write what he likes, or that no page reads."""


def test_strangers_have_written_into_every_column(hostile: World) -> None:
    """So that a new one is tried as well."""
    with hostile.database() as owner:
        columns = owner.execute(
            "select c.table_name, c.column_name from information_schema.columns c"
            " join information_schema.tables t using (table_schema, table_name)"
            " where table_schema = 'public' and c.data_type = 'text' and t.table_type = 'BASE TABLE'"
        ).fetchall()
        for table, column in columns:
            found = owner.execute(
                f"select from public.{table} where right({column}, 5) = any (%s)".encode(),
                [[name[-5:] for name in NAMES]],
            ).rowcount
            assert found or f"{table}.{column}" in CONSTRAINED, f"{table}.{column}"


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_every_page_shows_it_as_text(stranger: Browser, path: str) -> None:
    shown = stranger.get(path)
    assert shown.status_code == 200
    Seen(shown.text)


def test_deployments_show_all_of_it(stranger: Browser) -> None:
    text = "".join(Seen(stranger.get("/deployments?environment=production").text).text)
    for name in NAMES[:10]:
        assert text.count(for_terminal(name, 1000).replace(" %", "\N{NO-BREAK SPACE}%")) >= 6, name


def words(page: str) -> str:
    return "".join(Seen(page).text)


def as_shown(text: str) -> str:
    return for_terminal(text, 1000).replace(" %", "\N{NO-BREAK SPACE}%")


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_version_shows_all_of_it(stranger: Browser, number: int) -> None:
    shown = stranger.client.get("/version", params={"name": stranger_s_version(number)})
    assert shown.status_code == 200
    # Name, path, notes; its tests; its deployment with actor, reason and error; its mistakes, and what it was called.
    assert words(shown.text).count(as_shown(NAMES[number])) >= 12, NAMES[number]


def test_what_main_has_of_strangers_is_shown(stranger: Browser) -> None:
    shown = stranger.client.get("/version", params={"name": "v1.3.0"})
    text = words(shown.text)
    assert text.count("<img src=x onerror=alert(1)>") >= 2, "in the notes and in the card"
    assert "a link" in text


@pytest.mark.parametrize("number", range(len(NAMES) - 1))
def test_two_versions_side_by_side_show_it_as_text(stranger: Browser, number: int) -> None:
    old, new = stranger_s_version(number), stranger_s_version(number + 1)
    shown = stranger.client.get("/compare", params={"old": old, "new": new})
    assert shown.status_code == 200
    text = words(shown.text)
    assert f"{as_shown(NAMES[number])} →" in text
    assert as_shown(NAMES[number + 1]) in text


@pytest.mark.parametrize("name", NAMES)
def test_lists_are_searched_for_it_as_text(stranger: Browser, name: str) -> None:
    for path in ("/versions", "/species"):
        shown = stranger.client.get(path, params={"search": name, "sort": name, "status": name, "page": name})
        assert shown.status_code == 200
        assert Seen(shown.text)


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_is_shown_as_text_too(stranger: Browser, name: str) -> None:
    for params, status in (({"version": name, "after.production": name}, 200), ({"environment": name}, 404)):
        shown = stranger.client.get("/deployments", params=params)
        assert shown.status_code == status
        Seen(shown.text)
