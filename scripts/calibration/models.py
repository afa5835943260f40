"""Made-up models: how often they flip, their complete answers, and where the verdict on them changes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from decimal import Decimal
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.evaluation.gates import Decision
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.paired import Paired
from lepinet.manifest.model import Gates

SEED = 20261124
RUNS = 20_000
"""Of a cell where many candidates or species take part."""
ACCURACY = 0.9
"""Of the first baseline, where it matters."""
USUAL = 0.08
"""Where nothing else is said: the share of all photos on which two versions of one model differ."""

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]
Rights = Sequence[Sequence[bool]]
"""For each species, on which of its images a model is right."""

MODELS = ("reference", "baseline", "candidate")
_CONFIDENCE = dict(zip(MODELS, (0.7, 0.8, 0.9), strict=True))
"""Of the right answers: no two of them are the same model."""


def gates_of(margin: str) -> Gates:
    """The margin alone: every other gate can only hold more."""
    return Gates(
        non_inferiority_margin=Decimal(margin),
        min_accuracy=None,
        min_top3_accuracy=None,
        max_negative_flips=None,
        max_species_recall_drop=None,
        max_latency_ratio=None,
    )


def dice(*cell: object) -> np.random.Generator:
    """Of each cell's own, so that one measured alone comes out as it does among all."""
    return np.random.default_rng([SEED, zlib.crc32(repr(cell).encode())])


def rates(discordance: float, difference: float) -> tuple[float, float]:
    """How likely a photo is a negative and a positive flip.

    Args:
        discordance: on so many photos, as a share, one of the two models is right and the other wrong.
        difference: true accuracy of the new one minus the old one's; at most `discordance` either way.
    """
    return (discordance - difference) / 2, (discordance + difference) / 2


def flips(
    rng: np.random.Generator, runs: int, size: int, discordance: float, difference: float
) -> tuple[Counts, Counts]:
    """Negative and positive flips of `runs` candidates, each on `size` new images."""
    worse, better = rates(discordance, difference)
    negative = rng.binomial(size, worse, runs)
    return negative, rng.binomial(size - negative, better / (1 - worse))


def pair(species: Sequence[Paired]) -> tuple[Answers, Answers]:
    """Complete answers of baseline and candidate that are right and wrong on each species as often as counted."""
    old = [[True] * (one.both_right + one.negative) + [False] * (one.positive + one.both_wrong) for one in species]
    new = [
        [True] * one.both_right + [False] * one.negative + [True] * one.positive + [False] * one.both_wrong
        for one in species
    ]
    return answers("baseline", old), answers("candidate", new)


def answers(model: str, rights: Rights) -> Answers:
    """All answers of one of the three models."""
    return Answers(
        model=ModelIdentity(name=model),
        known_images_sha256="0" * 64,
        nameable=frozenset(f"{species:03}" for species in range(len(rights))),
        answers=tuple(
            _answer(model, species, number, right)
            for species, its in enumerate(rights)
            for number, right in enumerate(its)
        ),
    )


@cache
def _answer(model: str, species: int, number: int, right: bool) -> Answer:  # noqa: FBT001 -- one of many, by place
    truth = f"{species:03}"
    first = Score(id=truth if right else "-", name="", confidence=_CONFIDENCE[model])
    return Answer(
        file_name=f"{truth}/{number:05}.jpg",
        sha256=f"{species:032x}{number:032x}",
        expected_id=truth,
        expected_name=truth,
        top=(first, Score(id="-" if right else truth, name="", confidence=0.05)),
    )


class Border:
    """Where the verdict on so many images of one species changes: it depends on the two numbers of flips alone.

    More negative flips never make it milder, as tests/evaluation/test_gates.py hold. So a walk along the border judges
    only what lies beside it, on complete answers, and as far as somebody asks.
    """

    def __init__(
        self, size: int, terms: Terms, *, mildest: Decision = Decision.PROMOTE, easier: Border | None = None
    ) -> None:
        """Nothing is judged yet.

        Args:
            size: images.
            terms: with gates that look at nothing but flips.
            mildest: promote, or undecided for the border of all that is not held.
            easier: the border of a lower level, which this one does not cross.
        """
        self._size = size
        self._terms = terms
        self._inside = {Decision.PROMOTE, mildest}
        self._easier = easier
        self._most: list[int] = []

    def most_negative(self, positive: Counts) -> Counts:
        """For each number of positive flips, the most negative ones inside; -1 where there are none."""
        while len(self._most) <= positive.max():
            self._most.append(self._walk(len(self._most)))
        return np.array(self._most)[positive]

    def encloses(self, negative: Counts, positive: Counts) -> NDArray[np.bool_]:
        return negative <= self.most_negative(positive)

    def judges(self, negative: int, positive: int) -> bool:
        """Whether these flips lie inside, by the verdict itself."""
        same = self._size - negative - positive
        return judge(*pair([Paired(same, negative, positive, 0)]), self._terms).answer in self._inside

    def _walk(self, positive: int) -> int:
        if self._easier is not None:
            negative = int(self._easier.most_negative(np.array([positive]))[0])
        else:
            negative = min(self._size - positive, self._most[-1] if self._most else -1)
            while negative < self._size - positive and self.judges(negative + 1, positive):
                negative += 1
        while negative >= 0 and not self.judges(negative, positive):
            negative -= 1
        return negative


@cache
def level(size: int, gates: Gates, tries: int) -> Border:
    """The border of promotions at the k-th try."""
    return Border(size, Terms(gates, tries), easier=level(size, gates, tries - 1) if tries > 1 else None)
