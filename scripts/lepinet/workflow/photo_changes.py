"""Changes of the known images that come by a commit alone: photos added, given another species, taken out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.cases import METADATA, KnownImage
from lepinet.evaluation.labels import Species
from lepinet.evaluation.listing import NEW, relabelled, with_photos, without_photo
from lepinet.report.escape import for_terminal
from lepinet.workflow.new_photos import cleaned_photos, is_foldered, photos_there, place_of, refuse, species_named
from lepinet.workflow.propose import Files, Proposal, Reading
from lepinet.workflow.workspace import Workspace

_NAME = 60
"""Characters of a photo's name that are its species'."""


def addition(workspace: Workspace, photos: Sequence[tuple[str, Path]], species: str) -> Proposal:
    """More photos of a species, upright and without notes, called by the species and what they show.

    Args:
        workspace: at main.
        photos: what the person calls each, and where it is.
        species: id or name.

    Raises:
        UsageError: there is no such species, or no photo.
        RefusedError: a photo cannot be read, is there already or shows what one there shows; then none is added.
    """
    if not photos:
        raise UsageError("there is no photo to add")
    folder, place = workspace.known_images_folder, workspace.manifest.known_images
    tested = photos_there(workspace, folder)
    meant = species_named(species, tested)
    below = place_of(meant, folder, tested)
    with TemporaryDirectory(prefix="lepinet-") as scratch:
        new = cleaned_photos(photos, lambda _, file: f"{below}{_called(meant, file)}", Path(scratch), tested)
        refuse(new, folder, tested)
        contents = {one.name: one.cleaned.read_bytes() for one in new if one.cleaned}
    rows = [{"file_name": name, "species_id": meant.id, "species_name": meant.name} for name in contents]

    def edit(read: Reading) -> Files:
        files: dict[str, bytes | None] = {f"{place}/{name}": content for name, content in contents.items()}
        taken = [path for path in files if read(path) is not None]
        if taken:
            raise RefusedError(f"{', '.join(taken)} is there already")
        if not below:
            files[f"{place}/{METADATA}"] = with_photos(read(f"{place}/{METADATA}") or NEW, rows)
        return files

    what = f"{len(contents)} photo{'s' if len(contents) > 1 else ''} of {for_terminal(meant.name)}"
    return Proposal(
        edit=edit,
        sentence=f"{place} has {what} more",
        branch=f"photos-{_mark(meant.id, *sorted(contents))}",
        message=f"Add {what}",
    )


def correction(workspace: Workspace, file_name: str, species: str) -> Proposal:
    """Another species for a known image.

    Raises:
        UsageError: there is no such species, or no such photo.
        RefusedError: it is of that species already.
    """
    image = known_image(workspace, file_name)
    folder = workspace.known_images_folder
    tested = photos_there(workspace, folder)
    meant = species_named(species, tested)
    if meant.id == image.expected_id:
        raise RefusedError(f"{file_name} is of {meant.name} already")
    if is_foldered(folder):
        moved = f"{place_of(meant, folder, tested)}{file_name.rpartition('/')[2]}"
        edit: Callable[[Reading], Files] = partial(_moved, _path(workspace, file_name), _path(workspace, moved))
    else:
        edit = _of_list(workspace, lambda before: relabelled(before, file_name, meant.id, meant.name))
    shown = called_in_titles(file_name)
    return Proposal(
        edit=edit,
        sentence=f"{shown} is of {for_terminal(meant.name)}, no longer of {for_terminal(image.expected_name)}",
        branch=f"label-{_mark(file_name, meant.id)}",
        message=f"Label {shown} as {for_terminal(meant.name)}",
    )


def removal(workspace: Workspace, file_name: str) -> Proposal:
    """A known image taken out.

    Raises:
        UsageError: there is no such photo.
    """
    known_image(workspace, file_name)
    path = _path(workspace, file_name)
    without = _of_list(workspace, lambda before: without_photo(before, file_name))
    listed = not is_foldered(workspace.known_images_folder)
    shown = called_in_titles(file_name)
    return Proposal(
        edit=lambda read: {path: None, **(without(read) if listed else {})},
        sentence=f"{shown} is no known image any more",
        branch=f"remove-{_mark(file_name)}",
        message=f"Take {shown} out of the known images",
    )


def called_in_titles(file_name: str) -> str:
    """A photo's name, as a change that corrects it or takes it out has it in its title."""
    return for_terminal(file_name, 100)


def known_image(workspace: Workspace, file_name: str) -> KnownImage:
    """The known image of that name.

    Raises:
        UsageError: there is none.
    """
    images = workspace.known_images.images if workspace.known_images else ()
    found = next((image for image in images if image.file_name == file_name), None)
    if found is None:
        raise UsageError(f"there is no known image {for_terminal(file_name, 100)}")
    return found


def _of_list(workspace: Workspace, change: Callable[[bytes], bytes]) -> Callable[[Reading], Files]:
    path = _path(workspace, METADATA)
    return lambda read: {path: change(read(path) or NEW)}


def _moved(old: str, new: str, read: Reading) -> Files:
    if read(new) is not None:
        raise RefusedError(f"{new} is there already", todo="take this photo out, if both show the same")
    return {old: None, new: read(old)}


def _path(workspace: Workspace, file_name: str) -> str:
    return f"{workspace.manifest.known_images}/{file_name}"


def _called(species: Species, file: Path) -> str:
    """By its species and its content: what somebody's phone called it is nobody's business, and may be taken."""
    name = re.sub(r"\W+", "_", species.name.lower()).strip("_")[:_NAME]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{name or 'photo'}_{digest[:10]}{file.suffix}"


def _mark(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:12]
