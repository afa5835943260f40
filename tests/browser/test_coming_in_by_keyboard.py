"""The way in and out, in a real browser, without a mouse and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import PageAt
from browser.looking import fits, keyboard_reaches, no_violations
from dashboard.world import ADMIN

pytestmark = pytest.mark.slow


def enter(page: Page, password: str) -> None:
    page.get_by_label("E-mail").focus()
    page.keyboard.type(ADMIN.email)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("javascript", [True, False])
def test_an_admin_comes_in_and_goes_out_by_keyboard(page_at: PageAt, door: str, *, javascript: bool) -> None:
    page = page_at(360, javascript=javascript)
    page.goto(door)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    enter(page, ADMIN.password)
    expect(page.get_by_text(ADMIN.email)).to_be_visible()
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_door_is_there_for_everybody_also_when_it_stays_shut(page_at: PageAt, door: str) -> None:
    page = page_at(360)
    page.goto(door)
    no_violations(page)
    keyboard_reaches(page)
    with page.expect_response("**/sign-in") as answered:
        enter(page, "no butterfly")
    assert answered.value.status == 403
    expect(page.get_by_role("alert")).to_contain_text("Invalid login credentials")
    expect(page.get_by_label("E-mail")).to_have_value(ADMIN.email)
    expect(page.get_by_label("Password")).to_have_value("")
    fits(page)
    no_violations(page)
