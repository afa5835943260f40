"""The verdict on many images, and what SciPy needs for the one figure of it that takes longest."""

from __future__ import annotations

import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from scipy import stats

from benchmarks.race import Cost
from calibration.models import answers
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.evaluation.paired import Paired, exact_p, score
from lepinet.manifest.model import Gates

_PHOTOS = (5, 1)
"""Of every other species; those with one are too few for the species' gate."""
_NEWLY_WRONG, _NEWLY_RIGHT = 0.02, 0.03


def judged(images: int) -> Callable[[], object]:
    """A verdict by every gate, against a baseline and a reference: it needs two exact p, and works them out anew."""
    rng = np.random.default_rng(1)
    wrong = {"reference": rng.permutation(images), "baseline": rng.permutation(images)}
    right = {model: its >= _NEWLY_RIGHT * images for model, its in wrong.items()}
    right["candidate"] = np.where(right["baseline"], rng.random(images) >= _NEWLY_WRONG, 1)
    ends = np.cumsum(np.tile(_PHOTOS, images // sum(_PHOTOS)))[:-1]
    reference, baseline, candidate = (
        answers(model, [its.tolist() for its in np.split(its_all.astype(bool), ends)])
        for model, its_all in right.items()
    )
    terms = Terms(Gates(), best=Best("reference", reference))

    def again() -> object:
        exact_p.cache_clear()
        return judge(baseline, candidate, terms)

    return again


def by_scipy(images: int) -> Callable[[], object]:
    """One exact p of that size as one writes it down: every number of positive flips, at each of 200 shares.

    Which outcomes are as extreme as the one that was seen, it is told beforehand.
    """
    margin, negative, positive = Fraction("0.02"), round(_NEWLY_WRONG * images), round(_NEWLY_RIGHT * images)
    seen = score(Paired(images - negative - positive, negative, positive, 0), -margin)
    most = np.array(
        [
            bisect_left(
                range(images - better + 1),
                1,
                key=lambda worse: score(Paired(images - worse - better, worse, better, 0), -margin) < seen,
            )
            - 1
            for better in range(images + 1)
        ]
    )
    counts, shares = np.arange(images + 1), np.linspace(0, 0.24, 200)[:, None]

    def again() -> object:
        tails = stats.binom.cdf(most, images - counts, (shares + float(margin)) / (1 - shares))
        return (stats.binom.pmf(counts, images, shares) * tails).sum(axis=1).max()

    return again


def timed(work: Callable[[], object]) -> Callable[[], Cost]:
    """What it costs within this process; the memory is the most that it held beyond what was there before."""

    def once() -> Cost:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        tracemalloc.start()
        work()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return Cost(wall, cpu, most)

    return once
