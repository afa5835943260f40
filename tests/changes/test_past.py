"""States that main has gone through and that are no states: broken, renamed, taken away, something else altogether."""

from __future__ import annotations

import pytest

from changes.conftest import Table, Told
from changes.kinds import BEGIN, FILES, edited, production, registered, staging
from changes.project import MODELS, Project
from changes.test_replays import stood
from lepinet.changes import change_between, history, standing
from lepinet.errors import LepinetError, UsageError
from lepinet.manifest.problems import ManifestError

BROKEN = "schema_version: 1\nenvironments: {staging: [\n"


def judged(project: Project, base: str, head: str | None = None) -> Told:
    return Told.of(change_between(project.repository, base, head))


def test_a_broken_file_that_was_merged_by_hand_is_passed_over(project: Project, table: Table) -> None:
    text = project.text()
    project.on_main({MODELS: BROKEN}, "By hand")
    with pytest.raises(ManifestError):
        standing(project.repository, "main")
    with pytest.raises(ManifestError):
        change_between(project.repository, "main^", "main")
    mended = project.open(project.branch({MODELS: edited(text, staging("v1.2.0", "v1.3.0"))}))
    told = judged(project, mended.base, mended.merge)
    table.add("activate, on a broken main", "pull request", told)
    assert (told.change, told.problems) == ("activate", ())
    project.reset_main(mended.merge)
    assert stood(project, "main")["staging"] == "v1.2.0 → v1.3.0 of v1.0.0 v1.1.0 v1.2.0 v1.3.0"
    assert [commit.subject for commit in history(project.repository, "main").unreadable] == ["By hand"]


def test_the_revert_of_a_broken_file_changes_nothing(project: Project, table: Table) -> None:
    before = project.main
    broken = project.on_main({MODELS: BROKEN})
    revert = project.open(project.revert(before, broken))
    told = judged(project, revert.base, revert.merge)
    table.add("broken by hand", "its revert", told)
    assert (told.change, told.problems) == (None, ())


def test_a_file_that_was_away_comes_back_to_its_history(project: Project) -> None:
    text = project.text()
    project.on_main({MODELS: None})
    with pytest.raises(UsageError, match=r"has no models\.yaml"):
        standing(project.repository, "main")
    with pytest.raises(UsageError, match=r"has no models\.yaml"):
        change_between(project.repository, "main^", "main")
    past_staging = project.branch({MODELS: edited(text, production("v1.1.0", "v1.3.0"))})
    assert len(judged(project, "main", past_staging).problems) == 1, "away for a while, it is not new"
    back = project.branch({MODELS: edited(text, production("v1.1.0", "v1.0.0"))})
    assert judged(project, "main", back).change == "rollback"


def test_a_file_of_another_name_is_where_the_history_begins(project: Project) -> None:
    project.git("switch", "--quiet", "--orphan", "elsewhere")
    project.commit({**FILES, "manifest.yaml": BEGIN}, "Begin")
    project.commit({"manifest.yaml": edited(BEGIN, registered("v1.1.0"))}, "Register")
    project.git("mv", "manifest.yaml", MODELS)
    renamed = project.commit({}, "Rename")
    first = judged(project, "HEAD^", "HEAD")
    assert (first.change, first.problems) == ("activate", ()), "the first state of a file has no baseline"
    project.commit({MODELS: edited(project.text(), staging("v1.0.0", "v1.1.0"))}, "Activate")
    stands = standing(project.repository, "HEAD")
    assert stands.activations["production"].state.commit.id == renamed
    assert stood(project, "HEAD")["staging"] == "v1.0.0 → v1.1.0 of v1.0.0 v1.1.0"
    project.git("switch", "--quiet", "main")
    project.git("branch", "--quiet", "--delete", "--force", "elsewhere")


@pytest.mark.parametrize("what", ["link", "folder", "submodule"])
def test_what_is_no_file_is_no_state(what: str, alone: Project) -> None:
    text = alone.text()
    alone.git("rm", "--quiet", MODELS)
    if what == "link":
        (alone.folder / MODELS).symlink_to("README.md")
        alone.commit({})
    elif what == "folder":
        alone.commit({f"{MODELS}/{MODELS}": edited(text, staging("v1.2.0", "v1.3.0"))})
    else:
        alone.git("update-index", "--add", "--cacheinfo", f"160000,{alone.main},{MODELS}")
        alone.git("commit", "--quiet", "--message", "A module")
    with pytest.raises(LepinetError):
        standing(alone.repository, "HEAD")
    alone.git("rm", "--quiet", "-r", "--cached", MODELS)
    if what == "link":
        (alone.folder / MODELS).unlink()
    elif what == "folder":
        (alone.folder / MODELS / MODELS).unlink()
        (alone.folder / MODELS).rmdir()
    alone.commit({MODELS: text})
    found = history(alone.repository, "HEAD")
    assert len(found.unreadable) == 1
    assert stood(alone, "HEAD")["staging"] == "v1.1.0 → v1.2.0 of v1.0.0 v1.1.0 v1.2.0"


def test_known_images_may_be_a_submodule(alone: Project, table: Table) -> None:
    first, second = alone.git("rev-list", "--max-count=2", "HEAD").split()
    alone.git("rm", "--quiet", "-r", "photos")
    for at in (first, second):
        alone.git("update-index", "--add", "--cacheinfo", f"160000,{at},photos")
        alone.git("commit", "--quiet", "--message", "Other photos")
        told = judged(alone, "HEAD^", "HEAD")
        assert (told.change, told.problems) == ("configure", ())
    table.add("known images, a submodule", "commit", told)
    both = edited(alone.text(), staging("v1.2.0", "v1.3.0"))
    alone.git("update-index", "--add", "--cacheinfo", f"160000,{first},photos")
    (alone.folder / MODELS).write_text(both)
    alone.git("commit", "--quiet", "--message", "Both", MODELS, "--include")
    (problem,) = judged(alone, "HEAD^", "HEAD").problems
    assert "known_images (or its files) and staging.active must not change together" in problem
