"""Figures of one model on one set of known images; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from lepinet.evaluation.answers import Answer, Answers

_BINS = 15
"""Of the confidence, for calibration; as many as Guo et al. use."""


@dataclass(frozen=True)
class SpeciesFigures:
    """How the model does on one species."""

    id: str
    name: str
    support: int
    """Known images of it, at least one."""
    correct: int
    """Of these, named right."""
    predicted: int
    """Known images of any species that were named as this one."""

    @property
    def recall(self) -> float:
        """0 to 1."""
        return self.correct / self.support

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 0 when the species is never named."""
        return 2 * self.correct / (self.support + self.predicted)


@dataclass(frozen=True)
class Confusion:
    """One cell of the confusion matrix; cells that are not listed are zero."""

    expected_id: str
    predicted_id: str | None
    """None: not answered."""
    count: int


@dataclass(frozen=True)
class CalibrationBin:
    """Images whose answers were about equally sure: whether so many of them are right as the model thinks."""

    lower: float
    """Confidence, 0 to 1; above this, but the first bin has 0 in it."""
    upper: float
    """Up to and with this."""
    count: int
    """At least one image."""
    correct: int
    confidence: float
    """Its mean over these images."""


@dataclass(frozen=True)
class Metrics:
    """All figures; None where there is nothing to measure."""

    sample_size: int
    correct: int
    correct_in_top3: int | None
    """None for an endpoint that tells its first guess alone."""
    unanswered: int
    """Images with an error; they count as wrong."""
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    """Wilson's, at 95 % confidence, two-sided."""
    top3_accuracy: float | None
    macro_f1: float | None
    """Mean F1 over the species on the known images."""
    expected_calibration_error: float | None
    """0 (says 80 % and is right in 80 %) to 1, over the answered images."""
    calibration: tuple[CalibrationBin, ...]
    """By confidence; a bin without images is left out."""
    latency_p50: float | None
    """Milliseconds; over images whose time was taken."""
    latency_p95: float | None
    species: tuple[SpeciesFigures, ...]
    """By id."""
    confusion: tuple[Confusion, ...]
    """Sorted by expected, then predicted id."""


def measure(answers: Answers) -> Metrics:
    """The figures of these answers; the order of images does not matter."""
    images = answers.answers
    total = len(images)
    correct = sum(image.correct for image in images)
    in_top3 = None if _first_guess_alone(answers) else sum(image.correct_in_top3 for image in images)
    species = _species(images)
    calibration = _calibration(images)
    latencies = sorted(image.latency_ms for image in images if image.latency_ms is not None)
    return Metrics(
        sample_size=total,
        correct=correct,
        correct_in_top3=in_top3,
        unanswered=sum(image.error is not None for image in images),
        accuracy=correct / total if total else None,
        accuracy_interval=wilson_interval(correct, total) if total else None,
        top3_accuracy=in_top3 / total if total and in_top3 is not None else None,
        macro_f1=math.fsum(one.f1 for one in species) / len(species) if species else None,
        expected_calibration_error=_calibration_error(calibration),
        calibration=calibration,
        latency_p50=_percentile(latencies, 0.5),
        latency_p95=_percentile(latencies, 0.95),
        species=species,
        confusion=_confusion(images),
    )


def _first_guess_alone(answers: Answers) -> bool:
    """Whether an endpoint, whose labels nobody knows, keeps its second and third guess to itself."""
    answered = [len(image.top) for image in answers.answers if image.top]
    return answers.nameable is None and bool(answered) and max(answered) == 1


def wilson_interval(correct: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share, two-sided (Wilson 1927, JASA 22:209).

    Args:
        correct: 0 to `total`.
        total: at least 1.
        confidence: between 0 and 1.

    Returns:
        Lower and upper bound, within 0 to 1; the share lies between them.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / total
    scale = 1 + z * z / total
    middle = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # At 0 and at `total` the bound is the share itself, which rounding would miss by a hair.
    return (max(middle - half, 0.0) if correct else 0.0, min(middle + half, 1.0) if correct < total else 1.0)


def _species(images: Sequence[Answer]) -> tuple[SpeciesFigures, ...]:
    names = {image.expected_id: image.expected_name for image in images}
    support = Counter(image.expected_id for image in images)
    correct = Counter(image.expected_id for image in images if image.correct)
    predicted = Counter(image.predicted_id for image in images)
    return tuple(SpeciesFigures(id_, names[id_], support[id_], correct[id_], predicted[id_]) for id_ in sorted(names))


def _confusion(images: Sequence[Answer]) -> tuple[Confusion, ...]:
    cells = Counter((image.expected_id, image.predicted_id) for image in images)
    ordered = sorted(cells.items(), key=lambda cell: (cell[0][0], cell[0][1] or ""))
    return tuple(Confusion(expected, predicted, count) for (expected, predicted), count in ordered)


def _calibration(images: Sequence[Answer]) -> tuple[CalibrationBin, ...]:
    """The answered images in bins of equal width."""
    bins: dict[int, list[Answer]] = {}
    for image in images:
        if image.top:
            number = max(math.ceil(image.top[0].confidence * _BINS) - 1, 0)
            bins.setdefault(number, []).append(image)
    return tuple(
        CalibrationBin(
            lower=number / _BINS,
            upper=(number + 1) / _BINS,
            count=len(its),
            correct=sum(image.correct for image in its),
            confidence=math.fsum(image.top[0].confidence for image in its) / len(its),
        )
        for number, its in sorted(bins.items())
    )


def _calibration_error(bins: Sequence[CalibrationBin]) -> float | None:
    """Expected calibration error (Guo et al. 2017, ICML, arXiv 1706.04599).

    The mean distance between confidence and accuracy in each bin, weighted by the images in it.
    """
    answered = sum(one.count for one in bins)
    if not answered:
        return None
    return math.fsum(abs(one.correct - one.count * one.confidence) for one in bins) / answered


def _percentile(values: Sequence[float], share: float) -> float | None:
    """Of sorted values, with straight lines between them."""
    if not values:
        return None
    place = (len(values) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
