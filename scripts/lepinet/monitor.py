"""Whether a live endpoint is still what was activated: from the last run and today's answers to findings; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from lepinet.evaluation.answers import Answers
from lepinet.evaluation.gates import percents
from lepinet.evaluation.metrics import Metrics, measure, wilson_interval
from lepinet.manifest.model import Gates
from lepinet.reconcile.plan import Action, Plan
from lepinet.reconcile.proof import Proof, prove
from lepinet.registry.records import MonitorRow
from lepinet.target import Target

EVERY: Final = 6 * 3600
"""Seconds between two runs."""
WHOLE_EVERY: Final = 24 * 3600
"""Seconds between two runs that ask the whole sample."""
LATE: Final = 3 * 3600
"""A run comes by somebody's clock, and by GitHub's often late: so many seconds are no matter."""
MISSED: Final = 3
"""So many runs in a row that did not come need a person."""
AS_ACTIVATED: Final = ", as when activated"
"""How the sentence of a run ends whose answers are those of the test before the activation."""
WHOLE: Final = 100
"""Photos of the whole sample, at most."""
A_FEW: Final = 12
"""Photos of the runs in between."""
SLOWER: Final = 3
"""So many times as long as usual is slow, where it is also longer by as much as a person notices:"""
NOTICED_MS: Final = 500


class Cause(StrEnum):
    """Why somebody is alarmed; one issue each."""

    NO_ANSWER = "no-answer"
    """Nothing answers, though nobody said that it may sleep."""
    BARRED = "barred"
    """The monitor may not ask; whether visitors are answered, nobody knows."""
    ANSWERS = "answers"
    """It answers otherwise than the version did when it was activated."""
    ACCURACY = "accuracy"
    """Its answers are shown to be under a floor of the gates, which the tested ones were not."""
    LATENCY = "latency"
    """It takes much longer than usual."""
    DRIFT = "drift"
    """Manifest, database and endpoint do not agree, and only a person can tell which is right."""
    BEHIND = "behind"
    """What main declares is not live, and nothing is on its way."""


AT_ONCE: Final = frozenset({Cause.NO_ANSWER, Cause.BARRED, Cause.DRIFT})
"""These are certain when they are seen, after all repetitions; the others may pass, and alarm the second time."""


class Looked(StrEnum):
    """How far a run came."""

    ASKED = "asked"
    SILENT = "no answer"
    BARRED = "barred"
    """The endpoint runs, and does not let the monitor ask."""
    ASLEEP = "asleep"
    """The endpoint sleeps until a visitor comes, and the monitor is none."""
    DEPLOYING = "deploying"
    """What answers now may change at any moment."""
    NOTHING = "nothing to ask"
    """Nothing is served from a machine of ours, or there are no known images."""


@dataclass(frozen=True)
class Look:
    """What a run saw of one environment."""

    looked: Looked
    detail: str = ""
    """Who deploys, or what was in the way."""
    plan: Plan | None = None
    """What reconcile would do; None where this checkout cannot tell."""
    live: Answers | None = None
    """What the endpoint says of the sample."""
    tested: Answers | None = None
    """What the target's version said of the same photos when it was activated, in the same order."""
    target: Target | None = None
    """What should have answered: what the endpoint is set to, where it tells, else the active version."""
    whole: bool = False


@dataclass(frozen=True)
class Finding:
    """One cause, as it was found by this run."""

    cause: Cause
    sentence: str
    runs: int
    """In so many runs in a row, this one included; runs that could not look do not count."""
    begins: bool
    """This run is the first that alarms."""

    @property
    def alarms(self) -> bool:
        return self.runs >= _needed(self.cause)


class Kept(BaseModel):
    """What a run keeps for the next one: `details` of its row."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    looked: Looked
    whole: bool = False
    runs: Mapping[Cause, int] = {}
    """In how many runs in a row each cause was found; those that were not are left out."""
    median_ms: float | None = None
    p95_ms: float | None = None
    differing: tuple[str, ...] = ()
    """File names of photos that were answered otherwise than tested."""


@dataclass(frozen=True)
class Monitored:
    """What a run found."""

    environment: str
    looked: Looked
    sentence: str
    findings: tuple[Finding, ...]
    fine: frozenset[Cause]
    """What was looked at and is in order."""
    over: tuple[Cause, ...]
    """Alarms that stood before this run, and stand no more."""
    figures: Metrics | None
    kept: Kept

    @property
    def alarms(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.alarms)


def whole_is_due(earlier: MonitorRow | None) -> bool:
    """Whether it is time to ask the whole sample again, by what was logged."""
    if earlier is None or earlier.whole_seconds_ago is None:
        return True
    return earlier.whole_seconds_ago >= WHOLE_EVERY - LATE


def missed(earlier: MonitorRow) -> int:
    """How many runs should have come since the last one, and did not."""
    return int(max(earlier.seconds_ago - LATE, 0) // EVERY)


def standing(earlier: MonitorRow | None) -> tuple[Cause, ...]:
    """Causes whose alarm stood after the last run."""
    runs = _runs(earlier)
    return tuple(cause for cause in Cause if runs.get(cause, 0) >= _needed(cause))


def monitor(environment: str, look: Look, gates: Gates, earlier: MonitorRow | None) -> Monitored:
    """Hold what was seen against what was activated, and against what earlier runs found.

    Args:
        environment: its name.
        look: what this run saw.
        gates: with the floors.
        earlier: the last run; None when this is the first.
    """
    figures = measure(look.live) if look.live else None
    proof = prove(look.live, look.tested, look.target) if look.live and look.target else None
    found = dict(_found(look, figures, proof, gates, earlier.usual_ms if earlier else None))
    fine = frozenset(_told_of(look, found)) - found.keys()
    before, stood = _runs(earlier), standing(earlier)
    runs = {cause: before.get(cause, 0) + (cause in found) for cause in Cause if cause not in fine}
    return Monitored(
        environment=environment,
        looked=look.looked,
        sentence=_sentence(look, figures, proof),
        findings=tuple(
            Finding(cause, found[cause], runs[cause], begins=runs[cause] >= _needed(cause) and cause not in stood)
            for cause in Cause
            if cause in found
        ),
        fine=fine,
        over=tuple(cause for cause in stood if cause in fine),
        figures=figures,
        kept=Kept(
            looked=look.looked,
            whole=look.whole,
            runs={cause: count for cause, count in runs.items() if count},
            median_ms=figures.latency_p50 if figures else None,
            p95_ms=figures.latency_p95 if figures else None,
            differing=proof.differing if proof else (),
        ),
    )


def _needed(cause: Cause) -> int:
    return 1 if cause in AT_ONCE else 2


def _runs(earlier: MonitorRow | None) -> Mapping[Cause, int]:
    try:
        return Kept.model_validate(earlier.details).runs if earlier else {}
    except ValidationError:
        return {}  # of a newer LepiNet, or a hand's: the next two runs tell again


def _told_of(look: Look, found: Collection[Cause]) -> Iterator[Cause]:
    """The causes of which this run could tell whether they are there."""
    if look.plan is not None:
        yield Cause.DRIFT
    if look.plan is not None and look.looked is not Looked.SILENT:
        yield Cause.BEHIND
    if look.looked in {Looked.ASLEEP, Looked.BARRED, Looked.NOTHING}:
        yield Cause.NO_ANSWER
    if look.looked in {Looked.ASKED, Looked.NOTHING}:
        yield Cause.BARRED
    if look.looked is Looked.ASKED and Cause.NO_ANSWER not in found:
        yield from (Cause.NO_ANSWER, Cause.ANSWERS, Cause.ACCURACY, Cause.LATENCY)


def _found(
    look: Look, figures: Metrics | None, proof: Proof | None, gates: Gates, usual_ms: float | None
) -> Iterator[tuple[Cause, str]]:
    if look.looked is Looked.SILENT:
        # The cause's title says it already.
        yield Cause.NO_ANSWER, look.detail.removeprefix("the endpoint does not answer: ")
    if look.looked is Looked.BARRED:
        yield Cause.BARRED, f"visitors may be answered all the same: {look.detail}"
    if look.live and figures and proof:
        yield from _of_answers(look.live, look.tested, proof, gates)
        yield from _of_time(figures.latency_p50, usual_ms)
    if look.plan is None:
        return
    if look.plan.stop:
        yield Cause.DRIFT, look.plan.stop
    elif look.plan.action is not Action.NOTHING and look.looked is not Looked.SILENT:
        yield Cause.BEHIND, f"main declares {look.plan.aim}, and it is not live; to do: {' · '.join(look.plan.steps())}"


def _of_answers(live: Answers, tested: Answers | None, proof: Proof, gates: Gates) -> Iterator[tuple[Cause, str]]:
    if all(answer.error for answer in live.answers):
        yield Cause.NO_ANSWER, f"the endpoint answers no photo: {live.answers[0].error}"
        return
    if not proof.agreed:
        yield Cause.ANSWERS, proof.sentence
    under = _under_a_floor(live, gates)
    if under and not (tested and _under_a_floor(tested, gates)):
        yield Cause.ACCURACY, under


def _under_a_floor(answers: Answers, gates: Gates) -> str | None:
    """Which floor these answers are shown to be under, at 95 % confidence; a sample is a few of all known images."""
    figures = measure(answers)
    floors: tuple[tuple[Decimal | None, int | None, str], ...] = (
        (gates.min_accuracy, figures.correct, "right"),
        (gates.min_top3_accuracy, figures.correct_in_top3, "right among the first three"),
    )
    for floor, right, what in floors:
        if floor is not None and right is not None and wilson_interval(right, figures.sample_size)[1] < float(floor):
            return f"{right} of {figures.sample_size} photos are {what}; the floor is {float(floor) * 100:.0f} %"
    return None


def _of_time(median_ms: float | None, usual_ms: float | None) -> Iterator[tuple[Cause, str]]:
    if median_ms is None or usual_ms is None:
        return
    if median_ms > max(SLOWER * usual_ms, usual_ms + NOTICED_MS):
        yield Cause.LATENCY, f"a photo takes {median_ms:,.0f} ms in the median; {usual_ms:,.0f} ms is usual"


def _sentence(look: Look, figures: Metrics | None, proof: Proof | None) -> str:
    match look.looked:
        case Looked.ASKED if figures and figures.accuracy_interval and proof:
            as_tested = AS_ACTIVATED if proof.agreed and proof.compared else ""
            return (
                f"{figures.correct} of {figures.sample_size} right ({percents(*figures.accuracy_interval)}){as_tested}"
            )
        case Looked.ASLEEP:
            return "the endpoint sleeps until a visitor comes; it was not woken"
        case Looked.DEPLOYING:
            return f"a deployment is running ({look.detail}); nothing was asked"
        case Looked.SILENT:
            return f"no answer: {look.detail}"
        case Looked.BARRED:
            return f"the monitor may not ask: {look.detail}"
        case _:
            return f"nothing to ask: {look.detail}"
