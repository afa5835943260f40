"""The gates with a floor under the candidate's own figures, in whole images."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

from lepinet.evaluation.gates.verdict import SMOKE_TEST, Gate, Judged, Reason, State
from lepinet.evaluation.metrics import Metrics, wilson_interval
from lepinet.manifest.model import Gates


def floors(figures: Metrics, gates: Gates) -> tuple[Judged, ...]:
    """Passed or failed, over all known images, those of new species too; not measured where nobody can tell."""
    wanted = (
        ("min_accuracy", gates.min_accuracy, figures.correct, "right"),
        ("min_top3_accuracy", gates.min_top3_accuracy, figures.correct_in_top3, "right among the first three"),
    )
    return tuple(
        _floor(name, floor, right, figures.sample_size, what) if right is not None else _not_told(name, floor, figures)
        for name, floor, right, what in wanted
        if floor is not None
    )


def _floor(name: str, floor: Decimal, right: int, size: int, what: str) -> Judged:
    needed = math.ceil(Fraction(floor) * size)
    passed = right >= needed
    sentence = f"{right} of {size} {what}; {needed} needed"
    low, high = wilson_interval(right, size)
    if size >= SMOKE_TEST and low < float(floor) < high:
        sentence += ", near the floor"
    gate = Gate(
        name=name,
        state=State.PASSED if passed else State.FAILED,
        threshold=float(floor),
        value=right / size,
        sample_size=size,
        sentence=sentence,
    )
    reason = Reason(code=f"under_{name}", sentence=sentence, figures={"right": right, "needed": needed, "images": size})
    return Judged(gate, () if passed else (reason,))


def _not_told(name: str, floor: Decimal, figures: Metrics) -> Judged:
    return Judged(
        Gate(
            name=name,
            state=State.NOT_MEASURED,
            threshold=float(floor),
            value=None,
            sample_size=figures.sample_size,
            sentence="the endpoint tells its first guess alone",
        )
    )
