"""The page that `lepinet serve` has at `/`, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import PageAt
from browser.looking import SCHEMES, WIDTHS, Scheme, fits, keyboard_reaches, no_violations
from serving.local_environment import KNOWN_IMAGES, LocalEnvironment, make_environment

TIGER = KNOWN_IMAGES / "blue_tiger_01.webp"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEnvironment]:
    with closing(make_environment(tmp_path_factory.mktemp("served"))) as environment:
        environment.start()
        environment.serve("v1.1.0", 1)
        yield environment


def send(page: Page, photo: Path) -> None:
    page.get_by_label("photo").set_input_files(photo)
    page.get_by_role("button", name="Name the species").click()


def test_without_a_script_a_photo_is_named(served: LocalEnvironment, page_at: PageAt) -> None:
    page = page_at(360, javascript=False)
    page.goto(served.url)
    send(page, TIGER)
    expect(page.get_by_role("heading", level=1)).to_have_text("Blue Tiger, 61.5\N{NO-BREAK SPACE}%")
    expect(page.get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_role("listitem").first).to_have_text("Blue Tiger 61.5\N{NO-BREAK SPACE}%")
    expect(page.get_by_text("Answered by v1.1.0")).to_be_visible()
    send(page, KNOWN_IMAGES / "plain_tiger_01.webp")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Plain Tiger")


def test_on_paper_is_the_answer_without_the_form(served: LocalEnvironment, page_at: PageAt) -> None:
    page = page_at(718, javascript=False)
    page.goto(served.url)
    send(page, TIGER)
    page.emulate_media(media="print")
    expect(page.get_by_role("listitem")).to_have_count(5)
    expect(page.locator("form")).to_be_hidden()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_use_it(served: LocalEnvironment, page_at: PageAt, width: int, scheme: Scheme) -> None:
    page = page_at(width, scheme=scheme)
    page.goto(served.url)
    for _ in ("the form", "the answer"):
        no_violations(page)
        fits(page)
        keyboard_reaches(page)
        send(page, TIGER)
