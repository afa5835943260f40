"""What is linked, directly or over others, put together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def grouped(keys: Iterable[K], links: Iterable[tuple[K, K]]) -> list[list[K]]:
    """Every key in one group; groups, and keys within them, in the order of the keys, each of which comes once."""
    order = {key: place for place, key in enumerate(keys)}
    above = {key: key for key in order}

    def first(key: K) -> K:
        while above[key] != key:
            above[key] = above[above[key]]
            key = above[key]
        return key

    for link in links:
        one, other = sorted(map(first, link), key=order.__getitem__)
        above[other] = one
    groups: dict[K, list[K]] = {}
    for key in order:
        groups.setdefault(first(key), []).append(key)
    return list(groups.values())
