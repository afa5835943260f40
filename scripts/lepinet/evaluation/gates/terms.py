"""What a candidate is judged by, beside its own answers and the baseline's."""

from __future__ import annotations

from dataclasses import dataclass

from lepinet.evaluation.answers import Answers
from lepinet.evaluation.speed import Speed
from lepinet.manifest.model import Gates


@dataclass(frozen=True)
class Best:
    """The best version shown so far, as models.yaml names it."""

    name: str
    answers: Answers | None
    """None when neither its files nor its answers on these images are to be had."""


@dataclass(frozen=True)
class Terms:
    """The limits, and what the photos alone do not tell."""

    gates: Gates
    tries: int = 1
    """The candidate's place among those tried against this baseline on these images, 1 for the first."""
    best: Best | None = None
    """The environment's reference, where it has one beside the baseline."""
    speed: Speed | None = None
    """How long both take; None where nobody ran them side by side."""
