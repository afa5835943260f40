"""A run killed before or after each of its calls to registry and endpoint: the next run ends in the right state.

A call is one of the registry's functions, a request to the endpoint (a wait's looks count once), or the write of an
order. Killed after a call that only reads is killed before the next one; all others are killed before and after. Each
test plays one row of the design's table of crash points: the quick ones with two kills, the slow ones with all, and
they print what they found: `pytest -m slow -s tests/reconcile/test_kill.py`.
"""

from __future__ import annotations

import json
import shutil
import signal
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from lepinet.registry.records import Failure
from lepinet.workflow import declared
from reconcile.endpoint_wire import ORDER
from reconcile.watch import Crash, Watch, children_of, command_of, gone
from reconcile.world import VERSIONS, Ended, State, World

PROMOTING = {
    "registry_snapshot",
    "claim",
    "begin_deployment",
    "renew",
    "record_step",
    "activate_model_version",
    "release",
}
READING = {"registry_snapshot", "stored_answers", "GET /model", "POST /predict"}
"""Killed after one of these is killed before the next call: the world is the same, and the next run knows no more."""
ASKING = {"GET /model", "POST /predict", ORDER}
NEVER = 0
"""Before the first call: a run that nothing kills."""


@dataclass(frozen=True)
class Turn:
    """One kill, and what came of it."""

    crash: Crash
    killed: Ended
    left: State
    """What the killed run left, of deployments only its own."""
    shown: str
    """The same as registry, endpoint and deployment, in the words of the design's table."""
    again: Ended
    """The next run."""
    state: State
    """What that one left."""


class Story(ABC):
    """One thing that happens to an environment, again and again, from `old` to `new`."""

    name: ClassVar[str]
    calls: ClassVar[set[str]]
    """Some that it must have been killed at."""
    command: ClassVar[tuple[str, ...]] = ("reconcile",)
    failing: ClassVar[bool] = False
    """The endpoint answers otherwise than the new version does offline."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.turn = 0
        world.start_over(VERSIONS[0])
        self.old, self.new = VERSIONS[:2]

    @abstractmethod
    def prepare(self) -> None:
        """Up to the run that is killed."""

    def meanwhile(self, left: State) -> None:
        """Between that run and the next one."""
        del left

    @abstractmethod
    def check(self, turn: Turn) -> None:
        """What must be, after the next run."""

    def arguments(self) -> tuple[str, ...]:
        return self.command

    def alter(self, path: str, answer: bytes) -> bytes:
        said = json.loads(answer)
        if self.failing and path == "/predict" and said["model"]["version"] == self.new:
            return json.dumps(said | {"confidence": 0.5, "top": [said["top"][0] | {"confidence": 0.5}]}).encode()
        return answer

    def another_turn(self) -> None:
        """From where the last turn ended."""
        self.turn += 1
        row = self.world.state().row
        assert row is not None
        self.old, self.new = row, next(name for name in VERSIONS if name != row)

    def declare(self, active: str, **gates: Any) -> None:
        """With a gate that says nothing and differs each turn: what failed its proof before is tried again."""
        self.world.declare(active, max_species_recall_drop=0.5 + self.turn / 1000, **gates)


class Activation(Story):
    name = "activation"
    calls = PROMOTING | ASKING

    def prepare(self) -> None:
        self.declare(self.new)

    def check(self, turn: Turn) -> None:
        assert turn.again.code == 0
        assert (turn.state.row, turn.state.endpoint, turn.state.ready) == (self.new, self.new, True)
        assert turn.state.statuses[0] == "succeeded"
        if turn.left.statuses == ("started",):
            assert turn.state.statuses[1] == "superseded"


class Reverted(Story):
    name = "killed, then reverted"
    calls = PROMOTING | ASKING

    def prepare(self) -> None:
        self.declare(self.new)

    def meanwhile(self, left: State) -> None:
        self.world.declare(self.old)
        (plan,) = declared.plan(self.world.workspace(), None)
        assert plan.empty == (left.row == left.endpoint == self.old and left.statuses != ("started",))
        assert plan.aim.version == self.old

    def check(self, turn: Turn) -> None:
        assert turn.again.code == 0
        assert (turn.state.row, turn.state.endpoint, turn.state.ready) == (self.old, self.old, True)
        assert turn.state.statuses[0] == "succeeded"


class Disproved(Story):
    name = "proof failed and put back"
    calls = ASKING | {"fail_deployment", "begin_deployment", "record_step", "release"}
    failing = True

    def prepare(self) -> None:
        self.declare(self.new)

    def check(self, turn: Turn) -> None:
        assert turn.again.code == 1
        assert f"{self.new} " in turn.again.out
        assert "answers differ from the tested ones" in turn.again.out
        assert (turn.state.row, turn.state.endpoint, turn.state.ready) == (self.old, self.old, True)
        assert turn.state.statuses[0] == "failed"
        assert self.world.sql("select failure from public.model_deployments order by begun_at desc limit 1") == [
            ("proof",)
        ]


class Retried(Story):
    """A failed proof stands, and a person asks for another try: a run that has begun it leaves it to the next one."""

    name = "retried after a failed proof"
    calls = PROMOTING | ASKING
    command = ("reconcile", "--retry")

    def prepare(self) -> None:
        self.declare(self.new)
        with self.world.claimed() as (registry, claimant):
            failed = self.world.begin(registry, claimant, self.new, way_back=self.old)
            registry.fail_deployment(failed, claimant, Failure.PROOF, "other answers")
            registry.release("production", claimant)

    def check(self, turn: Turn) -> None:
        begun = bool(turn.left.statuses)
        assert turn.again.code == (0 if begun else 1)
        live = self.new if begun else self.old
        assert (turn.state.row, turn.state.endpoint, turn.state.ready) == (live, live, True)
        assert ("not tried again" in turn.again.out) != begun


class Held(Story):
    """Main's next commit holds what a killed run has begun."""

    name = "held, an unfinished one undone"
    calls = ASKING | {"fail_deployment", "begin_deployment", "release"}

    def prepare(self) -> None:
        self.declare(self.new)
        self._leave_unfinished()
        self.declare(self.new, when_undecided="block")

    def check(self, turn: Turn) -> None:
        assert turn.again.code == 1
        assert f"{self.new} " in turn.again.out
        assert (turn.state.row, turn.state.endpoint, turn.state.ready) == (self.old, self.old, True)
        assert turn.state.statuses[0] == "failed"
        assert self.world.sql("select failure from public.model_deployments order by begun_at desc limit 1") == [
            ("verdict",)
        ]

    def _leave_unfinished(self) -> None:
        """What a run leaves that is killed right after its order."""
        with self.world.claimed() as (registry, claimant):
            self.world.begin(registry, claimant, self.new, way_back=self.old)
        self.world.move(self.new)
        self.world.end_leases()


class Emergency(Story):
    name = "emergency"
    calls = ASKING | {"begin_emergency", "renew", "record_step", "activate_model_version", "release"}

    def prepare(self) -> None:
        self.declare(self.old)

    def arguments(self) -> tuple[str, ...]:
        return "rollback", self.new, "--now", "--reason", "wings look wrong"

    def check(self, turn: Turn) -> None:
        pinned = self.world.sql("select pinned_version_id is not null from public.environments") == [(True,)]
        live = self.new if pinned else self.old
        assert turn.again.code == (1 if pinned else 0)
        assert (turn.state.row, turn.state.endpoint, turn.state.ready) == (live, live, True)
        if pinned:
            assert "wings look wrong" in turn.again.out
            assert f"lepinet rollback {self.new}" in turn.again.out
            assert "lepinet unpin" in turn.again.out
            assert turn.state.statuses[0] == "succeeded"


class SqlEmergency(Emergency):
    name = "emergency from the SQL editor"
    calls = ASKING | PROMOTING - {"begin_deployment"}

    def prepare(self) -> None:
        super().prepare()
        self.world.sql(f"select public.emergency_activate('{self.new}', 'wings look wrong')")

    def arguments(self) -> tuple[str, ...]:
        return self.command

    def check(self, turn: Turn) -> None:
        super().check(turn)
        assert turn.state.row == self.new


STORIES = (Activation, Reverted, Disproved, Retried, Held, Emergency, SqlEmergency)


def play(story: Story, at: int, *, before: bool) -> Turn:
    """One turn of the story: a run killed at its n-th call, if it has so many, and the next run."""
    world = story.world
    story.another_turn()
    story.prepare()
    earlier = len(world.state().statuses)
    crash = Crash(at=at, before=before)
    killed = world.watched(crash, *story.arguments(), alter=story.alter)
    world.end_leases()
    left = world.state()
    left = replace(left, statuses=left.statuses[: len(left.statuses) - earlier])
    story.meanwhile(left)
    again = world.watched(Watch(), "reconcile", alter=story.alter)
    turn = Turn(crash, killed, left, shown(story, left), again, world.state())
    try:
        assert (killed.code == -signal.SIGKILL) == (crash.killed is not None)
        assert gone(crash.children)
        assert "started" not in turn.state.statuses
        story.check(turn)
    except AssertionError as error:
        error.add_note(f"{story.name}: {turn}")
        raise
    return turn


def shown(story: Story, state: State) -> str:
    names = {story.old: "old", story.new: "new"}
    endpoint = names.get(state.endpoint or "") if state.ready else "moving"
    return f"{names.get(state.row or '')} · {endpoint} · {' and '.join(state.statuses) or '-'}"


@pytest.mark.parametrize("make", STORIES, ids=lambda make: make.name)
def test_killed_before_and_after_a_call(any_world: World, make: type[Story]) -> None:
    """The quick set: a kill early on and one late."""
    story = make(any_world)
    assert play(story, 3, before=True).crash.killed
    assert play(story, 9, before=False).crash.killed


def test_the_child_that_tests_a_model_ends_with_its_run(world: World) -> None:
    """No call comes while a model is tested: this kill has a place of its own."""
    story = Activation(world)
    story.another_turn()
    story.prepare()
    shutil.rmtree(world.home / "cache")
    running = world.start("reconcile")
    world.wait(lambda: bool(answering(running.pid)))
    children = answering(running.pid)
    running.signal(signal.SIGKILL)
    assert running.end().code == -signal.SIGKILL
    assert gone(children)
    world.end_leases()


def answering(pid: int) -> tuple[int, ...]:
    """The processes in which a run has models answer."""
    return tuple(child for child in children_of(pid) if b"predictors.child" in command_of(child))


@pytest.mark.slow
@pytest.mark.parametrize("make", STORIES, ids=lambda make: make.name)
def test_killed_at_every_call(any_world: World, make: type[Story]) -> None:
    """Over a project's API at those of the registry's functions: what the endpoint hears is the same for every kind."""
    story = make(any_world)
    elsewhere = set() if any_world.registry == "embedded" else ASKING
    calls = play(story, NEVER, before=True).crash.calls
    kills = [
        play(story, at, before=before)
        for before in (True, False)
        for at, call in enumerate(calls, 1)
        if call not in elsewhere and (before or call not in READING)
    ]
    assert all(kill.crash.killed for kill in kills)
    found = Counter(kill.shown for kill in kills)
    lines = [f"\n{story.name}: {len(calls)} calls, {len(kills)} kills; registry · endpoint · deployment:"]
    lines += [f"  {times:3}  {left}" for left, times in found.most_common()]
    print("\n".join(lines))  # noqa: T201 -- the figures are told in notes
    assert story.calls - elsewhere <= {kill.crash.killed for kill in kills}
