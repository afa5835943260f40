"""The place of a candidate among those tried on the same photos, by real git: one for a pull request and for main."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from changes.project import MODELS, Files, Project, Way
from lepinet.changes import change_between, standing, tries_with
from lepinet.manifest.load import load

PHOTOS = {f"photos/{number}.jpg": f"photo {number}" for number in range(6)}
FIRST = ("v1.0.0",)


def manifest(active: str, versions: Sequence[str], revisions: Mapping[str, int] | None = None) -> Files:
    """Five equal answers show a margin of one half."""
    given = revisions or {}
    listed = "".join(
        f"  {name}: {{file_path: org/model, revision: '{given.get(name, int(name[3])):040x}'}}\n" for name in versions
    )
    return {
        MODELS: "schema_version: 1\nknown_images: photos\nenvironments:\n"
        f"  production: {{active: {active}, registry: embedded, endpoint: none}}\n"
        f"gates: {{non_inferiority_margin: 0.5}}\nversions:\n{listed}"
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """v1.0.0 is active."""
    begun = Project.begin(tmp_path / "project")
    begun.commit({**PHOTOS, **manifest("v1.0.0", FIRST)}, "Begin with v1.0.0")
    return begun


def asked(project: Project, files: Files, way: Way = Way.SQUASH) -> int:
    """The try that a pull request is, which it must be on main too; it is merged."""
    request = project.open(project.branch(files))
    (judged,) = change_between(project.repository, request.base, request.merge).environments
    merged = project.merge(request, way)
    stands = standing(project.repository, merged)
    activation = stands.activations["production"]
    assert stands.tries.number("production", activation.baseline, activation.target) == judged.tries
    return judged.tries


@pytest.mark.parametrize("way", Way)
def test_each_version_registered_since_the_baseline_is_a_try(project: Project, way: Way) -> None:
    names = [*FIRST]
    for name in ("v1.1.0", "v1.2.0", "v1.3.0"):
        names.append(name)
        asked(project, manifest("v1.0.0", names), way)
    tip = project.main
    for number, name in enumerate(names[1:], 1):
        project.reset_main(tip)
        assert asked(project, manifest(name, names), way) == number


def test_what_was_registered_before_the_baseline_was_active_is_no_try(project: Project) -> None:
    project.on_main(manifest("v1.0.0", ["v1.0.0", "v1.1.0", "v1.2.0"]))
    project.on_main(manifest("v1.1.0", ["v1.0.0", "v1.1.0", "v1.2.0"]))
    assert asked(project, manifest("v1.2.0", ["v1.0.0", "v1.1.0", "v1.2.0"])) == 1


def test_versions_of_one_commit_count_in_the_files_order(project: Project) -> None:
    assert asked(project, manifest("v1.2.0", ["v1.0.0", "v1.1.0", "v1.2.0"])) == 2


def test_the_same_files_under_another_name_are_no_new_try(project: Project) -> None:
    same = {"v1.2.0": 1}
    project.on_main(manifest("v1.0.0", ["v1.0.0", "v1.1.0", "v1.2.0"], same))
    assert asked(project, manifest("v1.3.0", ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"], same)) == 2


def test_of_two_open_pull_requests_the_second_one_to_merge_is_the_second_try(project: Project) -> None:
    one, two = (project.branch(manifest(name, ["v1.0.0", name])) for name in ("v1.1.0", "v1.2.0"))
    both = {
        head: change_between(project.repository, project.main, project.open(head).merge).environments[0].tries
        for head in (one, two)
    }
    assert set(both.values()) == {1}
    project.on_main(manifest("v1.0.0", ["v1.0.0", "v1.1.0"]))
    assert asked(project, manifest("v1.2.0", ["v1.0.0", "v1.1.0", "v1.2.0"])) == 2


def test_a_baseline_that_a_rollback_returned_to_has_its_old_tries(project: Project) -> None:
    project.on_main(manifest("v1.1.0", ["v1.0.0", "v1.1.0"]))
    project.on_main(manifest("v1.0.0", ["v1.0.0", "v1.1.0"]))
    assert asked(project, manifest("v1.2.0", ["v1.0.0", "v1.1.0", "v1.2.0"])) == 2


def test_a_version_that_was_refused_in_between_was_tried_too(project: Project) -> None:
    """The registry went on with v1.0.0, so that is what the next one is compared with."""
    project.on_main(manifest("v1.1.0", ["v1.0.0", "v1.1.0"]))
    tip = project.on_main(manifest("v1.2.0", ["v1.0.0", "v1.1.0", "v1.2.0"]))
    stands = standing(project.repository, tip)
    proved, target = (stands.manifest.target(name) for name in ("v1.0.0", "v1.2.0"))
    assert stands.tries.number("production", proved, target) == 2
    assert stands.tries.number("production", stands.manifest.target("v1.1.0"), target) == 1


def test_on_a_branch_tries_are_counted_as_after_its_merge(project: Project) -> None:
    names = ["v1.0.0", "v1.1.0", "v1.2.0"]
    project.on_main(manifest("v1.0.0", names[:2]))
    project.git("checkout", "--quiet", project.branch(manifest("v1.2.0", names)))
    here = load((project.folder / MODELS).read_bytes())
    counted = tries_with(project.repository, here)
    assert counted.number("production", here.target("v1.0.0"), here.target("v1.2.0")) == 2


def test_other_photos_begin_anew_and_a_few_new_ones_do_not(project: Project) -> None:
    names = ["v1.0.0", "v1.1.0", "v1.2.0"]
    project.on_main(manifest("v1.0.0", names[:2]))
    project.on_main({"photos/6.jpg": "photo 6", "photos/7.jpg": "photo 7"})
    tip = project.main
    assert asked(project, manifest("v1.2.0", names)) == 2
    project.reset_main(tip)
    project.on_main({name: f"another {content}" for name, content in PHOTOS.items()})
    assert asked(project, manifest("v1.2.0", names)) == 1


def test_a_handful_of_photos_does_not_make_the_tries_forgotten(project: Project) -> None:
    project.on_main(manifest("v1.0.0", ["v1.0.0", "v1.1.0"]))
    project.on_main(dict.fromkeys(PHOTOS) | {f"photos/new {number}.jpg": f"new {number}" for number in range(4)})
    assert asked(project, manifest("v1.2.0", ["v1.0.0", "v1.1.0", "v1.2.0"])) == 2


def test_photos_in_another_folder_begin_anew(project: Project) -> None:
    project.on_main(manifest("v1.0.0", ["v1.0.0", "v1.1.0"]))
    moved = manifest("v1.0.0", ["v1.0.0", "v1.1.0"])
    elsewhere = {MODELS: str(moved[MODELS]).replace("known_images: photos", "known_images: other")}
    project.on_main({**elsewhere, **{f"other/{number}.jpg": f"other {number}" for number in range(6)}})
    after = manifest("v1.2.0", ["v1.0.0", "v1.1.0", "v1.2.0"])
    assert asked(project, {MODELS: str(after[MODELS]).replace("known_images: photos", "known_images: other")}) == 1
