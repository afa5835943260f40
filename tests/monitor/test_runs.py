"""Runs of the monitor beside a real endpoint and a real registry, and all who are told what they find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from github_stand_in.server import TOKEN, Failure, StandIn, stand_in
from lepinet.registry.embedded import EmbeddedServer
from monitor.chat import SECRET, Chat, chat
from reconcile.endpoint_wire import Alter, as_it_is, endpoint_wire
from reconcile.watch import Watch
from reconcile.world import Ended, World, git
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project, User


@dataclass(frozen=True)
class Team:
    """A world in which v1.1.0 came after v1.0.0, and the people who are told of it."""

    world: World
    github: StandIn
    chat: Chat

    def run(self, *arguments: str, alter: Alter = as_it_is, **settings: Any) -> Ended:
        """A run of the monitor in a job of GitHub Actions."""
        job = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": self.github.repository,
            "GITHUB_RUN_ID": "77",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_TOKEN": TOKEN,
            "LEPINET_WEBHOOK_URL": self.chat.slack,
        }
        with endpoint_wire(self.world.endpoint_folder, Watch(), alter):
            ended = self.world.run("monitor", *arguments, **(job | settings))
        assert SECRET not in ended.out + ended.err
        assert TOKEN not in ended.out + ended.err
        return ended

    def merge(self, active: str = "v1.1.0", **keys: Any) -> None:
        """A commit of main that nobody has reconciled."""
        self.world.declare(active)
        file = self.world.folder / "models.yaml"
        for key, value in keys.items():
            file.write_text(file.read_text().replace("    endpoint:", f"    {key}: {json.dumps(value)}\n    endpoint:"))
        git(self.world.folder, "commit", "--quiet", "--all", "--allow-empty", "--amend", "--no-edit")
        git(self.world.folder, "push", "--quiet", "--force", "origin", "main")

    def logged(self) -> list[dict[str, Any]]:
        """What the runs have kept, oldest first."""
        rows = self.world.sql(
            "select details from public.model_performance_logs where kind = 'monitor' order by test_date"
        )
        return [details for (details,) in rows]

    def issues(self) -> list[tuple[str, str]]:
        return [(issue["title"], issue["state"]) for issue in self.github.issues]


@pytest.fixture
def team(watched_world: World) -> Iterator[Team]:
    """All is well, and the monitor never ran."""
    watched_world.sql("delete from public.model_performance_logs where kind = 'monitor'")
    with stand_in() as github, chat() as channel:
        github.origin = watched_world.home.parent / "origin.git"
        team = Team(watched_world, github, channel)
        team.merge()
        yield team
    git(watched_world.folder, "switch", "--quiet", "--force", "main")
    watched_world.set_row("v1.1.0")
    watched_world.sql("update public.model_performance_logs set kind = 'known-images' where kind = 'put away'")


def answers_otherwise(path: str, answer: bytes) -> bytes:
    """As if other files were served than those that were tested."""
    said = json.loads(answer)
    if path == "/predict":
        said |= {"confidence": 0.5, "top": [said["top"][0] | {"confidence": 0.5}]}
    return json.dumps(said).encode()


def answers_no_photo(path: str, answer: bytes) -> bytes:
    return b"{}" if path == "/predict" else answer


def is_another_program(path: str, answer: bytes) -> bytes:
    del path, answer
    return b"<html>"


DIFFERS = "production: the endpoint answers otherwise than it was tested"


def test_well(team: Team) -> None:
    run = team.run()
    assert run.code == 0, run
    assert run.out.startswith("production: tested the whole sample: ")
    assert run.out.rstrip().endswith("as when activated")
    assert team.run().out.startswith("production: tested a few photos: ")
    assert [(kept["looked"], kept["whole"]) for kept in team.logged()] == [("asked", True), ("asked", False)]
    assert (team.issues(), team.chat.posted) == ([], [])


def test_other_answers_twice_alarm_everybody_until_they_are_right_again(team: Team) -> None:
    first = team.run(alter=answers_otherwise)
    assert first.code == 0, first
    assert "seen once, alarms the second time: the endpoint answers otherwise than it was tested" in first.out
    assert (team.issues(), team.chat.posted) == ([], [])

    second = team.run(alter=answers_otherwise)
    assert second.code == 1, second
    assert team.issues() == [(DIFFERS, "open")]
    (issue,) = team.github.issues
    assert "3 of 3 answers differ from the tested ones" in issue["body"]
    assert "https://github.com/acme/butterflies/actions/runs/77" in issue["body"]
    assert "lepinet rollback -e production" in issue["body"]
    assert team.chat.texts == [f"{DIFFERS}. {first.out.splitlines()[1].partition('tested: ')[2]}\n{issue['html_url']}"]

    third = team.run(alter=answers_otherwise, GITHUB_RUN_ID="78")
    assert third.code == 1
    assert team.issues() == [(DIFFERS, "open")]
    assert "In 3 runs in a row." in issue["body"]
    assert "actions/runs/78" in issue["body"]
    assert len(team.chat.posted) == 1, "it lasts, and who reads the chat knows"

    well = team.run()
    assert well.code == 0, well
    assert team.issues() == [(DIFFERS, "closed")]
    assert "as when activated" in team.github.comments[0]["body"]
    assert team.chat.texts[1].startswith(f"Over: {DIFFERS}")
    assert team.run().code == 0
    assert len(team.chat.posted) == 2
    assert len(team.github.comments) == 1


@pytest.mark.parametrize(
    ("alter", "why"),
    [(answers_no_photo, "the endpoint answers no photo"), (is_another_program, "is no LepiNet server of this version")],
)
def test_no_answer_alarms_at_once(team: Team, alter: Alter, why: str) -> None:
    silent = team.run(alter=alter)
    assert silent.code == 1, silent
    assert team.issues() == [("production: the endpoint does not answer", "open")]
    assert why in team.github.issues[0]["body"]


def test_signed_in_as_a_monitor_it_reads_and_logs_and_holds_no_key(team: Team) -> None:
    user = User("monitor@example.org", "correct horse", {"role": "monitor"})
    signed_in = replace(team, world=replace(team.world, registry="supabase"))
    signed_in.merge()
    with EmbeddedServer(team.world.data / "registry") as server:
        project = Project(server.url(user="authenticator"), users=(user,))
        with project_online(project) as url:
            run = signed_in.run(
                SUPABASE_URL=url,
                SUPABASE_PUBLISHABLE_KEY=project.publishable_key,
                SUPABASE_USER_EMAIL=user.email,
                SUPABASE_USER_PASSWORD=user.password,
            )
    git(team.world.folder, "reset", "--quiet", "--hard", "HEAD~1")
    assert run.code == 0, run
    assert run.out.rstrip().endswith("as when activated")
    assert [kept["looked"] for kept in team.logged()] == ["asked"]


def test_a_running_deployment_is_named_and_left_alone(team: Team) -> None:
    with team.world.claimed() as (registry, claimant):
        watch = Watch()
        run = team.world.watched(watch, "monitor")
        registry.release("production", claimant)
    assert run.code == 0, run
    assert run.out == "production: a deployment is running (the night run); nothing was asked\n"
    assert not [call for call in watch.calls if call.startswith(("GET", "POST"))]


def test_drift_alarms_at_once_with_both_ways_out(team: Team) -> None:
    team.world.set_row("v1.0.0")
    run = team.run()
    assert run.code == 1, run
    assert "ALARM: models.yaml, database and endpoint do not agree: the database says v1.0.0 by hand" in run.out
    assert "lepinet reconcile -e production --mend" in run.out
    assert team.issues() == [("production: models.yaml, database and endpoint do not agree", "open")]
    team.world.set_row("v1.1.0")
    assert team.run().code == 0
    assert team.issues()[0][1] == "closed"


def test_a_model_that_a_hand_has_set_is_held_against_its_own_answers(team: Team) -> None:
    """That it is the wrong one is drift; that it answers as it was tested is true all the same."""
    team.world.set_endpoint("v1.2.0")
    team.world.wait(lambda: team.world.observe().ready)
    run = team.run()
    team.world.set_endpoint("v1.1.0")
    team.world.wait(lambda: team.world.observe().ready)
    assert "ALARM: models.yaml, database and endpoint do not agree: the endpoint is set to v1.2.0" in run.out
    assert "seen once" not in run.out
    assert [title for title, _ in team.issues()] == ["production: models.yaml, database and endpoint do not agree"]


def test_a_merge_that_does_not_ship_alarms_the_second_time(team: Team) -> None:
    team.merge("v1.0.0")
    assert team.run().code == 0
    behind = team.run()
    assert behind.code == 1
    assert "what main declares is not live" in behind.out


@pytest.mark.parametrize("mine", [True, False])
def test_a_checkout_that_is_not_main_says_nothing_of_drift(team: Team, *, mine: bool) -> None:
    """A branch of somebody's own, or main as it was before what was reconciled last."""
    team.world.set_row("v1.0.0")
    ((reconciled,),) = team.world.sql("select commit_sha from public.environments")
    git(team.world.folder, "switch", "--quiet", "--detach", "HEAD" if mine else f"{reconciled}~1")
    if mine:
        git(team.world.folder, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    run = team.run()
    assert run.code == 0, run


def test_without_tested_answers_the_endpoint_has_to_answer(team: Team) -> None:
    team.world.sql("update public.model_performance_logs set kind = 'put away' where kind = 'known-images'")
    run = team.run()
    assert run.code == 0, run
    assert "as when activated" not in run.out
    assert "right (" in run.out


def test_a_photo_that_was_changed_since_is_not_asked_about(team: Team) -> None:
    (photo,) = (team.world.folder / "photos" / "Blue Tiger").iterdir()
    photo.write_bytes(photo.read_bytes() + b"\0")
    run = team.run("--json")
    git(team.world.folder, "checkout", "--quiet", "photos")
    (seen,) = json.loads(run.out)
    assert (seen["sample_size"], seen["findings"]) == (2, [])


def test_who_cannot_be_told_keeps_nobody_else_from_it(team: Team) -> None:
    team.run(alter=answers_otherwise)
    team.github.failures = [Failure(404)]
    alarmed = team.run(alter=answers_otherwise)
    assert alarmed.code == 1
    assert "could not be told" in alarmed.err
    assert len(team.chat.posted) == 1
    assert team.run(alter=answers_otherwise).code == 1
    assert team.issues() == [(DIFFERS, "open")], "the next run tells it"
    team.chat.answers = [(404, {})]
    over = team.run()
    assert over.code == 3
    assert "the webhook did not take the message: HTTP 404" in over.err


def test_what_lives_on_one_machine_is_not_watched_from_githubs(team: Team) -> None:
    run = team.run(RUNNER_ENVIRONMENT="github-hosted")
    assert run.code == 0
    assert "not watched: production has registry: embedded and endpoint: local" in run.err
    assert team.run("-e", "production", RUNNER_ENVIRONMENT="github-hosted").code == 1
    assert team.logged() == []


def test_an_environment_that_cannot_be_looked_at_keeps_no_other_from_it(team: Team) -> None:
    file = team.world.folder / "models.yaml"
    staging = "environments:\n  staging: {active: v1.0.0, registry: postgres, endpoint: none}\n"
    file.write_text(file.read_text().replace("environments:\n", staging))
    run = team.run(DATABASE_URL="")
    git(team.world.folder, "checkout", "--quiet", "models.yaml")
    assert run.code == 2
    assert "not watched: staging: no DATABASE_URL" in run.err
    assert run.out.startswith("production: tested the whole sample: ")


def test_what_is_not_live_yet_is_not_asked(team: Team) -> None:
    team.world.sql("update public.environments set active_version_id = null")
    team.world.sql("update public.model_versions set is_active = false where is_active")
    run = team.run(alter=is_another_program)
    team.world.sql(
        "update public.environments set active_version_id ="
        " (select id from public.model_versions where version_name = 'v1.1.0')"
    )
    assert run.code == 0, run
    assert run.out == "production: nothing to ask: nothing is live yet\n"
    assert team.logged() == []


def test_from_a_laptop_without_a_token_no_issue_is_opened(team: Team) -> None:
    run = team.run(alter=is_another_program, GITHUB_TOKEN="", LEPINET_WEBHOOK_URL="")
    assert run.code == 1
    assert team.github.requests == []


def disproved_twice(team: Team) -> Ended:
    team.run(alter=answers_otherwise)
    return team.run(alter=answers_otherwise)


def test_the_way_back_is_proposed_and_waits_for_a_person(team: Team) -> None:
    team.merge(auto_rollback=True)
    alarmed = disproved_twice(team)
    assert alarmed.code == 1, alarmed
    (pull,) = team.github.pulls
    assert pull["title"].startswith(
        "Roll production back to v1.0.0: v1.1.0: the endpoint runs, but 3 of 3 answers differ"
    )
    changed = team.github.git("diff", "--unified=0", "main", pull["head"]["ref"])
    assert [line for line in changed.splitlines() if line[:2] in {"+ ", "- "}] == [
        "-    active: v1.1.0",
        "+    active: v1.0.0",
    ]
    waits = "waits for a person to merge it"
    assert waits in alarmed.out
    assert waits in team.github.issues[0]["body"]
    assert pull["auto_merge"] is None
    assert team.world.state().row == "v1.1.0", "the monitor moves nothing"
    assert team.github.dispatches == [("pr.yml", pull["head"]["ref"])]

    pull["state"] = "closed"
    again = team.run(alter=answers_otherwise)
    assert "was closed by a person" in again.out
    assert len(team.github.pulls) == 1


def test_the_check_of_a_way_back_is_started_where_an_earlier_run_broke_off(team: Team) -> None:
    team.merge(auto_rollback=True)
    path = "/repos/acme/butterflies/actions/workflows/pr.yml/dispatches"
    team.github.fails_at = (f"POST {path}", Failure(403))
    disproved_twice(team)
    assert (len(team.github.pulls), team.github.dispatches) == (1, [])
    for _ in range(2):
        team.run(alter=answers_otherwise)
    assert team.github.dispatches == [("pr.yml", team.github.pulls[0]["head"]["ref"])]


def test_with_an_apps_token_github_merges_it_once_its_checks_pass(team: Team) -> None:
    team.merge(auto_rollback=True)
    team.github.me = "butterfly-keeper[bot]"
    alarmed = disproved_twice(team)
    assert "is merged by GitHub once its checks pass" in alarmed.out, alarmed
    assert team.github.pulls[0]["auto_merge"]["merge_method"] == "merge"


def test_where_auto_merge_is_not_allowed_the_issue_says_so(team: Team) -> None:
    team.merge(auto_rollback=True)
    team.github.me = "butterfly-keeper[bot]"
    team.github.allows_auto_merge = False
    assert "Auto merge is not allowed" in disproved_twice(team).out
    assert "Auto merge is not allowed" in team.github.issues[0]["body"]


@pytest.mark.parametrize("alter", [is_another_program, answers_no_photo])
def test_an_endpoint_that_does_not_answer_is_no_reason_to_go_back(team: Team, alter: Alter) -> None:
    team.merge(auto_rollback=True)
    assert team.run(alter=alter).code == 1
    assert team.github.pulls == []


def test_a_deployment_that_has_succeeded_is_told_to_the_chat(team: Team) -> None:
    team.merge("v1.0.0")
    shipped = team.world.run("reconcile", LEPINET_WEBHOOK_URL=team.chat.slack)
    assert shipped.code == 0, shipped
    (told,) = team.chat.texts
    assert told.startswith("production: v1.0.0: models/v1.0.0 @ ")
    assert told.endswith(" is live · moved by asha · Activate v1.0.0")
    assert team.world.run("reconcile", LEPINET_WEBHOOK_URL=team.chat.slack).code == 0
    assert len(team.chat.posted) == 1, "nothing was deployed"

    team.merge()
    team.chat.answers = [(404, {})]
    shipped = team.world.run("reconcile", LEPINET_WEBHOOK_URL=team.chat.slack)
    assert shipped.code == 0, "that the chat is gone takes nothing back"
    assert "the chat was not told: the webhook did not take the message: HTTP 404" in shipped.err
    assert SECRET not in shipped.out + shipped.err
