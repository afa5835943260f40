"""What the pictures share: places along the width in percent, text made harmless, a frame that says what is shown."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Literal

import svg

from lepinet.report.escape import for_terminal


def across(share: float) -> svg.Length:
    """A place along the width of the drawing, 0 (left) to 1 (right); down its height, 0 (top) to 1."""
    return svg.Length(round(100 * share, 2), "%")


def frame(title: str, seen: str, height: int, drawn: Sequence[svg.Element]) -> str:
    """A whole picture.

    Args:
        title: what it shows.
        seen: what is to be seen in it, in sentences, for whoever does not see it.
        height: in pixels; the width is that of its place.
        drawn: in the order in which they are painted.
    """
    # A little is kept free on both sides, so that a mark on the edge is whole.
    inside = panel(svg.Length(2, "%"), 0, svg.Length(96, "%"), height, drawn)
    picture = svg.SVG(
        class_=["picture"],
        width=svg.Length(100, "%"),
        height=height,
        elements=[svg.Title(text=_harmless(title)), svg.Desc(text=_harmless(seen)), inside],
        extra={"role": "img"},
    )
    return str(picture)


def panel(x: svg.Length, y: float, width: svg.Length, height: float, drawn: Sequence[svg.Element]) -> svg.SVG:
    """A part of a picture, whose places are shares of its own size."""
    whole = {"overflow": "visible"}
    return svg.SVG(xmlns=None, x=x, y=y, width=width, height=height, elements=list(drawn), extra=whole)


def label(
    words: str,
    x: svg.Length,
    y: float | svg.Length,
    anchor: Literal["start", "middle", "end"] = "start",
    kind: str = "label",
    *,
    right: float = 0,
    down: float = 0,
) -> svg.Text:
    """One line of text, which somebody else may have written; moved by so many pixels."""
    return svg.Text(text=_harmless(words), x=x, y=y, dx=right, dy=down, text_anchor=anchor, class_=[kind])


def line(
    kind: str, start: tuple[svg.Length, float | svg.Length], end: tuple[svg.Length, float | svg.Length]
) -> svg.Line:
    return svg.Line(x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=[kind])


def dot(kind: str, x: svg.Length, y: float | svg.Length, radius: float) -> svg.Circle:
    return svg.Circle(cx=x, cy=y, r=radius, class_=[kind])


def _harmless(words: str) -> str:
    """The library writes text as it is given."""
    return html.escape(for_terminal(words))
