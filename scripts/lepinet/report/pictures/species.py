"""Species as a dot plot: how many of its photos a model names right, and how many another one did before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import svg

from lepinet.report.escape import for_terminal
from lepinet.report.pictures.drawing import across, dot, frame, label, line

_ROW, _TOP, _AXIS = 44, 6, 30
"""Heights, in pixels."""
_LONGEST = 30
"""Characters of a name, so that it leaves room for the numbers on a phone; the table has all."""


@dataclass(frozen=True)
class SpeciesRow:
    """One species in one model or in two."""

    name: str
    images: int
    """At least one."""
    old: int | None
    """Named right by the old model; None without one."""
    new: int

    @property
    def gained(self) -> int:
        return self.new - (self.new if self.old is None else self.old)

    @property
    def counts(self) -> str:
        """`7 → 1 of 7`, or `7 of 7` where nothing changed."""
        return f"{self.old} → {self.new} of {self.images}" if self.gained else f"{self.new} of {self.images}"


def species(rows: Sequence[SpeciesRow], title: str) -> str:
    """A line for each species, an open dot for the old model and a full one for the new one.

    Args:
        rows: from top to bottom.
        title: what it shows.
    """
    bottom = _TOP + _ROW * len(rows)
    drawn: list[svg.Element] = [line("grid", (across(share), _TOP), (across(share), bottom)) for share in (0, 0.5, 1)]
    drawn += [
        label("none right", across(0), bottom + 18, "start", "number"),
        label("half", across(0.5), bottom + 18, "middle", "number"),
        label("all right", across(1), bottom + 18, "end", "number"),
    ]
    for number, row in enumerate(rows):
        drawn += _row(row, _TOP + _ROW * number)
    return frame(title, "; ".join(f"{row.name} {row.counts}" for row in rows[:10]), bottom + _AXIS, drawn)


def _row(row: SpeciesRow, top: float) -> Iterator[svg.Element]:
    moved = "down" if row.gained < 0 else "up" if row.gained > 0 else "same"
    now, middle = across(row.new / row.images), top + 30
    yield label(for_terminal(row.name, _LONGEST), across(0), top + 15)
    yield label(row.counts, across(1), top + 15, "end", f"label {moved}")
    yield line("track", (across(0), middle), (across(1), middle))
    if row.old is not None:
        before = across(row.old / row.images)
        yield line(f"move {moved}", (before, middle), (now, middle))
        yield dot("old", before, middle, 6.5)
    yield dot(f"new {moved}", now, middle, 5)
