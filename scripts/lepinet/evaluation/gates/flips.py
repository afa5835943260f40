"""The gate on negative flips: photos that the baseline gets right and the candidate wrong."""

from __future__ import annotations

import math
from fractions import Fraction

from lepinet.evaluation import binomial
from lepinet.evaluation.gates.verdict import Gate, Judged, Reason, State
from lepinet.evaluation.paired import Paired
from lepinet.manifest.model import Gates

_ALPHA = 0.05


def flips(paired: Paired, gates: Gates) -> tuple[Judged, ...]:
    """Failed when shown to be over the limit; over it without being shown is something to watch."""
    limit = gates.max_negative_flips
    if limit is None or paired.size == 0:
        return ()
    # The one-sided Clopper-Pearson lower bound lies over the limit just where so many flips are too unlikely at it.
    shown = binomial.at_least(paired.negative, paired.size, float(limit)) < _ALPHA
    allowed = math.floor(Fraction(limit) * paired.size)
    over = paired.negative > allowed
    state = State.FAILED if shown else State.WATCH if over else State.PASSED
    sentence = f"{paired.negative} of {paired.size} newly wrong; {allowed} allowed"
    if state is State.WATCH:
        sentence += ", but that may be chance and stops nothing"
    gate = Gate(
        name="max_negative_flips",
        state=state,
        threshold=float(limit),
        value=paired.negative / paired.size,
        sample_size=paired.size,
        sentence=sentence,
    )
    reason = Reason(
        code="many_newly_wrong",
        sentence=sentence,
        figures={"negative": paired.negative, "allowed": allowed, "images": paired.size},
    )
    return (Judged(gate, (reason,) if over else ()),)
