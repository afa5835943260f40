"""`known-images add`: photos cleaned and put among the known images, all or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.errors import OutsideError, RefusedError, UsageError
from lepinet.evaluation.cases import METADATA, KnownImage
from lepinet.evaluation.fingerprints import alike, among, fingerprints_of
from lepinet.evaluation.labels import Species, SpeciesNames
from lepinet.evaluation.listing import NEW, with_photos
from lepinet.evaluation.photos.looking import clean, look_at
from lepinet.files import inside, read_small, replace_file
from lepinet.locks import alone
from lepinet.manifest.problems import near_miss
from lepinet.report.escape import columns_for_terminal, for_terminal
from lepinet.workflow.evaluate import LOOKING, Bench, Counted, bench
from lepinet.workflow.known_images import trained_on
from lepinet.workflow.to_main import Edited, steps_to_main
from lepinet.workflow.workspace import Workspace

_SHOWN = 5
"""So many reasons stand in an error."""


@dataclass(frozen=True)
class _New:
    """A photo that is to be added."""

    given: Path
    """As the person called it."""
    name: str
    """Among the known images."""
    cleaned: Path | None
    problem: str | None
    """Why it cannot be read."""


def add(
    workspace: Workspace, photos: Sequence[Path], species: str, counted: Callable[[str], Counted] | None = None
) -> Edited:
    """Put photos of one species among the known images, upright and without notes.

    Args:
        workspace: with the known images.
        photos: files anywhere; they stay as they are.
        species: id or name.
        counted: makes the progress of work that is called so.

    Raises:
        UsageError: there is no such species.
        RefusedError: a photo cannot be read, is there already or shows what one there shows; then none is added.
    """
    folder, place = workspace.known_images_folder, workspace.manifest.known_images
    tested = _tested(workspace, folder, counted(LOOKING) if counted else None)
    meant = _species(species, tested)
    listed = not _is_foldered(folder)
    below = "" if listed else f"{_folder_of(meant, folder, tested)}/"
    with TemporaryDirectory(prefix="lepinet-") as scratch:
        new = _cleaned(photos, below, Path(scratch), tested, counted("cleaning photos") if counted else None)
        _refuse(new, folder, tested)
        with _all_or_none({inside(folder, one.name): one.cleaned for one in new if one.cleaned}):
            if listed:
                with _listing_alone(workspace):
                    _list(folder / METADATA, new, meant)
    paths = [f"{place}/{one.name}" for one in new] + ([f"{place}/{METADATA}"] if listed else [])
    what = f"{len(new)} photo{'s' if len(new) > 1 else ''} of {for_terminal(meant.name)}"
    return Edited(
        f"{place} has {what} more: {', '.join(one.name for one in new)}",
        steps_to_main(workspace, "known-images", f"Add {what}", added=paths),
    )


def _tested(workspace: Workspace, folder: Path, looking: Counted | None) -> Bench:
    """What is there; a folder that holds no photo yet is as good as none."""
    if os.path.lexists(folder / METADATA) or any(folder.glob("[!.]*/[!.]*")):
        return bench(workspace, None, looking=looking)
    return Bench(None, workspace.species, workspace.manifest.gates, workspace, workspace.cache, workspace.timings)


def _species(text: str, tested: Bench) -> Species:
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


def _is_foldered(folder: Path) -> bool:
    """Whether the photos lie in a folder for each species; a folder without photos gets a list."""
    if os.path.lexists(folder / METADATA) or not folder.is_dir():
        return False
    return any(entry.is_dir() for entry in folder.iterdir() if not entry.name.startswith("."))


def _folder_of(species: Species, folder: Path, tested: Bench) -> str:
    """The species' folder; a new one is called as the others are, by id or by name."""
    there = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    own = next((name for name in there if SpeciesNames([species]).find(name)), None)
    by_id = all(SpeciesNames(tested.species).by_id(name) for name in there)
    return own or (species.id if by_id else species.name)


def _cleaned(photos: Sequence[Path], below: str, scratch: Path, tested: Bench, progress: Counted | None) -> list[_New]:
    # Links are followed, for a person names them; what they lead to must be a file all the same.
    real = {str(number): Path(os.path.realpath(photo)) for number, photo in enumerate(photos)}
    files = clean(real, scratch, timings=tested.timings, progress=progress)
    return [
        _New(photo, below + photo.stem + file.suffix, file, None)
        if isinstance(file := files[str(number)], Path)
        else _New(photo, below + photo.name, None, file)
        for number, photo in enumerate(photos)
    ]


def _refuse(new: Sequence[_New], folder: Path, tested: Bench) -> None:
    """Raise RefusedError with what is wrong with any photo."""
    shown_before = _shown_before(new, tested)
    taken = {image.file_name for image in tested.known.images} if tested.known else set()
    reasons: list[str] = []
    for one in new:
        if one.problem is not None:
            reasons.append(f"{one.given} {one.problem}")
        elif not _is_plain(one.given.name):
            reasons.append(f"{one.given} has a name that no list can hold: give it another one")
        elif one.name in taken or os.path.lexists(folder / one.name):
            reasons.append(f"{one.given} would be {one.name}, which is there already: give it another name")
        elif one in shown_before:
            reasons.append(f"{one.given} {shown_before[one]}")
        taken.add(one.name)
    if reasons:
        more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        none = "it was not added" if len(new) == 1 else "none was added"
        raise RefusedError(f"{'; '.join(reasons[:_SHOWN])}{more}: {none}")


def _shown_before(new: Sequence[_New], tested: Bench) -> dict[_New, str]:
    """The new photos that show nothing new, and what they show instead."""
    looks = look_at({str(number): one.cleaned for number, one in enumerate(new) if one.cleaned}, timings=tested.timings)
    old = fingerprints_of(tested.known, tested.looks) if tested.known else {}
    images = {image.file_name: image for image in tested.known.images} if tested.known else {}
    shown: dict[KnownImage | _New, str] = {images[name]: fingerprint for name, fingerprint in old.items()}
    shown |= {new[int(key)]: look.fingerprint for key, look in looks.items() if look.fingerprint}
    found: dict[_New, str] = {}
    for first, *others in alike(shown):
        called = first.given.name if isinstance(first, _New) else f"{first.file_name} ({first.expected_name})"
        found |= {other: f"shows the same as {called}" for other in others if isinstance(other, _New)}
    learned = trained_on(tested.workspace)[0] if tested.workspace else {}
    for version, words in learned.items():
        for one in among(shown, words):
            if isinstance(one, _New):
                found.setdefault(one, f"is among the photos that {version} was trained on")
    return found


def _is_plain(name: str) -> bool:
    return name == name.strip() and name == columns_for_terminal(name) and not name.startswith(".")


@contextlib.contextmanager
def _all_or_none(sources: Mapping[Path, Path]) -> Iterator[None]:
    """Copy files to where none is; what fails, here or within, leaves nothing behind."""
    made: list[Path] = []
    try:
        for path, source in sources.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                made.append(path)
                file.write(source.read_bytes())
        yield
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        raise


@contextlib.contextmanager
def _listing_alone(workspace: Workspace) -> Iterator[None]:
    """Of two who add at once, each would put back the list as it was before the other."""
    seconds = workspace.timings.request
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone(workspace.cache / "known-images.lock", seconds))
        except BlockingIOError:
            what = f"another process has been adding photos for {seconds:g} s"
            raise OutsideError(what, where=METADATA, todo="run it again when that one has ended") from None
        yield


def _list(metadata: Path, new: Sequence[_New], species: Species) -> None:
    content = read_small(metadata) if os.path.lexists(metadata) else NEW
    rows = [{"file_name": one.name, "species_id": species.id, "species_name": species.name} for one in new]
    replace_file(metadata, with_photos(content, rows))
