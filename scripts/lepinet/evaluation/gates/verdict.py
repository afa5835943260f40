"""What gates answer, one by one and together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from pydantic import Field

from lepinet.evaluation.answers import Value

SMOKE_TEST = 20
"""Fewer images than this are a smoke test: no sentence about them speaks in percent."""

Figures: TypeAlias = Mapping[str, float | int | str]


class State(StrEnum):
    """How one gate answers."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    WATCH = "watch"
    """Worth a look; it holds nothing."""
    TOO_FEW = "too_few"
    NOT_MEASURED = "not_measured"


class Decision(StrEnum):
    """How all gates together answer."""

    PROMOTE = "promote"
    HOLD = "hold"
    UNDECIDED = "undecided"


class Gate(Value):
    """One rule with its limit and what was measured."""

    name: str
    state: State
    threshold: float | None
    value: float | None
    sample_size: int
    """Known images that it looked at."""
    sentence: str


class Reason(Value):
    """Why the verdict is what it is."""

    code: str
    sentence: str
    figures: Figures = Field(default={})


class Verdict(Value):
    """All gates together."""

    answer: Decision
    gates: tuple[Gate, ...]
    reasons: tuple[Reason, ...]
    """Most important first; never empty."""

    @property
    def sentence(self) -> str:
        return self.reasons[0].sentence


@dataclass(frozen=True)
class Judged:
    """A gate's answer, and what of it belongs among the reasons of a verdict."""

    gate: Gate
    reasons: tuple[Reason, ...] = ()


def points(share: float) -> str:
    """A difference of shares in words: `2 points`, `1.8 points`, `0.25 points`."""
    value = share * 100
    shown = f"{value:.1f}" if value >= 1 or abs(value - round(value, 1)) < 1e-9 else f"{value:.2g}"
    shown = shown.removesuffix(".0")
    return f"{shown} point" if shown == "1" else f"{shown} points"


def percents(low: float, high: float) -> str:
    """An interval of shares in words: `86 to 96 %`."""
    return f"{low * 100:.0f} to {high * 100:.0f} %"


def at_most(worst: float, margin: float) -> str:
    """How much worse at most, rounded up, and with a second digit where one would hide on which side of the limit."""
    tenth = math.ceil(worst * 1000 - 1e-9) / 1000
    return points(tenth) if (tenth < margin) == (worst < margin) else f"{math.ceil(worst * 10_000) / 100:.2f} points"
