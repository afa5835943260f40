"""Answers kept on disk, so that a model is not run twice on the same photo."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from lepinet.evaluation.kept import Kept
from lepinet.evaluation.predictors import PREDICTOR_VERSION, Guess, RawAnswer


class AnswerCache:
    """Answers of one model, by the digest of the photo."""

    def __init__(self, folder: Path, model_sha256: str, runtime: Collection[str], labels: Collection[str]) -> None:
        """Nothing is read yet.

        Args:
            folder: where answers are kept.
            model_sha256: digest of the model's files.
            runtime: the packages that run it, each with its version.
            labels: the model's; an answer with another one is none of its answers.
        """
        self._labels = frozenset(labels)
        # Whatever may change an answer: the model's files with its preprocessing, this code, the libraries.
        parts = (model_sha256, str(PREDICTOR_VERSION), *runtime)
        self._kept = Kept(folder / "answers.sqlite3", hashlib.sha256("\0".join(parts).encode()).hexdigest())

    def get(self, images: Sequence[str]) -> dict[str, RawAnswer]:
        """What is known of these photos, by digest."""
        found: dict[str, RawAnswer] = {}
        for image, top in self._kept.get(images).items():
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                found[image] = RawAnswer(_guesses(top, self._labels))
        return found

    def put(self, answers: Mapping[str, RawAnswer]) -> None:
        """Keep answers by the digest of their photo; errors are not kept, for they may pass."""
        self._kept.put({image: json.dumps(answer.top) for image, answer in answers.items() if answer.top})

    def close(self) -> None:
        self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _guesses(top: str, labels: Collection[str]) -> tuple[Guess, ...]:
    """Raises ValueError or TypeError for what this model cannot have answered."""
    guesses = tuple(Guess(label, confidence) for label, confidence, _ in json.loads(top))
    if not guesses or not all(guess.label in labels and 0 <= guess.confidence <= 1 for guess in guesses):
        raise ValueError
    return guesses
