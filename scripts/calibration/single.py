"""One candidate against one baseline: how often it is promoted, by how good it truly is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.models import USUAL, Border, dice, flips, gates_of, level, rates
from calibration.tables import Cell, Curve, Part, counted
from lepinet.evaluation.binomial import cdf, pmf
from lepinet.evaluation.gates import Decision
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.paired import POWER, images_for

RUNS = 200_000
DIFFERENCES = (-4, -3, -2, -1, 0, 1, 2, 3)
"""In points."""
DISCORDANCES = (0.02, 0.05, 0.08, 0.10, 0.15, 0.20, 0.30)
WIDER = 0.10
ALPHA = 0.05
_AGAIN = 100


def likely(border: Border, size: int, discordance: float, difference: float, positive: int) -> float:
    """How likely a promotion is, summed over all outcomes; those with more than `positive` flips count as promoted."""
    worse, better = rates(discordance, difference)
    c = np.arange(positive + 1)
    most = border.most_negative(c)
    within = np.where(most >= 0, cdf(np.maximum(most, 0), size - c, np.full(len(c), worse / (1 - better))), 0.0)
    weights = pmf(c, np.array(size), np.array(better))
    return float(weights @ within + max(0.0, 1 - weights.sum()))


def wrong_promotions(margin: str, size: int, runs: int = RUNS) -> Part:
    """Of candidates exactly on the margin, at each discordance."""
    border, worst = level(size, gates_of(margin), 1), -float(margin)
    possible = [discordance for discordance in DISCORDANCES if discordance >= -worst]
    cells: list[str | Cell] = [""] * (len(DISCORDANCES) - len(possible))
    differing, most = 0, 0
    for discordance in possible:
        rng = dice("wrong promotions", margin, size, discordance)
        negative, positive = flips(rng, runs, size, discordance, worst)
        promoted = border.encloses(negative, positive)
        cells.append(counted(promoted, at_most=ALPHA))
        again = rng.integers(0, runs, _AGAIN // len(possible))
        differing += sum(border.judges(int(negative[k]), int(positive[k])) is not bool(promoted[k]) for k in again)
        most = max(most, int(positive.max()))
    between = np.linspace(-worst, DISCORDANCES[-1], 200)
    everywhere = [likely(border, size, discordance, worst, most) for discordance in between]
    row = (f"{float(margin) * 100:g}", f"{size:,}", *cells, Cell(max(everywhere), None, at_most=ALPHA))
    curves = [Curve(f"margin {float(margin) * 100:g} points", ((size, max(everywhere) * 100),))]
    if margin == "0.02":
        negative, positive = flips(dice("higher", size), runs, size, USUAL, worst)
        curves.append(Curve("accuracy is higher", ((size, float(np.mean(positive > negative)) * 100),)))
    return Part((row,), _AGAIN // len(possible) * len(possible), differing, tuple(curves))


def undecided(margin: str, size: int, promised: float | None, runs: int = RUNS) -> Part:
    """The three answers for an equally good candidate; `promised`: so often undecided, within 2 points."""
    terms = Terms(gates_of(margin))
    promoted, not_held = level(size, terms.gates, 1), Border(size, terms, mildest=Decision.UNDECIDED)
    negative, positive = flips(dice("undecided", margin, size), runs, size, USUAL, 0.0)
    fine, held = promoted.encloses(negative, positive), ~not_held.encloses(negative, positive)
    row = (
        *(f"{float(margin) * 100:g}", f"{size:,}", counted(fine)),
        near(~fine & ~held, promised) if promised else counted(~fine & ~held),
        counted(held),
    )
    return Part((row,))


def near(happened: NDArray[np.bool_], promised: float) -> Cell:
    """As often as promised, within 2 points."""
    return counted(happened, at_least=promised - 0.02, at_most=promised + 0.02)


def wide(size: int, promised: float, runs: int = RUNS) -> Part:
    """How often a margin of 10 points lets a model pass that is 5 points worse."""
    negative, positive = flips(dice("wide", size), runs, size, WIDER, -0.05)
    return Part(((f"{size:,}", near(level(size, gates_of("0.10"), 1).encloses(negative, positive), promised)),))


def power(size: int, runs: int = RUNS) -> Part:
    """Promotions by how much better or worse the candidate truly is, at a margin of 2 points."""
    border = level(size, gates_of("0.02"), 1)
    cells: list[Cell] = []
    for points in DIFFERENCES:
        negative, positive = flips(dice("power", size, points), runs, size, USUAL, points / 100)
        cells.append(counted(border.encloses(negative, positive), at_most=ALPHA if points <= -2 else 1.0))
    curve = Curve(
        f"{size:,} photos", tuple((points, cell.share * 100) for points, cell in zip(DIFFERENCES, cells, strict=True))
    )
    return Part(((f"{size:,}", *cells),), curves=(curve,))


def enough(margin: str, discordance: float, better: float, runs: int = RUNS) -> Part:
    """Whether as many images as are said to be needed show it in 8 of 10 cases."""
    size = images_for(discordance, float(margin), ALPHA, better=better)
    negative, positive = flips(dice("enough", margin, discordance, better), runs, size, discordance, better)
    row = (
        *(f"{float(margin) * 100:g}", f"{discordance * 100:g} %", f"{better * 100:g}", f"{size:,}"),
        near(level(size, gates_of(margin), 1).encloses(negative, positive), POWER),
    )
    return Part((row,))


def old_rule(size: int, promised: float, runs: int = RUNS) -> Part:
    """How often "the new accuracy is higher" promotes a model that is 2 points worse, and holds one as good."""
    rng = dice("old rule", size)
    worse, equal = (flips(rng, runs, size, WIDER, difference) for difference in (-0.02, 0.0))
    return Part(((f"{size:,}", near(worse[1] > worse[0], promised), counted(equal[1] <= equal[0])),))
