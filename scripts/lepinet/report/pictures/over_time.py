"""Accuracy over time, as the monitor measured it: a dot for each run with what its few photos leave possible."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import svg

from lepinet.evaluation.metrics import wilson_interval
from lepinet.report.pictures.drawing import across, dot, frame, label, line, panel

_TOP, _PLOT, _BOTTOM = 22, 150, 26
"""Heights, in pixels."""


@dataclass(frozen=True)
class MeasuredRun:
    """One run."""

    at: datetime
    version: str
    right: int
    images: int
    """At least one."""

    @property
    def share(self) -> float:
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's at 95 %."""
        return wilson_interval(self.right, self.images)


def over_time(runs: Sequence[MeasuredRun], floor: float | None, title: str) -> str:
    """Runs from left to right, by their time; a line upright where another version answers from then on.

    Args:
        runs: at least one, oldest first.
        floor: what the share may not fall under, 0 to 1; None where there is no such gate.
        title: what it shows.
    """
    lowest = min([run.interval[0] for run in runs] + ([] if floor is None else [floor]))
    scale = _Scale(runs[0].at, runs[-1].at, math.floor(lowest * 10) / 10)
    left, width = svg.Length(10, "%"), svg.Length(88, "%")
    drawn: list[svg.Element] = [
        panel(left, _TOP, width, _PLOT, list(_plot(runs, floor, scale))),
        *_below(runs[0].at, runs[-1].at),
        label("named right", across(0), 12, "start", "number"),
    ]
    last = runs[-1]
    counted = f"{len(runs)} run{'s' if len(runs) > 1 else ''}"
    seen = f"{counted}. In the last one {last.version} named {last.right} of {last.images} right."
    return frame(title, seen, _TOP + _PLOT + _BOTTOM, drawn)


def _below(first: datetime, last: datetime) -> Iterator[svg.Element]:
    """Both ends' days, or the time where it is one day; in the middle where it is one minute."""
    begun, ended = first.astimezone(UTC), last.astimezone(UTC)
    day, time, down = "%d %b", "%H:%M UTC", _TOP + _PLOT + 20
    if f"{begun:{day} {time}}" == f"{ended:{day} {time}}":
        yield label(f"{begun:{day} {time}}", across(0.54), down, "middle", "number")
        return
    same_day = begun.date() == ended.date()
    yield label(f"{begun:{day} {time}}" if same_day else f"{begun:{day}}", across(0.1), down, "start", "number")
    yield label(f"{ended:{time}}" if same_day else f"{ended:{day}}", across(0.98), down, "end", "number")


@dataclass(frozen=True)
class _Scale:
    first: datetime
    last: datetime
    lowest: float
    """Share at the bottom; at the top are all."""

    def x(self, at: datetime) -> svg.Length:
        whole = (self.last - self.first).total_seconds()
        return across((at - self.first).total_seconds() / whole if whole else 0.5)

    def y(self, share: float) -> svg.Length:
        return across((1 - share) / (1 - self.lowest) if self.lowest < 1 else 0)


def _plot(runs: Sequence[MeasuredRun], floor: float | None, scale: _Scale) -> Iterator[svg.Element]:
    for share in (scale.lowest, (scale.lowest + 1) / 2, 1.0):
        yield line("grid", (across(0), scale.y(share)), (across(1), scale.y(share)))
        yield label(f"{share:.0%}", across(0), scale.y(share), "end", "number", right=-6, down=4)
    if floor is not None:
        yield line("limit", (across(0), scale.y(floor)), (across(1), scale.y(floor)))
        yield label("floor", across(1), scale.y(floor), "end", "label limit-label", down=-5)
    for before, run in pairwise(runs):
        if before.version != run.version:
            yield line("zero", (scale.x(run.at), across(0)), (scale.x(run.at), across(1)))
            yield label(f"{run.version} →", scale.x(run.at), across(0), "middle", down=-6)
        yield line("trace", (scale.x(before.at), scale.y(before.share)), (scale.x(run.at), scale.y(run.share)))
    for run in runs:
        low, high = run.interval
        yield line("spread", (scale.x(run.at), scale.y(low)), (scale.x(run.at), scale.y(high)))
    for run in runs:
        yield dot("new", scale.x(run.at), scale.y(run.share), 4)
