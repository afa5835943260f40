"""The same history, seen from clones of every sort: the same answer, or an error that says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from changes.conftest import Table, Told
from changes.kinds import edited, production, registered, staging
from changes.project import MODELS, Project
from changes.test_replays import stood
from lepinet.changes import change_between, history, standing
from lepinet.errors import OutsideError, UsageError
from lepinet.git import Repository
from lepinet.timings import Timings
from lepinet.workflow.check import check
from lepinet.workflow.workspace import open_workspace

STANDS = {
    "staging": "v1.1.0 → v1.2.0 of v1.0.0 v1.1.0 v1.2.0",
    "production": "v1.0.0 → v1.1.0 of v1.0.0 v1.1.0",
}


@pytest.mark.parametrize("depth", [1, 2, 6])
def test_a_shallow_clone_says_that_it_is_one(depth: int, project: Project, tmp_path: Path, table: Table) -> None:
    shallow = project.clone(tmp_path / "shallow", "--depth", str(depth))
    before = project.git("rev-parse", "main^")
    for base in ("HEAD^", before, "no-such-branch"):
        with pytest.raises(UsageError, match=r"this clone is shallow(.|\n)*fetch --unshallow") as raised:
            change_between(shallow.repository, base, "HEAD")
        with pytest.raises(UsageError, match="this clone is shallow"):
            standing(shallow.repository, base)
    table.add(f"clone of depth {depth}", "any change", raised.value.what)


def test_a_pull_request_checked_out_by_github_with_depth_one(project: Project, tmp_path: Path) -> None:
    """Neither main nor the base is there, and that is not what is wrong."""
    request = project.open(project.branch({MODELS: edited(project.text(), staging("v1.2.0", "v1.3.0"))}))
    project.git("update-ref", "refs/pull/1000/merge", request.merge)
    runner = Project.begin(tmp_path / "runner")
    runner.git("remote", "add", "origin", project.folder.as_uri())
    runner.git("fetch", "--quiet", "--depth=1", "origin", "+refs/pull/1000/merge:refs/remotes/pull/1000/merge")
    runner.git("checkout", "--quiet", "refs/remotes/pull/1000/merge")
    for base in (None, request.base, "origin/main"):
        with pytest.raises(UsageError, match="this clone is shallow"):
            check(open_workspace(runner.folder), base, lambda _: None)


def test_a_clone_deeper_than_the_history_has_all_of_it(project: Project, tmp_path: Path) -> None:
    assert stood(project.clone(tmp_path / "deep", "--depth", "100"), "HEAD") == STANDS


def test_a_shallow_clone_that_was_deepened_is_a_clone(project: Project, tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "shallow", "--depth", "1")
    clone.git("fetch", "--quiet", "--unshallow")
    assert stood(clone, "HEAD") == STANDS


@pytest.mark.parametrize("kept", ["blob:none", "tree:0"])
def test_a_partial_clone_fetches_what_it_needs(kept: str, project: Project, tmp_path: Path, table: Table) -> None:
    partial = project.clone(tmp_path / "partial", f"--filter={kept}", "--no-checkout")
    told = Told.of(change_between(partial.repository, "HEAD^", "HEAD"))
    assert told == Told.of(change_between(project.repository, "main^", "main"))
    table.add(f"clone with {kept}", "register", told)


def test_a_partial_clone_without_its_server_says_so(project: Project, tmp_path: Path) -> None:
    partial = project.clone(tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    partial.git("remote", "set-url", "origin", (tmp_path / "gone").as_uri())
    with pytest.raises(OutsideError, match="could not fetch"):
        standing(partial.repository, "HEAD")


def test_a_detached_head_and_a_linked_worktree(alone: Project, tmp_path: Path) -> None:
    alone.git("switch", "--quiet", "--detach", "HEAD")
    alone.git("branch", "--quiet", "--delete", "--force", "main")
    assert stood(alone, "HEAD") == STANDS
    alone.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), "HEAD")
    linked = Project(tmp_path / "linked")
    (linked.folder / MODELS).write_text(edited(linked.text(), staging("v1.2.0", "v1.3.0")))
    assert stood(linked, "HEAD") == STANDS
    assert change_between(linked.repository, "origin/main").change.change == "activate"
    assert change_between(alone.repository, "origin/main").change.change is None


def test_replacements_and_grafts_of_one_clone_are_not_history(alone: Project) -> None:
    """Staging's activation lies between: with a false parent, the last commit would be it."""
    tip, *_, far = alone.git("rev-list", "--max-count=4", "HEAD").split()
    (alone.folder / ".git" / "info" / "grafts").write_text(f"{tip} {far}\n")
    assert change_between(alone.repository, "HEAD^", "HEAD").change.change == "register"
    assert alone.repository.generation("HEAD") == 7
    (alone.folder / ".git" / "info" / "grafts").unlink()
    alone.git("replace", "--graft", tip, far)
    assert change_between(alone.repository, "HEAD^", "HEAD").change.change == "register"
    assert alone.repository.generation("HEAD") == 7


def test_a_user_who_follows_renames_gets_the_same_history(alone: Project) -> None:
    alone.git("config", "log.follow", "true")
    alone.git("config", "log.diffMerges", "off")
    text = alone.text()
    alone.git("mv", MODELS, "manifest.yaml")
    alone.commit({}, "Away")
    alone.git("mv", "manifest.yaml", MODELS)
    alone.commit({}, "Back")
    alone.commit({MODELS: edited(text, staging("v1.2.0", "v1.3.0"))}, "Activate")
    found = history(alone.repository, "HEAD")
    assert [state.commit.subject for state in found.states][-2:] == ["Back", "Activate"]
    assert [commit.subject for commit in found.unreadable] == ["Away"]
    assert stood(alone, "HEAD")["staging"] == "v1.2.0 → v1.3.0 of v1.0.0 v1.1.0 v1.2.0 v1.3.0"


def test_line_ends_that_a_checkout_changes_make_no_other_state(project: Project, tmp_path: Path) -> None:
    """Two reverts at once give what main was: right in the pull request, and before it is committed on Windows."""
    windows = project.clone(tmp_path / "windows", "--config", "core.autocrlf=true")
    windows.commit({MODELS: edited(windows.text(), production("v1.1.0", "v1.2.0"))})
    windows.commit({MODELS: edited(windows.text(), ("port: 8002}\r\n", "port: 8002}\r\n    frozen: field week\r\n"))})
    windows.git("revert", "--no-commit", "HEAD~2..HEAD")
    assert b"\r\n" in (windows.folder / MODELS).read_bytes()
    before = change_between(windows.repository, "HEAD")
    windows.git("commit", "--quiet", "--message", "Back")
    assert Told.of(before) == Told.of(change_between(windows.repository, "HEAD^", "HEAD"))
    assert (before.change.change, before.problems) == ("rollback", ())


def test_a_file_whose_line_ends_changed_is_the_same_manifest(project: Project) -> None:
    turned = project.text().replace("\n", "\r\n")
    project.on_main({MODELS: turned})
    request = project.open(project.branch({MODELS: edited(turned, registered("v1.4.0"))}))
    assert change_between(project.repository, "main^", "main").change.change is None
    assert change_between(project.repository, request.base, request.merge).change.change == "register"
    assert stood(project, "main") == STANDS


def test_no_repository_answers_for_ever(project: Project) -> None:
    with pytest.raises(OutsideError, match="gave no answer"):
        standing(Repository(project.folder, Timings(git=0.0001)), "main")
