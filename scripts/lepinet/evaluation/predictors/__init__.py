"""What can answer photos: a model's files in a process of their own, or a live endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from lepinet.errors import OutsideError

PREDICTOR_VERSION = 1
"""Counts up when a change here may change an answer; kept answers of another number are not used."""

TOP = 5
"""So many labels an answer names, best first."""


class Guess(NamedTuple):
    """One label with its probability."""

    label: str
    """The model's own text, or the species id that an endpoint gave."""
    confidence: float
    """0 to 1."""
    name: str | None = None
    """The species name that an endpoint gave beside the id."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a model said of one image, in its own labels."""

    top: tuple[Guess, ...] = ()
    """The likeliest, best first; at most `TOP`; empty when there is an error."""
    error: str | None = None
    """Why there is no answer, in one sentence."""
    latency_ms: float | None = None
    """Decoding and inference; for an endpoint the whole request."""


class ModelError(OutsideError):
    """A model's process died, hung or talked nonsense; it answers nothing more."""

    def __init__(self, what: str, *, where: str, answered: tuple[RawAnswer, ...] = ()) -> None:
        super().__init__(what, where=where)
        self.answered = answered
        """The answers it gave of this call before it failed; the image after them is the likeliest culprit."""


class Predictor(Protocol):
    """Something that names what is on photos."""

    def answer(self, images: Sequence[Path | bytes]) -> list[RawAnswer]:
        """One answer for each image, in their order; an image that cannot be answered has an error instead."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
