"""Binomial tails and bounds against SciPy, and against intervals that others have published."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lepinet.evaluation import binomial
from lepinet.evaluation.metrics import wilson_interval

# As the tests of the R packages ratesci (P. Laud) and contingencytables (M. Fagerland and others) quote these sources.
PUBLISHED_EXACT = [
    # Newcombe 1998, Stat Med 17:857, table I, method 5
    (15, 148, 0.0578, 0.1617),
    (0, 20, 0.0, 0.1684),
    (1, 29, 0.0009, 0.1776),
    # Fagerland, Lydersen & Laake 2017, Statistical Analysis of Contingency Tables, chapter 2
    (13, 16, 0.5435, 0.9595),
    (0, 10, 0.0, 0.3085),
    (10, 10, 0.6915, 1.0),
]
PUBLISHED_WILSON = [
    # the same sources; Newcombe's method 3
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
    (13, 16, 0.5699, 0.9341),
]

STATSMODELS = json.loads((Path(__file__).parent / "statsmodels.json").read_text(encoding="utf-8"))["cases"]

trials = st.integers(0, 4000)


@given(st.data(), st.floats(0, 1))
@settings(deadline=None)
def test_tails_are_scipys(data: st.DataObject, share: float) -> None:
    n = data.draw(trials)
    k = data.draw(st.integers(0, n))
    assert binomial.at_most(k, n, share) == pytest.approx(stats.binom.cdf(k, n, share), rel=1e-9, abs=1e-13)
    assert binomial.at_least(k, n, share) == pytest.approx(stats.binom.sf(k - 1, n, share), rel=1e-9, abs=1e-13)


def test_a_small_tail_keeps_its_digits() -> None:
    assert binomial.at_least(60, 300, 0.02) == pytest.approx(stats.binom.sf(59, 300, 0.02), rel=1e-9)
    assert binomial.at_most(900, 3000, 0.5) == pytest.approx(stats.binom.cdf(900, 3000, 0.5), rel=1e-9)


def test_tails_of_all_counts_at_once_are_the_single_ones() -> None:
    counts, shares = np.arange(41), np.array([0.0, 0.03, 0.5, 0.97, 1.0])
    k, share = (grid.ravel() for grid in np.meshgrid(counts, shares))
    together = binomial.cdf(k, np.full(len(k), 40), share)
    assert together == pytest.approx(stats.binom.cdf(k, 40, share), rel=1e-11)


def test_a_million_images_are_no_less_exact() -> None:
    assert binomial.at_most(20_100, 1_000_000, 0.02) == pytest.approx(
        stats.binom.cdf(20_100, 1_000_000, 0.02), rel=1e-5
    )


@given(st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
@settings(deadline=None)
def test_bounds_are_quantiles_of_the_beta_distribution(data: st.DataObject, confidence: float) -> None:
    n = data.draw(st.integers(1, 2000))
    k = data.draw(st.integers(0, n))
    lower = stats.beta.ppf(1 - confidence, k, n - k + 1) if k else 0.0
    upper = stats.beta.ppf(confidence, k + 1, n - k) if k < n else 1.0
    assert binomial.lower_bound(k, n, confidence) == pytest.approx(lower, rel=1e-8, abs=1e-12)
    assert binomial.upper_bound(k, n, confidence) == pytest.approx(upper, rel=1e-8, abs=1e-12)


def test_without_trials_nothing_is_known() -> None:
    assert (binomial.lower_bound(0, 0, 0.95), binomial.upper_bound(0, 0, 0.95)) == (0.0, 1.0)


@pytest.mark.parametrize(("right", "total", "lower", "upper"), PUBLISHED_EXACT)
def test_published_clopper_pearson_intervals(right: int, total: int, lower: float, upper: float) -> None:
    found = (binomial.lower_bound(right, total, 0.975), binomial.upper_bound(right, total, 0.975))
    assert found == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize(("right", "total", "lower", "upper"), PUBLISHED_WILSON)
def test_published_wilson_intervals(right: int, total: int, lower: float, upper: float) -> None:
    assert wilson_interval(right, total) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize("case", [case for case in STATSMODELS if "wilson" in case])
def test_intervals_are_those_of_statsmodels(case: dict[str, Any]) -> None:
    right, total, confidence = case["right"], case["total"], case["confidence"]
    bounds = (bound(right, total, (1 + confidence) / 2) for bound in (binomial.lower_bound, binomial.upper_bound))
    assert tuple(bounds) == pytest.approx(case["clopper_pearson"], rel=1e-8, abs=1e-12)
    assert wilson_interval(right, total, confidence) == pytest.approx(case["wilson"], rel=1e-9, abs=1e-12)


def test_log_factorials_are_the_gamma_function() -> None:
    assert binomial.log_factorials(3000)[[0, 1, 2, 170, 3000]] == pytest.approx(
        [math.lgamma(k + 1) for k in (0, 1, 2, 170, 3000)], rel=1e-13
    )


@given(st.data(), st.just(0.0) | st.floats(1e-200, 1))
@settings(deadline=None)
def test_single_chances_are_scipys(data: st.DataObject, share: float) -> None:
    n = data.draw(trials)
    k = np.array([data.draw(st.integers(-2, n + 2)), 0, n])
    assert binomial.pmf(k, np.array(n), np.array(share)) == pytest.approx(
        stats.binom.pmf(k, n, share), rel=1e-9, abs=1e-13
    )


@pytest.mark.parametrize("confidence", [0.5, 0.75, 1 - 1 / 64, 1 - 1 / 4096])
def test_a_bound_on_a_round_share_is_found(confidence: float) -> None:
    """One of one: the lower bound is the tail itself, which the halving meets exactly."""
    assert binomial.lower_bound(1, 1, confidence) == pytest.approx(1 - confidence, rel=1e-12)
