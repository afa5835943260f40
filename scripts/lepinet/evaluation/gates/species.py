"""The gate on single species: one that is lost holds the candidate, however good it is on average."""

from __future__ import annotations

from fractions import Fraction

from lepinet.evaluation import binomial
from lepinet.evaluation.comparison import Comparison, SpeciesChange
from lepinet.evaluation.gates.verdict import Gate, Judged, Reason, State
from lepinet.evaluation.paired import Paired, mcnemar_worse
from lepinet.manifest.model import Gates

LEAST_IMAGES = 5
"""Species with fewer are not judged alone."""
_ALPHA = 0.03
"""Shared by all species that are judged."""
_OTHERS_NEEDED = 30
_SHOWN = 3
"""So many species stand in the gate's own sentence; each has a reason."""


def species(comparison: Comparison, gates: Gates) -> tuple[Judged, ...]:
    """Failed for a lost species, a drop that may be chance is something to watch."""
    if gates.max_species_recall_drop is None:
        return ()
    limit = Fraction(gates.max_species_recall_drop)
    judged = [one for one in comparison.species if one.support >= LEAST_IMAGES]
    gone = {one.id for one in comparison.dropped}
    lost: list[SpeciesChange] = []
    watched: list[SpeciesChange] = []
    over = (one for one in judged if one.id not in gone and _drop(one) > limit)
    for one in sorted((*comparison.dropped, *over), key=_drop, reverse=True):
        surely = one.id in gone or _is_lost(one, comparison, len(judged))
        (lost if surely else watched).append(one)
    state = State.FAILED if lost else State.WATCH if watched else State.PASSED if judged else State.TOO_FEW
    reasons = (
        *(_reason("species_lost", one, gone=one.id in gone) for one in lost),
        *(_reason("species_watch", one) for one in watched),
    )
    few = len(comparison.species) - len(judged)
    counted = f"{len(judged)} species judged, {len(lost)} lost, {len(watched)} to watch, {few} with too few images"
    more = [f"{len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
    gate = Gate(
        name="max_species_recall_drop",
        state=state,
        threshold=float(limit),
        value=max(((one.negative - one.positive) / one.support for one in judged), default=None),
        sample_size=comparison.paired.size,
        sentence="; ".join([counted, *(reason.sentence for reason in reasons[:_SHOWN]), *more]),
    )
    return (Judged(gate, reasons),)


def _drop(one: SpeciesChange) -> Fraction:
    return Fraction(one.negative - one.positive, one.support)


def _is_lost(one: SpeciesChange, comparison: Comparison, judged: int) -> bool:
    """Whether the losses seen on all other species do not explain this one's, allowing for many species."""
    others = comparison.paired.size - one.support
    if others < _OTHERS_NEEDED:
        return mcnemar_worse(Paired(0, one.negative, one.positive, 0)) * judged <= _ALPHA
    negative = comparison.paired.negative - one.negative
    positive = comparison.paired.positive - one.positive
    rate = max(negative + 1, (negative + positive) / 2 + 1) / (others + 2)
    return binomial.at_least(one.negative - one.positive, one.support, rate) * judged <= _ALPHA


def _reason(code: str, one: SpeciesChange, *, gone: bool = False) -> Reason:
    before = f"{one.old_correct} of {one.support} right before"
    now = "the new model has no such label" if gone else f"{one.new_correct} of {one.support} now"
    return Reason(
        code=code,
        sentence=f"{one.name}, {before}, {now}",
        figures={"id": one.id, "images": one.support, "old_right": one.old_correct, "new_right": one.new_correct},
    )
