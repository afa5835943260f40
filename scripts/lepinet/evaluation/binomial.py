"""Exact binomial tails and Clopper-Pearson bounds, without SciPy, which is no dependency of the product."""

from __future__ import annotations

from collections.abc import Callable
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


def cdf(successes: Counts, trials: Counts, share: float) -> Floats:
    """P(X <= successes) for X binomial, element by element.

    Args:
        successes: 0 to `trials`.
        trials: of the same shape.
        share: probability of one success, 0 to 1.
    """
    if share <= 0:
        return np.ones(len(trials))
    if share >= 1:
        return (successes >= trials).astype(float)
    # P(X <= k) = I_{1-share}(n - k, k + 1); with k = n the first parameter is none, and the answer one.
    all_of_it = successes >= trials
    a = np.where(all_of_it, 1, trials - successes).astype(float)
    b = successes.astype(float) + 1
    return np.where(all_of_it, 1.0, _incomplete_beta(a, b, 1 - share))


def at_most(successes: int, trials: int, share: float) -> float:
    """P(X <= successes); 0 below none, 1 from `trials` on."""
    if successes < 0:
        return 0.0
    return float(cdf(np.array([min(successes, trials)]), np.array([trials]), share)[0])


def at_least(successes: int, trials: int, share: float) -> float:
    """P(X >= successes), computed from its own side, so that a small one keeps its digits."""
    if successes <= 0:
        return 1.0
    return at_most(trials - successes, trials, 1 - share)


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided lower bound of a share (Clopper & Pearson 1934, Biometrika 26:404); 0 without trials."""
    if successes <= 0:
        return 0.0
    return _solve(lambda share: at_least(successes, trials, share) - (1 - confidence))


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided Clopper-Pearson upper bound of a share; 1 without trials."""
    return 1 - lower_bound(trials - successes, trials, confidence)


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return low


def _incomplete_beta(a: Floats, b: Floats, x: float) -> Floats:
    """Regularised incomplete beta I_x(a, b) of whole a, b >= 1, 0 < x < 1, by its continued fraction.

    Lentz's method on the fraction of DLMF 8.17.22 (dlmf.nist.gov), on the side where it converges fast.
    """
    far = x > (a + 1) / (a + b + 2)
    p, q, y = np.where(far, b, a), np.where(far, a, b), np.where(far, 1 - x, x)
    logs = log_factorials(int((a + b).max()))
    whole_p, whole_q = p.astype(int), q.astype(int)
    front = logs[whole_p + whole_q - 1] - logs[whole_p - 1] - logs[whole_q - 1]
    front = np.exp(front + p * np.log(y) + q * np.log1p(-y)) / p
    value = 1 / _fraction(p, q, y)
    near = front * value
    clipped: Floats = np.clip(np.where(far, 1 - near, near), 0, 1)
    return clipped


def _fraction(p: Floats, q: Floats, y: Floats) -> Floats:
    c = np.ones_like(p)
    d = np.zeros_like(p)
    value = np.ones_like(p)
    for step in range(1, 400):
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
