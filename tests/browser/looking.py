"""A page as people meet it: in a real browser, at the width of a phone, a tablet or a desk, by day or by night."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request, Response

from fixtures.chromium import HERE

Scheme: TypeAlias = Literal["light", "dark"]
WIDTHS = (360, 768, 1440)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")

_WCAG_22_AA = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
_MOST_STOPS = 2000
_ELSEWHERE = -1
"""A stop that nobody can use, such as a table that is wider than its place."""


class Visit:
    """What went wrong while pages were open; `page_at` asks at the end."""

    def __init__(self) -> None:
        self._heard: list[tuple[str, str]] = []
        """What was said, and the address that it is about."""
        self._refused: set[str] = set()
        """Pages that were asked for, and whose answer is a page that says no: a browser makes that an error."""

    @property
    def complaints(self) -> list[str]:
        refusals = {("console: Failed to load resource", address) for address in self._refused}
        return [
            f"{said} ({address})"
            for said, address in self._heard
            if (said.partition(": the server")[0], address) not in refusals
        ]

    def watch(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._heard.append((f"error of a script: {error}", page.url)))
        page.on("request", self._see_where)
        page.on("response", self._see_answer)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._heard.append((f"console: {message.text}", message.location["url"]))

    def _see_where(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in {"file", "data", "blob"} and where.hostname not in HERE:
            self._heard.append(("network", request.url))

    def _see_answer(self, response: Response) -> None:
        if response.request.is_navigation_request() and 400 <= response.status < 500:
            self._refused.add(response.url)


def no_violations(page: Page) -> None:
    """Hold a page to WCAG 2.0 to 2.2, A and AA, as far as axe can tell; its scripts must be allowed to run."""
    # It would read style sheets again, which a page in a file may not.
    found = Axe().run(page, options={**_WCAG_22_AA, "preload": not page.url.startswith("file:")})
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
            // Asked anew each time, for a page that follows what happens may have changed its elements for equal ones.
            window.toReach = () => {
                // One of several radio buttons is a stop; arrow keys lead to the others.
                const groups = new Set();
                return [...document.querySelectorAll(usable)].filter(shown).filter(one => {
                    if (one.type !== "radio") return true;
                    if (groups.has(one.name)) return false;
                    return groups.add(one.name);
                });
            };
            document.activeElement.blur();
            window.getSelection().removeAllRanges();
        }"""
    )
    reached: set[int] = set()
    unseen: list[str] = []
    count: int = page.evaluate("window.toReach().length")
    for _ in range(min(2 * count + 5, _MOST_STOPS)):
        if len(reached - {_ELSEWHERE}) == count:
            break
        page.keyboard.press("Tab")
        stop: dict[str, Any] = page.evaluate(
            """() => {
                const one = document.activeElement, style = getComputedStyle(one);
                const box = one.getBoundingClientRect();
                const same = other => one.type === "radio" && other.type === "radio" && other.name === one.name;
                return {
                    place: window.toReach().findIndex(other => other === one || same(other)),
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
        """reached => window.toReach()
            .filter((_, place) => !reached.includes(place)).map(one => one.outerHTML.slice(0, 120))""",
        sorted(reached),
    )
    assert not missed, "Tab never comes to:\n" + "\n".join(missed[:5])
    assert not unseen, "nobody sees that these have the focus:\n" + "\n".join(unseen[:5])


def unfold(page: Page) -> None:
    """Open whatever is folded, tables behind the pictures among it."""
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true; })")
