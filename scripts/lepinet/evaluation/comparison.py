"""Two models' answers on the same known images, side by side: what flipped, and which species gained or lost."""

from __future__ import annotations

from dataclasses import dataclass

from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Answer, Answers
from lepinet.evaluation.counting import LeftOut, left_out
from lepinet.evaluation.paired import Paired

_SAME_SCORE = 1e-6


@dataclass(frozen=True)
class SpeciesChange:
    """One species in both models."""

    id: str
    name: str
    support: int
    """Known images of it."""
    old_correct: int
    new_correct: int
    negative: int
    """Images of it that were right and are wrong now."""
    positive: int
    """Images of it that were wrong and are right now."""


@dataclass(frozen=True)
class Comparison:
    """The pairs that the verdict is about."""

    paired: Paired
    """Over images of species that the old model can name, without those that are left out."""
    negative_flips: tuple[str, ...]
    """File names, sorted; of the images that `paired` counts."""
    positive_flips: tuple[str, ...]
    species: tuple[SpeciesChange, ...]
    """By id: the species that the old model can name, over images that are not left out."""
    other_species: tuple[SpeciesChange, ...]
    """By id: those that the old model cannot name, whether or not the new one can. They count in the floors alone."""
    dropped: tuple[SpeciesChange, ...]
    """By id: those that the new model can no longer name, over all images."""
    identical: bool
    """The same files, or the same scores on every image."""
    left_out: tuple[LeftOut, ...]
    """By file name: images that count in the floors alone."""


def compare(old: Answers, new: Answers) -> Comparison:
    """Pair two models' answers.

    Raises:
        RefusedError: they are about different known images.
    """
    if old.known_images_sha256 != new.known_images_sha256:
        raise RefusedError(
            f"{old.model.name} and {new.model.name} were tested on different known images",
            todo="test both on the same ones: lepinet compare --old … --new … --known-images DIR",
        )
    # Each run keeps the order that its list had; the digest does not see it, so the pairs must not depend on it.
    pairs = tuple(zip(_by_name(old), _by_name(new), strict=True))
    trained_on = {answers.model.name: answers.trained_on for answers in (old, new)}
    out = left_out([one for one, _ in pairs], {*old.alike, *new.alike}, trained_on)
    counted = tuple(pair for pair, why in zip(pairs, out, strict=True) if why is None)
    judged = tuple(pair for pair in counted if _nameable(old, pair[0].expected_id))
    species = _species(counted)
    unnamed = tuple(pair for pair in pairs if not _nameable(new, pair[0].expected_id))
    return Comparison(
        paired=Paired(
            both_right=sum(one.correct and other.correct for one, other in judged),
            negative=sum(one.correct and not other.correct for one, other in judged),
            positive=sum(other.correct and not one.correct for one, other in judged),
            both_wrong=sum(not one.correct and not other.correct for one, other in judged),
        ),
        negative_flips=tuple(one.file_name for one, other in judged if one.correct and not other.correct),
        positive_flips=tuple(one.file_name for one, other in judged if other.correct and not one.correct),
        species=tuple(change for change in species if _nameable(old, change.id)),
        other_species=tuple(change for change in species if not _nameable(old, change.id)),
        dropped=tuple(change for change in _species(unnamed) if _nameable(old, change.id)),
        identical=_identical(old, new, pairs),
        left_out=tuple(one for one in out if one is not None),
    )


def _by_name(answers: Answers) -> list[Answer]:
    return sorted(answers.answers, key=lambda answer: (answer.file_name, answer.expected_id))


def _nameable(answers: Answers, species_id: str) -> bool:
    return answers.nameable is None or species_id in answers.nameable


def _species(pairs: tuple[tuple[Answer, Answer], ...]) -> tuple[SpeciesChange, ...]:
    by_id: dict[str, list[tuple[Answer, Answer]]] = {}
    for pair in pairs:
        by_id.setdefault(pair[0].expected_id, []).append(pair)
    return tuple(
        SpeciesChange(
            id=species_id,
            name=its[0][0].expected_name,
            support=len(its),
            old_correct=sum(one.correct for one, _ in its),
            new_correct=sum(other.correct for _, other in its),
            negative=sum(one.correct and not other.correct for one, other in its),
            positive=sum(other.correct and not one.correct for one, other in its),
        )
        for species_id, its in sorted(by_id.items())
    )


def _identical(old: Answers, new: Answers, pairs: tuple[tuple[Answer, Answer], ...]) -> bool:
    if old.model.sha256 is not None and old.model.sha256 == new.model.sha256:
        return True
    # A photo that neither could be asked about says nothing of their scores.
    asked = [(one, other) for one, other in pairs if not (one.error and other.error)]
    return bool(asked) and all(_same_scores(one, other) for one, other in asked)


def _same_scores(one: Answer, other: Answer) -> bool:
    if one.error or other.error or len(one.top) != len(other.top):
        return False
    theirs = {score.id: score.confidence for score in other.top}
    return all(abs(score.confidence - theirs.get(score.id, -1)) <= _SAME_SCORE for score in one.top)
