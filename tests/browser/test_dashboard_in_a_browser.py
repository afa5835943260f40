"""The dashboard's pages as people meet them: any width, by day and by night, with a keyboard, without JavaScript."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.conftest import PageAt
from browser.looking import SCHEMES, WIDTHS, Scheme, fits, keyboard_reaches, no_violations, unfold
from lepinet.dashboard.pages import PAGES

QUICK = {(360, "light"), (1440, "dark")}
PATHS = tuple(one.path for one in PAGES)


def every_look() -> list[object]:
    """Each page of the navigation at each width by day and by night; the quick tests look at the ends."""
    return [
        pytest.param(path, width, scheme, marks=() if (width, scheme) in QUICK else pytest.mark.slow)
        for path in PATHS
        for width in WIDTHS
        for scheme in SCHEMES
    ]


@pytest.mark.parametrize(("path", "width", "scheme"), every_look())
def test_a_page_is_there_for_everybody(page_at: PageAt, here: str, path: str, width: int, scheme: Scheme) -> None:
    page = page_at(width, scheme=scheme)
    page.goto(here + path)
    unfold(page)
    fits(page)
    no_violations(page)
    keyboard_reaches(page)


@pytest.mark.parametrize("path", ["/compare?old=v1.0.0&new=v1.1.0", "/version?name=v1.1.0", "/known-images"])
def test_on_paper_there_is_nothing_to_press_and_nothing_is_cut_off(page_at: PageAt, here: str, path: str) -> None:
    page = page_at(718)  # A4 between its margins
    page.goto(here + path)
    page.emulate_media(media="print")
    fits(page)
    for one in page.locator("form, select, button, .top, .actions").all():
        expect(one).to_be_hidden()
    for one in page.locator(".wide:visible").all():
        assert one.evaluate("table => table.scrollWidth <= table.clientWidth")


@pytest.mark.parametrize("path", PATHS)
def test_without_javascript_a_page_says_the_same(page_at: PageAt, here: str, path: str) -> None:
    read = []
    for javascript in (True, False):
        page = page_at(360, javascript=javascript)
        page.goto(here + path)
        fits(page)
        # The reader's own time stands there with JavaScript alone.
        read.append(re.sub(r"\d+ \w+ \d{4}, \d\d:\d\d\s+", "", page.locator("main").inner_text()))
    assert read[0].split() == read[1].split()


def test_a_time_stands_in_the_readers_zone_with_utc_beside(page_at: PageAt, here: str) -> None:
    page = page_at(1440)
    page.goto(here)
    since = page.locator("time").first
    expect(since).to_have_text(re.compile(r"^\d+ \w+ \d{4}, \d\d:\d\d \d{4}-\d\d-\d\d \d\d:\d\d UTC$"))


def test_the_appearance_that_was_chosen_stays(page_at: PageAt, here: str) -> None:
    page = page_at(1440, scheme="light")
    page.goto(here)
    choice = page.get_by_label("Appearance")
    choice.select_option("dark")
    for _ in range(2):
        expect(page.locator("body")).to_have_css("background-color", "rgb(20, 23, 21)")
        page.reload()
        expect(choice).to_have_value("dark")
    choice.select_option("as the device")
    expect(page.locator("body")).to_have_css("background-color", "rgb(244, 243, 238)")
