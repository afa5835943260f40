"""Many candidates on the same images: how often one that is too bad gets in, and how much is lost in the end."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from calibration.models import ACCURACY, MODELS, RUNS, USUAL, Counts, Shares, answers, dice, gates_of, level, rates
from calibration.tables import Cell, Curve, Part, Row, counted
from lepinet.evaluation.gates import Decision
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.manifest.model import Gates

TRIES = 100
STEPS = 30
_SIZE, _GATES = 1000, gates_of("0.02")
"""Of the steps down."""
TOGETHER = {False: 0.0823, True: 0.05}
"""What all tries against one baseline may promote wrongly, by `strict_tries`: 0.05 · (1 + 1/4 + 1/9 + …) or 0.05."""


def tries(margin: str, size: int, runs: int = RUNS) -> Part:
    """Whether one of many candidates, all exactly on the margin, is promoted over one baseline."""
    usual = gates_of(margin)
    strict = usual.model_copy(update={"strict_tries": True})
    rng = dice("tries", margin, size)
    right, truth, worse = rng.binomial(size, ACCURACY, runs), np.full(runs, ACCURACY), np.full(runs, -float(margin))
    # Of each rule, the first try that was promoted.
    one_by_one, counting, strictly = (np.full(runs, TRIES + 1) for _ in range(3))
    differing = 0
    for k in range(1, TRIES + 1):
        negative, positive = _flips(rng, right, size, truth, worse)
        for first, border in (
            (one_by_one, level(size, usual, 1)),
            (counting, level(size, usual, k)),
            (strictly, level(size, strict, k)),
        ):
            promoted = border.encloses(negative, positive)
            first[promoted] = np.minimum(first[promoted], k)
            differing += border.judges(int(negative[k]), int(positive[k])) is not bool(promoted[k])
    found = (
        ("each as the first", one_by_one, 1.0),
        ("counted", counting, TOGETHER[False]),
        ("counted, `strict_tries`", strictly, TOGETHER[True]),
    )
    rows: tuple[Row, ...] = tuple(
        (
            *(f"{float(margin) * 100:g}", f"{size:,}", rule),
            *(counted(first <= many, at_most=bound) for many in (1, 20, TRIES)),
        )
        for rule, first, bound in found
    )
    return Part(rows, len(found) * TRIES, differing)


def between(margin: str, bad: float, strict: bool, runs: int = RUNS) -> Part:  # noqa: FBT001 -- a column
    """Promotions between the tries: each makes a new baseline, on whose luck with these photos the next is judged.

    Args:
        margin: of the gate.
        bad: share of the candidates that are exactly the margin worse than the baseline of the day; the others are
            as good as it.
        strict: `strict_tries`.
        runs: each of 100 tries on 300 images.
    """
    size, its = 300, gates_of(margin).model_copy(update={"strict_tries": strict})
    rng = dice("between", margin, bad, strict)
    right, truth, k = rng.binomial(size, ACCURACY, runs), np.full(runs, ACCURACY), np.ones(runs, dtype=int)
    promotions, wrong = 0, 0
    for _ in range(TRIES):
        difference = np.where(rng.random(runs) < bad, -float(margin), 0.0)
        negative, positive = _flips(rng, right, size, truth, difference)
        promoted = _promoted(its, size, k, negative, positive)
        right = np.where(promoted, right - negative + positive, right)
        truth = np.where(promoted, truth + difference, truth)
        k = np.where(promoted, 1, k + 1)
        promotions += int(promoted.sum())
        wrong += int((promoted & (difference < 0)).sum())
    baselines = runs + promotions
    row = (
        *(f"{float(margin) * 100:g}", f"{bad * 100:g}", "`strict_tries`" if strict else "default"),
        f"{promotions / runs:.2f}",
        Cell(wrong / baselines, baselines, at_most=TOGETHER[strict]),
        Cell(wrong / max(1, promotions), max(1, promotions)),
    )
    return Part((row,))


def _flips(
    rng: np.random.Generator, right: Counts, size: int, truth: Shares, difference: Shares
) -> tuple[Counts, Counts]:
    """Of candidates made from baselines that are right on so many of the images, and truly on a share of all photos."""
    worse, better = (USUAL - difference) / 2, (USUAL + difference) / 2
    negative = rng.binomial(right, np.minimum(1, worse / truth))
    return negative, rng.binomial(size - right, np.minimum(1, better / (1 - truth)))


def _promoted(its: Gates, size: int, k: Counts, negative: Counts, positive: Counts) -> NDArray[np.bool_]:
    """Each by the border of its own try."""
    promoted = np.zeros(len(k), dtype=bool)
    for one in np.unique(k):
        at = k == one
        promoted[at] = level(size, its, int(one)).encloses(negative[at], positive[at])
    return promoted


def creep(discordance: float, step: float, at_most: float, drawn: bool, runs: int = RUNS) -> Part:  # noqa: FBT001
    """How much thirty candidates lose, each a step worse than the version that is active when it comes.

    Args:
        discordance: between a candidate and the active version.
        step: by so much is it worse, as a share.
        at_most: so often, with the reference, may more than two points be lost; 1 promises nothing.
        drawn: on the chart.
        runs: so many times thirty candidates.
    """
    rows: list[Row] = []
    curves: list[Curve] = []
    alike: list[bool] = []
    for rule, counting, held in (
        ("each as the first", False, False),
        ("counted", True, False),
        ("counted, and `reference`", True, True),
    ):
        rng = dice("creep", discordance, step, rule)
        lost, its = _descend(rng, discordance, step, runs, counting=counting, reference=held)
        alike += its
        worst = [float(np.quantile(each, 0.95)) * 100 for each in lost]
        rows.append(
            (
                *(f"{discordance * 100:g} %", f"{step * 100:g}", rule),
                *(f"{lost[-1].mean() * 100:.1f}", f"{worst[-1]:.1f}"),
                counted(lost[-1] > 0.02 + 1e-9, at_most=at_most if held else 1.0),
            )
        )
        curves.append(
            Curve(rule.replace("`", ""), ((0.0, 0.0), *((number + 1.0, points) for number, points in enumerate(worst))))
        )
    return Part(tuple(rows), len(alike), alike.count(False), tuple(curves) if drawn else ())


def _descend(
    rng: np.random.Generator, discordance: float, step: float, runs: int, *, counting: bool, reference: bool
) -> tuple[list[Shares], list[bool]]:
    """Thirty candidates of each run; the first version is the reference.

    Returns:
        After each candidate, how much of the first version's accuracy each run has lost; and whether the whole verdict,
        asked about some of them, says the same.
    """
    # Images by whether the first version and the active one are right (1) or wrong (0) on them.
    images = np.zeros((runs, 2, 2), dtype=int)
    images[:, 1, 1] = rng.binomial(_SIZE, ACCURACY, runs)
    images[:, 0, 0] = _SIZE - images[:, 1, 1]
    steps, k = np.zeros(runs, dtype=int), np.ones(runs, dtype=int)
    worse, better = rates(discordance, -step)
    lost: list[Shares] = []
    alike: list[bool] = []
    for _ in range(STEPS):
        truth = (ACCURACY - steps * step)[:, None]
        to_wrong = rng.binomial(images[:, :, 1], worse / truth)
        to_right = rng.binomial(images[:, :, 0], better / (1 - truth))
        then = images + np.stack((to_wrong - to_right, to_right - to_wrong), axis=2)
        promoted = _promoted(_GATES, _SIZE, k, to_wrong.sum(axis=1), to_right.sum(axis=1))
        if reference:
            promoted &= _promoted(_GATES, _SIZE, k, then[:, 1, 0], then[:, 0, 1])
            alike += [
                _judged(int(k[run]), images[run], to_wrong[run], to_right[run]) is bool(promoted[run])
                for run in rng.integers(0, runs, 4)
            ]
        images = np.where(promoted[:, None, None], then, images)
        steps = steps + promoted
        k = np.where(promoted, 1, k + 1) if counting else k
        lost.append(steps * step)
    return lost, alike


def _judged(k: int, images: Counts, to_wrong: Counts, to_right: Counts) -> bool:
    """Whether the whole verdict, on complete answers of the three models, is to promote."""
    rights: list[tuple[bool, bool, bool]] = []
    for first, active in product((False, True), repeat=2):
        moving = int((to_wrong if active else to_right)[int(first)])
        rights += [(first, active, not active)] * moving
        rights += [(first, active, active)] * (int(images[int(first), int(active)]) - moving)
    best, old, new = (answers(model, [its]) for model, its in zip(MODELS, zip(*rights, strict=True), strict=True))
    return judge(old, new, Terms(_GATES, k, Best("reference", best))).answer is Decision.PROMOTE
