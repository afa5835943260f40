"""A move of an Inference Endpoint killed before or after each of its calls: the next run ends in the right state.

A call is one of the registry's functions, a request to the service's management, or a photo.
`pytest -m slow -s tests/endpoints/test_kill_of_a_move.py` prints what was found.
"""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass
from itertools import count

import pytest

from endpoints.hosted import VERSIONS, Ended, Hosted, create, start_over
from reconcile.watch import Crash, gone

READING = ("registry_snapshot", "stored_answers", "GET ", "POST photo")
"""Killed after one of these is killed before the next call: the world is the same, and the next run knows no more."""


@dataclass(frozen=True)
class Turn:
    """One kill, and what came of it."""

    crash: Crash
    killed: Ended
    left: str
    """Registry and endpoint, after the kill."""
    again: Ended


@pytest.fixture(scope="module")
def started(online: Hosted) -> Hosted:
    """Every version has been served once, so that nothing waits for a process to start."""
    for version in VERSIONS:
        online.service.endpoints.clear()
        create(online, version)
    start_over(online, VERSIONS[-1])
    return online


def play(hosted: Hosted, at: int, *, before: bool, reverted: bool) -> Turn:
    """From the active version to another one, killed at the n-th call; then the next run, of a revert if need be."""
    old = hosted.row()
    assert old is not None
    new = next(version for version in VERSIONS if version != old)
    hosted.declare(new)
    crash = Crash(at=at, before=before)
    killed = hosted.watched(crash)
    hosted.end_leases()
    left = f"{_called(hosted.row(), old)} · {_called(hosted.told_to_serve(), old)}, {hosted.managed.state}"
    if reverted:
        hosted.declare(old)
    again = hosted.reconcile()
    turn = Turn(crash, killed, left, again)
    try:
        assert (killed.code == -signal.SIGKILL) == (crash.killed is not None)
        assert gone(crash.children)
        assert again.code == 0
        live = old if reverted else new
        assert (hosted.row(), hosted.told_to_serve(), hosted.serving()) == (live, live, {live})
        assert "started" not in hosted.statuses()
    except AssertionError as error:
        error.add_note(str(turn))
        raise
    return turn


def _called(version: str | None, old: str) -> str:
    return "old" if version == old else "new"


@pytest.mark.parametrize("reverted", [False, True], ids=["gone on with", "reverted"])
def test_killed_around_the_update(started: Hosted, *, reverted: bool) -> None:
    """The quick set."""
    calls = play(started, 10_000, before=True, reverted=False).crash.calls
    at = next(at for at, call in enumerate(calls, 1) if call.startswith("PUT"))
    for before in (True, False):
        turn = play(started, at, before=before, reverted=reverted)
        assert turn.crash.killed is not None
        assert turn.crash.killed.startswith("PUT")


@pytest.mark.parametrize("noticing", [10, 40])
def test_killed_after_an_update_that_the_service_notices_late(started: Hosted, noticing: int) -> None:
    """The next run finds the new revision, and old replicas that are ready: no answer of theirs fails the new one."""
    calls = play(started, 10_000, before=True, reverted=False).crash.calls
    at = next(at for at, call in enumerate(calls, 1) if call.startswith("PUT"))
    started.managed.noticing = noticing
    turn = play(started, at, before=False, reverted=False)
    started.managed.noticing = 1
    assert any("the endpoint still answers as before" in line for line in turn.again.told)
    assert "failed" not in started.statuses()[:2]


@pytest.mark.slow
@pytest.mark.parametrize("reverted", [False, True], ids=["gone on with", "reverted"])
def test_killed_at_every_call(started: Hosted, *, reverted: bool) -> None:
    kills: list[Turn] = []
    for at in count(1):
        turn = play(started, at, before=True, reverted=reverted)
        if turn.crash.killed is None:
            break
        kills.append(turn)
    calls = turn.crash.calls
    writing = [at for at, call in enumerate(calls, 1) if not call.startswith(READING)]
    kills += [play(started, at, before=False, reverted=reverted) for at in writing]
    assert all(kill.crash.killed for kill in kills)
    found = Counter(kill.left for kill in kills)
    lines = [f"\n{len(calls)} calls, {len(kills)} kills; registry · endpoint:"]
    lines += [f"  {times:3}  {left}" for left, times in found.most_common()]
    print("\n".join(lines))  # noqa: T201 -- the figures are told in notes
    met = {(kill.crash.killed or "").split()[0] for kill in kills}
    assert {"PUT", "GET", "POST", "claim", "begin_deployment", "renew", "activate_model_version"} <= met
