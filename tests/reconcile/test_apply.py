"""Runs of reconcile in a world where something is wrong, or goes wrong meanwhile: real registry, endpoint and git."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import psycopg
import pytest

from lepinet.cli.output import Progress
from lepinet.errors import UnfinishedError
from lepinet.reconcile.run import Ending
from lepinet.timings import Timings
from lepinet.workflow import deploy
from reconcile.endpoint_wire import ORDER, endpoint_wire
from reconcile.watch import Happening, Silence, Watch
from reconcile.world import World, commit, git

READING = {"registry_snapshot", "GET /model"}


@pytest.fixture
def live(world: World) -> Iterator[World]:
    """v1.0.0 is live, by the first deployment that there ever was; v1.1.0 may come."""
    world.start_over("v1.0.0")
    yield world
    git(world.folder, "switch", "--quiet", "--force", "main")


@pytest.mark.parametrize("command", ["plan", "status"])
def test_looking_asks_the_registry_once(any_world: World, command: str) -> None:
    any_world.start_over("v1.0.0")
    watch = Watch()
    assert any_world.watched(watch, command).code == 0
    assert sorted(watch.calls) == ["GET /model", "registry_snapshot"]


def answers_otherwise(path: str, answer: bytes) -> bytes:
    """As if v1.1.0 on the endpoint were not the files that were tested."""
    said = json.loads(answer)
    if path == "/predict" and said["model"]["version"] == "v1.1.0":
        said |= {"confidence": 0.5, "top": [said["top"][0] | {"confidence": 0.5}]}
    return json.dumps(said).encode()


def serves(world: World, version: str) -> bool:
    state = world.state()
    return (state.row, state.endpoint, state.ready) == (version, version, True)


def deployments(world: World) -> list[tuple[str, str, str | None]]:
    """Version, status and failure, oldest first."""
    return [
        (version, status, failure)
        for version, status, failure in world.sql(
            "select v.version_name, d.status, d.failure from public.model_deployments d"
            " join public.model_versions v on v.id = d.version_id order by d.begun_at"
        )
    ]


def leases(world: World) -> list[tuple[object, ...]]:
    return world.sql("select claimant from public.environments where claimant is not null")


FIRST = ("v1.0.0", "succeeded", None)


class TestNothingToDo:
    def test_a_run_in_step_deploys_nothing(self, live: World) -> None:
        watch = Watch()
        again = live.watched(watch, "reconcile")
        assert (again.code, again.out) == (0, "production: in step: v1.0.0 is live\n")
        assert set(watch.calls) <= READING | {"claim", "release"}
        assert deployments(live) == [FIRST]


class TestHistory:
    def test_an_older_commit_is_superseded(self, live: World) -> None:
        live.declare("v1.0.0", confidence=0.96)
        assert live.run("reconcile").code == 0
        git(live.folder, "checkout", "--quiet", "HEAD~1")
        older = live.run("reconcile")
        assert older.code == 0
        assert "superseded" in older.out
        assert "newer commit" in older.out
        assert deployments(live) == [FIRST]

    def test_a_newer_commit_stops_an_older_run_on_its_way(self, live: World) -> None:
        live.declare("v1.1.0")

        def merge_and_claim(_: int) -> None:
            newer = live.declare("v1.0.0")
            live.sql(f"""
                select public.claim('production', e.repository, e.generation + 1, '{newer}', e.commit_sha,
                  gen_random_uuid(), 'the newer run', 60, 'v1.0.0') from public.environments e
            """)  # noqa: S608 -- of our own making

        watch = Happening(call="begin_deployment", does=merge_and_claim)
        older = live.watched(watch, "reconcile")
        assert older.code == 0, older
        assert "superseded" in older.out
        assert ORDER not in watch.afterwards
        live.end_leases()
        assert live.run("reconcile").code == 0
        assert serves(live, "v1.0.0")

    def test_a_rewritten_main_stops_until_a_person_accepts_it(self, live: World) -> None:
        git(live.folder, "reset", "--quiet", "--hard", "HEAD~1")
        live.declare("v1.0.0", confidence=0.96)
        stopped = live.run("reconcile")
        assert stopped.code == 1
        assert "main was rewritten" in stopped.out
        assert "--accept-history" in stopped.out
        accepted = live.run("reconcile", "--accept-history", "a key was in it")
        assert accepted.code == 0, accepted
        assert "a key was in it" in live.run("history", "--json").out
        assert live.run("reconcile").code == 0

    def test_what_is_not_committed_is_not_shipped(self, live: World) -> None:
        manifest = live.folder / "models.yaml"
        manifest.write_text(f"{manifest.read_text()}# a thought\n")
        dirty = live.run("reconcile")
        assert dirty.code == 1
        assert "models.yaml" in dirty.err

    def test_a_photo_that_git_ignores_is_in_no_commit(self, live: World) -> None:
        (live.folder / ".git" / "info" / "exclude").write_text("*.bmp\n")
        photo = next((live.folder / "photos").iterdir()) / "extra.bmp"
        photo.write_bytes(b"no photo")
        try:
            ignored = live.run("reconcile")
        finally:
            photo.unlink()
        assert ignored.code == 1
        assert "extra.bmp" in ignored.err

    def test_a_rollbacks_reason_reaches_the_history_through_the_printed_commands(self, live: World) -> None:
        live.declare("v1.1.0")
        assert live.run("reconcile").code == 0
        edited = live.run("rollback", "v1.0.0", "--reason", "names no Blue Tiger at dusk", "--json")
        assert edited.code == 0, edited
        for step in json.loads(edited.out)["next"]:
            git(live.folder, *shlex.split(step)[1:])
        assert live.run("reconcile").code == 0
        assert "names no Blue Tiger at dusk" in live.run("history").out

    def test_a_shallow_clone_cannot_tell(self, live: World, tmp_path: Path) -> None:
        git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{live.folder}", "shallow")
        shallow = live.run("reconcile", folder=tmp_path / "shallow")
        assert shallow.code == 2
        assert "git fetch --unshallow" in shallow.err

    def test_a_branch_is_not_main(self, live: World) -> None:
        git(live.folder, "switch", "--quiet", "--force-create", "a-branch")
        live.declare("v1.1.0")
        branch = live.run("reconcile")
        assert branch.code == 1
        assert "not on main's first-parent line" in branch.err
        assert deployments(live) == [FIRST]

    def test_another_repository_is_refused(self, live: World, tmp_path: Path) -> None:
        other = tmp_path / "other"
        copytree(live.folder, other, ignore=lambda *_: {".git"})
        git(tmp_path, "init", "--quiet", "--initial-branch=main", str(other))
        (live.home / commit(other, "Begin anew")).symlink_to(live.data)
        refused = live.run("reconcile", folder=other)
        assert refused.code == 1
        assert "another repository" in refused.err
        assert deployments(live) == [FIRST]


class TestLease:
    def test_it_is_waited_for(self, live: World) -> None:
        live.declare("v1.0.0", confidence=0.96)
        self.hold(live)
        said: list[str] = []

        def tell(line: str) -> None:
            said.append(line)
            live.end_leases()

        (outcome,) = deploy.reconcile_all(
            live.workspace(Timings(poll=0.01)), None, deploy.Options(), deploy.Telling(tell, Progress)
        )
        assert outcome.ending is Ending.DONE
        assert "waiting for the night run" in said[0]

    def test_the_wait_ends(self, live: World) -> None:
        self.hold(live)
        workspace = live.workspace(Timings(poll=0.01, wait_for_lease=0.05))
        with pytest.raises(UnfinishedError, match="the night run has held production"):
            list(deploy.reconcile_all(workspace, None, deploy.Options(), deploy.Telling(print, Progress)))

    @staticmethod
    def hold(world: World) -> None:
        world.sql("""
            update public.environments set claimant = gen_random_uuid(), claimant_label = 'the night run',
              claimant_commit = commit_sha, lease_until = clock_timestamp() + interval '1 minute'
        """)


class TestEnvironmentsRow:
    """What a hand wrote into the environments table."""

    def test_a_generation_that_git_does_not_know_is_named_and_put_right(self, live: World) -> None:
        live.sql("update public.environments set generation = 9223372036854775807")
        stopped = live.run("reconcile")
        assert stopped.code == 1, stopped
        assert "recorded generation 9223372036854775807" in stopped.err
        assert "lepinet reconcile -e production --accept-history" in stopped.err
        assert live.run("reconcile", "--accept-history", "a slip").code == 0
        assert live.run("reconcile").code == 0

    def test_a_lease_of_years_says_whose_it_is_and_what_frees_it(self, live: World) -> None:
        TestLease.hold(live)
        live.sql("update public.environments set lease_until = clock_timestamp() + interval '1000 years'")
        held = live.run("reconcile")
        assert held.code == 1, held
        assert "the night run holds production for another 365" in held.err
        free = re.search(r"update public\.environments.*;", held.err)
        assert free
        live.sql(free[0])
        assert live.run("reconcile").code == 0

    @pytest.mark.parametrize("rubbish", ["lease_until = 'infinity'", "commit_sha = '--help'"])
    def test_what_no_run_could_read_is_refused_by_the_database(self, live: World, rubbish: str) -> None:
        TestLease.hold(live)
        with pytest.raises(psycopg.errors.CheckViolation):
            live.sql(f"update public.environments set {rubbish}")  # noqa: S608 -- of our own making
        live.end_leases()


class TestByHand:
    def test_the_database_is_named_and_mended(self, live: World) -> None:
        live.set_row("v1.1.0")
        stopped = live.run("reconcile")
        assert stopped.code == 1
        assert "the database says v1.1.0 by hand" in stopped.out
        assert "lepinet rollback v1.1.0 -e production" in stopped.out
        assert "lepinet reconcile -e production --mend" in stopped.out
        assert live.state().row == "v1.1.0"
        mended = live.run("reconcile", "--mend")
        assert mended.code == 0, mended
        assert serves(live, "v1.0.0")

    def test_the_endpoint_is_named_and_mended(self, live: World) -> None:
        live.set_endpoint("v1.1.0")
        stopped = live.run("reconcile")
        assert stopped.code == 1
        assert "the endpoint is set to v1.1.0" in stopped.out
        assert "lepinet rollback v1.1.0 -e production" in stopped.out
        assert "--mend" in stopped.out
        assert live.state().endpoint == "v1.1.0"
        mended = live.run("reconcile", "--mend")
        assert mended.code == 0, mended
        assert serves(live, "v1.0.0")

    @pytest.mark.parametrize("version", ["v1.0.0", "v1.2.0"])
    def test_a_row_of_other_files_is_named_and_mended(self, live: World, version: str) -> None:
        ((row,),) = live.sql(f"""
            update public.model_versions set revision = 'sha256:{"f" * 64}'
              where version_name = '{version}' returning id
        """)  # noqa: S608 -- of our own making
        stopped = live.run("reconcile")
        assert stopped.code == 1, stopped
        assert f"{version} in the registry is other files" in stopped.out
        assert "lepinet reconcile -e production --mend" in stopped.out
        assert "taken over" not in stopped.out + stopped.err
        mended = live.run("reconcile", "--mend")
        assert mended.code == 0, mended
        assert f"undoing what a hand did: {version}" in mended.err
        stands = live.sql(f"select revision from public.model_versions where id = '{row}'")  # noqa: S608 -- so is that
        assert stands == [(live.target(version).revision,)]
        assert f"mend: the row of {version} said" in live.run("history", "--steps").out
        assert deployments(live) == [FIRST]

    def test_mending_goes_on_to_what_is_declared(self, live: World) -> None:
        live.set_row("v1.2.0")
        live.declare("v1.1.0")
        assert live.run("reconcile").code == 1
        mended = live.run("reconcile", "--mend")
        assert mended.code == 0, mended
        assert serves(live, "v1.1.0")
        assert deployments(live) == [FIRST, FIRST, ("v1.1.0", "succeeded", None)]

    def test_what_git_declares_afterwards_is_taken_over(self, live: World) -> None:
        live.set_row("v1.1.0")
        live.declare("v1.1.0")
        taken = live.run("reconcile")
        assert taken.code == 0, taken
        assert "taken over: the database already says v1.1.0" in taken.err
        assert serves(live, "v1.1.0")

    @pytest.mark.parametrize(("options", "code", "serving"), [((), 1, "v1.0.0"), (("--mend",), 0, "v1.1.0")])
    def test_the_endpoint_moved_right_after_the_flip_is_seen(
        self, live: World, options: tuple[str, ...], code: int, serving: str
    ) -> None:
        live.declare("v1.1.0")
        watch = Happening(call="activate_model_version", does=lambda _: live.set_endpoint("v1.0.0"))
        run = live.watched(watch, "reconcile", *options)
        assert run.code == code, run
        assert (ORDER in watch.afterwards) == bool(options)
        assert ("lepinet rollback v1.0.0 -e production" in run.out) != bool(options)
        assert live.state().endpoint == serving


class TestProof:
    def test_a_failed_one_stands_until_somebody_asks(self, live: World) -> None:
        live.declare("v1.1.0")
        failed = live.watched(Watch(), "reconcile", alter=answers_otherwise)
        assert failed.code == 1
        assert "3 of 3 answers differ from the tested ones" in failed.out
        assert serves(live, "v1.0.0")
        disproved = [FIRST, ("v1.1.0", "failed", "proof")]
        assert deployments(live) == disproved

        live.declare("v1.1.0")
        standing = live.run("reconcile")
        assert standing.code == 1
        assert "not tried again" in standing.out
        assert "lepinet reconcile -e production --retry" in standing.out
        assert deployments(live) == disproved

        retried = live.run("reconcile", "--retry")
        assert retried.code == 0, retried
        assert serves(live, "v1.1.0")

    def test_a_model_that_is_loaded_and_does_not_answer_is_put_back(self, live: World) -> None:
        def fails(path: str, answer: bytes) -> bytes:
            said = json.loads(answer)
            return b"" if path == "/predict" and said["model"]["version"] == "v1.1.0" else answer

        live.declare("v1.1.0")
        workspace = live.workspace(Timings(poll=0.01, retry=0.001))
        with endpoint_wire(live.endpoint_folder, Watch(), fails):
            (outcome,) = deploy.reconcile_all(workspace, None, deploy.Options(), deploy.Telling(print, Progress))
        assert outcome.ending is Ending.REFUSED, outcome
        assert "does not answer" in outcome.sentence
        assert serves(live, "v1.0.0")
        assert deployments(live)[-1] == ("v1.1.0", "failed", "proof")

    def test_other_conditions_allow_another_try(self, live: World) -> None:
        live.declare("v1.1.0")
        assert live.watched(Watch(), "reconcile", alter=answers_otherwise).code == 1
        live.declare("v1.1.0", confidence=0.96)
        again = live.run("reconcile")
        assert again.code == 0, again
        assert serves(live, "v1.1.0")


class TestVerdict:
    def test_undecided_goes_on_where_a_person_was_asked(self, live: World) -> None:
        live.declare("v1.1.0")
        assert live.run("reconcile").code == 0
        assert self.verdicts(live) == ["undecided"]

    def test_undecided_is_held_where_it_blocks(self, live: World) -> None:
        live.declare("v1.1.0", when_undecided="block")
        watch = Watch()
        held = live.watched(watch, "reconcile")
        assert held.code == 1
        assert "production still serves v1.0.0; v1.1.0 was not activated" in held.out
        assert ORDER not in watch.calls
        assert deployments(live) == [FIRST, ("v1.1.0", "failed", "verdict")]
        assert live.run("reconcile", "--retry").code == 1
        assert deployments(live) == [FIRST, ("v1.1.0", "failed", "verdict")]

    def test_an_override_ships_and_stands_in_the_history(self, live: World) -> None:
        live.declare("v1.1.0", override="the festival is tomorrow", when_undecided="block")
        shipped = live.run("reconcile")
        assert shipped.code == 0, shipped
        assert serves(live, "v1.1.0")
        assert "the festival is tomorrow" in live.run("history", "--json").out

    @staticmethod
    def verdicts(world: World) -> list[object]:
        rows = world.sql("select verdict ->> 'answer' from public.model_deployments order by begun_at offset 1")
        return [answer for (answer,) in rows]


class TestStopped:
    @pytest.mark.parametrize(
        ("number", "call"),
        [
            pytest.param(signal.SIGTERM, ORDER, id="SIGTERM during a move"),
            pytest.param(signal.SIGINT, ORDER, id="SIGINT during a move"),
            pytest.param(signal.SIGTERM, "POST /predict", id="SIGTERM during a proof"),
            pytest.param(signal.SIGINT, "POST /predict", id="SIGINT during a proof"),
        ],
    )
    def test_a_signal_ends_the_run_and_its_lease(self, live: World, number: signal.Signals, call: str) -> None:
        live.declare("v1.1.0")
        watch = Happening(call=call, does=lambda pid: os.kill(pid, number))
        stopped = live.watched(watch, "reconcile")
        assert stopped.code == 4, stopped
        assert "run the same command again" in stopped.err
        assert set(watch.afterwards) <= READING | {"POST /predict", "release"}
        # What it read at the same moment may be heard of later.
        assert watch.afterwards.count("release") == 1
        assert not leases(live)
        assert deployments(live) == [FIRST, ("v1.1.0", "started", None)]
        assert live.state().row == "v1.0.0"

    def test_an_emergency_takes_the_environment_from_a_run(self, live: World) -> None:
        live.declare("v1.1.0")
        emergency = "select public.emergency_activate('v1.0.0', 'wings look wrong')"
        watch = Happening(call="begin_deployment", does=lambda _: live.sql(emergency))
        stopped = live.watched(watch, "reconcile")
        assert stopped.code == 1, stopped
        assert re.search(r"production is pinned to v1\.0\.0 by .* \(SQL\) since .*: wings look wrong", stopped.out)
        assert ORDER not in watch.afterwards
        assert deployments(live)[1] == ("v1.1.0", "superseded", None)

    def test_a_pin_stops_every_run_until_it_is_lifted(self, live: World) -> None:
        live.sql("select public.emergency_activate('v1.0.0', 'wings look wrong')")
        live.declare("v1.1.0")
        for _ in range(2):
            pinned = live.run("reconcile")
            assert pinned.code == 1
            assert "lepinet rollback v1.0.0 -e production" in pinned.out
            assert "lepinet unpin -e production" in pinned.out
        assert serves(live, "v1.0.0")
        assert live.run("unpin", "--reason", "v1.1.0 is right after all").code == 0
        assert live.run("reconcile").code == 0
        assert serves(live, "v1.1.0")

    def test_a_commit_that_declares_the_pinned_version_ends_the_pin(self, live: World) -> None:
        live.sql("select public.emergency_activate('v1.0.0', 'wings look wrong')")
        live.declare("v1.0.0", confidence=0.96)
        agreed = live.run("reconcile")
        assert agreed.code == 0, agreed
        assert "started" not in live.state().statuses

    def test_a_flip_without_an_answer_is_repeated_by_its_id(self, live: World) -> None:
        live.declare("v1.1.0")
        watch = Silence(call="activate_model_version")
        run = live.watched(watch, "reconcile")
        assert run.code == 0, run
        assert watch.calls.count("activate_model_version") == 2
        assert deployments(live) == [FIRST, ("v1.1.0", "succeeded", None)]

    def test_a_flip_never_answered_is_left_to_the_next_run(self, live: World) -> None:
        live.declare("v1.1.0")
        silent = live.watched(Silence(call="activate_model_version", times=9), "reconcile")
        assert silent.code == 4, silent
        assert "lepinet reconcile" in silent.err
        live.end_leases()
        assert live.run("reconcile").code == 0
        assert deployments(live) == [FIRST, ("v1.1.0", "succeeded", None)]

    def test_an_endpoint_that_dies_during_a_move_says_what_starts_it(self, live: World) -> None:
        live.declare("v1.1.0")
        answers_at, hidden = live.endpoint_folder / "listening.json", live.endpoint_folder / "hidden.json"
        said: list[str] = []

        def tell(line: str) -> None:
            said.append(line)
            if ": move: " in line:
                answers_at.rename(hidden)
            if "start it: lepinet serve -e production" in line:
                hidden.rename(answers_at)

        workspace = live.workspace(Timings(poll=0.01, move=30))
        (outcome,) = deploy.reconcile_all(workspace, None, deploy.Options(), deploy.Telling(tell, Progress))
        assert outcome.ending is Ending.DONE, said

    def test_an_endpoint_that_does_not_run_says_what_starts_it(self, live: World, tmp_path: Path) -> None:
        elsewhere = replace(live, home=tmp_path, data=tmp_path / live.data.name)
        elsewhere.data.mkdir()
        (elsewhere.data / "registry").symlink_to(live.data / "registry")
        live.declare("v1.1.0")
        down = elsewhere.run("reconcile")
        assert down.code == 3, down
        assert "lepinet serve -e production" in down.err
        assert elsewhere.run("plan").code == 3
        assert deployments(live) == [FIRST]
