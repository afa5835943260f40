"""A change on its way: each page of GitHub's and the registry's is told as it is, and the end of the way is named."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.photo_files import drawing, saved
from github_stand_in.contract import filled
from github_stand_in.server import TOKEN, StandIn, stand_in
from lepinet.errors import UsageError
from lepinet.github import GitHub
from lepinet.registry import Registry
from lepinet.report.documents import ComparisonDocument
from lepinet.report.markdown import check
from lepinet.settings import Settings
from lepinet.timings import Timings
from lepinet.workflow.change import activation_proposal, rollback_proposal
from lepinet.workflow.changed_photos import photos_on_their_way
from lepinet.workflow.following import Progress, State, became, conflicting, held_by, progress
from lepinet.workflow.kept import Pair, compared
from lepinet.workflow.listed_changes import Change, changes, proposed_here, rivals, waiting_here
from lepinet.workflow.photo_changes import addition, correction, removal
from lepinet.workflow.requested import Request, ask
from lepinet.workflow.workspace import Workspace
from report.reports import FINE, LOST, document, environment
from workflow.desk import Desk, lay, put_on_github

ASHA = Request.of("asha@example.org", "More wet-season photos")
WANTED = activation_proposal("production", "v1.1.0", None)

NEEDLESS = "main declares v1.1.0 active in production already: nothing is left to merge"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return lay(tmp_path)


@pytest.fixture
def github(desk: Desk) -> Iterator[StandIn]:
    origin = put_on_github(desk)
    with stand_in() as there:
        there.origin = origin
        yield there


def server(desk: Desk, github: StandIn) -> Workspace:
    known = desk.variables | {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": TOKEN}
    return Workspace(desk.workspace.git, Settings(known), desk.workspace.timings)


def told(found: Progress) -> dict[str, tuple[State, str]]:
    return {step.name: (step.state, step.sentence) for step in found.steps}


def not_live_yet(workspace: Workspace, listed: Sequence[Change]) -> dict[str, str]:
    """What merged changes wait for."""
    shipped = became(workspace, listed)
    return {key: step.sentence for key, steps in shipped.items() for step in steps if step.lies_ahead}


def held(workspace: Workspace) -> dict[str, str]:
    """What holds each change that is open, by its title."""
    open_ = [one for one in changes(workspace) if one.is_open]
    found = conflicting(workspace, open_)
    return {one.title: held_by(workspace, one, conflicts=one.key in found) for one in open_}


def run(github: StandIn, name: str, **known: Any) -> None:
    """A check of the pull request's commit, as a workflow's job is one."""
    head = github.pulls[0]["head"]["sha"]
    made = filled("check-run", id=len(github.checks) + 1, name=name, head_sha=head, **known)
    github.checks = [one for one in github.checks if one["name"] != name] + [made]


def follow(desk: Desk, commands: Sequence[str]) -> None:
    for command in commands:
        words = shlex.split(command)
        if words[0] == "lepinet":
            desk.lepinet(*words[1:])
        else:
            desk.run(*words)


def test_checks_verdict_and_merge_are_told_as_they_come(desk: Desk, github: StandIn) -> None:
    workspace = server(desk, github)
    key = ask(workspace, WANTED, ASHA).key
    begun = told(progress(workspace, key))
    assert begun["Proposed"] == (State.DONE, "by asha@example.org, through github-actions[bot]")
    assert begun["Checks"] == (State.WAITING, "none has begun yet")
    assert begun["Verdict"][0] is begun["Merged"][0] is State.WAITING
    run(github, "check", status="in_progress", conclusion=None)
    moving = progress(workspace, key)
    assert (told(moving)["Checks"], moving.is_moving) == ((State.RUNNING, "check is running"), True)
    run(github, "check", status="completed", conclusion="success")
    with GitHub(github.repository, TOKEN, Timings(), github.url) as bot:
        bot.comment(int(key), "check", check(document(environment(FINE))))
    judged = progress(workspace, key)
    assert told(judged)["Checks"] == (State.DONE, "1 passed")
    said = "v2.0.0 → production: fine to ship. The photos show that v2.0.0 is not worse than v1.0.0."
    assert told(judged)["Verdict"] == (State.DONE, said)
    assert (judged.is_moving, judged.is_over) == (False, False)
    github.pulls[0]["state"] = "closed"
    closed = progress(workspace, key)
    assert told(closed)["Merged"] == (State.STOPPED, "the pull request was closed without it")
    assert closed.is_over


def test_a_hold_is_told_with_its_reason_and_a_failed_check_by_name(desk: Desk, github: StandIn) -> None:
    workspace = server(desk, github)
    key = ask(workspace, WANTED, ASHA).key
    run(github, "check", status="completed", conclusion="failure")
    with GitHub(github.repository, TOKEN, Timings(), github.url) as bot:
        bot.comment(int(key), "check", check(document(environment(LOST))))
    found = told(progress(workspace, key))
    assert found["Checks"] == (State.STOPPED, "check says no")
    assert found["Verdict"] == (
        State.STOPPED,
        "v2.0.0 → production: hold. Common Jezebel, 7 of 7 right before, 1 of 7 now.",
    )


def test_only_the_checks_own_comment_is_believed(desk: Desk, github: StandIn) -> None:
    workspace = server(desk, github)
    key = ask(workspace, WANTED, ASHA).key
    github.say(int(key), f"<!-- lepinet:check -->\n{check(document(environment(FINE)))}", who="mallory")
    assert told(progress(workspace, key))["Verdict"][0] is State.WAITING


def test_what_is_merged_is_followed_until_it_is_live(desk: Desk, github: StandIn) -> None:
    workspace = server(desk, github)
    assert desk.lepinet("db", "migrate").code == 0
    assert desk.lepinet("reconcile", "-e", "production").code == 0
    key = ask(workspace, WANTED, ASHA).key
    branch = github.pulls[0]["head"]["ref"]
    desk.git("fetch", "--quiet", "origin")
    desk.git("merge", "--quiet", "--no-ff", f"origin/{branch}")
    github.merged(int(key), desk.git("rev-parse", "HEAD"))
    before = told(progress(workspace, key))
    assert before["Merged"] == (State.DONE, "it is on main")
    assert before["Live"] == (State.WAITING, "this server has not fetched that commit yet")
    listed = changes(workspace)
    assert not_live_yet(workspace, listed) == {key: "this server has not fetched that commit yet"}
    desk.git("push", "--quiet", "origin", "main")
    waiting = told(progress(workspace, key))
    assert waiting["Live in production"] == (State.WAITING, "reconcile has not begun yet")
    assert "Live in staging" not in waiting
    done = desk.lepinet("reconcile", "-e", "production")
    assert done.code == 0, done.err
    live = progress(workspace, key)
    assert told(live)["Live in production"] == (State.DONE, "v1.1.0 is live")
    assert live.is_over
    assert not_live_yet(workspace, listed) == {}


def test_the_list_has_the_newest_first_and_no_forks(desk: Desk, github: StandIn) -> None:
    workspace = server(desk, github)
    ask(workspace, WANTED, ASHA)
    github.open("work", "0" * 40, title="By hand", body="Requested by boss on the dashboard, or so it says")
    github.open("work", "0" * 40, title="A stranger's", body=None, owner="mallory")
    listed = changes(workspace)
    assert [(one.title, one.is_open) for one in listed] == [
        ("By hand", True),
        ("Activate v1.1.0 in production", True),
    ]
    assert listed[0].by == "github-actions[bot]"
    assert listed[1].by.startswith("asha@example.org")
    assert [one.reason for one in listed] == ["", "More wet-season photos"]


def test_without_github_the_commands_bring_it_to_main_and_it_is_followed(desk: Desk) -> None:
    key = ask(desk.workspace, WANTED, ASHA).key
    (open_,) = changes(desk.workspace)
    assert open_.reason == "More wet-season photos"
    assert (open_.key, open_.title, open_.by, open_.is_open) == (
        key,
        "Activate v1.1.0 in production",
        "asha@example.org",
        True,
    )
    found = progress(desk.workspace, key)
    assert told(found)["Verdict"][0] is told(found)["Merged"][0] is State.WAITING
    follow(desk, found.commands)
    desk.git("branch", "--quiet", "-D", "activate-production-v1.1.0")
    merged = progress(desk.workspace, key)
    assert told(merged)["Merged"] == (State.DONE, "it is on main")
    assert told(merged)["Live in production"][0] is State.WAITING
    assert merged.commands == ("lepinet reconcile",)
    listed = changes(desk.workspace)
    assert [(one.key, one.is_merged) for one in listed] == [(key, True)]
    assert not_live_yet(desk.workspace, listed) == {key: told(merged)["Live in production"][1]}
    assert desk.lepinet("db", "migrate").code == 0
    assert not_live_yet(desk.workspace, listed) == {key: "reconcile has not begun yet"}
    assert desk.lepinet("reconcile", "-e", "production").code == 0
    assert not_live_yet(desk.workspace, listed) == {}
    assert told(progress(desk.workspace, key))["Live in production"] == (State.DONE, "v1.1.0 is live")
    desk.set_active("production", "v1.0.0")
    desk.commit("Roll production back to v1.0.0")
    assert desk.lepinet("reconcile", "-e", "production").code == 0
    state, sentence = told(progress(desk.workspace, key))["Live in production"]
    assert re.fullmatch(r"v1\.1\.0 was live from \S+ \S+ UTC; then v1\.0\.0 from \S+ \S+ UTC", sentence)
    assert state is State.DONE


def test_a_branch_with_an_odd_message_is_listed_without_a_reason(desk: Desk) -> None:
    desk.git("switch", "--quiet", "--create", "odd")
    odd = desk.commit("Activate v1.1.0 in production\u2028\nRequested-by: asha\nProposed-by: lepinet")
    desk.git("switch", "--quiet", "main")
    assert [(one.key, one.by, one.reason) for one in changes(desk.workspace)] == [(odd, "asha", "")]
    assert waiting_here(desk.workspace) == ()
    assert odd in desk.workspace.git.commits([odd])
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", "odd")
    assert [(one.key, one.reason) for one in changes(desk.workspace)] == [(odd, "")]


def test_of_branches_only_those_that_wait_for_their_merge_are_looked_at(desk: Desk) -> None:
    desk.git("branch", "merged-long-ago", "HEAD^")
    key = ask(desk.workspace, WANTED, ASHA).key
    git = desk.workspace.git
    assert git.branches(beyond=git.main()) == {"activate-production-v1.1.0": key}
    assert proposed_here(git) == {"activate-production-v1.1.0": key}


def test_of_branches_those_of_nothing_but_proposals_are_listed_beside_merges_of_main(desk: Desk) -> None:
    key = ask(desk.workspace, WANTED, ASHA).key
    main = desk.commit("Go on")
    desk.git("switch", "--quiet", "--create", "updated", key)
    desk.git("merge", "--quiet", "--no-ff", "--message", "Merge main", main)
    desk.git("branch", "same", key)
    desk.git("switch", "--quiet", "--create", "of-others")
    desk.commit("Mine")
    desk.git("switch", "--quiet", "--create", "on-top-of-others")
    desk.commit("Ours\n\nProposed-by: lepinet")
    desk.git("switch", "--quiet", "main")
    desk.git("branch", "bare", desk.git("commit-tree", "main^{tree}", "-p", "main", "-p", "main^", "-m", "Merge"))
    assert proposed_here(desk.workspace.git) == dict.fromkeys(("updated", "same", "activate-production-v1.1.0"), key)
    assert {(one.key, one.reason) for one in changes(desk.workspace)} == {(key, ASHA.reason)}


def test_git_is_asked_as_often_however_many_branches_wait(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2", str(trace))
    asked: list[int] = []
    for wanted in (WANTED, activation_proposal("staging", "v1.0.0", None)):
        ask(desk.workspace, wanted, ASHA)
        desk.git("branch", f"by-hand-{len(asked)}", desk.git("commit-tree", "main^{tree}", "-p", "main", "-m", "Mine"))
        workspace = desk.workspace
        trace.unlink()
        waiting_here(workspace)
        asked.append(trace.read_text().count(" start "))
    assert asked[0] == asked[1] > 0


def test_what_was_merged_last_waits_to_be_live_whenever_it_was_proposed(desk: Desk) -> None:
    keys = []
    for version in ("v1.1.0", "v1.0.0"):
        keys.append(ask(desk.workspace, activation_proposal("production", version, None), ASHA).key)
        desk.git("merge", "--quiet", "--no-ff", "--no-edit", keys[-1])
    later, earlier = listed = changes(desk.workspace)
    assert [later.key, earlier.key] == keys[::-1]
    assert [*not_live_yet(desk.workspace, listed)] == [*not_live_yet(desk.workspace, listed[::-1])] == [later.key]
    elsewhere = replace(earlier, merge="0" * 40)
    unknown = {earlier.key: "this server has not fetched that commit yet"}
    assert not_live_yet(desk.workspace, [later, elsewhere]) == unknown


def test_what_waits_for_a_merge_is_known_without_github_alone(desk: Desk) -> None:
    asked_for = ask(desk.workspace, WANTED, ASHA).key
    needless = ask(desk.workspace, activation_proposal("staging", "v1.0.0", None), ASHA).key
    desk.set_active("staging", "v1.0.0")
    desk.commit("By hand")
    assert {one.key for one in changes(desk.workspace)} == {asked_for, needless}
    assert [one.key for one in waiting_here(desk.workspace)] == [asked_for]
    put_on_github(desk)
    assert waiting_here(desk.workspace) == ()


def test_of_two_changes_from_one_commit_each_is_live_by_its_own_merge(desk: Desk) -> None:
    photo = ask(desk.workspace, removal(desk.workspace, "blue_tiger_01.jpg"), ASHA).key
    key = ask(desk.workspace, WANTED, ASHA).key
    merges = {}
    for one in (photo, key):
        desk.git("merge", "--quiet", "--no-ff", "--no-edit", one)
        merges[one] = desk.git("rev-parse", "HEAD")
    later = desk.commit("Go on")
    found = progress(desk.workspace, key)
    assert told(found)["Live in production"][0] is State.WAITING
    assert found.commands == ("lepinet reconcile",)
    git = desk.workspace.git
    assert {one: git.brought_by(one, "main") for one in (*merges, later)} == {**merges, later: later}
    assert git.brought_by(later, key) is None


@pytest.mark.parametrize("way", ["--ff-only", "--no-ff"])
def test_what_a_branch_on_a_branch_brings_came_with_the_merge_of_the_outer_one(desk: Desk, way: str) -> None:
    key = ask(desk.workspace, WANTED, ASHA).key
    desk.git("switch", "--quiet", "--create", "on-top", key)
    tip = desk.commit("More")
    desk.git("switch", "--quiet", "main")
    desk.git("merge", "--quiet", way, "--no-edit", "on-top")
    expected = key if way == "--ff-only" else desk.git("rev-parse", "HEAD")
    assert desk.workspace.git.brought_by(key, "main") == expected
    assert desk.workspace.git.brought_by(tip, "main") == desk.git("rev-parse", "HEAD")


def test_where_git_knows_nobody_it_is_said_before_somebody_merges(desk: Desk) -> None:
    desk.git("config", "user.name", "")
    key = ask(desk.workspace, WANTED, ASHA).key
    hint = 'git config --global user.name "Your name"'
    assert hint in progress(desk.workspace, key).purpose
    desk.alter(r"(production:\n    active: )v1\.0\.0", r"\1v1.0.0  # for now")
    desk.commit("By hand")
    settled = progress(desk.workspace, key).purpose
    assert (hint in settled, "To settle what conflicts" in settled) == (True, True)
    desk.git("reset", "--quiet", "--hard", "HEAD^")
    desk.git("config", "user.name", "Asha")
    desk.git("config", "user.email", "asha@example.org")
    assert progress(desk.workspace, key).purpose == "To bring it to main, in the repository:"


def test_an_override_is_told_with_its_reason_before_and_after_the_merge(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    key = ask(desk.workspace, activation_proposal("production", "v1.1.0", "The season ends."), ASHA).key
    desk.git("switch", "--quiet", "activate-production-v1.1.0")
    assert "ships by decision" in desk.lepinet("check").out
    desk.git("switch", "--quiet", "main")
    state, sentence = told(progress(desk.workspace, key))["Verdict"]
    assert state is State.DECIDED
    assert sentence.startswith("ships by decision (The season ends.), though v1.0.0 → v1.1.0: undecided")
    (change,) = [one for one in changes(desk.workspace) if one.is_open]
    assert held_by(desk.workspace, change, conflicts=False) == "ships by decision, waits for a merge"
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", key)
    assert told(progress(desk.workspace, key))["Verdict"][0] is State.DECIDED


def test_without_github_the_verdict_of_a_check_is_told(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    key = ask(desk.workspace, WANTED, ASHA).key
    photo = ask(desk.workspace, removal(desk.workspace, "blue_tiger_01.jpg"), ASHA).key
    desk.git("switch", "--quiet", "activate-production-v1.1.0")
    checked = desk.lepinet("check")
    desk.git("switch", "--quiet", "main")
    state, sentence = told(progress(desk.workspace, key))["Verdict"]
    word = re.match(r"v1\.0\.0 → v1\.1\.0: ([a-z, ]+)\. ", sentence)
    assert word
    assert word[1] in checked.out
    assert state is State.UNDECIDED
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", key)
    merged = progress(desk.workspace, key)
    assert [step.name for step in merged.steps] == ["Proposed", "Verdict", "Merged", "Live in production"]
    assert told(merged)["Verdict"] == (State.UNDECIDED, sentence)
    (desk.folder / "models.yaml").write_text(f"{desk.manifest}gates: {{confidence: 0.9}}\n")
    desk.commit("Other gates")
    assert "Verdict" not in told(progress(desk.workspace, key))
    desk.git("reset", "--quiet", "--hard", "HEAD^")
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", photo)
    assert desk.lepinet("test", "v1.0.0").code == desk.lepinet("test", "v1.1.0").code == 0
    assert "Verdict" not in told(progress(desk.workspace, key))


def test_the_verdict_reckons_with_what_was_tried_on_the_photos_before_as_the_check_does(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    for name in ("v1.2.0", "v1.3.0"):
        desk.copy_model(name, name)
        desk.declare(name)
        desk.commit(f"Register {name}")
    desk.set_active("staging", "v1.3.0")
    desk.commit("Try v1.3.0 in staging")
    key = ask(desk.workspace, activation_proposal("production", "v1.3.0", None), ASHA).key
    desk.git("switch", "--quiet", "activate-production-v1.3.0")
    (checked,) = desk.lepinet("check", "--json").json["environments"]
    desk.git("switch", "--quiet", "main")
    more = "; another version was tried on these photos before: among many one passes by luck, so more is asked of it"
    _, sentence = told(progress(desk.workspace, key))["Verdict"]
    assert more in sentence
    assert checked["comparison"]["reasons"][0]["sentence"].removeprefix("a") in sentence
    side_by_side = desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.3.0", "--json").json
    assert side_by_side["non_inferiority"]["try"] == 2
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", key)
    assert told(progress(desk.workspace, key))["Verdict"][1] == sentence
    merged = desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.3.0", "--json").json
    assert merged["non_inferiority"] == side_by_side["non_inferiority"]


def test_the_gates_are_those_of_the_check_the_reference_among_them(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    desk.copy_model("v1.3.0", "v1.3.0")
    desk.declare("v1.3.0")
    desk.alter(r"(production:\n)", r"\1    reference: v1.3.0\n")
    desk.commit("Hold all against v1.3.0")
    key = ask(desk.workspace, WANTED, ASHA).key
    assert desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.1.0").code in {0, 1}
    assert told(progress(desk.workspace, key))["Verdict"][0] is State.WAITING
    desk.git("switch", "--quiet", "activate-production-v1.1.0")
    (checked,) = desk.lepinet("check", "--json").json["environments"]
    desk.git("switch", "--quiet", "main")
    made = []

    def comparing(workspace: Workspace, registry: Registry, pair: Pair) -> ComparisonDocument | None:
        made.append(compared(workspace, registry, pair))
        return made[-1]

    assert told(progress(desk.workspace, key, comparing))["Verdict"][0] is State.UNDECIDED
    assert made[0]
    here = {gate.name: gate.sentence for gate in made[0].gates}
    there = {gate["name"]: gate["sentence"] for gate in checked["comparison"]["gates"]}
    assert "reference" in here
    # How long both take is measured by the check alone.
    assert here | {"max_latency_ratio": ""} == there | {"max_latency_ratio": ""}


def test_where_main_has_other_photos_since_its_branch_is_brought_up_to_them_and_checked(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    key = ask(desk.workspace, WANTED, ASHA).key
    photo = ask(desk.workspace, removal(desk.workspace, "blue_tiger_01.jpg"), ASHA).key
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", photo)
    behind = progress(desk.workspace, key)
    assert told(behind)["Verdict"] == (
        State.WAITING,
        "main has other known images since its branch began: merge main into it, then check it",
    )
    *check, back, merge = behind.commands
    follow(desk, [*check, back])
    checked = progress(desk.workspace, key)
    assert told(checked)["Verdict"][0] is State.UNDECIDED
    assert [one.key for one in changes(desk.workspace) if one.is_open] == [key]
    assert (checked.withdrawn_by, checked.commands[-1]) == ("git branch -D activate-production-v1.1.0", merge)
    assert "git merge --no-edit main" not in checked.commands
    assert ask(desk.workspace, WANTED, ASHA).key == key
    follow(desk, [merge])
    assert told(progress(desk.workspace, key))["Merged"] == (State.DONE, "it is on main")
    listed = changes(desk.workspace)
    assert {one.key for one in listed if one.is_merged} == {key, photo}
    assert not_live_yet(desk.workspace, listed) == {key: "reconcile has not begun yet"}
    assert desk.lepinet("reconcile", "-e", "production").code == 0
    assert not_live_yet(desk.workspace, listed) == {}
    assert desk.lepinet("history", "-e", "production", "--json").json[0]["reason"].splitlines() == [
        "Activate v1.1.0 in production",
        "More wet-season photos",
        "asked by asha@example.org",
    ]


def test_a_label_that_main_corrects_moves_the_verdict_and_that_is_said(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    (desk.folder / "models.yaml").write_text(f"{desk.manifest}gates: {{min_accuracy: 0.9}}\n")
    desk.commit("Ask for 11 of 12")
    key = ask(desk.workspace, WANTED, ASHA).key
    assert desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.1.0").code in {0, 1}
    before = told(progress(desk.workspace, key))["Verdict"]
    label = ask(desk.workspace, correction(desk.workspace, "blue_tiger_01.jpg", "Common Crow"), ASHA).key
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", label)
    found = progress(desk.workspace, key)
    state, sentence = told(found)["Verdict"]
    counted = "Counted with main's known images and labels of now, which are others than when its branch began."
    assert (before[0], state) == (State.UNDECIDED, State.STOPPED)
    assert sentence.endswith(f" {counted}")
    assert counted not in before[1]
    assert "git merge --no-edit main" in found.commands


def test_the_way_back_is_compared_with_nothing_before_and_after_its_merge(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    key = ask(desk.workspace, activation_proposal("staging", "v1.0.0", None), ASHA).key
    none = (State.DONE, "none is needed: no comparison stops the way back")
    assert told(progress(desk.workspace, key))["Verdict"] == none
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", key)
    desk.set_active("staging", "v1.1.0")
    desk.commit("Forward again")
    assert told(progress(desk.workspace, key))["Verdict"] == none


def test_what_conflicts_with_main_is_settled_on_its_branch_or_withdrawn(desk: Desk) -> None:
    label, remove = (
        ask(desk.workspace, wanted, ASHA).key
        for wanted in (
            correction(desk.workspace, "blue_tiger_01.jpg", "Common Crow"),
            removal(desk.workspace, "blue_tiger_01.jpg"),
        )
    )
    assert "lepinet check" in progress(desk.workspace, remove).commands
    desk.git("merge", "--quiet", "--no-ff", "--no-edit", label)
    found = progress(desk.workspace, remove)
    state, sentence = told(found)["Merged"]
    assert (state, "in photos/blue_tiger_01.jpg" in sentence) == (State.WAITING, False)
    assert "main has changed the same since in photos/metadata.csv. git cannot merge it by itself" in sentence
    assert found.commands[-1] == "git merge --no-edit main"
    assert found.withdrawn_by
    desk.git("switch", "--quiet", found.withdrawn_by.split()[-1])
    desk.git("merge", "--quiet", "--no-edit", "--strategy-option=ours", "main")
    desk.git("switch", "--quiet", "main")
    assert told(progress(desk.workspace, remove))["Merged"][1].startswith("a person merges the branch remove-")


def test_each_open_change_says_what_holds_it(desk: Desk) -> None:
    forward = ask(desk.workspace, WANTED, ASHA).key
    ask(desk.workspace, removal(desk.workspace, "blue_tiger_01.jpg"), ASHA)
    photo, activation = "Take blue_tiger_01.jpg out of the known images", "Activate v1.1.0 in production"
    assert held(desk.workspace) == {photo: "waits for a merge", activation: "waits for its verdict"}
    assert desk.lepinet("db", "migrate").code == 0
    assert desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.1.0").code in {0, 1}
    assert held(desk.workspace)[activation] == "undecided, a person decides"
    (desk.folder / "models.yaml").write_text(f"{desk.manifest}gates: {{min_accuracy: 1}}\n")
    desk.commit("Be strict")
    assert held(desk.workspace)[activation] == "its verdict is hold"
    desk.alter(r"(production:\n    active: )v1\.0\.0", r"\1v1.0.0  # for now")
    desk.commit("By hand")
    assert held(desk.workspace) == {photo: "waits for a merge", activation: "conflicts with main"}
    assert told(progress(desk.workspace, forward))["Merged"][1].startswith(
        "main has changed the same since in models.yaml; main has v1.0.0 active in production now, "
        "this change wants v1.1.0. git cannot merge it by itself"
    )
    desk.set_active("production", "v1.1.0")
    desk.commit("By hand")
    assert held(desk.workspace)[activation] == "main says so already"


def test_a_pull_request_that_conflicts_says_so(desk: Desk, github: StandIn) -> None:
    workspace = server(desk, github)
    key = ask(workspace, WANTED, ASHA).key
    github.pulls[0]["mergeable"] = False
    by_github = told(progress(workspace, key))["Merged"]
    github.pulls[0]["mergeable"] = None
    assert by_github[1].startswith("main has changed the same since; main has v1.0.0 active in production now")
    assert held(workspace) == {"Activate v1.1.0 in production": "waits for a merge"}
    desk.alter(r"(production:\n    active: )v1\.0\.0", r"\1v1.0.0  # for now")
    desk.commit("By hand")
    desk.git("push", "--quiet", "origin", "main")
    desk.git("fetch", "--quiet", "origin", github.pulls[0]["head"]["ref"])
    assert held(workspace) == {"Activate v1.1.0 in production": "conflicts with main"}
    assert "since in models.yaml" in told(progress(workspace, key))["Merged"][1]


def test_photos_that_are_merged_come_with_the_command_that_asks_about_them(desk: Desk) -> None:
    assert desk.lepinet("db", "migrate").code == 0
    key = ask(desk.workspace, removal(desk.workspace, "blue_tiger_01.jpg"), ASHA).key
    found = progress(desk.workspace, key)
    assert "Verdict" not in told(found)
    follow(desk, found.commands)
    merged = progress(desk.workspace, key)
    assert merged.commands == ("lepinet test v1.1.0", "lepinet test v1.0.0")
    follow(desk, merged.commands)
    assert progress(desk.workspace, key).commands == ()


def test_what_main_says_already_is_left_with_its_withdrawal_alone(desk: Desk) -> None:
    key = ask(desk.workspace, WANTED, ASHA).key
    assert progress(desk.workspace, key).withdrawn_by == "git branch -D activate-production-v1.1.0"
    desk.set_active("production", "v1.1.0")
    desk.commit("Roll production back to v1.1.0: it was right")
    found = progress(desk.workspace, key)
    assert told(found)["Merged"] == (State.STOPPED, NEEDLESS)
    assert (found.commands, found.withdrawn_by) == ((), "git branch -D activate-production-v1.1.0")


def test_a_pull_request_for_what_main_says_already_is_told(desk: Desk, github: StandIn) -> None:
    key = ask(server(desk, github), WANTED, ASHA).key
    desk.set_active("production", "v1.1.0")
    desk.commit("By hand")
    desk.git("push", "--quiet", "origin", "main")
    assert told(progress(server(desk, github), key))["Merged"] == (State.STOPPED, NEEDLESS)


def test_the_first_ones_words_stay_and_that_is_told(desk: Desk, github: StandIn) -> None:
    workspace = server(desk, github)
    again = Request.of("bhanu@example.org", "The season begins")
    made = [ask(workspace, WANTED, request) for request in (ASHA, ASHA, again)]
    assert [one.in_other_words for one in made] == [False, False, True]
    assert {one.key for one in made} == {"1"}
    (listed,) = changes(workspace)
    assert listed.reason == "More wet-season photos"


def test_a_change_has_rivals_where_others_are_about_the_same_environment_or_photo(desk: Desk) -> None:
    back = rollback_proposal("production", "v1.1.0", None, "rollback-production-v1.1.0")
    elsewhere = activation_proposal("staging", "v1.0.0", None)
    label = correction(desk.workspace, "blue_tiger_01.jpg", "Common Crow")
    gone = removal(desk.workspace, "blue_tiger_01.jpg")
    other = removal(desk.workspace, "common_crow_01.jpg")
    photo = desk.folder.parent / "mine.jpg"
    photo.write_bytes(saved(drawing("blue_tiger_02")))
    tiger, crow = (addition(desk.workspace, [("mine.jpg", photo)], one) for one in ("Blue Tiger", "Common Crow"))
    for wanted in (WANTED, back, elsewhere, label, gone, other, tiger, crow):
        ask(desk.workspace, wanted, ASHA)
    listed = changes(desk.workspace)
    photos = photos_on_their_way(desk.workspace, listed)
    titles = {one.title: [other.title for other in rivals(one, listed, photos)] for one in listed}
    assert titles == {
        "Activate v1.1.0 in production": ["Roll production back to v1.1.0"],
        "Roll production back to v1.1.0": ["Activate v1.1.0 in production"],
        "Activate v1.0.0 in staging": [],
        "Label blue_tiger_01.jpg as Common Crow": ["Take blue_tiger_01.jpg out of the known images"],
        "Take blue_tiger_01.jpg out of the known images": ["Label blue_tiger_01.jpg as Common Crow"],
        "Take common_crow_01.jpg out of the known images": [],
        "Add 1 photo of Blue Tiger": ["Add 1 photo of Common Crow"],
        "Add 1 photo of Common Crow": ["Add 1 photo of Blue Tiger"],
    }


def test_a_branch_that_is_gone_is_told(desk: Desk) -> None:
    key = ask(desk.workspace, WANTED, ASHA).key
    desk.git("branch", "--quiet", "-D", "activate-production-v1.1.0")
    found = progress(desk.workspace, key)
    state, sentence = told(found)["Withdrawn"]
    assert (state, found.is_over) == (State.STOPPED, True)
    assert sentence.endswith("nothing more becomes of this one, which was to make v1.1.0 active in production")


@pytest.mark.parametrize("key", ["1", "main", "HEAD", "--help", "0" * 40, "../1", ""])
def test_there_is_no_change_by_another_name(desk: Desk, key: str) -> None:
    with pytest.raises(UsageError, match="no change"):
        progress(desk.workspace, key)
    with pytest.raises(UsageError, match="no change"):
        progress(desk.workspace, desk.git("rev-parse", "HEAD"))
