"""Whatever strangers have written into the registry, a page shows it as text."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from dashboard.world import Browser, World
from lepinet.dashboard.pages import PAGES
from lepinet.report.escape import for_terminal
from report.hostile import NAMES

LOADING = {"src", "href", "action", "formaction", "srcset", "data", "poster", "hx-get", "hx-post"}


class Seen(HTMLParser):
    """What a browser would take for markup."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name, value)
            assert name not in {"style", "srcdoc"}, (tag, name, value)
            if name in LOADING and value:
                assert urlsplit(value).scheme in {"", "https", "data"}, (tag, name, value)
                assert "evil.example" not in urlsplit(value).netloc, (tag, name, value)
        if tag == "script":
            assert dict(attrs).get("src", "").startswith("/static/")  # type: ignore[union-attr]  # it has one

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def stranger(hostile: World) -> Iterator[Browser]:
    with hostile.dashboard() as url, Browser(url) as browser:
        yield browser


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_every_page_shows_it_as_text(stranger: Browser, path: str) -> None:
    shown = stranger.get(path)
    assert shown.status_code == 200
    Seen(shown.text)


def test_deployments_show_all_of_it(stranger: Browser) -> None:
    text = "".join(Seen(stranger.get("/deployments?environment=production").text).text)
    for name in NAMES[:10]:
        assert text.count(for_terminal(name, 1000).replace(" %", "\N{NO-BREAK SPACE}%")) >= 6, name


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_is_shown_as_text_too(stranger: Browser, name: str) -> None:
    shown = stranger.client.get("/deployments", params={"version": name, "environment": name, "after.production": name})
    assert shown.status_code == 200
    Seen(shown.text)
