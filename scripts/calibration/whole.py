"""The whole verdict with every gate at its default, on complete answers, run by run."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from calibration.models import ACCURACY, RUNS, USUAL, dice, pair, rates
from calibration.tables import Part, counted
from lepinet.evaluation.gates import Decision
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.paired import Paired
from lepinet.manifest.model import Gates

_ANSWERS = (Decision.PROMOTE, Decision.UNDECIDED, Decision.HOLD)


def whole(species: int, photos: int, difference: float, runs: int = RUNS) -> Part:
    """The three answers, for candidates that are truly so much better (or, below 0, worse) on every species alike.

    The margin is 5 points, which is what `lepinet init` writes for so few photos.
    """
    gates = Gates(non_inferiority_margin=Decimal("0.05"))
    worse, better = rates(USUAL, difference)
    chances = [ACCURACY - worse, worse, better, 1 - ACCURACY - better]
    drawn = dice("whole", species, photos, difference).multinomial(photos, chances, (runs, species))
    found = [judge(*pair([Paired(*one) for one in run]), Terms(gates)).answer for run in drawn.tolist()]
    promoted, undecided, held = (np.array([answer is decision for answer in found]) for decision in _ANSWERS)
    row = (
        *(f"{species} of {photos}", f"{difference * 100:+g}" if difference else "0"),
        counted(promoted, at_most=0.05 if difference <= -0.05 else 1.0),
        counted(undecided),
        counted(held, at_most=0.05 if difference >= 0 else 1.0),
    )
    return Part((row,))
