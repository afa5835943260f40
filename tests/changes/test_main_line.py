"""Main's first-parent line is its history: long branches do not count, and a main that was rewritten is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from changes.conftest import Table, Told
from changes.kinds import edited, entry, production, registered, staging
from changes.project import MODELS, ConflictError, Project, Way
from changes.test_replays import stood
from lepinet.changes import change_between, history, standing

PLACE = ("versions:\n", f"versions:\n{entry('v1.4.0')}")


def judged(project: Project, base: str, head: str) -> Told:
    return Told.of(change_between(project.repository, base, head))


def test_the_buttons_make_the_commits_that_git_itself_makes(project: Project) -> None:
    """The replays build merges from the tree that GitHub tried; the usual commands come to the same."""
    head = project.branch({MODELS: edited(project.text(), staging("v1.2.0", "v1.3.0"))}, {"README.md": "More\n"})
    base = project.on_main({MODELS: edited(project.text(), PLACE)})
    request = project.open(head)
    trees = set()
    for way, commands in {
        Way.SQUASH: (["merge", "--quiet", "--squash", head], ["commit", "--quiet", "--message", "A pull request"]),
        Way.MERGE: (["merge", "--quiet", "--no-ff", "--message", "Merge", head],),
    }.items():
        project.reset_main(base)
        for command in commands:
            project.git(*command)
        by_hand = project.git("log", "-1", "--format=%T %P")
        project.reset_main(base)
        project.merge(request, way)
        assert project.git("log", "-1", "--format=%T %P") == by_hand
        trees.add(by_hand.split()[0])
    assert len(trees) == 1


def test_only_the_outcome_of_a_branch_counts(project: Project, table: Table) -> None:
    """There and back and on again, some of it broken: a squash or a merge commit is one change, a rebase is each."""
    text = project.text()
    steps = [
        edited(text, staging("v1.2.0", "v1.3.0")),
        "not: [yaml",
        edited(text, staging("v1.2.0", "v1.0.0")),
        edited(text, staging("v1.2.0", "v1.1.0")),
    ]
    request = project.open(project.branch(*({MODELS: step} for step in steps)))
    before = judged(project, request.base, request.merge)
    assert (before.change, before.problems) == ("rollback", ())
    for way in Way:
        tip = project.merge(request, way)
        assert judged(project, request.base, tip) == before, way
        told = stood(project, tip)["staging"]
        table.add("a branch of detours", way, f"standing tells {told}")
        squeezed = "v1.2.0 → v1.1.0 of v1.0.0 v1.1.0"
        each = "v1.0.0 → v1.1.0 of v1.0.0 v1.1.0"
        assert told == (squeezed if way in {Way.SQUASH, Way.MERGE} else each)
        broken = history(project.repository, tip).unreadable
        assert len(broken) == (0 if way in {Way.SQUASH, Way.MERGE} else 1)
        project.reset_main(request.base)


@pytest.mark.parametrize("way", [Way.REBASE, Way.FORWARD])
def test_a_rebased_pull_request_of_several_commits_is_reverted_as_one(way: Way, project: Project, table: Table) -> None:
    text = edited(project.text(), registered("v1.4.0"))
    request = project.open(project.branch({MODELS: text}, {MODELS: edited(text, staging("v1.2.0", "v1.4.0"))}))
    before = judged(project, request.base, request.merge)
    tip = project.merge(request, way)
    assert stood(project, tip) == {name: how for name, _, how, _ in before.environments}
    assert standing(project.repository, tip).activations["staging"].state.commit.subject == "Part 2"
    assert [judged(project, f"{each}^", each).change for each in project.line(request.base, tip)] == [
        "register",
        "activate",
    ]
    revert = project.open(project.revert(request.base, tip))
    back = judged(project, revert.base, revert.merge)
    table.add("register, then activate", f"revert of {way}", back)
    assert (before.change, back.change, back.problems) == ("activate", "rollback", ())
    undone = project.merge(revert, way)
    again = project.open(project.revert(revert.base, undone))
    assert judged(project, again.base, again.merge).change == "activate"


def test_a_rebase_does_not_carry_a_version_past_staging(project: Project, table: Table) -> None:
    """Commit by commit each would be right; nothing ran in staging in between, so the pull request is refused."""
    first = edited(project.text(), staging("v1.2.0", "v1.3.0"))
    request = project.open(project.branch({MODELS: first}, {MODELS: edited(first, production("v1.1.0", "v1.3.0"))}))
    told = judged(project, request.base, request.merge)
    assert [("has not been active in staging" in problem) for problem in told.problems] == [True]
    table.add("staging and production in one", "pull request", told)
    tip = project.merge(request, Way.REBASE)
    assert judged(project, request.base, tip) == told


def test_two_reverts_in_a_row_go_back_by_two(project: Project, table: Table) -> None:
    start = project.main
    one = project.on_main({MODELS: edited(project.text(), production("v1.1.0", "v1.2.0"))})
    text = edited(project.text(), staging("v1.2.0", "v1.3.0"))
    project.on_main({MODELS: text})
    two = project.on_main({MODELS: edited(text, production("v1.2.0", "v1.3.0"))})
    first = project.open(project.revert(f"{two}^", two))
    told = judged(project, first.base, first.merge)
    assert told.environments[1][1:3] == ("rollback", "v1.3.0 → v1.2.0 of v1.0.0 v1.1.0 v1.2.0")
    table.add("two in a row", "first revert", told)
    project.merge(first, Way.SQUASH)
    second = project.open(project.revert(start, one))
    told = judged(project, second.base, second.merge)
    assert told.environments[1][1:3] == ("rollback", "v1.2.0 → v1.1.0 of v1.0.0 v1.1.0")
    assert told.problems == ()
    table.add("two in a row", "second revert", told)


def test_both_at_once_are_one_rollback_past_what_lies_between(project: Project, table: Table) -> None:
    project.on_main({MODELS: edited(project.text(), production("v1.1.0", "v1.2.0"))})
    text = edited(project.text(), staging("v1.2.0", "v1.3.0"))
    start = project.on_main({MODELS: text})
    project.on_main({MODELS: edited(text, production("v1.2.0", "v1.3.0"))})
    tip = project.on_main({MODELS: edited(project.text(), production("v1.3.0", "v1.1.0"))})
    assert judged(project, f"{tip}^", tip).change == "rollback"
    revert = project.open(project.revert(start, tip))
    told = judged(project, revert.base, revert.merge)
    table.add("a rollback by two", "its revert, with what it undid", told)
    assert told.environments[1][1:3] == ("activate", "v1.1.0 → v1.2.0 of v1.0.0 v1.1.0 v1.2.0")


def test_a_revert_that_git_cannot_make_is_made_by_hand(project: Project, table: Table) -> None:
    """Both registered at the end: GitHub says so, and the edit by hand is judged like any other."""
    start = project.main
    tip = project.on_main({MODELS: edited(project.text(), registered("v1.4.0"))})
    text = edited(project.text(), registered("v1.5.0"))
    project.on_main({MODELS: text})
    with pytest.raises(ConflictError):
        project.revert(start, tip)
    told = judged(project, "main", project.branch({MODELS: edited(text, (entry("v1.4.0"), ""))}))
    table.add("register, another behind it", "revert by hand (git conflicts)", told)
    assert (told.change, told.problems) == ("retire", ())


def test_main_merged_into_the_branch_first_adds_nothing(project: Project) -> None:
    head = project.branch({MODELS: edited(project.text(), staging("v1.2.0", "v1.3.0"))})
    base = project.on_main({MODELS: edited(project.text(), PLACE)})
    project.git("switch", "--quiet", "--detach", head)
    project.git("merge", "--quiet", "--no-ff", "--message", "Merge main", "main")
    updated = project.open(project.git("rev-parse", "HEAD"))
    plain = project.open(head)
    told = judged(project, base, updated.merge)
    assert told == judged(project, base, plain.merge)
    assert told == judged(project, base, updated.head)
    for way in (Way.SQUASH, Way.MERGE):
        assert judged(project, base, project.merge(updated, way)) == told


def test_a_merge_the_wrong_way_round_is_another_main(project: Project, table: Table) -> None:
    """Foxtrot: main merged into the branch and that pushed as main. What main went through is no longer its line."""
    branch = project.branch({MODELS: edited(project.text(), PLACE)})
    project.on_main({MODELS: edited(project.text(), staging("v1.2.0", "v1.3.0"))}, "Activate")
    main = project.on_main({MODELS: edited(project.text(), production("v1.1.0", "v1.2.0"))}, "Ship")
    project.git("switch", "--quiet", "--detach", branch)
    project.git("merge", "--quiet", "--no-ff", "--message", "Merge main into the branch", "main")
    foxtrot = project.git("rev-parse", "HEAD")
    told = judged(project, main, foxtrot)
    table.add("foxtrot", "against the old main", told)
    assert (told.change, told.problems) == ("register", ())
    project.reset_main(foxtrot)
    stands = standing(project.repository, "main")
    assert {each.state.commit.subject for each in stands.activations.values()} == {"Merge main into the branch"}
    assert stood(project, "main") == {
        "staging": "v1.2.0 → v1.3.0 of v1.0.0 v1.1.0 v1.2.0 v1.3.0",
        "production": "v1.1.0 → v1.2.0 of v1.0.0 v1.1.0 v1.2.0",
    }
    assert not project.repository.on_first_parent_line(main, foxtrot)
    assert not project.repository.on_first_parent_line(foxtrot, main)
    table.add("foxtrot", "on main", "neither contains the other by first parents: reconcile stops, --accept-history")


def test_an_octopus_is_one_change(project: Project, table: Table) -> None:
    base, text = project.main, project.text()
    arms = [
        project.branch({MODELS: edited(text, staging("v1.2.0", "v1.3.0"))}),
        project.branch({MODELS: edited(text, PLACE)}, {"README.md": "More\n"}),
    ]
    project.reset_main(base)
    project.git("merge", "--quiet", "--no-ff", "--message", "Octopus", *arms)
    assert len(project.git("log", "-1", "--format=%P").split()) == 3
    told = judged(project, base, "main")
    table.add("octopus", "on main", told)
    assert told.change == "activate"
    assert stood(project, "main")["staging"] == "v1.2.0 → v1.3.0 of v1.0.0 v1.1.0 v1.2.0 v1.3.0"
    assert len(history(project.repository, "main").states) == 8


def test_a_merge_that_takes_nothing_of_the_file_is_no_state(project: Project) -> None:
    """Merged with ours: the branch's activations never were main's, however many they are."""
    base, text = project.main, project.text()
    steps = [edited(text, staging("v1.2.0", name)) for name in ("v1.3.0", "v1.0.0", "v1.1.0")]
    head = project.branch(*({MODELS: step} for step in steps))
    project.reset_main(base)
    project.git("merge", "--quiet", "--strategy=ours", "--message", "Merge nothing", head)
    assert judged(project, base, "main").change is None
    assert history(project.repository, "main") == history(project.repository, base)
    project.reset_main(base)
    project.git("merge", "--quiet", "--no-ff", "--message", "Merge all", head)
    assert len(history(project.repository, "main").states) == len(history(project.repository, base).states) + 1


def test_a_main_pushed_by_force_is_read_as_it_is_now(alone: Project, tmp_path: Path, table: Table) -> None:
    """A clone that has seen the old main knows that neither leads to the other."""
    fork = alone.git("rev-parse", "HEAD")
    seen = alone.on_main({MODELS: edited(alone.text(), staging("v1.2.0", "v1.3.0"))})
    laptop = alone.clone(tmp_path / "laptop")
    alone.reset_main(fork)
    rewritten = alone.on_main({MODELS: edited(alone.text(), production("v1.1.0", "v1.0.0"))})
    git = laptop.repository
    assert git.fetch_main() == rewritten
    assert not git.on_first_parent_line(seen, rewritten)
    assert not git.on_first_parent_line(rewritten, seen)
    assert git.generation(seen) == git.generation(rewritten)
    assert stood(laptop, "origin/main") == {
        "staging": "v1.1.0 → v1.2.0 of v1.0.0 v1.1.0 v1.2.0",
        "production": "v1.1.0 → v1.0.0 of v1.0.0",
    }
    table.add("main by force", "on main", "the old tip is not on the line: reconcile stops, --accept-history")
    alone.reset_main(fork)
    assert git.fetch_main() == fork
    assert git.on_first_parent_line(fork, seen), "moved back only: the recorded commit is ahead"
    assert not git.on_first_parent_line(seen, fork)


def test_a_first_commit_made_anew_is_another_repository(alone: Project) -> None:
    before = alone.repository.first_commit()
    tip = alone.main
    alone.git("switch", "--quiet", "--orphan", "anew")
    alone.commit({MODELS: alone.git("show", f"{tip}:{MODELS}") + "\n"}, "Anew")
    alone.git("branch", "--quiet", "--force", "main", "anew")
    alone.git("update-ref", "-d", "refs/remotes/origin/main")
    alone.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
    assert alone.repository.first_commit() != before
    assert stood(alone, "main") == {"staging": "nothing → v1.2.0 of v1.2.0", "production": "nothing → v1.1.0 of v1.1.0"}


def test_retention_counts_by_the_commits_of_main(project: Project, table: Table) -> None:
    """Refused today, right in a month: the merge that GitHub tries is as old as its try."""
    text = edited(project.text(), staging("v1.2.0", "v1.3.0"))
    project.on_main({MODELS: text})
    head = project.branch({MODELS: edited(text, (entry("v1.2.0"), ""))})
    early = project.open(head)
    told = judged(project, early.base, early.merge)
    assert [("retention keeps it 30 days longer" in problem) for problem in told.problems] == [True]
    table.add("retire what was active", "at once", told)
    for way in (Way.SQUASH, Way.MERGE, Way.FORWARD):
        assert judged(project, early.base, project.merge(early, way)).problems == told.problems
    project.reset_main(early.base)
    project.wait(days=31)
    late = project.open(head)
    told = judged(project, late.base, late.merge)
    table.add("retire what was active", "31 days later", told)
    assert (told.change, told.problems) == ("retire", ())
    for way in (Way.SQUASH, Way.MERGE):
        tip = project.merge(late, way)
        assert judged(project, late.base, tip) == told
    revert = project.open(project.revert(late.base, tip))
    back = judged(project, revert.base, revert.merge)
    assert (back.change, back.problems) == ("register", ())
