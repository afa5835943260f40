"""Each kind of change comes to main in each way, is reverted, and the revert is reverted."""

from __future__ import annotations

import pytest

from changes.conftest import Table, Told, moves
from changes.kinds import KINDS, Kind, edited
from changes.project import MODELS, Project, PullRequest, Way
from lepinet.changes import change_between, standing

BETWEEN = ("versions:\n", "versions:\n  v1.9.0: {file_path: Bhanura/lepinet, revision: %s}\n" % ("9" * 40))


def pull_request(project: Project, kind: Kind) -> PullRequest:
    """With a second commit beside the change, and main has moved on since the branch was cut."""
    if kind.before:
        project.on_main({MODELS: edited(project.text(), *kind.before)})
    text = project.text()
    head = project.branch({"README.md": "More butterflies\n"}, kind.on(text))
    project.on_main({"CHANGELOG.md": "Much\n"})
    return project.open(head)


def judged(project: Project, request: PullRequest) -> Told:
    return Told.of(change_between(project.repository, f"{request.merge}^1", request.merge))


def stood(project: Project, commit: str) -> dict[str, str]:
    """What each environment's last activation was, as a commit of main tells it."""
    stands = standing(project.repository, commit)
    return {name: moves(each) for name, each in stands.activations.items()}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_before_and_after_the_merge_the_answer_is_the_same(kind: Kind, project: Project, table: Table) -> None:
    request = pull_request(project, kind)
    before = judged(project, request)
    assert before.change == kind.is_
    assert [kind.problem in problem for problem in before.problems] == ([True] if kind.problem else [])
    table.add(kind.name, "pull request", before)
    for way in Way:
        if way is Way.FORWARD:
            project.reset_main(request.base)
            project.git("switch", "--quiet", "--detach", request.head)
            project.git("rebase", "--quiet", request.base)
            request = project.open(project.git("rev-parse", "HEAD"))
        tip = project.merge(request, way)
        after = change_between(project.repository, request.base, tip)
        assert Told.of(after) == before, way
        assert stood(project, tip) == {name: how for name, _, how, _ in before.environments}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_revert_is_valid_and_so_is_its_revert_where_the_change_was(
    kind: Kind, project: Project, table: Table
) -> None:
    request = pull_request(project, kind)
    revert = project.open(project.revert(request.base, project.merge(request, Way.SQUASH)))
    back = judged(project, revert)
    table.add(kind.name, "its revert", back)
    again = judged(project, project.open(project.revert(revert.base, project.merge(revert, Way.SQUASH))))
    table.add(kind.name, "revert of the revert", again)
    assert (back.change, back.problems) == (kind.reverted, ())
    assert again.change == kind.again
    assert [kind.once_more in problem for problem in again.problems] == ([True] if kind.once_more else [])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_merge_commit_is_reverted_after_others_have_been_merged(kind: Kind, project: Project, table: Table) -> None:
    request = pull_request(project, kind)
    merged = project.merge(request, Way.MERGE)
    project.on_main({MODELS: edited(project.text(), BETWEEN)})
    back = judged(project, project.open(project.revert(request.base, merged)))
    table.add(kind.name, "its revert, after others", back)
    assert back.change == kind.reverted
    assert [kind.late in problem for problem in back.problems] == ([True] if kind.late else [])
