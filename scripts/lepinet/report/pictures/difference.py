"""The difference between two models with its interval, against the margin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import svg

from lepinet.report.pictures.drawing import across, dot, frame, label, line

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
"""Points between two marks of the axis."""
_MARKS = 6
"""At most so many steps, so that their numbers stand apart on a phone."""
_LIMIT, _ZERO, _BAR, _AXIS, _NUMBERS, _SIDES, _HEIGHT = 14, 34, 60, 84, 102, 124, 132
"""Heights of what is drawn, from the top."""


@dataclass(frozen=True)
class _Axis:
    """Points from left to right."""

    low: float
    high: float

    def at(self, points: float) -> svg.Length:
        return across((points - self.low) / (self.high - self.low))

    def marks(self) -> list[float]:
        step = next((step for step in _STEPS if (self.high - self.low) / step <= _MARKS), _STEPS[-1])
        return [number * step for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def difference(old: str, estimate: float, interval: tuple[float, float], margin: float | None) -> str:
    """A bar from the lowest to the highest difference that the photos leave possible, beside the limit.

    Args:
        old: the name of the model that the other one is compared with.
        estimate: new minus old, -1 to 1.
        interval: around it.
        margin: how much worse is allowed, 0 to 1; None where there is no limit.
    """
    middle, low, high = (share * 100 for share in (estimate, *interval))
    limit = None if margin is None else -margin * 100
    ends = (low, high, 0.0, *(() if limit is None else (limit,)))
    room = max(max(ends) - min(ends), 1) * 0.08
    axis = _Axis(min(ends) - room, max(ends) + room)
    drawn: list[svg.Element] = []
    if limit is not None:
        beyond = svg.Rect(x=across(0), y=0, width=axis.at(limit), height=_AXIS, class_=["beyond"])
        drawn += [beyond, line("limit", (axis.at(limit), 0), (axis.at(limit), _AXIS))]
        drawn.append(_beside(f"limit: {-limit:g} points worse", limit, axis, _LIMIT, "label limit-label"))
    drawn += [line("zero", (axis.at(0), _ZERO - 12), (axis.at(0), _AXIS)), _beside(f"as good as {old}", 0, axis, _ZERO)]
    drawn.append(line("axis", (across(0), _AXIS), (across(1), _AXIS)))
    for mark in axis.marks():
        drawn.append(line("axis", (axis.at(mark), _AXIS), (axis.at(mark), _AXIS + 5)))
        drawn.append(label(f"{mark:+g}" if mark else "0", axis.at(mark), _NUMBERS, "middle", "number"))
    drawn += [
        line("interval", (axis.at(low), _BAR), (axis.at(high), _BAR)),
        *(line("bound", (axis.at(bound), _BAR - 8), (axis.at(bound), _BAR + 8)) for bound in (low, high)),
        dot("new", axis.at(middle), _BAR, 6),
        label("← worse", across(0), _SIDES, "start", "number"),
        label("points", across(0.5), _SIDES, "middle", "number"),
        label("better →", across(1), _SIDES, "end", "number"),
    ]
    seen = f"{middle:+.1f} points, between {low:+.1f} and {high:+.1f}."
    allowed = "" if limit is None else f" The limit is {limit:+g}."
    return frame(f"Better or worse than {old}", seen + allowed, _HEIGHT, drawn)


def _beside(words: str, points: float, axis: _Axis, y: float, kind: str = "label") -> svg.Text:
    """Beside its line, on the side where there is more room."""
    place = axis.at(points)
    left = float(place.value) > 50
    return label(words, place, y, "end" if left else "start", kind, right=-6 if left else 6)
