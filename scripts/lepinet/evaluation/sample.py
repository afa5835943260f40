"""A part of the known images that stands for all of them; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from lepinet.evaluation.counting import Photo

P = TypeVar("P", bound=Photo)


def stratified(photos: Sequence[P], most: int) -> tuple[P, ...]:
    """At most so many photos, of no species two more than of another that has more; in their own order.

    The digests choose, so the same photos are chosen each time, and a smaller sample is a part of a larger one.

    Args:
        photos: readable ones, so that each has a digest.
        most: at least 1.
    """
    taken: Counter[str] = Counter()
    ranked: list[tuple[int, str, int]] = []
    for place in sorted(range(len(photos)), key=lambda place: (photos[place].sha256 or "", place)):
        photo = photos[place]
        ranked.append((taken[photo.expected_id], photo.sha256 or "", place))
        taken[photo.expected_id] += 1
    return tuple(photos[place] for place in sorted(place for _, _, place in sorted(ranked)[:most]))
