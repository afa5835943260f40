"""release.yml, run: a tag becomes packages on PyPI and a release on GitHub, or nothing.

Modelled: PyPI, which takes GitHub's word for who publishes, and `gh release create`.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.github import GitHub
from actions.workflow_files import ROOT
from github_stand_in.server import stand_in
from workflow.desk import Desk

pytestmark = pytest.mark.slow

RELEASE = "release.yml"
DONE = {"build": "success", "publish": "success", "announce": "success"}
NOTES = "### Added\n\n- `$(touch pwned)` <b>@acme</b> ::error::forged\n"
PACKAGES = {"lepinet-0.7.0-py3-none-any.whl", "lepinet-0.7.0.tar.gz"}


@pytest.fixture
def github(lepinet: Path, tmp_path: Path) -> Iterator[GitHub]:
    """This repository, as far as packages are made of it, at version 0.7.0 with notes about it."""
    desk = Desk(tmp_path / "clone", tmp_path / "home")
    for folder in ("scripts/lepinet", "scripts/releases", "supabase/migrations", ".github/workflows"):
        shutil.copytree(ROOT / folder, desk.folder / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE", "requirements-evaluate.lock"):
        shutil.copy(ROOT / file, desk.folder)
    declare(desk, "0.7.0")
    (desk.folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## Unreleased\n\n## 0.7.0, 1 Dec 2026\n\n{NOTES}")
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.commit("Release 0.7.0")
    with stand_in() as there:
        yield GitHub(desk, tmp_path / "github", answers=desk.home, lepinet=lepinet, there=there)


def declare(desk: Desk, version: str) -> None:
    file = desk.folder / "pyproject.toml"
    file.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', file.read_text()))


def nothing_was_published(github: GitHub) -> bool:
    return not (github.published or github.there.releases.made)


def test_a_tag_of_mains_version_is_published_with_its_notes(github: GitHub) -> None:
    ran = github.run(RELEASE, github.tag("v0.7.0"))
    assert ran.jobs == DONE, ran.log
    assert github.published == PACKAGES
    (release,) = github.there.releases.made
    assert (release["tag_name"], release["name"], release["draft"]) == ("v0.7.0", "v0.7.0", False)
    assert release["body"] == NOTES
    assert github.there.releases.files.keys() == PACKAGES
    with zipfile.ZipFile(github.folder / "pypi" / "lepinet-0.7.0-py3-none-any.whl") as wheel:
        assert "lepinet/workflow/github/reconcile.yml" in wheel.namelist()
    assert ran.annotations == ()
    assert not list(github.folder.rglob("pwned"))


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("v0.8.0", "the tag is v0.8.0, and the package's version is 0.7.0"),
        ("v0.7.0;touch${IFS}pwned", "the tag is v0.7.0;touch${IFS}pwned, and"),
        ("v$(touch${IFS}pwned)", "the tag is v$(touch${IFS}pwned), and"),
    ],
)
def test_a_tag_that_is_not_the_version_publishes_nothing(github: GitHub, tag: str, said: str) -> None:
    ran = github.run(RELEASE, github.tag(tag))
    assert ran.jobs == {"build": "failure"}
    assert said in ran.log
    assert nothing_was_published(github)
    assert not list(github.folder.rglob("pwned"))


def test_a_version_that_the_changelog_does_not_know_is_not_published(github: GitHub) -> None:
    declare(github.desk, "0.8.0")
    github.desk.commit("Release 0.8.0")
    github.push_main()
    ran = github.run(RELEASE, github.tag("v0.8.0"))
    assert ran.jobs == {"build": "failure"}
    assert "CHANGELOG.md says nothing below `## 0.8.0`" in ran.log
    assert nothing_was_published(github)


def test_a_tag_of_what_main_does_not_have_is_not_published(github: GitHub) -> None:
    github.desk.git("switch", "--quiet", "--create", "work")
    github.desk.commit("Nobody has reviewed this")
    assert github.run(RELEASE, github.tag("v0.7.0", "work")).jobs == {"build": "failure"}
    assert nothing_was_published(github)


def test_run_again_it_publishes_nothing_twice(github: GitHub) -> None:
    tagged = github.tag("v0.7.0")
    github.run(RELEASE, tagged)
    assert github.run(RELEASE, tagged).jobs == {"build": "success", "publish": "failure"}
    assert len(github.there.releases.made) == 1


def test_who_may_not_ask_for_githubs_word_publishes_nothing(github: GitHub) -> None:
    unable = ("id-token: write # what PyPI's trusted publisher is told by", "contents: read")
    assert github.run(RELEASE, github.tag("v0.7.0"), unable).jobs == {"build": "success", "publish": "failure"}
    assert nothing_was_published(github)
