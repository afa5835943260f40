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

from lepinet.evaluation.binomial import at_least, at_most, cdf, pmf, upper_bound

Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_GRID = 200
_LEAST_RANGE = 0.24
_RANGE_CONFIDENCE = 0.999
POWER = 0.8
"""In so many of 100 cases, as a share, shall the images be enough."""
DIFFERING = 0.08
"""Two trainings of the same architecture differ on about so many of the photos, as a share."""
_LEAST_FLIPS = 0.02
"""Equally good models that differ on fewer images than this are too rare to plan for."""
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
    p_exact: float | None
    """None where the asymptotic one has said no already."""
    shown_worse: bool
    """The upper bound of the difference, at 1 - alpha, lies under -margin."""

    @property
    def shown(self) -> bool:
        """Both p are at most alpha; on the margin itself is not inside it, whatever alpha is."""
        return self.statistic > 0 and self.p_asymptotic <= self.alpha and (self.p_exact or 0.0) <= self.alpha


def non_inferiority(
    paired: Paired, margin: Fraction, alpha: float, *, worse_alpha: float | None = None
) -> NonInferiority:
    """Test that the new model is at most `margin` (0 to 1, exclusive) worse, at level `alpha`.

    Args:
        paired: the answers of both.
        margin: between 0 and 1.
        alpha: the level at which it must be shown.
        worse_alpha: the level at which the contrary counts as shown; default: the same.
    """
    if paired.size == 0:
        return NonInferiority(margin, alpha, 0.0, 1.0, None, shown_worse=False)
    z = score(paired, -margin)
    asymptotic = _NORMAL.cdf(-z)
    exact = exact_p(paired.negative, paired.positive, paired.size, margin) if asymptotic <= alpha else None
    return NonInferiority(margin, alpha, z, asymptotic, exact, shown_worse=z < _NORMAL.inv_cdf(worse_alpha or alpha))


def score(paired: Paired, difference: Fraction | float) -> float:
    """Tango's z for a true difference (new minus old, between -1 and 1); 0 without images.

    The numerator is exact for a `Fraction`: on the margin is not inside it.
    """
    if difference > 0:
        return -score(paired.swapped(), -difference)
    b, c, n = paired.negative, paired.positive, paired.size
    distance = float(c - b - n * difference)
    spread = float(_spread(np.float64(b), np.float64(c), n, float(-difference)))
    return distance / spread if spread > 0 else 0.0


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


def _spread(negative: Floats | np.float64, positive: Floats | np.float64, size: int, margin: float) -> Floats:
    """Standard deviation of `positive - negative` at the margin, at the constrained maximum likelihood.

    Counts as floats, one or an array of them: the products of whole ones would leave 64 bits.
    """
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
    # Ten standard deviations: what lies beyond adds less than rounding does.
    reach = 10 * np.sqrt(size * points * (1 - points)) + 20
    low = np.maximum(0, size * points - reach).astype(int)
    positive = low[:, None] + np.arange(min(size, int(2 * reach.max())) + 1)
    weights = pmf(positive, np.array(size), points[:, None])
    positive = np.minimum(positive, size)
    most, rest = as_extreme[positive], size - positive
    negative_share = np.minimum(1.0, (points + margin) / (1 - points))
    first = np.where(most[:, 0] >= 0, cdf(np.maximum(most[:, 0], 0), rest[:, 0], negative_share), 0.0)
    # P(at most k of N are negative), from one number of positive flips to the next: N falls by one, k may rise.
    before, after, fewer, share = most[:, :-1], most[:, 1:], rest[:, 1:], negative_share[:, None]
    growth = share * pmf(before, fewer, share)
    for rise in range(1, int((after - before).max(initial=0)) + 1):
        growth += np.where(before + rise <= after, pmf(before + rise, fewer, share), 0.0)
    within = np.cumsum(np.column_stack((first, growth)), axis=1)
    total: Floats = np.sum(weights * within, axis=1)
    return total


def mcnemar(paired: Paired) -> float:
    """The exact p, two-sided: do the flips go one way more often than equally good models' would?"""
    return min(1.0, 2 * at_most(min(paired.negative, paired.positive), paired.negative + paired.positive, 0.5))


def mcnemar_mid_p(paired: Paired) -> float:
    """The mid-p, two-sided: the exact one without half of the outcome that was seen (Fagerland et al. 2013)."""
    flips, fewer = paired.negative + paired.positive, min(paired.negative, paired.positive)
    seen = at_most(fewer, flips, 0.5) - at_most(fewer - 1, flips, 0.5)
    if paired.negative == paired.positive:
        return 1 - seen / 2
    return 2 * at_most(fewer, flips, 0.5) - seen


def mcnemar_worse(paired: Paired) -> float:
    """The exact p, one-sided: how likely are so many negative flips when the models are equally good?"""
    return at_least(paired.negative, paired.negative + paired.positive, 0.5)


def images_needed(paired: Paired, margin: float, alpha: float, *, better: float = 0.0, power: float = POWER) -> int:
    """As `images_for`, where the images at hand tell how often the two models differ."""
    flips = max(_LEAST_FLIPS, abs(better), (paired.negative + paired.positive + 1) / (paired.size + 2))
    return images_for(flips, margin, alpha, better=better, power=power)


def images_for(flips: float, margin: float, alpha: float, *, better: float = 0.0, power: float = POWER) -> int:
    """How many images show in `power` of all cases that a new model is inside the margin.

    By the score test's own normal approximation; never fewer than equal answers on all of them need.

    Args:
        flips: the share of images on which one of both models is right and the other wrong; at least `better`.
        margin: between 0 and 1.
        alpha: the level at which it must be shown.
        better: how much better the new model truly is, more than -`margin`; 0 for an equally good one.
        power: 0.5 to 1, exclusive.
    """
    on_margin = float(_spread(np.float64((flips - better) / 2), np.float64((flips + better) / 2), 1, margin))
    truly = math.sqrt(flips - better**2)
    by_power = _NORMAL.inv_cdf(1 - alpha) * on_margin + _NORMAL.inv_cdf(power) * truly
    return max(math.ceil(math.log(alpha) / math.log1p(-margin)), math.ceil((by_power / (margin + better)) ** 2))


def smallest_margin(paired: Paired, alpha: float) -> float:
    """The smallest margin for which the images at hand are enough, by `images_needed`; 1 without images."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if images_needed(paired, middle, alpha) > paired.size else (low, middle)
    return high
