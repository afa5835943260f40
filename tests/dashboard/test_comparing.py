"""Two versions side by side: the same verdict as on the command line, and the photos that flipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from dashboard.world import Browser, Flipped, World, asked_elsewhere, flips
from lepinet.dashboard.pages.compare import compared_once
from lepinet.workflow.kept import Pair

QUESTION = "/compare?old=v1.0.0&new=v1.1.0"


@pytest.fixture
def flipped(world: World) -> Iterator[Flipped]:
    with flips(world) as flipped:
        yield flipped


def shown(page: str) -> list[str]:
    """The file names of the photos in the galleries."""
    return re.findall(r'<p class="file">([^<]*)</p>', page)


def test_what_can_be_compared_is_listed_the_older_version_first(browser: Browser) -> None:
    page = unescape(browser.get("/compare").text)
    assert f'<a href="{QUESTION}">v1.0.0 and v1.1.0</a>' in page
    assert "By the tests that the registry of production has; a version that was tested only where this" in page
    assert "Tested on the known images of today" not in browser.get(QUESTION).text


def test_versions_that_were_tested_on_other_photos_since_are_listed_too(world: World, browser: Browser) -> None:
    with asked_elsewhere(world):
        page = unescape(browser.get("/compare").text)
    assert f'<a href="{QUESTION}">v1.0.0 and v1.1.0</a>' in page


def test_the_verdict_is_the_one_of_the_command_line(world: World, browser: Browser) -> None:
    ended = world.desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.1.0", "--json")
    page = browser.get(QUESTION).text
    said = ended.json
    assert said["verdict"] == "undecided"
    assert "v1.0.0 → v1.1.0: <strong>undecided, a person decides</strong>" in page
    for gate in said["gates"]:
        if gate["name"] != "max_latency_ratio":
            assert gate["sentence"].replace(" %", "\N{NO-BREAK SPACE}%") in page


def test_versions_tried_on_the_photos_before_count_as_on_the_command_line(world: World, browser: Browser) -> None:
    desk = world.desk
    before = desk.git("rev-parse", "main")
    for name in ("v1.2.0", "v1.3.0"):
        desk.copy_model(name, name)
        desk.declare(name)
        desk.commit(f"Register {name}")
    desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.3.0")
    page = browser.get("/compare?old=v1.0.0&new=v1.3.0").text
    desk.git("reset", "--quiet", "--hard", before)
    assert "another version was tried on these photos before" in page


@pytest.mark.parametrize("path", [QUESTION, "/version?name=v1.1.0"])
def test_it_is_said_which_known_images_were_counted(world: World, browser: Browser, path: str) -> None:
    page = browser.get(path).text
    head = world.desk.git("rev-parse", "HEAD")[:7]
    assert f"Counted with the known images of main as they are now, at <code>{head}</code> of <time" in page


def test_flips_are_shown_with_the_truth_and_both_answers_and_found_by_species_and_kind(
    world: World, flipped: Flipped
) -> None:
    right, wrong = flipped.right, flipped.wrong
    with world.dashboard() as url, Browser(url) as browser:
        page = browser.get(QUESTION).text
        assert shown(page) == [wrong.file_name, right.file_name]
        assert f"It is <b>{wrong.expected_name}</b>" in page
        assert f"v1.0.0 said {wrong.expected_name}" in page
        assert "v1.1.0 says Moon Moth" in page
        assert shown(browser.get(f"{QUESTION}&kind=newly+right").text) == [right.file_name]
        assert shown(browser.get(f"{QUESTION}&species={wrong.expected_id}").text) == [wrong.file_name]
        none = browser.get(f"{QUESTION}&species={wrong.expected_id}&kind=newly+right").text
        assert shown(none) == []
        assert "No photo flipped like that." in none


def test_what_was_compared_is_not_compared_again(world: World) -> None:
    with world.site() as site:
        workspace = site.main.now()
        with workspace.registry("production") as registry:
            first, again = (compared_once(site, workspace, registry, Pair("v1.0.0", "v1.1.0", 1)) for _ in range(2))
            other = compared_once(site, workspace, registry, Pair("v1.1.0", "v1.0.0", 1))
            second = compared_once(site, workspace, registry, Pair("v1.0.0", "v1.1.0", 2))
    assert first
    assert first is again
    assert other
    assert second
    assert second.non_inferiority
    assert second.non_inferiority.tries == 2
    assert other.old.model.name == "v1.1.0"


def test_what_was_never_tested_is_named_with_the_command_that_tests_it(browser: Browser) -> None:
    page = browser.get("/compare?old=v1.0.0&new=v1.2.0").text
    assert "v1.2.0: nobody knows here what it says" in page
    assert "<code>lepinet compare --old v1.0.0 --new v1.2.0</code>" in page


def test_a_version_that_nobody_knows_is_named(browser: Browser) -> None:
    page = browser.get("/compare?old=v1.0.0&new=v9.9.9")
    assert page.status_code == 200
    assert "Neither models.yaml nor the registry of production knows v9.9.9." in page.text


def test_a_version_beside_itself_asks_for_another_one(browser: Browser) -> None:
    page = browser.get("/compare?old=v1.0.0&new=v1.0.0").text
    assert "Old and new are both v1.0.0: choose another version beside it." in page
    assert "lepinet compare" not in page


def test_an_empty_form_proposes_what_is_active(browser: Browser) -> None:
    assert 'name="old" list="offered" value="v1.0.0"' in browser.get("/compare").text
