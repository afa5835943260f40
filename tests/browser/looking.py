"""A page as people meet it: in a real browser, at the width of a phone, a tablet or a desk, by day or by night."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from playwright.sync_api import Error as BrowserError

Scheme: TypeAlias = Literal["light", "dark"]
WIDTHS = (360, 768, 1440)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
MISSING = "the tests of pages need Chromium: apt-get install chromium, or .venv/bin/playwright install chromium"

_HERE = {"127.0.0.1", "localhost"}
_NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, " + ", ".join(f"EXCLUDE {name}" for name in sorted(_HERE))
_WCAG_22_AA = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
_MOST_STOPS = 2000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine, which reaches this machine alone.

    Raises:
        AssertionError: there is none.
    """
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[_NO_NETWORK])
        except BrowserError as error:
            if "Executable doesn't exist" not in str(error):
                raise
            raise AssertionError(MISSING) from None
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """What went wrong while pages were open; `page_at` asks at the end."""

    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error of a script: {error}"))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _asked(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in {"file", "data", "blob"} and where.hostname not in _HERE:
            self.complaints.append(f"network: {request.url}")


def no_violations(page: Page) -> None:
    """Hold a page to WCAG 2.0 to 2.2, A and AA, as far as axe can tell; its scripts must be allowed to run."""
    found = Axe().run(page, options=_WCAG_22_AA)
    assert not found.response["violations"], found.generate_report()


def fits(page: Page) -> None:
    """Nothing is wider than the window: nobody scrolls sideways to read."""
    wider: list[str] = page.evaluate(
        """() => {
            const edge = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= edge) return [];
            return [...document.querySelectorAll("body *")]
                .filter(one => one.getBoundingClientRect().right > edge + 1)
                .map(one => one.outerHTML.slice(0, 120));
        }"""
    )
    assert not wider, "\n".join(wider[:5])


def keyboard_reaches(page: Page) -> None:
    """Tab comes to everything that can be used, one after the other, and shows where it is."""
    page.evaluate(
        """() => {
            const usable = "a[href], button, input, select, textarea, summary, [tabindex]";
            const shown = one => one.checkVisibility({visibilityProperty: true}) && !one.disabled
                && one.tabIndex >= 0 && one.type !== "hidden";
            const all = [...document.querySelectorAll(usable)].filter(shown);
            // One of several radio buttons is a stop; arrow keys lead to the others.
            const groups = new Set();
            window.toReach = all.filter(one => {
                if (one.type !== "radio") return true;
                if (groups.has(one.name)) return false;
                return groups.add(one.name);
            });
            document.activeElement.blur();
            window.getSelection().removeAllRanges();
        }"""
    )
    reached: set[int] = set()
    unseen: list[str] = []
    count: int = page.evaluate("window.toReach.length")
    for _ in range(min(count + 5, _MOST_STOPS)):
        page.keyboard.press("Tab")
        stop: dict[str, Any] = page.evaluate(
            """() => {
                const one = document.activeElement, style = getComputedStyle(one);
                const box = one.getBoundingClientRect();
                const same = other => one.type === "radio" && other.type === "radio" && other.name === one.name;
                return {
                    place: window.toReach.findIndex(other => other === one || same(other)),
                    body: one === document.body,
                    seen: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
                        && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
                    words: one.outerHTML.slice(0, 120),
                };
            }"""
        )
        if stop["body"]:
            continue
        reached.add(stop["place"])
        if not stop["seen"]:
            unseen.append(stop["words"])
    missed: list[str] = page.evaluate(
        """reached => window.toReach
            .filter((_, place) => !reached.includes(place)).map(one => one.outerHTML.slice(0, 120))""",
        sorted(reached),
    )
    assert not missed, "Tab never comes to:\n" + "\n".join(missed[:5])
    assert not unseen, "nobody sees that these have the focus:\n" + "\n".join(unseen[:5])


def unfold(page: Page) -> None:
    """Open whatever is folded, tables behind the pictures among it."""
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true; })")
