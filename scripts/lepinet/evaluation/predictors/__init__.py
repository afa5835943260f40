"""What can answer photos: a model's files in a process of their own, or a live endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lepinet.evaluation.spread import Answering

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


class Predictor(Answering[RawAnswer], Protocol):
    """Something that names what is on photos; an image that cannot be answered has an error instead."""
