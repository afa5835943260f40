"""Pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page

from browser.looking import Scheme, Visit, chromium


class PageAt(Protocol):
    """An empty page in a window of its own, with nobody's cookies."""

    def __call__(self, width: int, *, javascript: bool = True, scheme: Scheme = "light") -> Page: ...


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each file: while it is open, its loop is the thread's, and no test can have another one."""
    with chromium() as found:
        yield found


@pytest.fixture
def page_at(browser: Browser) -> Iterator[PageAt]:
    """Opens pages; whatever goes wrong in one of them, or leaves this machine, fails the test."""
    visit = Visit()
    with ExitStack() as until_the_end:

        def opened(width: int, *, javascript: bool = True, scheme: Scheme = "light") -> Page:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, java_script_enabled=javascript, color_scheme=scheme
            )
            until_the_end.callback(context.close)
            page = context.new_page()
            visit.watch(page)
            return page

        yield opened
    assert not visit.complaints, "\n".join(visit.complaints)
