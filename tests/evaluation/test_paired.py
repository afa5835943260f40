"""The paired statistics against published intervals, a brute-force maximum likelihood and full enumeration."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import product
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from lepinet.evaluation.paired import (
    Paired,
    exact_p,
    images_needed,
    interval,
    lower_bound,
    mcnemar,
    mcnemar_mid_p,
    mcnemar_worse,
    non_inferiority,
    score,
    smallest_margin,
)

# As the tests of the R packages ratesci (P. Laud) and contingencytables (M. Fagerland and others) quote these sources.
PUBLISHED_TANGO = [
    # Tango 1998, Stat Med 17:891, section 6.2: a cross-over study of sleep; 6.1: lenses cleaned in two ways
    (Paired(4, 3, 9, 16), 0.95, -0.027, 0.390),
    (Paired(43, 1, 0, 0), 0.90, -0.096, 0.037),
    # Agresti & Min 2005, Stat Med 24:729
    (Paired(53, 8, 16, 9), 0.95, -0.020, 0.207),
    # Fagerland, Lydersen & Laake 2014, Stat Med 33:2850: airways before and after transplantation (Bentur 2009)
    (Paired(1, 7, 1, 12), 0.95, -0.517, -0.026),
    # Fagerland, Lydersen & Laake 2017, Statistical Analysis of Contingency Tables, chapter 8 (Cavo 2012)
    (Paired(59, 16, 6, 80), 0.95, -0.1240, -0.0054),
    # M.-L. Tang and others 2010
    (Paired(8, 1, 3, 2), 0.95, -0.1670, 0.4327),
    # Chang 2024, on the counts of Ezra 2010
    (Paired(7, 2, 25, 68), 0.95, 0.139, 0.321),
]


STATSMODELS = json.loads((Path(__file__).parent / "statsmodels.json").read_text(encoding="utf-8"))["cases"]


@st.composite
def tables(draw: st.DrawFn, largest: int = 300, smallest: int = 1) -> Paired:
    size = draw(st.integers(smallest, largest))
    negative = draw(st.integers(0, size))
    positive = draw(st.integers(0, size - negative))
    both_wrong = draw(st.integers(0, size - negative - positive))
    return Paired(size - negative - positive - both_wrong, negative, positive, both_wrong)


margins = st.integers(1, 999).map(lambda thousandth: Fraction(thousandth, 1000))


@pytest.mark.parametrize(("paired", "confidence", "lower", "upper"), PUBLISHED_TANGO)
def test_published_intervals(paired: Paired, confidence: float, lower: float, upper: float) -> None:
    digits = 4 if round(lower, 3) != lower or round(upper, 3) != upper else 3
    assert interval(paired, confidence) == pytest.approx((lower, upper), abs=0.5001 * 10**-digits)


def test_published_score() -> None:
    """Tango 1998, Stat Med 17:891: section 6.1 at a margin of 0.1, section 6.2 as McNemar's test."""
    assert score(Paired(43, 1, 0, 0), Fraction("-0.1")) == pytest.approx(1.709, abs=5e-4)
    assert score(Paired(4, 3, 9, 16), 0) == pytest.approx(1.732, abs=5e-4)


def likeliest_share(paired: Paired, margin: float) -> float:
    """By search: the share of positive flips that makes the answers likeliest when `margin` more are negative ones."""
    same = paired.size - paired.negative - paired.positive

    def surprise(share: float) -> float:
        terms = ((paired.positive, share), (paired.negative, share + margin), (same, 1 - 2 * share - margin))
        return -sum(count * math.log(max(chance, 1e-300)) for count, chance in terms if count)

    found = optimize.minimize_scalar(surprise, bounds=(0, (1 - margin) / 2), method="bounded", options={"xatol": 1e-12})
    return float(found.x)


def searched_score(paired: Paired, margin: Fraction) -> float:
    """The same statistic without its formula: the distance to the margin in standard deviations at that share."""
    m = float(margin)
    share = likeliest_share(paired, m)
    deviation = math.sqrt(paired.size * (2 * share + m - m * m))
    return float(paired.positive - paired.negative + paired.size * margin) / deviation


@given(tables(), st.integers(1, 40).map(lambda hundredth: Fraction(hundredth, 100)))
@settings(deadline=None)
def test_score_uses_the_likeliest_share_under_the_margin(paired: Paired, margin: Fraction) -> None:
    assert score(paired, -margin) == pytest.approx(searched_score(paired, margin), rel=1e-4, abs=1e-4)


def outcomes(size: int) -> list[Paired]:
    """All that so many images can come to."""
    return [Paired(size - b - c, b, c, 0) for b, c in product(range(size + 1), repeat=2) if b + c <= size]


def largest_chance(extreme: list[Paired], paired: Paired, margin: Fraction, shares: int = 1501) -> float:
    """The largest probability of these outcomes by SciPy, over so many shares of positive flips."""
    size, m = paired.size, float(margin)
    counts = np.array([(one.negative, one.positive, one.both_right) for one in extreme])
    most = stats.beta.ppf(0.999, paired.positive + 1, size - paired.positive) if paired.positive < size else 1.0
    return max(
        float(stats.multinomial.pmf(counts, size, [share + m, share, max(0.0, 1 - 2 * share - m)]).sum())
        for share in np.linspace(0, min(max(0.24, most), (1 - m) / 2), shares)
    )


def enumerated_p(paired: Paired, margin: Fraction) -> float:
    observed = score(paired, -margin)
    extreme = [one for one in outcomes(paired.size) if score(one, -margin) >= observed - 1e-9]
    return largest_chance(extreme, paired, margin)


@pytest.mark.parametrize("margin", [Fraction("0.02"), Fraction("0.1"), Fraction("0.6")])
@pytest.mark.parametrize(("size", "negative", "positive"), [(1, 0, 1), (5, 0, 0), (9, 1, 3), (14, 2, 1), (20, 0, 6)])
def test_exact_p_is_the_enumerations(size: int, negative: int, positive: int, margin: Fraction) -> None:
    paired = Paired(size - negative - positive, negative, positive, 0)
    assert exact_p(negative, positive, size, margin) == pytest.approx(enumerated_p(paired, margin), abs=2e-5)


@pytest.mark.parametrize(("size", "margin"), [(5, Fraction("0.02")), (6, Fraction("0.3"))])
def test_exact_p_of_every_outcome_needs_no_formula(size: int, margin: Fraction) -> None:
    """Which outcomes are as extreme is told by search, how likely they are by enumeration."""
    statistics = [(one, searched_score(one, margin)) for one in outcomes(size)]
    for paired, observed in statistics:
        extreme = [one for one, statistic in statistics if statistic >= observed - 1e-5]
        expected = largest_chance(extreme, paired, margin, shares=301)
        assert exact_p(paired.negative, paired.positive, size, margin) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("size", "margin"), [(20, Fraction("0.1")), (31, Fraction("0.05"))])
def test_a_model_on_the_margin_is_promoted_in_one_case_of_twenty_at_most(size: int, margin: Fraction) -> None:
    """Both p together, over every outcome; Tango's alone goes over at some sizes."""
    promoted = np.array(
        [
            (one.negative, one.positive, one.both_right)
            for one in outcomes(size)
            if non_inferiority(one, margin, 0.05).shown
        ]
    )
    m = float(margin)
    for share in np.linspace(0, (1 - m) / 2, 200):
        chances = [share + m, share, max(0.0, 1 - 2 * share - m)]
        assert float(stats.multinomial.pmf(promoted, size, chances).sum()) <= 0.05 + 1e-9


@given(tables(), st.integers(-99, 99).map(lambda hundredth: Fraction(hundredth, 100)))
@settings(deadline=None)
def test_swapping_the_models_mirrors_the_figures(paired: Paired, difference: Fraction) -> None:
    swapped = paired.swapped()
    assert swapped.difference == -paired.difference
    assert score(swapped, -difference) == pytest.approx(-score(paired, difference), rel=1e-12, abs=1e-12)
    low, high = interval(paired, 0.95)
    assert interval(swapped, 0.95) == (-high, -low)
    assert mcnemar(swapped) == mcnemar(paired)
    assert mcnemar_mid_p(swapped) == mcnemar_mid_p(paired)


@given(tables(), st.integers(1, 99).map(lambda hundredth: Fraction(hundredth, 100)), st.sampled_from([0.05, 0.2]))
@settings(deadline=None)
def test_shown_worse_is_an_interval_below_the_margin(paired: Paired, margin: Fraction, alpha: float) -> None:
    _, upper = interval(paired, 1 - 2 * alpha)
    if abs(upper + margin) > 1e-9:
        assert non_inferiority(paired, margin, alpha).shown_worse is (upper < -margin)


@given(tables(), st.sampled_from([0.5, 0.9, 0.95]))
@settings(deadline=None)
def test_the_bound_is_where_the_score_says_so(paired: Paired, confidence: float) -> None:
    bound = lower_bound(paired, confidence)
    assert -1 <= bound <= paired.difference
    if -1 < bound < 1:
        assert score(paired, bound) == pytest.approx(NormalDist().inv_cdf(confidence), abs=1e-6)


@given(tables(largest=60), margins, st.sampled_from([0.01, 0.05, 0.5]))
@settings(deadline=None, max_examples=60)
def test_one_more_negative_flip_never_speaks_for_the_new_model(paired: Paired, margin: Fraction, alpha: float) -> None:
    """Whether a photo that both had right is newly wrong, or one that was newly right is right before and not now."""
    before = non_inferiority(paired, margin, alpha)
    for right, positive in ((paired.both_right - 1, paired.positive), (paired.both_right, paired.positive - 1)):
        if min(right, positive) < 0:
            continue
        after = non_inferiority(Paired(right, paired.negative + 1, positive, paired.both_wrong), margin, alpha)
        assert after.statistic < before.statistic
        assert before.shown or not after.shown
        assert after.shown_worse or not before.shown_worse


def test_every_table_of_a_few_images_has_figures() -> None:
    for size in range(9):
        for negative, positive in product(range(size + 1), repeat=2):
            if negative + positive > size:
                continue
            paired = Paired(size - negative - positive, negative, positive, 0)
            for margin, alpha in ((Fraction("0.001"), 0.05), (Fraction("0.02"), 0.05), (Fraction("0.999"), 0.5)):
                result = non_inferiority(paired, margin, alpha)
                figures = (
                    *(result.statistic, result.p_asymptotic, result.p_exact or 0.0),
                    *(*interval(paired, 0.95), mcnemar(paired), mcnemar_worse(paired), paired.difference),
                    mcnemar_mid_p(paired),
                    *(images_needed(paired, float(margin), alpha), smallest_margin(paired, alpha)),
                )
                assert all(math.isfinite(figure) for figure in figures)
                assert not (result.shown and result.shown_worse)


@pytest.mark.parametrize("margin", ["0.02", "0.07", "0.29", "0.5"])
@pytest.mark.parametrize("alpha", [0.05, 0.5])
def test_exactly_on_the_margin_is_not_inside_it(margin: str, alpha: float) -> None:
    exact = Fraction(margin)
    for size in (100, 300, 700):
        negative = int(exact * size)
        result = non_inferiority(Paired(size - negative, negative, 0, 0), exact, alpha)
        assert result.statistic == 0
        assert not result.shown
        assert not result.shown_worse


@given(st.integers(1, 999), st.integers(1, 3), st.integers(0, 50), st.sampled_from([0.05, 0.5]))
@settings(deadline=None)
def test_a_tie_on_the_margin_is_decided_by_whole_numbers(
    thousandth: int, times: int, positive: int, alpha: float
) -> None:
    """Hardly any of these margins is a fraction of two in floating point."""
    margin, size = Fraction(thousandth, 1000), 1000 * times
    negative = thousandth * times + positive
    if negative + positive > size:
        return
    on_it = non_inferiority(Paired(size - negative - positive, negative, positive, 0), margin, alpha)
    assert (on_it.statistic, on_it.shown, on_it.shown_worse) == (0, False, False)


@given(tables(largest=3000, smallest=0), margins, st.sampled_from([0.0005, 0.05, 0.5]))
@settings(deadline=None, max_examples=40)
def test_any_table_has_figures(paired: Paired, margin: Fraction, alpha: float) -> None:
    result = non_inferiority(paired, margin, alpha)
    assert math.isfinite(result.statistic)
    assert all(
        0 <= p <= 1 for p in (result.p_asymptotic, result.p_exact or 0.0, mcnemar(paired), mcnemar_mid_p(paired))
    )
    low, high = interval(paired, 0.95)
    assert -1 <= low <= paired.difference <= high <= 1
    assert not (result.shown and result.shown_worse)


@pytest.mark.parametrize(("equal", "shown"), [(40, False), (148, False), (149, True), (150, True)])
def test_so_many_equal_answers_show_at_most_two_points(equal: int, shown: bool) -> None:  # noqa: FBT001 -- a column
    assert non_inferiority(Paired(equal, 0, 0, 0), Fraction("0.02"), 0.05).shown is shown
    # Nothing differs: what remains is the chance that such a model has met none of its 2 % in all images.
    assert exact_p(0, 0, equal, Fraction("0.02")) == pytest.approx(0.98**equal, rel=1e-9)


def with_discordance(share: float) -> Paired:
    size = 100_000
    flips = round(share * (size + 2) - 1)
    return Paired(size - flips, flips // 2, flips - flips // 2, 0)


@pytest.mark.parametrize(("discordance", "margin", "about"), [(0.04, 0.02, 700), (0.08, 0.02, 1280), (0.08, 0.05, 230)])
def test_images_needed(discordance: float, margin: float, about: int) -> None:
    assert images_needed(with_discordance(discordance), margin, 0.05) == pytest.approx(about, abs=6)


def test_never_fewer_images_are_needed_than_equal_answers_take() -> None:
    assert images_needed(Paired(1000, 0, 0, 0), 0.5, 0.05) == math.ceil(math.log(0.05) / math.log(0.5))


def test_as_many_images_as_are_said_to_be_needed_show_it_in_most_cases() -> None:
    needed = images_needed(with_discordance(0.08), 0.05, 0.05)
    rng = np.random.default_rng(20261124)
    draws = rng.multinomial(needed, [0.04, 0.04, 0.92], size=600)
    shown = [non_inferiority(Paired(same, b, c, 0), Fraction("0.05"), 0.05).shown for b, c, same in draws.tolist()]
    assert 0.74 < sum(shown) / len(shown) < 0.86


@given(tables(), st.sampled_from([0.01, 0.05, 0.2]))
@settings(deadline=None)
def test_the_smallest_margin_is_the_one_that_the_images_at_hand_are_enough_for(paired: Paired, alpha: float) -> None:
    margin = smallest_margin(paired, alpha)
    assert images_needed(paired, margin * 1.001, alpha) <= paired.size < images_needed(paired, margin * 0.98, alpha)


@pytest.mark.parametrize(
    ("paired", "exact", "mid_p"),
    [(Paired(1, 1, 7, 12), 0.0703, 0.0391), (Paired(59, 6, 16, 80), 0.0525, 0.0347), (Paired(9, 4, 4, 9), 1.0, 0.8633)],
)
def test_published_mid_p(paired: Paired, exact: float, mid_p: float) -> None:
    """Fagerland et al. 2013, table 4: airway hyper-responsiveness, complete response; then their rule for a tie."""
    assert mcnemar(paired) == pytest.approx(exact, abs=5e-5)
    assert mcnemar_mid_p(paired) == pytest.approx(mid_p, abs=5e-5)


def test_published_exact_mcnemar() -> None:
    # Fagerland, Lydersen & Laake 2017, chapter 8 (Cavo 2012)
    assert mcnemar(Paired(59, 16, 6, 80)) == pytest.approx(0.052479, abs=5e-7)
    assert mcnemar_mid_p(Paired(59, 16, 6, 80)) == pytest.approx(0.034690, abs=5e-7)
    # Armitage & Berry 1994, Statistical Methods in Medical Research, page 127, by StatsDirect: two media for cultures
    assert mcnemar(Paired(20, 12, 2, 16)) == pytest.approx(0.0129, abs=5e-5)


@pytest.mark.parametrize(("negative", "positive"), [(0, 0), (1, 0), (3, 3), (2, 5), (7, 3), (0, 9)])
def test_mcnemar_counts_tosses_of_a_fair_coin(negative: int, positive: int) -> None:
    """Every way in which the flips of two equally good models may fall; half of those like the one that was seen."""
    tosses = [abs(sum(way)) for way in product((-1, 1), repeat=negative + positive)]
    seen = abs(negative - positive)
    beyond, alike = sum(one > seen for one in tosses), tosses.count(seen)
    assert mcnemar(Paired(5, negative, positive, 0)) == pytest.approx((beyond + alike) / len(tosses))
    assert mcnemar_mid_p(Paired(5, negative, positive, 0)) == pytest.approx((beyond + alike / 2) / len(tosses))


@pytest.mark.parametrize("case", [case for case in STATSMODELS if "mcnemar" in case])
def test_mcnemar_is_that_of_statsmodels(case: dict[str, Any]) -> None:
    assert mcnemar(Paired(9, case["negative"], case["positive"], 1)) == pytest.approx(case["mcnemar"], rel=1e-9)


@given(tables())
@settings(deadline=None)
def test_mcnemar_is_a_binomial_test_of_the_flips(paired: Paired) -> None:
    flips = paired.negative + paired.positive
    if not flips:
        assert mcnemar(paired) == mcnemar_worse(paired) == 1
        return
    two_sided = stats.binomtest(paired.negative, flips, 0.5).pvalue
    worse = stats.binomtest(paired.negative, flips, 0.5, alternative="greater").pvalue
    assert mcnemar(paired) == pytest.approx(two_sided, rel=1e-9)
    assert mcnemar_worse(paired) == pytest.approx(worse, rel=1e-9)
