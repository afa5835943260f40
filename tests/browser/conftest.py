"""Pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page

from browser.looking import Scheme, Visit
from dashboard.world import World, make_world
from fixtures.chromium import chromium


class PageAt(Protocol):
    """An empty page in a window of its own, with nobody's cookies, of somebody in Colombo."""

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
                viewport={"width": width, "height": 900},
                java_script_enabled=javascript,
                color_scheme=scheme,
                locale="en-GB",
                timezone_id="Asia/Colombo",
            )
            until_the_end.callback(context.close)
            context.on("page", visit.watch)
            return context.new_page()

        yield opened
    assert not visit.complaints, "\n".join(visit.complaints)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """On this machine alone."""
    with make_world(tmp_path_factory.mktemp("dashboard")) as world:
        yield world


@pytest.fixture(scope="module")
def here(world: World) -> Iterator[str]:
    """The URL of a dashboard that only this machine reaches."""
    with world.dashboard() as url:
        yield url


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With a Supabase project and its users."""
    with make_world(tmp_path_factory.mktemp("hosted"), hosted=True) as world:
        yield world


@pytest.fixture
def door(hosted: World) -> Iterator[str]:
    """The URL of a dashboard that asks who is there, and that nobody has tried yet."""
    with hosted.dashboard() as url:
        yield url
