"""Two pull requests are open at once: the second is judged again, as if it were merged now, after the first one was."""

from __future__ import annotations

import pytest

from changes.conftest import Table, Told
from changes.kinds import FROZEN, Replacement, edited, entry, production, registered, staging
from changes.project import MODELS, ConflictError, Project, PullRequest, Way
from lepinet.changes import change_between
from lepinet.errors import UsageError
from lepinet.manifest.problems import ManifestError


def open_with(project: Project, *edit: Replacement) -> PullRequest:
    return project.open(project.branch({MODELS: edited(project.text(), *edit)}))


def judged(project: Project, request: PullRequest) -> Told:
    return Told.of(change_between(project.repository, request.base, request.merge))


def both(project: Project, first: Replacement, second: Replacement) -> tuple[PullRequest, PullRequest]:
    """Both valid on the main that they were cut from."""
    requests = open_with(project, first), open_with(project, second)
    for request in requests:
        assert judged(project, request).problems == ()
    return requests


SEPARATE_VERSION = ("versions:\n", f"versions:\n{entry('v1.4.0')}")


@pytest.mark.parametrize(
    ("first", "second", "change"),
    [
        (("min_accuracy: 0.70", "min_accuracy: 0.75"), production("v1.1.0", "v1.2.0"), "activate"),
        (staging("v1.2.0", "v1.1.0"), production("v1.1.0", "v1.2.0"), "activate"),
        (staging("v1.2.0", "v1.3.0"), SEPARATE_VERSION, "register"),
        (FROZEN, staging("v1.2.0", "v1.3.0"), "activate"),
        (production("v1.1.0", "v1.0.0"), (entry("v1.3.0"), ""), "retire"),
    ],
)
@pytest.mark.parametrize("way", [Way.SQUASH, Way.MERGE])
def test_what_does_not_touch_it_changes_nothing(
    first: Replacement, second: Replacement, change: str, way: Way, project: Project
) -> None:
    one, other = both(project, first, second)
    before = judged(project, other)
    project.merge(one, way)
    after = judged(project, project.open(other.head))
    assert (after.change, after.problems) == (change, ())
    moved = [before.environments, after.environments]
    assert [[each for each in found if each[1] in {"activate", "rollback"}] for found in moved].count([]) in {0, 2}


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (FROZEN, production("v1.1.0", "v1.2.0"), "production is frozen: field week"),
        (
            registered("v1.4.0"),
            ("versions:\n", "versions:\n  v1.4.0: {file_path: Bhanura/other, revision: %s}\n" % ("4" * 40)),
            "the key v1.4.0 stands here a second time",
        ),
        ((entry("v1.3.0"), ""), staging("v1.2.0", "v1.3.0"), "no version has that name"),
        (("port: 8001", "port: 8009"), ("port: 8002", "port: 8009"), "is port 8009, and so is staging.endpoint"),
    ],
)
def test_git_merges_what_the_rules_do_not(
    first: Replacement, second: Replacement, problem: str, project: Project, table: Table
) -> None:
    """No conflict in the text: only the file that comes out tells."""
    one, two = both(project, first, second)
    project.merge(one, Way.SQUASH)
    merged = project.open(two.head)
    try:
        said = " ".join(map(str, change_between(project.repository, merged.base, merged.merge).problems))
    except ManifestError as error:
        said = str(error)
    assert problem in said
    table.add("two at once", "the second, after the first", said.splitlines()[0])
    stale = change_between(project.repository, two.base, two.merge)
    assert stale.problems == (), "judged for the main it was cut from it would have passed"


def test_the_baseline_is_what_main_says_now(project: Project, table: Table) -> None:
    """The same line twice is a conflict; once it is resolved, the candidate is compared with another model."""
    one, two = both(project, staging("v1.2.0", "v1.1.0"), staging("v1.2.0", "v1.3.0"))
    before = judged(project, two)
    assert before.environments[0][2] == "v1.2.0 → v1.3.0 of v1.0.0 v1.1.0 v1.2.0 v1.3.0"
    project.merge(one, Way.SQUASH)
    with pytest.raises(ConflictError):
        project.open(two.head)
    with pytest.raises(UsageError, match="does not contain"):
        change_between(project.repository, "main", two.head)
    main = project.main
    project.git("switch", "--quiet", "--detach", two.head)
    project.git("merge", "--quiet", "--strategy-option=ours", "--message", "Merge main into the branch", main)
    updated = project.open(project.git("rev-parse", "HEAD"))
    after = judged(project, updated)
    assert after.environments[0][2] == "v1.1.0 → v1.3.0 of v1.0.0 v1.1.0 v1.3.0"
    table.add("two at once, same line", "the second, before", before)
    table.add("two at once, same line", "updated from main", after)
    for way in (Way.SQUASH, Way.MERGE):
        tip = project.merge(updated, way)
        assert Told.of(change_between(project.repository, main, tip)) == after


def test_the_class_is_what_main_makes_of_it(project: Project, table: Table) -> None:
    """Cut as the way back from v1.2.0; by now somebody has already gone back, below it: the same line is the way up."""
    project.on_main({MODELS: edited(project.text(), production("v1.1.0", "v1.2.0"))})
    back = open_with(project, production("v1.2.0", "v1.1.0"))
    further = open_with(project, production("v1.2.0", "v1.0.0"))
    before = judged(project, back)
    assert before.change == "rollback"
    main = project.merge(further, Way.SQUASH)
    project.git("switch", "--quiet", "--detach", back.head)
    project.git("merge", "--quiet", "--strategy-option=ours", "--message", "Merge main into the branch", main)
    after = judged(project, project.open(project.git("rev-parse", "HEAD")))
    assert after.change == "activate"
    assert after.environments[1][2] == "v1.0.0 → v1.1.0 of v1.0.0 v1.1.0"
    table.add("rollback, cut early", "on its old main", before)
    table.add("rollback, cut early", "as if merged now", after)


def test_the_same_change_twice_is_nothing_the_second_time(project: Project, table: Table) -> None:
    one, two = both(project, production("v1.1.0", "v1.2.0"), production("v1.1.0", "v1.2.0"))
    project.merge(one, Way.SQUASH)
    told = judged(project, project.open(two.head))
    table.add("the same twice", "the second, after the first", told)
    assert (told.change, told.problems) == (None, ())
