"""Photos for a page: those that flipped, or were named wrong, with the truth and what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lepinet.evaluation.results import Result, Results
from lepinet.report import wording
from lepinet.report.documents import ComparisonDocument, Flip

_WRONG, _RIGHT = 36, 12
"""So many photos of each kind stand on a page: some ten kilobytes each, and it must open from a mail."""


@dataclass(frozen=True)
class Said:
    """What one model said of a photo."""

    words: str
    right: bool


@dataclass(frozen=True)
class Photo:
    """One known image."""

    file_name: str
    truth: str
    said: tuple[Said, ...]
    """The old model's answer first."""


@dataclass(frozen=True)
class Gallery:
    """Photos of one kind."""

    title: str
    photos: tuple[Photo, ...]
    more: int
    """So many are not among them."""


def newly_wrong(document: ComparisonDocument) -> Gallery:
    return _flipped("Newly wrong: look here first", document, document.newly_wrong, _WRONG, now_right=False)


def newly_right(document: ComparisonDocument) -> Gallery:
    return _flipped("Newly right", document, document.newly_right, _RIGHT, now_right=True)


def named_wrong(results: Results) -> Gallery:
    """The surest mistakes first."""
    size = results.sample_size
    wrong = [one for one in results.results if isinstance(one, Result) and not one.correct]
    surest = sorted(wrong, key=lambda one: (-one.confidence, one.file_name))
    photos = tuple(
        Photo(one.file_name, one.expected_name, (Said(f"says {wording.said(one.top[0], size)}", right=False),))
        for one in surest[:_WRONG]
    )
    return Gallery("Named wrong, the surest first", photos, len(wrong) - len(photos))


def _flipped(title: str, document: ComparisonDocument, flips: Sequence[Flip], most: int, *, now_right: bool) -> Gallery:
    old, new, size = document.old.model.name, document.new.model.name, document.new.sample_size
    photos = tuple(
        Photo(
            one.file_name,
            one.expected_name,
            (
                Said(f"{old} said {wording.said(one.old, size)}", right=not now_right),
                Said(f"{new} says {wording.said(one.new, size)}", right=now_right),
            ),
        )
        for one in flips[:most]
    )
    return Gallery(title, photos, len(flips) - len(photos))
