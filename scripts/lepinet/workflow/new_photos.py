"""Photos that are to come to the known images: cleaned, and refused where they would show nothing new."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.cases import METADATA, KnownImage
from lepinet.evaluation.fingerprints import alike, among, fingerprints_of
from lepinet.evaluation.labels import Species, SpeciesNames
from lepinet.evaluation.photos.looking import clean, look_at
from lepinet.manifest.problems import near_miss
from lepinet.report.escape import columns_for_terminal
from lepinet.workflow.evaluate import Bench, Counted, bench
from lepinet.workflow.known_images import trained_on
from lepinet.workflow.workspace import Workspace

_SHOWN = 5
"""So many reasons stand in an error."""


@dataclass(frozen=True)
class NewPhoto:
    """A photo that is to be added."""

    given: str
    """As the person called it."""
    name: str
    """Among the known images."""
    cleaned: Path | None
    problem: str | None
    """Why it cannot be read."""


def photos_there(workspace: Workspace, folder: Path, looking: Counted | None = None) -> Bench:
    """What is there; a folder that holds no photo yet is as good as none."""
    if os.path.lexists(folder / METADATA) or any(folder.glob("[!.]*/[!.]*")):
        return bench(workspace, None, looking=looking)
    return Bench(None, workspace.species, workspace.manifest.gates, workspace, workspace.cache, workspace.timings)


def species_named(text: str, tested: Bench) -> Species:
    """The one with that id or name.

    Raises:
        UsageError: there is none.
    """
    known = tested.species or (tested.known.species() if tested.known else ())
    if not known:
        raise UsageError(
            "nobody has said which species there are",
            todo="write species.csv (species_id, species_name) and name it in models.yaml: species: species.csv",
        )
    found = SpeciesNames(known).find(text)
    if found is None:
        choices = [*(one.name for one in known), *(one.id for one in known)]
        raise UsageError(f"there is no species {text}", todo=near_miss(text, choices) or "its id or name, as listed")
    return found


def place_of(species: Species, folder: Path, tested: Bench) -> str:
    """The folder of a species among the known images, with `/` at its end; empty where the photos have a list."""
    return f"{_folder_of(species, folder, tested)}/" if is_foldered(folder) else ""


def is_foldered(folder: Path) -> bool:
    """Whether the photos lie in a folder for each species; a folder without photos gets a list."""
    if os.path.lexists(folder / METADATA) or not folder.is_dir():
        return False
    return any(entry.is_dir() for entry in folder.iterdir() if not entry.name.startswith("."))


def cleaned_photos(
    photos: Sequence[tuple[str, Path]],
    called: Callable[[str, Path], str],
    scratch: Path,
    tested: Bench,
    progress: Counted | None = None,
) -> list[NewPhoto]:
    """Photos upright and without notes.

    Args:
        photos: what the person calls each, and where it is; links are followed.
        called: gives a photo's name among the known images, by what the person calls it and the cleaned file.
        scratch: a folder for the cleaned files.
        tested: as of `photos_there`.
        progress: told after every few photos.
    """
    # Links are followed, for a person names them; what they lead to must be a file all the same.
    real = {str(number): Path(os.path.realpath(photo)) for number, (_, photo) in enumerate(photos)}
    files = clean(real, scratch, timings=tested.timings, progress=progress)
    return [
        NewPhoto(given, called(given, file), file, None)
        if isinstance(file := files[str(number)], Path)
        else NewPhoto(given, given, None, file)
        for number, (given, _) in enumerate(photos)
    ]


def refuse(new: Sequence[NewPhoto], folder: Path, tested: Bench) -> None:
    """Raise RefusedError with what is wrong with any photo: unreadable, there already, showing what one there shows."""
    shown_before = _shown_before(new, tested)
    taken = {image.file_name for image in tested.known.images} if tested.known else set()
    reasons: list[str] = []
    for one in new:
        if one.problem is not None:
            reasons.append(f"{one.given} {one.problem}")
        elif not _is_plain(one.name.rpartition("/")[2]):
            reasons.append(f"{one.given} has a name that no list can hold: give it another one")
        elif one in shown_before:
            reasons.append(f"{one.given} {shown_before[one]}")
        elif one.name in taken or os.path.lexists(folder / one.name):
            reasons.append(f"{one.given} would be {one.name}, which is there already: give it another name")
        taken.add(one.name)
    if reasons:
        more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        none = "it was not added" if len(new) == 1 else "none was added"
        raise RefusedError(f"{'; '.join(reasons[:_SHOWN])}{more}: {none}")


def _shown_before(new: Sequence[NewPhoto], tested: Bench) -> dict[NewPhoto, str]:
    """The new photos that show nothing new, and what they show instead."""
    looks = look_at({str(number): one.cleaned for number, one in enumerate(new) if one.cleaned}, timings=tested.timings)
    old = fingerprints_of(tested.known, tested.looks) if tested.known else {}
    images = {image.file_name: image for image in tested.known.images} if tested.known else {}
    shown: dict[KnownImage | NewPhoto, str] = {images[name]: fingerprint for name, fingerprint in old.items()}
    shown |= {new[int(key)]: look.fingerprint for key, look in looks.items() if look.fingerprint}
    found: dict[NewPhoto, str] = {}
    for first, *others in alike(shown):
        if isinstance(first, NewPhoto):
            called = first.given
        else:
            called = f"the known image {first.file_name} ({first.expected_name})"
        found |= {other: f"shows the same as {called}" for other in others if isinstance(other, NewPhoto)}
    learned = trained_on(tested.workspace)[0] if tested.workspace else {}
    for version, words in learned.items():
        for one in among(shown, words):
            if isinstance(one, NewPhoto):
                found.setdefault(one, f"is among the photos that {version} was trained on")
    return found


def _folder_of(species: Species, folder: Path, tested: Bench) -> str:
    """The species' folder; a new one is called as the others are, by id or by name."""
    there = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    own = next((name for name in there if SpeciesNames([species]).find(name)), None)
    by_id = all(SpeciesNames(tested.species).by_id(name) for name in there)
    return own or (species.id if by_id else species.name)


def _is_plain(name: str) -> bool:
    return name == name.strip() and name == columns_for_terminal(name) and not name.startswith(".")
