"""Two models' answers from a table of how often each was right; what the verdict's tests are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.evaluation.cases import digest_of_images

SOMETHING_ELSE = Score(id="999", name="Something Else", confidence=0.5)


class Counts(NamedTuple):
    """Images of one species, by who was right."""

    both_right: int = 0
    negative: int = 0
    positive: int = 0
    both_wrong: int = 0


def two_models(
    table: Mapping[str, Counts],
    *,
    old_names: Iterable[str] | None = None,
    new_names: Iterable[str] | None = None,
    new_confidence: float = 0.9,
) -> tuple[Answers, Answers]:
    """Answers of v1.0.0 and v2.0.0; a wrong one still has the truth in second place.

    Args:
        table: counts by species, whose name is its id.
        old_names: species that the old model has a label for; without it, all.
        new_names: as `old_names`, of the new model.
        new_confidence: of the new model's right answers; the old model's is 0.8.
    """
    rights = [
        (species, *right)
        for species, counts in table.items()
        for right, count in zip(((True, True), (True, False), (False, True), (False, False)), counts, strict=True)
        for _ in range(count)
    ]
    old = [_answer(number, species, right, 0.8) for number, (species, right, _) in enumerate(rights)]
    new = [_answer(number, species, right, new_confidence) for number, (species, _, right) in enumerate(rights)]
    everything = frozenset(table)
    return (
        answers_of("v1.0.0", old, everything if old_names is None else frozenset(old_names)),
        answers_of("v2.0.0", new, everything if new_names is None else frozenset(new_names)),
    )


def answers_of(model: str, answers: Iterable[Answer], nameable: frozenset[str] | None = None) -> Answers:
    """All answers of one model, with the digest of the images that they are about."""
    listed = tuple(answers)
    return Answers(
        model=ModelIdentity(name=model),
        known_images_sha256=digest_of_images((one.file_name, one.sha256, one.expected_id) for one in listed),
        nameable=nameable,
        answers=listed,
    )


def _answer(number: int, species: str, right: bool, confidence: float) -> Answer:  # noqa: FBT001 -- a cell of the table
    truth = Score(id=species, name=species, confidence=confidence)
    return Answer(
        file_name=f"{species}/{number:05}.jpg",
        sha256=f"{number:064x}",
        expected_id=species,
        expected_name=species,
        top=(truth,) if right else (SOMETHING_ELSE, truth.model_copy(update={"confidence": 0.1})),
        latency_ms=40.0,
    )
