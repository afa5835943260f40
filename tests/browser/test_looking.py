"""What the tests of pages hold against a page, so that a page without complaints says something."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import PageAt
from browser.looking import Visit, fits, keyboard_reaches, no_violations

PAGE = "<!doctype html><html lang=en><title>Moths</title><main><h1>Moths</h1>{}</main></html>"


def showing(page: Page, body: str) -> Page:
    page.set_content(PAGE.format(body))
    return page


def test_a_photo_without_words_is_a_violation(page_at: PageAt) -> None:
    page = showing(page_at(360), '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">')
    with pytest.raises(AssertionError, match="alternative text"):
        no_violations(page)


def test_links_that_a_thumb_cannot_tell_apart_are_a_violation(page_at: PageAt) -> None:
    tiny = "display: inline-block; width: 9px; height: 9px; overflow: hidden"
    page = showing(page_at(360), f'<a href="#a" style="{tiny}">one</a><a href="#b" style="{tiny}">two</a>')
    with pytest.raises(AssertionError, match="24px"):
        no_violations(page)


def test_a_page_that_is_wider_than_the_phone_does_not_fit(page_at: PageAt) -> None:
    page = showing(page_at(360), '<p style="width: 400px">wide</p>')
    with pytest.raises(AssertionError, match="400px"):
        fits(page)


def test_what_tab_passes_by_is_missed(page_at: PageAt) -> None:
    away = "document.querySelector('button').onfocus = () => document.querySelector('a').focus()"
    page = showing(page_at(360), '<a href="#a">one</a> <button>two</button> <input aria-label="three">')
    page.evaluate(away)
    with pytest.raises(AssertionError, match="never comes to:\n<button"):
        keyboard_reaches(page)


def test_a_focus_that_nobody_sees_is_missed(page_at: PageAt) -> None:
    page = showing(page_at(360), '<a href="#a">one</a> <button style="outline: none">two</button>')
    with pytest.raises(AssertionError, match=r"nobody sees.*:\n<button"):
        keyboard_reaches(page)


def test_whatever_goes_wrong_or_leaves_the_machine_is_a_complaint(browser: Browser) -> None:
    visit = Visit()
    with browser.new_context() as context:
        page = context.new_page()
        visit.watch(page)
        showing(page, '<link rel="icon" href="data:,"><img alt="" src="https://elsewhere.example/pixel.gif">')
        page.evaluate("setTimeout(() => { throw new Error('a moth') })")
        page.wait_for_load_state("networkidle")
    told = "\n".join(visit.complaints)
    assert "network (https://elsewhere.example/pixel.gif)" in told
    assert "error of a script: a moth" in told
    assert "console: Failed to load resource" in told
