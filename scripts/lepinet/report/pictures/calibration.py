"""Calibration: how sure a model says it is, against how often it is right then (a reliability diagram)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import svg

from lepinet.evaluation.metrics import wilson_interval
from lepinet.evaluation.results import CalibrationBin
from lepinet.report.pictures.drawing import across, dot, frame, label, line, panel

_PLOT, _COUNTS = 200, 44
"""Heights, in pixels."""
_TOP, _GAP, _BOTTOM = 28, 14, 40
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def calibration(bins: Sequence[CalibrationBin], model: str) -> str:
    """A dot for each bin, its bar the Wilson interval at 95 %; below, how many photos are in it.

    Args:
        bins: at least one.
        model: its name.
    """
    left, width = svg.Length(12, "%"), svg.Length(86, "%")
    counts = _TOP + _PLOT + _GAP
    drawn: list[svg.Element] = [
        panel(left, _TOP, width, _PLOT, list(_plot(bins))),
        panel(left, counts, width, _COUNTS, list(_numbers(bins))),
        label("so many are right", across(0), 12, "start", "number"),
        label("it says it is so sure", across(1), counts + _COUNTS + 34, "end", "number"),
    ]
    photos = sum(one.count for one in bins)
    surest = max(bins, key=lambda one: one.count)
    seen = (
        f"{photos} answers. Where most of them are, it says {surest.confidence * 100:.0f} % "
        f"and {surest.correct} of {surest.count} are right."
    )
    title = f"How sure {model} says it is, and how often it is right then"
    return frame(title, seen, counts + _COUNTS + _BOTTOM, drawn)


def _plot(bins: Sequence[CalibrationBin]) -> Iterator[svg.Element]:
    for share in _SHARES:
        height = across(1 - share)
        yield line("grid", (across(0), height), (across(1), height))
        yield label(f"{share:.0%}", across(0), height, "end", "number", right=-6, down=4)
    yield line("perfect", (across(0), across(1)), (across(1), across(0)))
    yield label("too modest", across(0.03), across(0.1), "start", "number")
    yield label("too sure", across(0.97), across(0.95), "end", "number")
    most = max(one.count for one in bins)
    for one in bins:
        x = across(one.confidence)
        low, high = wilson_interval(one.correct, one.count)
        yield line("spread", (x, across(1 - low)), (x, across(1 - high)))
        yield dot("new", x, across(1 - one.correct / one.count), 3 + 5 * math.sqrt(one.count / most))


def _numbers(bins: Sequence[CalibrationBin]) -> Iterator[svg.Element]:
    most = max(one.count for one in bins)
    for one in bins:
        height = 0.7 * one.count / most
        yield svg.Rect(
            x=across(one.lower + 0.004),
            y=across(1 - height),
            width=across(one.upper - one.lower - 0.008),
            height=across(height),
            class_=["tally"],
        )
        if one.count == most:
            words = f"{one.count} photos"
            yield label(words, across(one.upper), across(1 - height - 0.08), "end", "number")
    yield line("axis", (across(0), across(1)), (across(1), across(1)))
    for share in _SHARES:
        yield label(f"{share:.0%}", across(share), across(1), "end" if share == 1 else "middle", "number", down=16)
