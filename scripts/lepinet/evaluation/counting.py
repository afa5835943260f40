"""Which known images the paired test counts: copies once, and none that a model has learned from; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Protocol

from lepinet.evaluation.answers import Value
from lepinet.evaluation.groups import grouped


class Why(StrEnum):
    """Why a known image does not count; worst first."""

    TWO_SPECIES = "two_species"
    """It shows the same as one of another species: one of both is wrong."""
    TRAINED_ON = "trained_on"
    """It, or one that shows the same, was among a model's training photos."""
    COPY = "copy"
    """It shows the same as another one of its species, which counts for both."""


class LeftOut(Value):
    """A known image that the paired test does not count."""

    file_name: str
    why: Why
    of: str
    """The photo that counts in its place; one of those of another species; or the models that were trained on it."""


class Photo(Protocol):
    """A known image, or a model's answer to it."""

    @property
    def file_name(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def expected_id(self) -> str: ...


def left_out(
    photos: Sequence[Photo], alike: Collection[Sequence[str]], trained_on: Mapping[str, Collection[str]]
) -> list[LeftOut | None]:
    """For each photo, in their order, why it does not count; None: it does.

    What a model says of the photos plays no part, nor which of two models is the old one.

    Args:
        photos: sorted by name; of several that show the same the first counts.
        alike: file names of photos that look alike, group by group.
        trained_on: file names by model.
    """
    out: list[LeftOut | None] = [None] * len(photos)
    for group in same(photos, alike):
        names = [photos[place].file_name for place in group]
        species = {photos[place].expected_id for place in group}
        models = sorted(model for model, learned in trained_on.items() if not set(names).isdisjoint(learned))
        for place, name in zip(group, names, strict=True):
            if len(species) > 1:
                others = (other for other in group if photos[other].expected_id != photos[place].expected_id)
                out[place] = LeftOut(file_name=name, why=Why.TWO_SPECIES, of=photos[next(others)].file_name)
            elif models:
                out[place] = LeftOut(file_name=name, why=Why.TRAINED_ON, of=" and ".join(models))
            elif place != group[0]:
                out[place] = LeftOut(file_name=name, why=Why.COPY, of=names[0])
    return out


def same(photos: Sequence[Photo], alike: Collection[Sequence[str]]) -> list[list[int]]:
    """Places of photos that show the same, byte for byte or to the eye, group by group; every photo is in one."""
    return grouped(range(len(photos)), _links(photos, alike))


def _links(photos: Sequence[Photo], alike: Collection[Sequence[str]]) -> Iterator[tuple[int, int]]:
    places: dict[str, int] = {}
    same: dict[str, int] = {}
    for place, photo in enumerate(photos):
        places.setdefault(photo.file_name, place)
        if photo.sha256 is not None:
            yield same.setdefault(photo.sha256, place), place
    for group in alike:
        yield from pairwise(places[name] for name in group if name in places)
