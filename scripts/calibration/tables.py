"""What was measured, what was promised of it, and when a promise counts as broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lepinet.evaluation.binomial import lower_bound, upper_bound

ERROR = 0.001
"""How likely it is that chance alone shows a broken promise somewhere on the page."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Cell:
    """How often something happened."""

    share: float
    """0 to 1."""
    runs: int | None
    """Of so many runs; None: enumerated or counted out, without simulation error."""
    at_most: float = 1.0
    """What was promised; 1 promises nothing."""
    at_least: float = 0.0

    @property
    def promised(self) -> bool:
        return self.at_most < 1 or self.at_least > 0

    def broken(self, cells: int) -> bool:
        """Whether it shows that the promise is broken, allowing for there being `cells` promises.

        By the exact bounds of Clopper & Pearson (1934), with Bonferroni's share of `ERROR` for each cell.
        """
        low = high = self.share
        if self.runs is not None:
            hits, confidence = round(self.share * self.runs), 1 - ERROR / cells
            low, high = lower_bound(hits, self.runs, confidence), upper_bound(hits, self.runs, confidence)
        return low > self.at_most + _ROUNDING or high < self.at_least - _ROUNDING


def counted(happened: NDArray[np.bool_], *, at_most: float = 1.0, at_least: float = 0.0) -> Cell:
    """Of what happened or not in each run."""
    return Cell(float(np.mean(happened)), len(happened), at_most, at_least)


Row: TypeAlias = tuple[str | Cell, ...]


@dataclass(frozen=True)
class Curve:
    """A line of a chart."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Part:
    """What one process measures of a section."""

    rows: tuple[Row, ...]
    judged_again: int = 0
    """Outcomes that were also judged one by one, on complete answers."""
    differing: int = 0
    """Of these, with another answer."""
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class Chart:
    """What a section's curves are drawn on."""

    file: str
    title: str
    across: str
    """What the x-axis shows, and of what."""
    upward: str
    marks: tuple[tuple[str, float], ...] = ()
    """Horizontal lines with their names."""
    logarithmic: bool = False
    """The x-axis."""


@dataclass(frozen=True)
class Section:
    """One question and how it is answered."""

    title: str
    text: str
    """What is measured and what is promised, in plain words."""
    header: tuple[str, ...]
    measure: Callable[..., Part]
    parts: tuple[tuple[Any, ...], ...]
    """Arguments of `measure`, for each part."""
    chart: Chart | None = None


def broken(parts: Iterable[Part]) -> list[Cell]:
    """The cells that break their promise beyond simulation error."""
    cells = [value for part in parts for row in part.rows for value in row if isinstance(value, Cell)]
    promised = [cell for cell in cells if cell.promised]
    return [cell for cell in promised if cell.broken(len(promised))]
