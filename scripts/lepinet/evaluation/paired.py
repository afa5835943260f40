"""Statistics of two models on the same images: how sure the images make us that the new one is not worse.

Sources: Tango 1998 (Stat Med 17:891) and Nam 1997 (Biometrics 53:1422) for the score test of non-inferiority; the
exact unconditional p as in Berger & Boos 1994 (JASA 89:1012) without their penalty, over a bounded range; Fagerland
et al. 2013 (BMC Med Res Methodol 13:91) for McNemar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lepinet.evaluation.binomial import at_least, at_most, cdf, log_factorials, upper_bound

Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_GRID = 200
_LEAST_RANGE = 0.24
_RANGE_CONFIDENCE = 0.999
_TIE = 1e-9
"""Statistics closer than this are the same outcome, seen through rounding."""


@dataclass(frozen=True)
class Paired:
    """How often the old and the new model are right on the same images."""

    both_right: int
    negative: int
    """Negative flips: the old one right, the new one wrong."""
    positive: int
    """Positive flips: the old one wrong, the new one right."""
    both_wrong: int

    @property
    def size(self) -> int:
        return self.both_right + self.negative + self.positive + self.both_wrong

    @property
    def difference(self) -> float:
        """New accuracy minus old, -1 to 1; 0 without images."""
        return (self.positive - self.negative) / self.size if self.size else 0.0

    def swapped(self) -> Paired:
        return Paired(self.both_right, self.positive, self.negative, self.both_wrong)


@dataclass(frozen=True)
class NonInferiority:
    """Whether the new model is at most `margin` worse, and how sure that is."""

    margin: Fraction
    alpha: float
    """One-sided; the share of wrong promotions that is accepted."""
    statistic: float
    """Tango's z at the margin; positive speaks for the new model."""
    p_asymptotic: float
    p_exact: float
    shown_worse: bool
    """The upper bound of the difference, at 1 - alpha, lies under -margin."""

    @property
    def p(self) -> float:
        return max(self.p_asymptotic, self.p_exact)

    @property
    def shown(self) -> bool:
        return self.p <= self.alpha


def non_inferiority(paired: Paired, margin: Fraction, alpha: float) -> NonInferiority:
    """Test that the new model is at most `margin` (0 to 1, exclusive) worse, at level `alpha`."""
    if paired.size == 0:
        return NonInferiority(margin, alpha, 0.0, 1.0, 1.0, shown_worse=False)
    z = score(paired, -margin)
    asymptotic = 1 - _NORMAL.cdf(z)
    # Beyond the asymptotic one the exact p decides nothing: the larger of the two counts.
    exact = exact_p(paired.negative, paired.positive, paired.size, margin) if asymptotic <= alpha else 1.0
    return NonInferiority(margin, alpha, z, asymptotic, exact, shown_worse=z < _NORMAL.inv_cdf(alpha))


def score(paired: Paired, difference: Fraction | float) -> float:
    """Tango's z for a true difference (new minus old, between -1 and 1); 0 without images.

    The numerator is exact for a `Fraction`: on the margin is not inside it.
    """
    if difference > 0:
        return -score(paired.swapped(), -difference)
    b, c, n = paired.negative, paired.positive, paired.size
    numerator = float(c - b - n * difference)
    margin = float(-difference)
    spread = float(_spread(np.array(float(b)), np.array(float(c)), n, margin))
    return numerator / spread if spread > 0 else 0.0


def interval(paired: Paired, confidence: float) -> tuple[float, float]:
    """Tango's two-sided score interval of the difference in accuracy, new minus old."""
    tail = (1 - confidence) / 2
    return lower_bound(paired, 1 - tail), -lower_bound(paired.swapped(), 1 - tail)


def lower_bound(paired: Paired, confidence: float) -> float:
    """The one-sided lower bound of the difference: at `confidence` the new one is not worse than that."""
    if paired.size == 0:
        return -1.0
    wanted = _NORMAL.inv_cdf(confidence)
    low, high = -1.0, paired.difference
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if score(paired, middle) < wanted else (middle, high)
    return low


@lru_cache(maxsize=4096)
def exact_p(negative: int, positive: int, size: int, margin: Fraction) -> float:
    """The exact unconditional p of the score test: its largest value over the share of positive flips.

    Args:
        negative: flips to wrong.
        positive: flips to right; with the negative ones at most `size`.
        size: at least 1.
        margin: between 0 and 1, exclusive.
    """
    observed = score(Paired(size - negative - positive, negative, positive, 0), -margin)
    m = float(margin)
    most = max(_LEAST_RANGE, upper_bound(positive, size, _RANGE_CONFIDENCE))
    most = min(most, (1 - m) / 2)
    as_extreme = _largest_negative(size, m, observed)
    points = np.linspace(0, most, _GRID)
    for _ in range(3):
        p = _rejection(points, as_extreme, size, m)
        best = int(np.argmax(p))
        around = points[max(0, best - 1)], points[min(len(points) - 1, best + 1)]
        points = np.linspace(*around, 21)
    return min(1.0, float(p.max()))


def _spread(negative: Floats, positive: Floats, size: int, margin: float) -> Floats:
    """Standard deviation of `positive - negative` at the margin, at the constrained maximum likelihood."""
    b, c, n, m = negative, positive, size, margin
    linear = (b + c) * (1 - m) - 2 * c * m - 2 * m * (n - b - c)
    q = (linear + np.sqrt(linear**2 + 8 * n * c * m * (1 - m))) / (4 * n)
    spread: Floats = np.sqrt(np.maximum(n * (2 * q + m - m * m), 0))
    return spread


def _largest_negative(size: int, margin: float, observed: float) -> NDArray[np.int64]:
    """For every number of positive flips, the most negative ones whose statistic is still at least `observed`; or -1.

    The statistic falls with every negative flip, so halving finds it.
    """
    positive = np.arange(size + 1)
    low = np.full(size + 1, -1)
    high = size - positive
    while np.any(low < high):
        middle = (low + high + 1) // 2
        spread = _spread(middle.astype(float), positive.astype(float), size, margin)
        z = (positive - middle + size * margin) / np.where(spread > 0, spread, np.inf)
        extreme = z >= observed - _TIE
        low = np.where(extreme & (middle >= 0), middle, low)
        high = np.where(extreme, high, middle - 1)
    return low


def _rejection(points: Floats, as_extreme: NDArray[np.int64], size: int, margin: float) -> Floats:
    """At each share of positive flips, the probability of an outcome at least as extreme."""
    total = np.zeros(len(points))
    logs = log_factorials(size)
    for at, share in enumerate(points):
        # Ten standard deviations: what lies beyond adds less than rounding does.
        reach = 10 * math.sqrt(size * share * (1 - share)) + 20
        low, high = max(0, int(size * share - reach)), min(size, int(size * share + reach))
        positive = np.arange(low, high + 1)
        positive = positive[as_extreme[positive] >= 0]
        if share == 0:
            weights = (positive == 0).astype(float)
        else:
            ways = logs[size] - logs[positive] - logs[size - positive]
            weights = np.exp(ways + positive * math.log(share) + (size - positive) * math.log1p(-share))
        negative_share = min(1.0, (share + margin) / (1 - share))
        total[at] = float(weights @ cdf(as_extreme[positive], size - positive, negative_share))
    return total


@dataclass(frozen=True)
class McNemar:
    """Two-sided: do the flips go one way more than the other?"""

    exact: float
    mid_p: float


def mcnemar(paired: Paired) -> McNemar:
    """McNemar's test, exact and mid-p, of equal accuracy."""
    flips, fewer = paired.negative + paired.positive, min(paired.negative, paired.positive)
    tail = at_most(fewer, flips, 0.5)
    point = math.comb(flips, fewer) / 2**flips
    return McNemar(exact=min(1.0, 2 * tail), mid_p=min(1.0, 2 * tail - point))


def mcnemar_worse(paired: Paired) -> float:
    """One-sided exact McNemar: how likely are so many negative flips when the models are equally good?"""
    return at_least(paired.negative, paired.negative + paired.positive, 0.5)


def images_needed(paired: Paired, margin: Fraction, alpha: float, power: float = 0.8) -> int:
    """How many images would show an equally good model to be inside the margin, with this power."""
    m, n = float(margin), paired.size
    flips = max(0.02, (paired.negative + paired.positive + 1) / (n + 2))
    under_margin = (flips + math.sqrt(flips**2 + 4 * m * m * (1 - flips))) / 2 - m * m
    by_power = (_NORMAL.inv_cdf(1 - alpha) * math.sqrt(under_margin) + _NORMAL.inv_cdf(power) * math.sqrt(flips)) / m
    return max(math.ceil(math.log(alpha) / math.log(1 - m)), math.ceil(by_power**2))
