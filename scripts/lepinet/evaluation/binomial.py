"""Exact binomial tails and Clopper-Pearson bounds, without SciPy, which is no dependency of the product."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_TINY = 1e-300
_ENOUGH = 1e-14


@lru_cache(maxsize=8)
def log_factorials(most: int) -> Floats:
    """Logarithms of k! for k from 0 to `most`."""
    return np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, most + 1)))))


def cdf(successes: Counts, trials: Counts, share: Floats) -> Floats:
    """P(X <= successes) for X binomial, element by element; all three of the same length.

    Args:
        successes: 0 to `trials`.
        trials: 0 or more.
        share: probability of one success, 0 to 1.
    """
    # A share too small to be told from none in floating point is none.
    certain = (successes >= trials) | (1 - share >= 1)
    never = ~certain & (share >= 1)
    open_ = ~(certain | never)
    result = np.where(certain, 1.0, 0.0)
    # P(X <= k) = I_{1-share}(n - k, k + 1)
    k, n = successes[open_], trials[open_]
    result[open_] = _incomplete_beta(n - k, k + 1, 1 - share[open_])
    return result


def pmf(successes: Counts, trials: Counts, share: Floats) -> Floats:
    """P(X = successes) for X binomial, element by element; 0 for counts that cannot be.

    Args:
        successes: whole numbers.
        trials: 0 or more.
        share: probability of one success, 0 to 1.
    """
    logs = log_factorials(int(np.max(trials)))
    possible = np.clip(successes, 0, trials)
    ways = logs[trials] - logs[possible] - logs[trials - possible]
    # No successes of a share of 0 are certain: the tiny number stands for the 0 whose logarithm is not needed.
    yes, no = np.log(np.maximum(share, _TINY)), np.log(np.maximum(1 - share, _TINY))
    return np.where(possible == successes, np.exp(ways + possible * yes + (trials - possible) * no), 0.0)


def at_most(successes: int, trials: int, share: float) -> float:
    """P(X <= successes); 0 below none, 1 from `trials` on."""
    if successes >= trials:
        return 1.0
    return min(1.0, float(pmf(np.arange(successes + 1), np.array(trials), np.array(share)).sum()))


def at_least(successes: int, trials: int, share: float) -> float:
    """P(X >= successes), computed from its own side, so that a small one keeps its digits."""
    if successes <= 0:
        return 1.0
    return at_most(trials - successes, trials, 1 - share)


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided lower bound of a share (Clopper & Pearson 1934, Biometrika 26:404); 0 without trials."""
    if successes <= 0:
        return 0.0
    # The chance of so many rises with the share: ten times over, in which of 64 pieces does it cross the tail?
    ends = np.linspace(0, 1, 65)
    for _ in range(10):
        tails = cdf(np.full(65, trials - successes), np.full(65, trials), 1 - ends)
        piece = int(np.clip(np.sum(tails <= 1 - confidence), 1, 64))
        ends = np.linspace(ends[piece - 1], ends[piece], 65)
    return float(ends[0])


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided Clopper-Pearson upper bound of a share; 1 without trials."""
    return 1 - lower_bound(trials - successes, trials, confidence)


def _incomplete_beta(a: Counts, b: Counts, x: Floats) -> Floats:
    """Regularised incomplete beta I_x(a, b) of whole a, b >= 1, 0 < x < 1, by its continued fraction.

    Lentz's method on the fraction of DLMF 8.17.22 (dlmf.nist.gov), on the side where it converges fast.
    """
    if not len(a):
        return np.zeros(0)
    far = x > (a + 1) / (a + b + 2)
    p, q, y = np.where(far, b, a), np.where(far, a, b), np.where(far, 1 - x, x)
    logs = log_factorials(int((p + q).max()))
    front = logs[p + q - 1] - logs[p - 1] - logs[q - 1] + p * np.log(y) + q * np.log1p(-y)
    near = np.exp(front) / (p * _fraction(p.astype(float), q.astype(float), y))
    clipped: Floats = np.clip(np.where(far, 1 - near, near), 0, 1)
    return clipped


def _fraction(p: Floats, q: Floats, y: Floats) -> Floats:
    c = np.ones_like(p)
    d = np.zeros_like(p)
    value = np.ones_like(p)
    # On that side the number of steps grows with the root of the larger parameter.
    for step in range(1, 200 + 10 * math.isqrt(int(max(p.max(), q.max())))):
        half = step // 2
        if step % 2:
            term = -(p + half) * (p + q + half) * y / ((p + 2 * half) * (p + 2 * half + 1))
        else:
            term = half * (q - half) * y / ((p + 2 * half - 1) * (p + 2 * half))
        d = 1 + term * d
        d = 1 / np.where(np.abs(d) < _TINY, _TINY, d)
        c = 1 + term / c
        c = np.where(np.abs(c) < _TINY, _TINY, c)
        change = c * d
        value = value * change
        if np.all(np.abs(change - 1) < _ENOUGH):
            break
    return value
