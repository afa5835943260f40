"""Emergencies from wherever a person with the keys happens to be, and what git ships after them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconcile.watch import Watch
from reconcile.world import World, git

NOW = ("rollback", "v1.0.0", "--now", "--reason", "wings look wrong")


@pytest.fixture
def live(world: World) -> Iterator[World]:
    """v1.1.0 is live; v1.0.0 was before."""
    world.start_over("v1.0.0")
    world.declare("v1.1.0")
    assert world.run("reconcile").code == 0
    yield world
    git(world.folder, "switch", "--quiet", "--force", "main")
    world.sql("update public.environments set pinned_version_id = null, pin_reason = null")


def serves(world: World, version: str) -> bool:
    state = world.state()
    return (state.row, state.endpoint, state.ready) == (version, version, True)


def test_a_checkout_that_lies_behind_is_good_enough(live: World) -> None:
    git(live.folder, "checkout", "--quiet", "HEAD~1")
    done = live.run(*NOW)
    assert done.code == 0, done
    assert serves(live, "v1.0.0")


def test_an_emergency_from_a_branch_leaves_the_endpoint_to_main(live: World) -> None:
    git(live.folder, "switch", "--quiet", "--force-create", "ahead")
    for number in range(3):
        live.declare("v1.1.0", confidence=0.96 + number / 1000)
    assert live.run(*NOW).code == 0
    git(live.folder, "switch", "--quiet", "--force", "main")
    assert live.run("unpin", "--reason", "v1.1.0 was innocent").code == 0
    again = live.run("reconcile")
    assert again.code == 0, again
    assert serves(live, "v1.1.0")


def test_a_rewritten_main_that_was_accepted_moves_the_endpoint_later_on(live: World) -> None:
    git(live.folder, "reset", "--quiet", "--hard", "HEAD~2")
    live.declare("v1.1.0", confidence=0.97)
    accepted = live.run("reconcile", "--accept-history", "squashed")
    assert accepted.code == 0, accepted
    live.declare("v1.0.0", confidence=0.97)
    moved = live.run("reconcile")
    assert moved.code == 0, moved
    assert serves(live, "v1.0.0")


def test_an_older_commit_stays_superseded_whatever_is_accepted(live: World) -> None:
    git(live.folder, "checkout", "--quiet", "HEAD~1")
    older = live.run("reconcile", "--accept-history", "oops")
    assert older.code == 0
    assert "superseded" in older.out
    assert serves(live, "v1.1.0")
    assert live.run("reconcile", "--accept-history", " ").code == 2


def test_the_pin_does_not_wait_for_an_endpoint_that_does_not_run(live: World, tmp_path: Path) -> None:
    elsewhere = replace(live, home=tmp_path, data=tmp_path / live.data.name)
    elsewhere.data.mkdir()
    (elsewhere.data / "registry").symlink_to(live.data / "registry")
    down = elsewhere.run(*NOW)
    assert down.code == 4, down
    assert "is pinned to v1.0.0, and not finished" in down.err
    live.end_leases()
    followed = live.run("reconcile")
    assert followed.code == 1
    assert serves(live, "v1.0.0")


def test_a_deployment_that_nobody_can_read_stops_runs_and_holds_up_no_emergency(live: World) -> None:
    ((row,),) = live.sql("""
        update public.model_deployments set way_back = '{"version": "v1.0.0"}', verdict = '[1]'
          where number = (select max(number) from public.model_deployments) returning id::text
    """)
    for command in ("plan", "reconcile"):
        stopped = live.run(command)
        assert stopped.code == 3, stopped
        assert row in stopped.err
    told = live.run("history")
    assert told.code == 0, told
    assert f"unreadable, written by hand: verdict, way_back of deployment {row}" in told.out
    done = live.run(*NOW)
    assert done.code == 0, done
    assert serves(live, "v1.0.0")


def test_an_emergency_whose_proof_fails_says_that_the_pin_stays(live: World) -> None:
    def answers_otherwise(path: str, answer: bytes) -> bytes:
        said = json.loads(answer)
        if path == "/predict" and said["model"]["version"] == "v1.0.0":
            said |= {"confidence": 0.5, "top": [said["top"][0] | {"confidence": 0.5}]}
        return json.dumps(said).encode()

    failed = live.watched(Watch(), *NOW, alter=answers_otherwise)
    assert failed.code == 1
    assert "still pinned to v1.0.0" in failed.out
    assert "lepinet unpin" in failed.out
    assert "Make git agree" not in failed.out
    assert serves(live, "v1.1.0")


def test_an_emergency_in_the_middle_of_a_run_goes_back_to_what_was_live(live: World) -> None:
    """Not to what that run was moving to, which has proved nothing."""
    live.declare("v1.2.0")
    live.move("v1.2.0")
    live.wait(lambda: live.observe().ready)

    def answers_otherwise(path: str, answer: bytes) -> bytes:
        said = json.loads(answer)
        if path == "/predict" and said["model"]["version"] == "v1.0.0":
            said |= {"confidence": 0.5, "top": [said["top"][0] | {"confidence": 0.5}]}
        return json.dumps(said).encode()

    assert live.watched(Watch(), *NOW, alter=answers_otherwise).code == 1
    assert serves(live, "v1.1.0")


def test_an_emergency_looks_at_no_photo_before_it_has_pinned(live: World) -> None:
    metadata = live.folder / "photos" / "metadata.csv"
    metadata.write_text("file_name,species_id\nx.jpg\n")
    try:
        done = live.run(*NOW)
    finally:
        metadata.unlink()
    assert live.sql("select pinned_version_id is not null from public.environments") == [(True,)], done


def test_what_git_is_told_not_to_see_is_not_shipped(live: World) -> None:
    manifest = live.folder / "models.yaml"
    git(live.folder, "update-index", "--assume-unchanged", "models.yaml")
    committed = manifest.read_text()
    manifest.write_text(committed.replace("active: v1.1.0", "active: v1.0.0"))
    try:
        hidden = live.run("reconcile")
    finally:
        manifest.write_text(committed)
        git(live.folder, "update-index", "--no-assume-unchanged", "models.yaml")
    assert hidden.code == 1
    assert "is not what is committed" in hidden.err
    assert serves(live, "v1.1.0")
