"""The JSON that `lepinet test` writes, and the way back from such a file to the answers it holds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from lepinet import __version__
from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score, Value
from lepinet.evaluation.cases import digest_of_images
from lepinet.evaluation.metrics import Metrics, measure
from lepinet.files import read_small

_LARGEST = 256 << 20


class AnsweringModel(Value):
    """The model that answered."""

    name: str
    file_path: str | None
    revision: str | None
    sha256: str | None
    """Over the files that decide its answers; null for a live endpoint."""
    unknown_species: tuple[str, ...] | None
    """Ids of species on the known images that it has no label for; null where nobody can know."""
    contract: str | None = None
    """How a live endpoint takes photos and answers; null for a model's files."""
    cautions: tuple[str, ...] = ()
    """What else its repository holds that a person should know of, a sentence each."""


class AskedImages(Value):
    """The known images that were asked about."""

    sha256: str
    """Over the sorted (file name, digest of the content, species id)."""
    size: int
    """How many there are, readable or not."""


class Latency(Value):
    """Milliseconds for one photo; null when all answers were kept from before."""

    p50: float | None
    p95: float | None


class Result(Value):
    """What the model said of one image."""

    file_name: str
    sha256: str
    expected_id: str
    expected_name: str
    predicted_id: str
    predicted_name: str
    confidence: float
    correct: bool
    top: tuple[Score, ...] = Field(min_length=1)
    """The five likeliest, best first; fewer where there are fewer."""


class Unanswered(Value):
    """An image that could not be read or answered; it counts as wrong."""

    file_name: str
    error: str
    sha256: str | None
    """Null when the file could not be read."""
    expected_id: str
    expected_name: str


class CalibrationBin(Value):
    """Images whose answers were about equally sure."""

    lower: float
    """Confidence, 0 to 1; above this, but the first bin has 0 in it."""
    upper: float
    """Up to and with this."""
    count: int
    correct: int
    confidence: float
    """Its mean over these images."""


class Summary(Value):
    """The figures of one model on one set of known images; null where there is nothing to measure."""

    schema_version: Literal[1] = 1
    tool_version: str
    model: AnsweringModel
    known_images: AskedImages
    sample_size: int
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    """Wilson's, two-sided, at 95 % confidence."""
    top3_accuracy: float | None
    macro_f1: float | None
    expected_calibration_error: float | None
    calibration: tuple[CalibrationBin, ...] = ()
    """By confidence; a bin without images is left out."""
    latency_ms: Latency
    timestamp: datetime


class SpeciesResult(Value):
    """How the model does on one species of the known images."""

    id: str
    name: str
    support: int
    """Known images of it."""
    recall: float
    """The share of these that was named right."""
    precision: float | None
    """The share of those named so that are of this species; null when none was named so."""


class Confused(Value):
    """How often one species was named as one; pairs that never happened are left out."""

    expected_id: str
    predicted_id: str | None
    """Null: not answered."""
    count: int


class Results(Summary):
    """All that `lepinet test` found."""

    results: tuple[Result | Unanswered, ...]
    species: tuple[SpeciesResult, ...] = ()
    """By id."""
    confusion: tuple[Confused, ...] = ()
    """By expected, then predicted id."""

    def answers(self) -> Answers:
        """What `compare` needs of it; latencies of single images are not kept.

        Raises:
            RefusedError: the images are not those that the file says it is about.
        """
        answers = tuple(_answer(result) for result in self.results)
        if (
            digest_of_images((one.file_name, one.sha256, one.expected_id) for one in answers)
            != self.known_images.sha256
        ):
            raise RefusedError("the results are not of the known images that the file names; was it edited?")
        unknown = self.model.unknown_species
        return Answers(
            model=ModelIdentity(**self.model.model_dump(exclude={"unknown_species"})),
            known_images_sha256=self.known_images.sha256,
            nameable=None if unknown is None else frozenset(one.expected_id for one in answers) - set(unknown),
            answers=answers,
        )


def summarise(answers: Answers, timestamp: datetime) -> Summary:
    """The figures without the single images.

    Args:
        answers: what the model said.
        timestamp: when, with its time zone.
    """
    return _summary(answers, measure(answers), timestamp)


def _summary(answers: Answers, metrics: Metrics, timestamp: datetime) -> Summary:
    expected = {answer.expected_id for answer in answers.answers}
    return Summary(
        tool_version=__version__,
        model=AnsweringModel(
            **answers.model.model_dump(),
            unknown_species=None if answers.nameable is None else tuple(sorted(expected - answers.nameable)),
        ),
        known_images=AskedImages(sha256=answers.known_images_sha256, size=len(answers.answers)),
        sample_size=metrics.sample_size,
        accuracy=metrics.accuracy,
        accuracy_interval=metrics.accuracy_interval,
        top3_accuracy=metrics.top3_accuracy,
        macro_f1=metrics.macro_f1,
        expected_calibration_error=metrics.expected_calibration_error,
        calibration=tuple(CalibrationBin(**vars(one)) for one in metrics.calibration),
        latency_ms=Latency(p50=metrics.latency_p50, p95=metrics.latency_p95),
        timestamp=timestamp,
    )


def results_of(answers: Answers, timestamp: datetime) -> Results:
    """The whole document; arguments as `summarise`."""
    metrics = measure(answers)
    figures = dict(_summary(answers, metrics, timestamp))
    species = (
        SpeciesResult(
            id=one.id,
            name=one.name,
            support=one.support,
            recall=one.recall,
            precision=one.correct / one.predicted if one.predicted else None,
        )
        for one in metrics.species
    )
    return Results(
        **figures,
        results=tuple(_result(answer) for answer in answers.answers),
        species=tuple(species),
        confusion=tuple(Confused(**vars(cell)) for cell in metrics.confusion),
    )


def read_results(path: Path) -> Results:
    """Read a file that `lepinet test` wrote.

    Raises:
        RefusedError: it is no such file, or one of a newer LepiNet.
    """
    try:
        return Results.model_validate_json(read_small(path, at_most=_LARGEST))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"is not what `lepinet test --json` writes: {place + ': ' if place else ''}{first['msg']}"
        raise RefusedError(what, where=str(path)) from None


def _result(answer: Answer) -> Result | Unanswered:
    if answer.sha256 is None or not answer.top:
        return Unanswered(
            file_name=answer.file_name,
            error=answer.error or "no answer",
            sha256=answer.sha256,
            expected_id=answer.expected_id,
            expected_name=answer.expected_name,
        )
    best = answer.top[0]
    return Result(
        file_name=answer.file_name,
        sha256=answer.sha256,
        expected_id=answer.expected_id,
        expected_name=answer.expected_name,
        predicted_id=best.id,
        predicted_name=best.name,
        confidence=best.confidence,
        correct=answer.correct,
        top=answer.top,
    )


def _answer(result: Result | Unanswered) -> Answer:
    return Answer(
        file_name=result.file_name,
        sha256=result.sha256,
        expected_id=result.expected_id,
        expected_name=result.expected_name,
        top=result.top if isinstance(result, Result) else (),
        error=result.error if isinstance(result, Unanswered) else None,
    )
