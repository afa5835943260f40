"""Whether an environment's declared version may ship, judged against what its registry says is active."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from lepinet.endpoints import Progress
from lepinet.errors import NoTokenError, OutsideError, RefusedError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.gates import Decision, Verdict
from lepinet.evaluation.gates.judge import judge, judge_without_baseline
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.manifest.history import Activation, ChangeClass, Number
from lepinet.manifest.model import Manifest
from lepinet.reconcile.run import Judgement, UntestedError
from lepinet.registry import Registry
from lepinet.registry.records import DeploymentStatus, Failure, Snapshot
from lepinet.target import Target
from lepinet.workflow.handover import Offline

_ROOM: Final = 16 << 20
"""Bytes that the registry gives to a version's answers (supabase/migrations/20261202000200_bounded_rows.sql)."""
_EXPONENT: Final = re.compile(r'"confidence": [\d.]+e-(\d+)')


@dataclass(frozen=True)
class Judge:
    """Judges one environment's declared version."""

    manifest: Manifest
    offline: Offline
    registry: Registry
    activation: Activation
    number: Number
    """Asked with the baseline that the registry has proved, which need not be what main had active before."""
    forbidden: tuple[str, ...]
    """What the rules have against the commit that declared it."""
    tell: Progress

    def judgement(self, snapshot: Snapshot) -> Judgement:
        """As an activation, unless the version is the last succeeded one, or a rollback to one that succeeded here."""
        target = self.activation.target
        version = target.version or ""
        self.tell(f"{self.activation.environment}: testing {version} on the known images")
        try:
            answers = self.offline.answers(target)
            require_room(answers)
        except NoTokenError:
            raise  # it says nothing of the version, and the run that has a token goes on
        except RefusedError as error:
            # Whatever the change is, and whoever decided it: what cannot be loaded and asked does not ship.
            untested = f"{version} cannot be tested: {error.what}"
            return Judgement(refused=Failure.PROOF, sentence=untested, verdict=None, answers=None)
        served_last = version == _last_succeeded(snapshot)
        if self.forbidden and not served_last:
            # A pull request's check says so too, but only here nobody could forge the answer.
            commit = self.activation.state.commit.id[:7]
            sentence = f"{commit} changed what the rules forbid, so revert it: {'; '.join(self.forbidden)}"
            return Judgement(refused=Failure.VERDICT, sentence=sentence, verdict=None, answers=answers)
        back = self.activation.change is ChangeClass.ROLLBACK and version in snapshot.succeeded
        if back or served_last:
            return Judgement(refused=None, sentence=f"{version} has served here before", verdict=None, answers=answers)
        verdict = self._verdict(snapshot, answers)
        override = self.manifest.environments[self.activation.environment].override
        blocks = verdict.answer is Decision.HOLD or (
            verdict.answer is Decision.UNDECIDED and self.manifest.gates.when_undecided == "block"
        )
        document = verdict.model_dump(mode="json")
        sentence = verdict.sentence
        if blocks and override:
            sentence = f"{sentence}; ships by override: {override.reason}"
            document["override"] = override.reason
        refused = Failure.VERDICT if blocks and override is None else None
        return Judgement(refused=refused, sentence=sentence, verdict=document, answers=answers)

    def _verdict(self, snapshot: Snapshot, answers: Answers | None) -> Verdict:
        active = snapshot.proved
        gates = self.manifest.gates
        if active is None or answers is None:
            return judge(None, answers, Terms(gates))
        target = self._target_of_active(active)
        baseline = self._answers_of_active(active, target, answers.known_images_sha256)
        if baseline is None:
            return judge_without_baseline(active, answers, gates)
        best = self._best(active, answers.known_images_sha256)
        speed = self.offline.speed(target, self.activation.target) if target else None
        tries = self.number(self.activation.environment, target, self.activation.target)
        return judge(baseline, answers, Terms(gates, tries, best, speed))

    def _best(self, active: str, known_images: str) -> Best | None:
        """The reference, where it is neither the active version nor the declared one."""
        name = self.manifest.environments[self.activation.environment].reference
        if name is None or name in {active, self.activation.target.version}:
            return None
        return Best(name, tested_answers(self.offline, self.registry, self.manifest.target(name), known_images))

    def _target_of_active(self, active: str) -> Target | None:
        """The files of what the registry says is active; None where git does not know them."""
        if active in self.manifest.versions:
            return self.manifest.target(active)
        baseline = self.activation.baseline
        return baseline if baseline and baseline.version == active else None

    def _answers_of_active(self, active: str, target: Target | None, known_images: str) -> Answers | None:
        """What the active version says of the same images."""
        if target is None:
            return stored_answers(self.registry, active, known_images)
        return tested_answers(self.offline, self.registry, target, known_images)


def require_room(answers: Answers | None) -> None:
    """See that the registry takes a version's answers, before an endpoint has moved to it.

    Raises:
        RefusedError: it does not.
    """
    if answers is None:
        return
    text = json.dumps(answers.model_dump(mode="json"), ensure_ascii=False)
    # PostgreSQL writes 1e-30 with all of its noughts.
    size = len(text.encode()) + sum(int(exponent) - 3 for exponent in _EXPONENT.findall(text))
    if size > _ROOM:
        count = len(answers.answers)
        raise RefusedError(
            f"the registry keeps {_ROOM >> 20} MB of a version's answers, those on about {count * _ROOM // size:,}"
            f" photos like these, and there are {count:,}"
        )


def tested_answers(offline: Offline, registry: Registry, target: Target, known_images: str) -> Answers | None:
    """What a version says offline, by its files, else as it was stored when it was tested; None: nobody can tell.

    Raises:
        UntestedError: its files cannot be had now, and nothing is stored.
    """
    try:
        return offline.answers(target)
    except (RefusedError, OutsideError) as error:
        stored = stored_answers(registry, target.version, known_images) if target.version else None
        if stored is None and isinstance(error, OutsideError):
            what = f"the files of {target.version or target} cannot be had: {error.what}"
            raise UntestedError(what, where=error.where, todo=error.todo) from error
        return stored


def stored_answers(registry: Registry, version: str, known_images: str) -> Answers | None:
    """What a version said of exactly these images when it was tested last; None when it never was."""
    stored = registry.stored_answers(version, known_images)
    try:
        return Answers.model_validate(stored) if stored else None
    except ValidationError:
        return None


def _last_succeeded(snapshot: Snapshot) -> str | None:
    return next((row.version for row in snapshot.deployments if row.status is DeploymentStatus.SUCCEEDED), None)
