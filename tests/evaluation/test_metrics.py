"""Figures of one model: intervals that others publish, and every other figure worked out anew, image by image."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.answering import answers_of
from lepinet.evaluation.answers import Answer, Answers, Score
from lepinet.evaluation.metrics import Metrics, measure, wilson_interval

PUBLISHED = [
    # Newcombe 1998, Stat Med 17:857, table I, method 3
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
SPECIES = ("a", "b", "c", "d")


GUESS = st.tuples(st.sampled_from([*SPECIES, "e"]), st.integers(0, 30))
"""What is named and how sure, in thirtieths: every second one lies on the edge of a bin."""


def _answer(number: int, expected: str, guesses: list[tuple[str, int]], latency: int | None) -> Answer:
    surest_first = sorted(guesses, key=lambda guess: -guess[1])
    return Answer(
        file_name=f"{number:03}.jpg",
        sha256=f"{number:064x}",
        expected_id=expected,
        expected_name=expected.upper(),
        top=tuple(Score(id=id_, name=id_.upper(), confidence=share / 30) for id_, share in surest_first),
        error=None if guesses else "it cannot be read",
        latency_ms=latency,
    )


def answers(smallest: int = 0) -> st.SearchStrategy[Answers]:
    """Of images of three species: errors, and up to four guesses, the surest first."""
    guesses = st.lists(GUESS, max_size=4, unique_by=lambda guess: guess[0])
    image = st.tuples(st.sampled_from(SPECIES[:3]), guesses, st.none() | st.integers(0, 900))
    return st.lists(image, min_size=smallest, max_size=12).map(
        lambda images: answers_of("v1.0.0", [_answer(n, *each) for n, each in enumerate(images)], frozenset(SPECIES))
    )


def one(*named: str, expected: str = "a", confidence: float = 0.8) -> Answer:
    """An image of `a`, and the guesses about it; without any an error."""
    return Answer(
        file_name="0.jpg",
        sha256="0" * 64,
        expected_id=expected,
        expected_name=expected,
        top=tuple(Score(id=id_, name=id_, confidence=confidence) for id_ in named),
        error=None if named else "it cannot be read",
        latency_ms=12.0,
    )


@pytest.mark.parametrize(("right", "total", "lower", "upper"), PUBLISHED)
def test_published_intervals(right: int, total: int, lower: float, upper: float) -> None:
    assert wilson_interval(right, total) == pytest.approx((lower, upper), abs=5e-5)


@given(st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_the_interval_is_scipys(data: st.DataObject, confidence: float) -> None:
    total = data.draw(st.integers(1, 5000))
    right = data.draw(st.integers(0, total))
    theirs = stats.binomtest(right, total).proportion_ci(confidence, method="wilson")
    assert wilson_interval(right, total, confidence) == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-12)


@given(st.data())
def test_the_share_lies_in_its_interval_and_the_interval_between_0_and_1(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 100_000))
    right = data.draw(st.integers(0, total))
    low, high = wilson_interval(right, total)
    assert 0 <= low <= right / total <= high <= 1


@given(answers(smallest=1))
def test_counts_and_shares(asked: Answers) -> None:
    images = asked.answers
    firsts = [image.top[0].id if image.top else None for image in images]
    right = sum(first == image.expected_id for first, image in zip(firsts, images, strict=True))
    among = sum(image.expected_id in [score.id for score in image.top][:3] for image in images)
    found = measure(asked)
    assert (found.sample_size, found.correct, found.correct_in_top3) == (len(images), right, among)
    assert found.unanswered == firsts.count(None)
    assert found.accuracy == pytest.approx(right / len(images))
    assert found.top3_accuracy == pytest.approx(among / len(images))
    assert found.accuracy_interval == wilson_interval(right, len(images))


@given(answers(smallest=1))
def test_species_and_macro_f1(asked: Answers) -> None:
    """By precision and recall in exact fractions; a species that is never named right has an F1 of 0."""
    found = measure(asked)
    expected = sorted({image.expected_id for image in asked.answers})
    assert [each.id for each in found.species] == expected
    f1s = []
    for species, figures in zip(expected, found.species, strict=True):
        of_it = [image for image in asked.answers if image.expected_id == species]
        named_so = [image for image in asked.answers if image.top and image.top[0].id == species]
        hits = sum(image.top[0].id == species for image in of_it if image.top)
        recall = Fraction(hits, len(of_it))
        precision = Fraction(hits, len(named_so)) if named_so else None
        f1s.append(2 * precision * recall / (precision + recall) if precision and recall else Fraction(0))
        assert (figures.name, figures.support) == (species.upper(), len(of_it))
        assert (figures.correct, figures.predicted) == (hits, len(named_so))
        assert figures.recall == pytest.approx(float(recall))
        assert figures.f1 == pytest.approx(float(f1s[-1]))
    assert found.macro_f1 == pytest.approx(float(sum(f1s) / len(f1s)))


@given(answers(smallest=1))
def test_confusion_counts_every_image_once(asked: Answers) -> None:
    cells = Counter((image.expected_id, image.top[0].id if image.top else None) for image in asked.answers)
    found = measure(asked).confusion
    assert {(cell.expected_id, cell.predicted_id): cell.count for cell in found} == cells
    assert len(found) == len(cells)
    order = [(cell.expected_id, cell.predicted_id or "") for cell in found]
    assert order == sorted(order)


@given(answers(smallest=1))
def test_expected_calibration_error(asked: Answers) -> None:
    """Fifteen bins, each from above its lower edge to its upper edge; 0 belongs to the first."""
    sure = [(image.top[0].confidence, image.correct) for image in asked.answers if image.top]
    error = 0.0
    for number in range(15):
        inside = [
            (confidence, right)
            for confidence, right in sure
            if number < confidence * 15 <= number + 1 or (number == 0 and confidence == 0)
        ]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(confidence for confidence, _ in inside) / len(inside)
            error += len(inside) / len(sure) * abs(accuracy - confidence)
    found = measure(asked)
    assert found.expected_calibration_error == (pytest.approx(error, abs=1e-12) if sure else None)
    assert sum(each.count for each in found.calibration) == len(sure)


def test_each_bin_tells_how_sure_the_model_was_and_how_often_it_was_right() -> None:
    named = [("a", 0.8), ("b", 0.75), ("a", 0.0), ("a", 1.0), ("a", 1 / 15)]
    found = measure(answers_of("m", [one(species, confidence=sure) for species, sure in named] + [one()]))
    shown = [(round(each.lower * 15), round(each.upper * 15), each.count, each.correct) for each in found.calibration]
    assert shown == [(0, 1, 2, 2), (11, 12, 2, 1), (14, 15, 1, 1)]
    assert [each.confidence for each in found.calibration] == pytest.approx([1 / 30, 0.775, 1.0])


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=40))
def test_latencies_are_the_quantiles_of_those_that_were_taken(taken: list[float]) -> None:
    image = one("a")
    untimed = image.model_copy(update={"latency_ms": None})
    found = measure(answers_of("m", [*(image.model_copy(update={"latency_ms": each}) for each in taken), untimed]))
    quantiles = stats.mstats.mquantiles(taken, [0.5, 0.95], alphap=1, betap=1)
    assert (found.latency_p50, found.latency_p95) == pytest.approx(tuple(quantiles), rel=1e-9, abs=1e-9)


@given(answers(), st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_matter(asked: Answers, dice: random.Random) -> None:
    shuffled = list(asked.answers)
    dice.shuffle(shuffled)
    again = measure(answers_of("v1.0.0", shuffled, asked.nameable))
    assert _rounded(again) == _rounded(measure(asked))


def test_without_images_there_is_nothing_to_measure() -> None:
    assert measure(answers_of("v1.0.0", [])) == Metrics(
        sample_size=0,
        correct=0,
        correct_in_top3=0,
        unanswered=0,
        accuracy=None,
        accuracy_interval=None,
        top3_accuracy=None,
        macro_f1=None,
        expected_calibration_error=None,
        calibration=(),
        latency_p50=None,
        latency_p95=None,
        species=(),
        confusion=(),
    )


@pytest.mark.parametrize(
    ("named", "accuracy", "top3", "f1", "error"),
    [
        (("a", "b"), 1.0, 1.0, 1.0, 0.2),
        (("b", "a"), 0.0, 1.0, 0.0, 0.8),
        (("b", "c", "d", "a"), 0.0, 0.0, 0.0, 0.8),
        ((), 0.0, 0.0, 0.0, None),
    ],
)
def test_one_image(named: tuple[str, ...], accuracy: float, top3: float, f1: float, error: float | None) -> None:
    found = measure(answers_of("m", [one(*named)], frozenset("abcd")))
    assert (found.accuracy, found.top3_accuracy, found.macro_f1) == (accuracy, top3, f1)
    assert found.expected_calibration_error == (None if error is None else pytest.approx(error))
    assert found.unanswered == (not named)
    assert (found.latency_p50, found.latency_p95) == (12.0, 12.0)


def test_an_endpoint_that_tells_its_first_guess_alone_has_no_top_three() -> None:
    alone = [one("a"), one("b"), one()]
    found = measure(answers_of("http://127.0.0.1:8000/predict", alone))
    assert (found.correct_in_top3, found.top3_accuracy) == (None, None)
    assert measure(answers_of("v1.0.0", alone, frozenset("a"))).correct_in_top3 == 1, "of a model with one label"
    assert measure(answers_of("http://127.0.0.1:8000/predict", [*alone, one("b", "a")])).correct_in_top3 == 2


def test_a_name_that_is_no_known_species_costs_no_species_its_precision() -> None:
    found = measure(answers_of("m", [one("a"), one("unheard of")]))
    assert [(each.id, each.predicted) for each in found.species] == [("a", 1)]
    assert found.macro_f1 == pytest.approx(2 / 3)


def _rounded(metrics: Metrics) -> Metrics:
    """Sums of floats in another order differ in the last digit."""
    error = metrics.expected_calibration_error
    return replace(metrics, expected_calibration_error=None if error is None else round(error, 12))
