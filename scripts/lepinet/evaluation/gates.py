"""The verdict: each gate with its limit and what was measured, and all of them together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from pydantic import Field

from lepinet.evaluation import binomial
from lepinet.evaluation.answers import Answers, Value
from lepinet.evaluation.comparison import Comparison, SpeciesChange, compare
from lepinet.evaluation.metrics import Metrics, measure, wilson_interval
from lepinet.evaluation.paired import Paired, images_needed, lower_bound, mcnemar_worse, non_inferiority
from lepinet.manifest.model import Gates

SMOKE_TEST = 20
"""Below this many images, figures in percent would promise more than they hold."""
SPECIES_IMAGES = 5
Figures: TypeAlias = Mapping[str, float | int | str]
_SPECIES_ALPHA = 0.03
_OTHERS_NEEDED = 30
_FLIPS_CONFIDENCE = 0.95


class State(StrEnum):
    """How one gate answers."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    WATCH = "watch"
    TOO_FEW = "too_few"
    NOT_MEASURED = "not_measured"


class Decision(StrEnum):
    """How all gates together answer."""

    PROMOTE = "promote"
    HOLD = "hold"
    UNDECIDED = "undecided"


class Gate(Value):
    """One rule with its limit and what was measured."""

    name: str
    state: State
    threshold: float | None
    value: float | None
    sample_size: int
    """Known images that it looked at."""
    sentence: str


class Reason(Value):
    """Why the verdict is what it is."""

    code: str
    sentence: str
    figures: Figures = Field(default={})


class Verdict(Value):
    """All gates together."""

    answer: Decision
    gates: tuple[Gate, ...]
    reasons: tuple[Reason, ...]
    """Most important first; never empty."""

    @property
    def sentence(self) -> str:
        return self.reasons[0].sentence


@dataclass(frozen=True)
class _Judged:
    gate: Gate
    reasons: tuple[Reason, ...] = ()


def judge(baseline: Answers | None, candidate: Answers | None, gates: Gates) -> Verdict:
    """What the known images say of making the candidate active in place of the baseline.

    Args:
        baseline: None for an environment's first version; its floors and that it answers then decide.
        candidate: None, or no images in it: there are no known images.
        gates: the limits.

    Raises:
        RefusedError: both were tested on different known images.
    """
    if candidate is None or not candidate.answers:
        sentence = "there are no known images, so nothing can be shown"
        return Verdict(answer=Decision.HOLD, gates=(), reasons=(Reason(code="no_images", sentence=sentence),))
    figures = measure(candidate)
    judged = [*_floors(figures, gates)]
    if baseline is None:
        sentence = "the first version of this environment: nothing to compare with, floors and loading decide"
        return _together(judged, Reason(code="no_baseline", sentence=sentence))
    comparison = compare(baseline, candidate)
    if comparison.identical:
        sentence = f"{candidate.model.name} answers exactly as {baseline.model.name} does"
        gate = Gate(
            name="non_inferiority",
            state=State.PASSED,
            threshold=_float(gates.non_inferiority_margin),
            value=0.0,
            sample_size=comparison.paired.size,
            sentence=sentence,
        )
        return Verdict(
            answer=Decision.PROMOTE,
            gates=(gate, *(one.gate for one in judged)),
            reasons=(Reason(code="identical", sentence=sentence),),
        )
    judged = [*_non_inferior(comparison.paired, gates), *judged, *_flips(comparison.paired, gates)]
    judged += _species(comparison, gates)
    sentence = f"nothing speaks against {candidate.model.name}"
    return _together(judged, Reason(code="passed", sentence=sentence))


def judge_without_baseline(active: str, candidate: Answers, gates: Gates) -> Verdict:
    """The verdict when nobody can tell what the active version says of these images: floors, else undecided."""
    judged = [*_floors(measure(candidate), gates)]
    sentence = f"{active} is active, and neither its files nor its answers on these images are to be had"
    gate = Gate(
        name="non_inferiority",
        state=State.UNDECIDED,
        threshold=_float(gates.non_inferiority_margin),
        value=None,
        sample_size=len(candidate.answers),
        sentence=sentence,
    )
    gone = _Judged(gate, (Reason(code="baseline_gone", sentence=sentence),))
    return _together([gone, *judged], Reason(code="passed", sentence=sentence))


def _together(judged: list[_Judged], otherwise: Reason) -> Verdict:
    states = {one.gate.state for one in judged}
    told: tuple[State, ...]
    if State.FAILED in states:
        answer, told = Decision.HOLD, (State.FAILED, State.UNDECIDED, State.WATCH)
    elif State.UNDECIDED in states:
        answer, told = Decision.UNDECIDED, (State.UNDECIDED, State.WATCH)
    else:
        answer, told = Decision.PROMOTE, (State.PASSED, State.WATCH)
    reasons = tuple(reason for state in told for one in judged if one.gate.state is state for reason in one.reasons)
    if answer is Decision.PROMOTE and (otherwise.code == "no_baseline" or not reasons):
        reasons = (otherwise, *reasons)
    return Verdict(answer=answer, gates=tuple(one.gate for one in judged), reasons=reasons)


def _non_inferior(paired: Paired, gates: Gates) -> tuple[_Judged, ...]:
    margin = gates.non_inferiority_margin
    if margin is None:
        return ()
    alpha = float(1 - gates.confidence)
    result = non_inferiority(paired, Fraction(margin), alpha)
    worst = -lower_bound(paired, float(gates.confidence))
    limit = points(margin)
    own = f"{limit} = {float(margin) * paired.size:.1f} of your {paired.size} images"
    figures: dict[str, float | int | str] = {
        "images": paired.size,
        "old_right": paired.both_right + paired.negative,
        "new_right": paired.both_right + paired.positive,
        "negative": paired.negative,
        "positive": paired.positive,
        "at_most_worse": worst,
        "margin": float(margin),
    }
    if result.shown:
        state, code = State.PASSED, "shown_not_worse"
        # The exact test is a little stricter than the bound: what it has shown is inside the margin.
        sentence = f"shown at most {points(min(worst, float(margin)))} worse (limit {limit})"
        if worst <= 0:
            sentence = f"shown not worse (limit {limit})"
    elif result.shown_worse:
        state, code = State.FAILED, "shown_worse"
        sentence = f"shown more than {limit} worse: {paired.negative} newly wrong, {paired.positive} newly right"
    else:
        state, code = State.UNDECIDED, "too_few_images"
        needed = max(images_needed(paired, Fraction(margin), alpha), paired.size + 1)
        figures |= {"images_needed": needed, "smallest_margin": worst}
        sentence = (
            f"{paired.size} known images cannot tell: at most {points(max(worst, float(margin)))} worse "
            f"(limit {limit}); about {needed} images would show it"
        )
    gate = Gate(
        name="non_inferiority",
        state=state,
        threshold=float(margin),
        value=worst,
        sample_size=paired.size,
        sentence=f"{sentence}; {own}",
    )
    return (_Judged(gate, (Reason(code=code, sentence=sentence, figures=figures),)),)


def _floors(figures: Metrics, gates: Gates) -> tuple[_Judged, ...]:
    wanted = (
        ("min_accuracy", gates.min_accuracy, figures.correct, "right"),
        ("min_top3_accuracy", gates.min_top3_accuracy, figures.correct_in_top3, "right among the first three"),
    )
    return tuple(
        _floor(name, floor, right, figures.sample_size, what)
        for name, floor, right, what in wanted
        if floor is not None
    )


def _floor(name: str, floor: Decimal, right: int, size: int, what: str) -> _Judged:
    needed = math.ceil(Fraction(floor) * size)
    passed = right >= needed
    sentence = f"{right} of {size} {what}; {needed} needed"
    low, high = wilson_interval(right, size)
    if low < float(floor) < high:
        sentence += ", near the floor"
    gate = Gate(
        name=name,
        state=State.PASSED if passed else State.FAILED,
        threshold=float(floor),
        value=right / size,
        sample_size=size,
        sentence=sentence,
    )
    figures: Figures = {"right": right, "needed": needed, "images": size}
    reasons = () if passed else (Reason(code=f"under_{name}", sentence=sentence, figures=figures),)
    return _Judged(gate, reasons)


def _flips(paired: Paired, gates: Gates) -> tuple[_Judged, ...]:
    limit = gates.max_negative_flips
    if limit is None or paired.size == 0:
        return ()
    bound = binomial.lower_bound(paired.negative, paired.size, _FLIPS_CONFIDENCE)
    over = Fraction(paired.negative, paired.size) > Fraction(limit)
    state = State.FAILED if bound > float(limit) else State.WATCH if over else State.PASSED
    allowed = math.floor(Fraction(limit) * paired.size)
    sentence = f"{paired.negative} of {paired.size} newly wrong; {allowed} allowed"
    gate = Gate(
        name="max_negative_flips",
        state=state,
        threshold=float(limit),
        value=paired.negative / paired.size,
        sample_size=paired.size,
        sentence=sentence,
    )
    figures: Figures = {"negative": paired.negative, "allowed": allowed, "images": paired.size}
    return (_Judged(gate, (Reason(code="many_newly_wrong", sentence=sentence, figures=figures),) if over else ()),)


def _species(comparison: Comparison, gates: Gates) -> tuple[_Judged, ...]:
    limit = gates.max_species_recall_drop
    if limit is None:
        return ()
    judged = [one for one in comparison.species if one.support >= SPECIES_IMAGES]
    few = sum(one.support < SPECIES_IMAGES for one in comparison.species)
    dropped = [one for one in judged if _drop(one) > Fraction(limit)]
    gone = set(comparison.dropped)
    lost = [
        one for one in comparison.species if one in gone or (one in dropped and _lost(one, comparison, len(judged)))
    ]
    watched = [one for one in dropped if one not in lost]
    state = State.FAILED if lost else State.WATCH if watched else State.PASSED if judged else State.TOO_FEW
    reasons = tuple(
        Reason(
            code="species_lost" if one in lost else "species_watch",
            sentence=_species_sentence(one, gone=one in gone),
            figures={"id": one.id, "images": one.support, "old_right": one.old_correct, "new_right": one.new_correct},
        )
        for one in (*sorted(lost, key=_drop, reverse=True), *watched)
    )
    worst = max(comparison.species, key=_drop, default=None)
    counted = f"{len(judged)} species judged, {len(lost)} lost, {len(watched)} to watch, {few} with too few images"
    gate = Gate(
        name="max_species_recall_drop",
        state=state,
        threshold=float(limit),
        value=float(_drop(worst)) if worst else None,
        sample_size=comparison.paired.size,
        sentence="; ".join([counted, *(reason.sentence for reason in reasons)]),
    )
    return (_Judged(gate, reasons),)


def _drop(species: SpeciesChange) -> Fraction:
    return Fraction(species.negative - species.positive, species.support)


def _lost(species: SpeciesChange, comparison: Comparison, judged: int) -> bool:
    """Whether the drop is more than the losses seen in all the others explain, allowing for many species."""
    others = comparison.paired.size - species.support
    if others < _OTHERS_NEEDED:
        alone = Paired(0, species.negative, species.positive, 0)
        return mcnemar_worse(alone) <= _SPECIES_ALPHA / judged
    negative = comparison.paired.negative - species.negative
    positive = comparison.paired.positive - species.positive
    rate = max((negative + 1) / (others + 2), ((negative + positive) / 2 + 1) / (others + 2))
    return binomial.at_least(species.negative - species.positive, species.support, rate) * judged <= _SPECIES_ALPHA


def _species_sentence(species: SpeciesChange, *, gone: bool) -> str:
    if gone:
        return f"{species.name} can no longer be named at all"
    return (
        f"{species.name}, {species.old_correct} of {species.support} right before, "
        f"{species.new_correct} of {species.support} now"
    )


def points(share: float | Decimal) -> str:
    """A difference of shares in words: `2 points`, `1.8 points`, `0.25 points`."""
    value = float(share) * 100
    shown = f"{value:.1f}" if abs(value - round(value, 1)) < 1e-9 or value >= 1 else f"{value:.2g}"
    shown = shown.removesuffix(".0")
    return f"{shown} point" if shown == "1" else f"{shown} points"


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
