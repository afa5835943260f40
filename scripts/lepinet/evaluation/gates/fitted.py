"""Limits for a repository that has none yet: what its known images can show, and how good its active model is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from lepinet.evaluation.gates.verdict import percents, points
from lepinet.evaluation.metrics import Metrics, wilson_interval
from lepinet.evaluation.paired import DIFFERING, images_for
from lepinet.manifest.model import Gates

_MARGINS = tuple(map(Decimal, ("0.02", "0.03", "0.05", "0.10")))
"""A wider one would let a model pass that users notice."""


@dataclass(frozen=True)
class Fitted:
    """One gate's limit, and the reason for it."""

    key: str
    """Of `Gates`."""
    limit: Decimal
    reason: str


def fitted(active: str, figures: Metrics) -> tuple[Fitted, ...]:
    """Limits that the active version keeps, and that as many photos can tell apart.

    Args:
        active: its name.
        figures: of the active version on the known images, at least one.
    """
    return (_margin(figures.sample_size), *_floors(active, figures))


def _margin(size: int) -> Fitted:
    alpha = float(1 - Gates().confidence)
    needed = {margin: images_for(DIFFERING, float(margin), alpha) for margin in _MARGINS}
    enough = next((margin for margin in _MARGINS if needed[margin] <= size), None)
    margin = enough or _MARGINS[-1]
    finest = f"{needed[_MARGINS[0]]:,} would show {points(float(_MARGINS[0]))}"
    if margin == _MARGINS[0]:
        reason = f"{size:,} known images are enough to show that a new version is at most {points(float(margin))} worse"
    elif enough:
        reason = f"{size:,} known images can show that a new version is at most {points(float(margin))} worse; {finest}"
    else:
        reason = (
            f"{size:,} known images cannot even show {points(float(margin))}, so a person decides;"
            f" {needed[margin]:,} would, and {finest}"
        )
    return Fitted("non_inferiority_margin", margin, reason)


def _floors(active: str, figures: Metrics) -> Iterator[Fitted]:
    size = figures.sample_size
    wanted = (
        ("min_accuracy", figures.correct, "right"),
        ("min_top3_accuracy", figures.correct_in_top3, "right among the first three"),
    )
    for key, right, what in wanted:
        if right is None:
            continue
        low, high = wilson_interval(right, size)
        floor = Decimal(math.floor(low * 100)) / 100
        reason = (
            f"{active} names {right:,} of {size:,} {what}, so {percents(low, high)} of all such photos;"
            " under that is worse than chance explains"
        )
        yield Fitted(key, floor, reason)
