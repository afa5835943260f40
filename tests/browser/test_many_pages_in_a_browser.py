"""Many pages of one browser, which has six connections to one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import PageAt
from dashboard.world import World
from lepinet.registry.records import PerformanceLog

NEWS = "seen while pages lay open"


@contextmanager
def news(world: World) -> Iterator[None]:
    """The monitor looks at production; it is as before in the end."""
    found = PerformanceLog(
        id=uuid4(), version_name="v1.0.0", kind="monitor", test_accuracy=1, test_sample_size=12, notes=NEWS, details={}
    )
    with world.workspace.registry("production") as registry:
        registry.log_performance(found, "production")
    yield
    with world.database() as owner:
        owner.execute("delete from public.model_performance_logs where id = %s", [found.id])


@pytest.fixture
def seven(page_at: PageAt, here: str) -> list[Page]:
    """The Overview in seven windows of one browser."""
    first = page_at(1440)
    first.context.clock.install()
    pages = [first, *(first.context.new_page() for _ in range(6))]
    for page in pages:
        page.goto(here)
    return pages


def test_seven_pages_are_there_and_each_hears_of_what_happens(world: World, seven: list[Page]) -> None:
    with news(world):
        for page in seven:
            page.clock.fast_forward(15_000)
            expect(page.locator("main")).to_contain_text(NEWS)


def test_a_page_that_was_hidden_gives_its_connection_back_and_catches_up_when_shown(
    page_at: PageAt, world: World, here: str
) -> None:
    page = page_at(1440)
    with page.expect_response("**/events*"):
        page.goto(here)
    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        turn(page, "hidden")
    with news(world):
        expect(page.locator("main")).not_to_contain_text(NEWS)
        turn(page, "visible")
        expect(page.locator("main")).to_contain_text(NEWS)


def turn(page: Page, state: str) -> None:
    """Without a window no page is ever hidden by itself."""
    page.evaluate(
        """state => {
            Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )
