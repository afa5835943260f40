"""Answers kept on disk, so that a model is not run twice on the same photo."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from lepinet.evaluation.predictors import PREDICTOR_VERSION, Guess, RawAnswer

_AT_ONCE = 500
"""Fewer than the variables that any SQLite allows in one statement."""
_WAIT = 10.0
"""Seconds for another process that is writing."""
_RUNTIME = ("numpy", "onnxruntime", "pillow")
_SCHEMA = """
create table if not exists answers (model text, image text, top text not null, primary key (model, image)) without rowid
"""


class AnswerCache:
    """Answers of one model, by the digest of the photo.

    A convenience and nothing more: a damaged file is begun anew, and where nothing can be written nothing is kept.
    Any number of processes may use the same folder.
    """

    def __init__(self, folder: Path, model_sha256: str, labels: Collection[str]) -> None:
        """Nothing is read yet.

        Args:
            folder: where answers are kept.
            model_sha256: digest of the model's files.
            labels: the model's; an answer with another one is none of its answers.
        """
        self._labels = frozenset(labels)
        self._path = folder / "answers.sqlite3"
        # Whatever may change an answer: the model's files with its preprocessing, this code, the libraries.
        parts = (model_sha256, str(PREDICTOR_VERSION), *(version(package) for package in _RUNTIME))
        self._model = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        self._database: sqlite3.Connection | None = None
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, images: Sequence[str]) -> dict[str, RawAnswer]:
        """What is known of these photos, by digest."""
        found: dict[str, RawAnswer] = {}
        for start in range(0, len(images), _AT_ONCE):
            some = images[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"select image, top from answers where model = ? and image in ({marks})"  # noqa: S608 - marks only
            for image, top in self._run(query, [(self._model, *some)]):
                with contextlib.suppress(ValueError, TypeError, RecursionError):
                    found[image] = RawAnswer(_guesses(top, self._labels))
        return found

    def put(self, answers: Mapping[str, RawAnswer]) -> None:
        """Keep answers by the digest of their photo; errors are not kept, for they may pass."""
        rows = [(self._model, image, json.dumps(answer.top)) for image, answer in answers.items() if answer.top]
        self._run("insert or replace into answers values (?, ?, ?)", rows)

    def close(self) -> None:
        if self._database:
            self._database.close()
        self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, statement: str, rows: Sequence[tuple[str, ...]]) -> list[Any]:
        """Run it for every row in one transaction; a damaged file is thrown away and the statement repeated once."""
        try:
            return self._try(statement, rows)
        except sqlite3.OperationalError:
            return []  # locked for too long, full, or not ours to write
        except sqlite3.DatabaseError:
            self.close()
        try:
            self._path.unlink(missing_ok=True)
            return self._try(statement, rows)
        except (sqlite3.DatabaseError, OSError):
            return []

    def _try(self, statement: str, rows: Sequence[tuple[str, ...]]) -> list[Any]:
        if self._database is None:
            self._database = sqlite3.connect(self._path, timeout=_WAIT)
            self._database.execute("pragma synchronous = off")
            self._database.execute(_SCHEMA)
        with self._database:
            return [line for row in rows for line in self._database.execute(statement, row)]


def _guesses(top: str, labels: Collection[str]) -> tuple[Guess, ...]:
    """Raises ValueError or TypeError for what this model cannot have answered."""
    guesses = tuple(Guess(label, confidence) for label, confidence, _ in json.loads(top))
    if not guesses or not all(guess.label in labels and 0 <= guess.confidence <= 1 for guess in guesses):
        raise ValueError
    return guesses
