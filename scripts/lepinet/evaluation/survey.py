"""How fit the known images are to judge by: what must be mended, what to know, and how many more are needed; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from lepinet import __version__
from lepinet.evaluation.answers import Value
from lepinet.evaluation.cases import KnownImage, KnownImages
from lepinet.evaluation.counting import same
from lepinet.evaluation.fingerprints import Words, alike, among, fingerprints_of
from lepinet.evaluation.gates.species import LEAST_IMAGES
from lepinet.evaluation.labels import Species
from lepinet.evaluation.paired import DIFFERING, images_for
from lepinet.evaluation.photos import Look
from lepinet.evaluation.results import AskedImages

_SHOWN = 5
"""So many names stand in a sentence; `file_names` has all."""


class Kind(StrEnum):
    """What was found; worst first."""

    LOCATED = "located"
    """Photos that say where they were taken."""
    TWO_SPECIES = "two_species"
    """Photos that show the same, under more than one species."""
    UNREADABLE = "unreadable"
    """Photos that cannot be read, or a model's list of training photos that cannot."""
    TRAINED_ON = "trained_on"
    """Photos that a version was trained on."""
    DUPLICATE = "duplicate"
    """The same file again."""
    ALIKE = "alike"
    """Photos of one species that show the same."""
    UNUSED = "unused"
    """Photos that lie in the folder and belong to no species."""
    FEW = "few"
    """Species with too few known images."""


class Finding(Value):
    """One thing that was found, and what to do about it."""

    kind: Kind
    mend: bool
    """It must be mended; else it is good to know."""
    sentence: str
    todo: str
    file_names: tuple[str, ...]
    """The photos that it is about; of a species with too few none."""


class Needed(Value):
    """How many images show in `power` of all cases, at `confidence`, that an equally good model is inside the margin.

    Reckoned for two models that differ on 8 of 100 images, as two trainings of the same architecture do.
    """

    margin: float
    images: int


class SpeciesImages(Value):
    """The known images of one species."""

    id: str
    name: str
    images: int
    counted: int
    """Those that count in a comparison: copies once."""


class Survey(Value):
    """All that `lepinet known-images check` finds."""

    schema_version: Literal[1] = 1
    tool_version: str = __version__
    known_images: AskedImages
    counted: int
    """Those that count in a comparison: copies once, photos that show the same under two species not at all."""
    findings: tuple[Finding, ...]
    """Worst first."""
    confidence: float
    """One-sided."""
    power: float
    """0.8: in 8 of 10 cases."""
    needed: Needed | None
    """Over all; null where the gate is off."""
    needed_of_species: Needed | None
    """Of each single species, so that a loss in it would show; null where the gate is off."""
    species: tuple[SpeciesImages, ...]
    """By id; those of the list of species that have no known image too."""
    timestamp: datetime


@dataclass(frozen=True)
class Seen:
    """What was found out about the known images, beside their list."""

    looks: Mapping[str, Look]
    """By digest."""
    unlisted: Sequence[str]
    """Photos in their folder that belong to no species."""
    learned: Mapping[str, Words]
    """Fingerprints of training photos, by version."""
    unknown: Mapping[str, str]
    """Why those of a version cannot be read."""


@dataclass(frozen=True)
class Wanted:
    """How sure the known images shall make us."""

    confidence: float
    """One-sided."""
    power: float
    """In such a share of cases."""
    margin: float | None
    """An equally good model is at most so much worse, over all; None where nobody asks for it."""
    margin_of_species: float | None
    """As `margin`, of each single species."""


def survey(known: KnownImages, seen: Seen, species: Sequence[Species], wanted: Wanted, timestamp: datetime) -> Survey:
    """Put together what there is to say of known images.

    Args:
        known: the photos.
        seen: what they show, and what models have learned from.
        species: the list of species; those without photos are told too.
        wanted: for how many more are needed.
        timestamp: when, with its time zone.
    """
    images = sorted(known.images, key=lambda image: (image.file_name, image.expected_id))
    shown = fingerprints_of(known, seen.looks)
    groups = [[images[place] for place in group] for group in same(images, alike(shown))]
    rows = _species(known, species, [group[0] for group in groups if not _mixed(group)])
    findings = (
        *_located(images, seen.looks),
        *(finding for group in groups for finding in _shown_again(group)),
        *_unreadable(images, seen),
        *(finding for version, words in seen.learned.items() for finding in _trained_on(version, among(shown, words))),
        *_unused(seen.unlisted),
        *_few(rows),
    )
    return Survey(
        known_images=AskedImages(sha256=known.sha256, size=len(known)),
        counted=sum(row.counted for row in rows),
        findings=tuple(sorted(findings, key=lambda finding: list(Kind).index(finding.kind))),
        confidence=wanted.confidence,
        power=wanted.power,
        needed=_needed(wanted.margin, wanted),
        needed_of_species=_needed(wanted.margin_of_species, wanted),
        species=rows,
        timestamp=timestamp,
    )


def _located(images: Sequence[KnownImage], looks: Mapping[str, Look]) -> Iterator[Finding]:
    names = _names([image for image in images if (look := looks.get(image.sha256 or "")) and look.located])
    if names:
        yield Finding(
            kind=Kind.LOCATED,
            mend=True,
            sentence=f"{_photos(len(names))} with the place where it was taken; rare species are stolen by that: "
            f"{_named(names)}",
            todo="take each out, and add it again without: lepinet known-images add PHOTO --species ID",
            file_names=tuple(names),
        )


def _shown_again(group: Sequence[KnownImage]) -> Iterator[Finding]:
    """What to say of photos that show the same."""
    if _mixed(group):
        told = [f"{image.file_name} ({image.expected_name})" for image in group]
        yield Finding(
            kind=Kind.TWO_SPECIES,
            mend=True,
            sentence=f"the same under more than one species, which counts for none: {_named(told)}",
            todo="keep those that are right",
            file_names=_names(group),
        )
        return
    by_content: dict[str | None, list[KnownImage]] = {}
    for image in group:
        by_content.setdefault(image.sha256, []).append(image)
    for copies in by_content.values():
        if len(copies) > 1:
            yield Finding(
                kind=Kind.DUPLICATE,
                mend=True,
                sentence=f"the same file more than once: {_named(_names(copies))}",
                todo="keep one of them",
                file_names=_names(copies),
            )
    different = _names([copies[0] for copies in by_content.values()])
    if len(different) > 1:
        yield Finding(
            kind=Kind.ALIKE,
            mend=False,
            sentence=f"these look alike and count as one: {_named(different)}",
            todo="nothing need be done; other photos would show more",
            file_names=different,
        )


def _mixed(group: Sequence[KnownImage]) -> bool:
    return len({image.expected_id for image in group}) > 1


def _unreadable(images: Sequence[KnownImage], seen: Seen) -> Iterator[Finding]:
    for image in images:
        look = seen.looks.get(image.sha256 or "")
        problem = image.problem or (look.problem if look else None)
        if problem:
            yield Finding(
                kind=Kind.UNREADABLE,
                mend=True,
                sentence=f"{image.file_name} {problem}",
                todo="replace it by a photo that can be read, or take it and its line out",
                file_names=(image.file_name,),
            )
    for version, problem in seen.unknown.items():
        yield Finding(
            kind=Kind.UNREADABLE,
            mend=True,
            sentence=f"which photos {version} was trained on cannot be told: {problem}",
            todo="lepinet fingerprint DIR, and register the model with that file as a new version",
            file_names=(),
        )


def _trained_on(version: str, learned: Collection[str]) -> Iterator[Finding]:
    names = sorted(learned)
    if names:
        yield Finding(
            kind=Kind.TRAINED_ON,
            mend=True,
            sentence=f"{version} was trained on {_photos(len(names))}, which show nothing of it: {_named(names)}",
            todo="replace them by photos that no model has learned from, and keep these out of the next training",
            file_names=tuple(names),
        )


def _unused(unlisted: Sequence[str]) -> Iterator[Finding]:
    if unlisted:
        yield Finding(
            kind=Kind.UNUSED,
            mend=False,
            sentence=f"{_photos(len(unlisted))} in the folder of no species, which are not used: {_named(unlisted)}",
            todo="take them out of the folder, then: lepinet known-images add PHOTO --species ID",
            file_names=tuple(unlisted),
        )


def _few(rows: Sequence[SpeciesImages]) -> Iterator[Finding]:
    few = [f"{row.name} ({row.counted})" for row in rows if row.counted < LEAST_IMAGES]
    if few:
        yield Finding(
            kind=Kind.FEW,
            mend=False,
            sentence=f"{len(few)} species with fewer than {LEAST_IMAGES} known images that count, which are not judged "
            f"alone: {_named(few)}",
            todo="add photos of them: lepinet known-images add PHOTO --species ID",
            file_names=(),
        )


def _species(
    known: KnownImages, listed: Sequence[Species], counted: Collection[KnownImage]
) -> tuple[SpeciesImages, ...]:
    names = {one.id: one.name for one in (*listed, *known.species())}
    images = Counter(image.expected_id for image in known.images)
    counting = Counter(image.expected_id for image in counted)
    return tuple(
        SpeciesImages(id=id_, name=name, images=images[id_], counted=counting[id_])
        for id_, name in sorted(names.items())
    )


def _needed(margin: float | None, wanted: Wanted) -> Needed | None:
    if margin is None:
        return None
    return Needed(margin=margin, images=images_for(DIFFERING, margin, 1 - wanted.confidence, power=wanted.power))


def _names(images: Sequence[KnownImage]) -> tuple[str, ...]:
    return tuple(image.file_name for image in images)


def _photos(count: int) -> str:
    return f"{count} photo{'s' if count > 1 else ''}"


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
