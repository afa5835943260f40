"""A photo shown to the models: both say what they see, and nothing of it stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

import pytest

from dashboard.world import Browser, World
from evaluation.photo_files import bomb, drawing, half, saved

PATH = "/check-photo"


@pytest.fixture(scope="module")
def here(world: World) -> Iterator[str]:
    """A dashboard of these tests' own: it counts the photos that somebody sends."""
    with world.dashboard() as url:
        yield url


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this machine puts what is only for a while."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    assert [path for path in tmp_path.iterdir() if path.name.startswith("lepinet-photos-")] == []


def test_both_versions_say_what_they_see_and_the_photo_is_gone(browser: Browser, scratch: Path) -> None:
    assert scratch.is_dir()
    answer = browser.give([("mine.jpg", saved(drawing("blue_tiger_02")))], PATH, PATH, version="v1.1.0")
    assert answer.status_code == 200, answer.text
    said = unescape(answer.text)
    assert re.findall(r"<h2>(v[\d.]+)", said) == ["v1.0.0", "v1.1.0"]
    assert said.count('<p class="lead">Blue Tiger, ') == 2
    assert said.count('<th scope="row">') == 10
    assert 'src="data:image/jpeg;base64,/9j/' in said
    assert "kept nowhere" in said


def test_without_another_version_the_active_one_answers_alone(browser: Browser) -> None:
    answer = browser.give([("mine.jpg", saved(drawing("blue_tiger_02")))], PATH, PATH, version="")
    assert re.findall(r"<h2>(v[\d.]+)", answer.text) == ["v1.0.0"]


def test_who_comes_second_waits_and_is_answered(here: str) -> None:
    def ask(name: str) -> str:
        with Browser(here) as browser:
            return browser.give([("mine.jpg", saved(drawing(name)))], PATH, PATH, version="").text

    with ThreadPoolExecutor() as pool:
        crow, tiger = pool.map(ask, ("common_crow_02", "blue_tiger_02"))
    assert '<p class="lead">Common Crow, ' in crow
    assert '<p class="lead">Blue Tiger, ' in tiger


def test_a_link_names_the_version_to_compare_with(browser: Browser) -> None:
    assert 'name="version" list="version-list" value="v1.0.0"' in browser.get(f"{PATH}?version=v1.0.0").text


@pytest.mark.parametrize(
    ("content", "version", "says"),
    [
        (b"#!/bin/sh\nreboot\n", "v1.1.0", "This file is no photo that can be read: it must be JPEG, PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "v1.1.0", "no photo"),
        (bomb(), "v1.1.0", "This photo has more than 128 million pixels."),
        (half(saved(drawing())), "v1.1.0", "This photo is damaged and cannot be read."),
        (b"", "v1.1.0", "This photo is empty."),
        (saved(drawing()), "v9.9.9", "models.yaml has no version v9.9.9"),
        (saved(drawing()), "<script>alert(1)</script>", "models.yaml has no version"),
    ],
    ids=["script", "svg", "bomb", "truncated", "empty", "unknown version", "hostile version"],
)
def test_what_cannot_be_shown_to_a_model_is_said(
    browser: Browser, scratch: Path, content: bytes, version: str, says: str
) -> None:
    assert scratch.is_dir()
    answer = browser.give([("../../x.jpg", content)], PATH, PATH, version=version)
    assert (answer.status_code, says in unescape(answer.text)) == (422, True)
    assert "<script>alert" not in answer.text


def test_a_giant_file_is_not_read(browser: Browser) -> None:
    answer = browser.give([("giant.jpg", b"\0" * (33 << 20))], PATH, PATH, version="")
    assert (answer.status_code, "At most 32 MB can be sent at once." in answer.text) == (413, True)


def test_both_forms_say_alike_what_a_photo_may_be(browser: Browser) -> None:
    may_be = "JPEG, PNG, WEBP, GIF, BMP, TIFF or AVIF, each up to 128 million pixels (WEBP 80 million); "
    assert f"{may_be}up to 32 MB." in browser.get(PATH).text
    assert f"{may_be}at most 20 at once, together up to 96 MB." in browser.get("/known-images/add").text
