"""What people do on the dashboard, in a real browser, with JavaScript and without; every page that links lead to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import PageAt
from browser.looking import Scheme, fits, keyboard_reaches, no_violations, unfold
from dashboard.world import World, flips, make_world
from evaluation.photo_files import KANDY, drawing, exif, saved

pytestmark = pytest.mark.slow

PHOTO = Path(__file__).parents[1] / "known_images" / "common_jezebel_03.jpg"
SOON = 15_000
"""Milliseconds, half of those until a page that was told nothing looks by itself."""
EACH = 2
"""So many pages of one kind are looked at."""
with_and_without_javascript = pytest.mark.parametrize("javascript", [True, False])


@pytest.fixture(autouse=True)
def _no_branches_left(world: World) -> Iterator[None]:
    yield
    for name in world.workspace.git.branches():
        if name != "main":
            world.desk.git("branch", "--quiet", "-D", name)


def kind(address: str) -> tuple[str, ...]:
    """Pages of one kind differ in what is asked for alone."""
    parts = urlsplit(address)
    asked = parse_qs(parts.query)
    return (parts.path, *sorted(asked), *asked.get("kind", ()))


def looked_at(page: Page) -> None:
    unfold(page)
    fits(page)
    no_violations(page)
    keyboard_reaches(page)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_every_page_that_links_lead_to_is_there_for_everybody(
    page_at: PageAt, here: str, width: int, scheme: Scheme
) -> None:
    page = page_at(width, scheme=scheme)
    found, seen = ["/"], Counter[tuple[str, ...]]()
    known = {"/"}
    while found:
        path = found.pop(0)
        page.goto(here + path)
        looked_at(page)
        for link in page.eval_on_selector_all("a[href^='/']", "all => all.map(one => one.getAttribute('href'))"):
            address = link.partition("#")[0]
            if address not in known and seen[kind(address)] < EACH:
                known.add(address)
                seen[kind(address)] += 1
                found.append(address)
    assert {"/version", "/compare", "/known-images/photo", "/changes/new"} <= {path for path, *_ in seen}


@with_and_without_javascript
def test_a_change_is_asked_for_and_followed(page_at: PageAt, here: str, *, javascript: bool) -> None:
    page = page_at(360, javascript=javascript)
    page.goto(here)
    production = page.get_by_role("region", name="production")
    production.get_by_role("link", name="Activate another version").click()
    expect(page.get_by_label("Environment")).to_have_value("production")
    page.get_by_label("Version").fill("v1.1.0")
    page.get_by_label("Why").fill("Right more often at dusk")
    page.get_by_role("button", name="Propose it").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Activate v1.1.0 in production")
    expect(page.get_by_text("git merge --no-ff --no-edit activate-production-v1.1.0")).to_be_visible()
    if javascript:
        looked_at(page)
    page.get_by_role("navigation").get_by_role("link", name="Changes").click()
    expect(page.get_by_role("main").get_by_role("link", name="Activate v1.1.0 in production")).to_be_visible()


def test_a_change_that_lies_open_moves_with_its_merge_and_its_deployment(page_at: PageAt, tmp_path: Path) -> None:
    # A server ends when its pages do.
    with make_world(tmp_path) as world, world.dashboard() as url, closing(page_at(1440)) as page:
        page.goto(f"{url}/changes/new?kind=activate&environment=production&version=v1.1.0")
        page.get_by_label("Why").fill("Right more often at dusk")
        page.get_by_role("button", name="Propose it").click()
        status = page.get_by_role("status")
        expect(status).to_contain_text("a person merges the branch")
        world.desk.git("merge", "--quiet", "--no-ff", "--no-edit", "activate-production-v1.1.0")
        expect(status).to_contain_text("reconcile has not begun yet", timeout=SOON)
        done = world.desk.process("reconcile", "-e", "production")
        assert done.code == 0, done.err
        expect(status).to_contain_text("v1.1.0 is live", timeout=SOON)


@with_and_without_javascript
def test_a_form_that_is_refused_says_why_and_keeps_what_was_said(
    page_at: PageAt, here: str, *, javascript: bool
) -> None:
    page = page_at(360, javascript=javascript)
    page.goto(f"{here}/changes/new?kind=activate&environment=production")
    page.get_by_label("Version").fill("v7.0.0")
    page.get_by_label("Why").fill("It has wings")
    page.get_by_role("button", name="Propose it").click()
    expect(page.get_by_role("alert")).to_contain_text("v7.0.0")
    expect(page.get_by_label("Why")).to_have_value("It has wings")
    if javascript:
        looked_at(page)


@with_and_without_javascript
def test_versions_are_searched_and_sorted(page_at: PageAt, here: str, *, javascript: bool) -> None:
    page = page_at(768, javascript=javascript)
    page.goto(f"{here}/versions")
    page.get_by_label("Search").fill("v1.0")
    if javascript:
        expect(page).to_have_url(f"{here}/versions?search=v1.0&status=&sort=created&order=down")
    else:
        page.get_by_label("Search").press("Enter")
    rows = page.get_by_role("rowheader")
    expect(rows).to_have_text(["v1.0.0"])
    page.get_by_label("Search").fill("")
    page.get_by_label("Search").press("Enter")
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="version", exact=True).click()
    expect(rows).to_have_text(["v1.0.0", "v1.1.0", "v1.2.0"])
    expect(page.get_by_role("columnheader", name="version")).to_have_attribute("aria-sort", "ascending")


@with_and_without_javascript
def test_a_photo_is_shown_to_two_models(page_at: PageAt, here: str, *, javascript: bool) -> None:
    page = page_at(360, javascript=javascript)
    page.goto(f"{here}/check-photo")
    page.get_by_label("Photo").set_input_files(PHOTO)
    page.get_by_label("Compare with").fill("v1.1.0")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", level=2)).to_have_text(["v1.0.0 active", "v1.1.0"])
    if javascript:
        looked_at(page)


@with_and_without_javascript
def test_a_wrong_label_becomes_a_change(page_at: PageAt, here: str, *, javascript: bool) -> None:
    page = page_at(360, javascript=javascript)
    page.goto(f"{here}/known-images")
    page.get_by_role("main").get_by_role("listitem").get_by_role("link").nth(1).click()
    expect(page.get_by_label("Species", exact=True)).to_be_visible()
    page.get_by_label("Nobody can tell").check()
    expect(page.get_by_label("Species", exact=True)).to_be_hidden()
    page.get_by_label("Why").fill("The wings are folded")
    page.get_by_role("button", name="Propose it").click()
    expect(page.get_by_text("git merge --no-ff --no-edit")).to_be_visible()


@with_and_without_javascript
def test_flips_are_filtered_and_the_link_shows_others_the_same(
    page_at: PageAt, world: World, *, javascript: bool
) -> None:
    with flips(world) as flipped, world.dashboard() as url:
        page = page_at(768, javascript=javascript)
        page.goto(f"{url}/compare?old=v1.0.0&new=v1.1.0")
        expect(page.locator("#flips .file")).to_have_text([flipped.wrong.file_name, flipped.right.file_name])
        for label, choice, shown in (
            ("Flips", "newly right", [flipped.right.file_name]),
            ("Species", flipped.wrong.expected_name, []),
            ("Flips", "newly wrong", [flipped.wrong.file_name]),
        ):
            page.get_by_label(label, exact=True).select_option(choice)
            if not javascript:
                page.get_by_role("button", name="Show").click()
            expect(page.locator("#flips .file")).to_have_text(shown)
        other = page_at(360, javascript=javascript)
        other.goto(page.url)
        expect(other.locator("#flips .file")).to_have_text([flipped.wrong.file_name])
        expect(other.get_by_label("Flips", exact=True)).to_have_value("newly wrong")
        expect(other.get_by_label("Species", exact=True)).to_have_value(flipped.wrong.expected_id)
        if javascript:
            looked_at(other)


@with_and_without_javascript
def test_photos_are_added_by_keyboard_alone(
    page_at: PageAt, here: str, world: World, tmp_path: Path, *, javascript: bool
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(saved(drawing("blue_tiger_02"), quality=90, exif=exif(place=KANDY)))
    page = page_at(360, javascript=javascript)
    # Listened to from here on: begun with the key, it may come too late for the dialog.
    page.on("filechooser", lambda chooser: chooser.set_files(photo))
    page.goto(f"{here}/known-images")
    tab_to(page, page.get_by_role("link", name="Add photos"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Add photos to the known images")
    tab_to(page, page.get_by_label("Species", exact=True))
    page.keyboard.type("Blue T")
    tab_to(page, page.get_by_label("Photos"))
    if javascript:
        page.keyboard.press("Enter")
        expect(page.get_by_label("Photos")).to_have_value(re.compile(r"photo\.jpg$"))
    else:  # the test hears of no dialog then
        page.get_by_label("Photos").set_input_files(photo)
    tab_to(page, page.get_by_label("How do you know the species?"))
    page.keyboard.type("Caught it myself")
    tab_to(page, page.get_by_role("button", name="Propose them"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("git merge --no-ff --no-edit")).to_be_visible()
    git = world.workspace.git
    (branch,) = set(git.branches()) - {"main"}
    added = [one for one in git.files_changed_by(branch) if one.path.endswith(".jpg")]
    assert [Path(one.path).stem.rpartition("_")[0] for one in added] == ["blue_tiger"]
    assert not any(b"GPS" in content for content in git.blobs(filter(None, (one.blob for one in added))).values())


def tab_to(page: Page, wanted: Locator) -> None:
    """As somebody without a mouse: from where the focus is, until it is there."""
    expect(wanted).to_have_count(1)
    for _ in range(100):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab never comes to {wanted}")
