"""The photos that a change adds, gives another species or takes out: read from git, whatever is checked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lepinet.errors import RefusedError
from lepinet.evaluation.cases import METADATA, PHOTOS, read_list
from lepinet.evaluation.labels import SpeciesNames
from lepinet.workflow.workspace import Workspace


@dataclass(frozen=True)
class ChangedPhoto:
    """One of them; others wrote its names."""

    blob: str
    """Of its content, in git."""
    file_name: str
    """Among the known images after the change; before it, where it is taken out."""
    was: str | None
    """The name of its species before; None where it is new."""
    now: str | None
    """After; None where it is taken out."""


def changed_photos(workspace: Workspace, before: str, after: str) -> tuple[ChangedPhoto, ...]:
    """Known images that one commit has otherwise than another one, in the order of their names.

    Args:
        workspace: whose known images, and whose list of species.
        before: a commit that is here.
        after: another one.

    Returns:
        None of them where one of both has a list of photos that cannot be read: its check says so.
    """
    folder = workspace.manifest.known_images
    if not workspace.git.files_between(before, after, [folder]):
        return ()
    try:
        was, now = (dict(_labelled(workspace, commit, folder)) for commit in (before, after))
    except RefusedError:
        return ()
    found = []
    for blob in was.keys() | now.keys():
        (old_name, old), (new_name, new) = was.get(blob, ("", None)), now.get(blob, ("", None))
        if old != new:
            found.append(ChangedPhoto(blob, new_name or old_name, old, new))
    return tuple(sorted(found, key=lambda photo: photo.file_name))


def _labelled(workspace: Workspace, commit: str, folder: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each known image's blob, with its name and its species' name."""
    names = SpeciesNames(workspace.species)
    blobs = {path.removeprefix(f"{folder}/"): blob for path, blob in workspace.git.blobs_below(commit, folder).items()}
    listed = workspace.git.content(commit, f"{folder}/{METADATA}")
    if listed is None:
        for name, blob in blobs.items():
            below, _, file = name.partition("/")
            if file and f".{file.rpartition('.')[2].lower()}" in PHOTOS:
                known = names.find(below)
                yield blob, (name, known.name if known else below)
        return
    # A species that comes with its photos is not on today's list yet.
    for photo in read_list(listed, METADATA, SpeciesNames(())):
        if photo.file_name in blobs:
            known = names.by_id(photo.species_id)
            yield blobs[photo.file_name], (photo.file_name, known.name if known else photo.species_name)
