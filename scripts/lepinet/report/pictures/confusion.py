"""Confusion: what photos of each species are taken for, as a matrix whose diagonal is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import svg

from lepinet.report.escape import for_terminal
from lepinet.report.pictures.drawing import across, frame, label

_ROW, _TOP = 30, 26
"""Heights, in pixels."""
_NAMES = 0.42
"""Share of the width that the names take."""
_LONGEST = 16
"""Characters of a name, so that it leaves room for the matrix on a phone; the table has all."""


def confusion(names: Sequence[str], counts: Mapping[tuple[int, int], int], model: str) -> str:
    """A row for each true species, a column for each that was said; the fuller a cell, the darker.

    Args:
        names: of the species, from top to bottom and from left to right; at least one.
        counts: photos by the places of their true and their named species; cells that are not listed are empty.
        model: its name.
    """
    width = (1 - _NAMES) / len(names)
    drawn: list[svg.Element] = []
    for place, name in enumerate(names):
        middle = _TOP + _ROW * place + _ROW // 2 + 4
        drawn.append(label(f"{place + 1} {for_terminal(name, _LONGEST)}", across(0), middle, "start", "number"))
        drawn.append(label(str(place + 1), across(_NAMES + width * (place + 0.5)), _TOP - 8, "middle", "number"))
        drawn += _row(place, len(names), counts, width)
    wrong = [(count, one, other) for (one, other), count in counts.items() if one != other]
    most, one, other = max(wrong, key=lambda cell: (cell[0], -cell[1], -cell[2]), default=(0, 0, 0))
    seen = f"{names[one]} is taken for {names[other]} most often: {most} photos." if most else "None is mistaken."
    height = _TOP + _ROW * len(names) + 4
    return frame(f"What {model} takes each species for", seen, height, drawn)


def _row(truth: int, size: int, counts: Mapping[tuple[int, int], int], width: float) -> Iterator[svg.Element]:
    total = sum(counts.get((truth, said), 0) for said in range(size))
    top = _TOP + _ROW * truth
    for said in range(size):
        left, count = _NAMES + width * said, counts.get((truth, said), 0)
        yield _cell(left, top, width, [])
        if count:
            yield _cell(left, top, width, ["right" if said == truth else "wrong"], count / total)
            yield label(str(count), across(left + width * 0.47), top + _ROW // 2 + 4, "middle", "number count")


def _cell(left: float, top: int, width: float, kind: list[str], share: float = 1) -> svg.Rect:
    return svg.Rect(
        x=across(left),
        y=top,
        width=across(width * 0.94),
        height=_ROW - 2,
        class_=["cell", *kind],
        fill_opacity=round(0.25 + 0.75 * share, 2),
    )
