"""Curves as a small SVG picture, for a page that is read on a light or a dark screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from calibration.tables import Chart, Curve

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 190, 40, 52
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000")
"""Told apart by colour-blind readers (Okabe & Ito 2008)."""
_PIECES = 5


def drawn(chart: Chart, curves: Sequence[Curve]) -> str:
    """The picture as text; the y-axis begins at 0."""
    places = [x for curve in curves for x, _ in curve.points]
    low, high = (math.log(min(places)), math.log(max(places))) if chart.logarithmic else (min(places), max(places))
    most = _round_up(max([y for curve in curves for _, y in curve.points] + [height for _, height in chart.marks]))

    def across(x: float) -> float:
        value = math.log(x) if chart.logarithmic else x
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def upward(y: float) -> float:
        return _HEIGHT - _BOTTOM - y / most * (_HEIGHT - _TOP - _BOTTOM)

    floor, end = upward(0), _WIDTH - _RIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
        f'<title>{escape(chart.title)}</title><rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 22, chart.title, size=15),
        _text((_LEFT + end) / 2, _HEIGHT - 10, chart.across, anchor="middle"),
        f'<g transform="rotate(-90)">{_text(-(_TOP + floor) / 2, 16, chart.upward, anchor="middle")}</g>',
    ]
    for piece in range(_PIECES + 1):
        y = most * piece / _PIECES
        lines.append(_line(_LEFT, upward(y), end, upward(y), "#ddd"))
        lines.append(_text(_LEFT - 8, upward(y) + 4, f"{y:g}", anchor="end"))
    ticks = sorted(set(places)) if len(set(places)) <= 10 else range(math.floor(low), math.ceil(high) + 1, 5)
    for x in ticks:
        lines.append(_line(across(x), floor, across(x), floor + 5, "#333"))
        lines.append(_text(across(x), floor + 20, f"{x:,g}", anchor="middle"))
    for name, height in chart.marks:
        lines.append(_line(_LEFT, upward(height), end, upward(height), "#333", dashed=True))
        lines.append(_text(end + 8, upward(height) + 4, name))
    for number, curve in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{across(x):.1f},{upward(y):.1f}" for x, y in curve.points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        row = _TOP + 18 * number
        lines += [_line(end + 8, row, end + 26, row, colour), _text(end + 32, row + 4, curve.name)]
    return "\n".join([*lines, "</svg>", ""])


def _round_up(most: float) -> float:
    """To a number that five pieces divide into round ones."""
    unit = 10.0 ** math.floor(math.log10(most))
    return next(step * unit for step in (1, 1.5, 2, 2.5, 5, 10) if step * unit >= most)


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="1.5"{dashes}/>'
    )
