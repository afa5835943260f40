"""The photos that a change adds, gives another species or takes out: read from git, whatever is checked out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.cases import METADATA, is_foldered_photo, read_list
from lepinet.evaluation.labels import SpeciesNames
from lepinet.workflow.listed_changes import Change
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
        was, now = (set(_labelled(workspace, commit, folder)) for commit in (before, after))
    except RefusedError:
        return ()
    # A photo that moves is a file that goes and one that comes, with the same content.
    gone = _by_blob(was - now)
    found = []
    for photo in sorted(now - was, key=lambda photo: photo.file_name):
        alike = gone.get(photo.blob)
        old = alike.pop(0).species if alike else None
        if old != photo.species:
            found.append(ChangedPhoto(photo.blob, photo.file_name, old, photo.species))
    found += [ChangedPhoto(one.blob, one.file_name, one.species, None) for alike in gone.values() for one in alike]
    return tuple(sorted(found, key=lambda photo: photo.file_name))


def main_has(workspace: Workspace, photos: Sequence[ChangedPhoto]) -> Mapping[ChangedPhoto, str]:
    """What main has of the photos of an open change otherwise than it takes for granted, in a few words.

    Args:
        workspace: whose known images, and whose list of species.
        photos: that the change is about.

    Returns:
        Nothing of a photo that is new to main too, or is of the same species there as before the change.
    """
    try:
        here = _by_blob(_labelled(workspace, workspace.git.main(), workspace.manifest.known_images))
    except RefusedError:
        return {}
    told = {photo: _otherwise(photo, here.get(photo.blob, ())) for photo in photos}
    return {photo: words for photo, words in told.items() if words}


def _otherwise(photo: ChangedPhoto, alike: Sequence[_Labelled]) -> str | None:
    """As `main_has`, of one photo and those of main with its content."""
    if photo.was is None:
        there = ", ".join(f"{one.species} ({one.file_name})" for one in alike)
        return f"main has it already, as {there}" if there else None
    if not alike:
        return "main has taken it out"
    species = [one.species for one in alike]
    return None if photo.was in species else f"main has it as {' and '.join(dict.fromkeys(species))} now"


def beyond_main(workspace: Workspace, commit: str) -> tuple[str, str] | None:
    """What a commit would bring to main lies between these two; None where it is not here, or of another history."""
    git = workspace.git
    try:
        base = git.merge_base(commit, git.main())
    except UsageError:
        return None
    return (base, commit) if base else None


def photos_on_their_way(workspace: Workspace, listed: Sequence[Change]) -> Mapping[str, frozenset[str]]:
    """The contents of the photos that changes are about, as git's blobs, by the changes' keys.

    Args:
        workspace: the repository.
        listed: open changes; one whose commits are not here is about none.
    """
    # A change of models.yaml alone, as an activation is one, brings no photo.
    between = {one.key: beyond_main(workspace, one.head) for one in listed if one.aim is None}
    return {
        key: frozenset(photo.blob for photo in changed_photos(workspace, *commits)) if commits else frozenset()
        for key, commits in between.items()
    }


@dataclass(frozen=True)
class _Labelled:
    blob: str
    file_name: str
    species: str


def _by_blob(photos: Iterable[_Labelled]) -> Mapping[str, list[_Labelled]]:
    found = defaultdict(list)
    for photo in sorted(photos, key=lambda photo: photo.file_name):
        found[photo.blob].append(photo)
    return found


def _labelled(workspace: Workspace, commit: str, folder: str) -> Iterator[_Labelled]:
    """A commit's known images, each with its species' name."""
    names = SpeciesNames(workspace.species)
    blobs = {path.removeprefix(f"{folder}/"): blob for path, blob in workspace.git.blobs_below(commit, folder).items()}
    listed = workspace.git.content(commit, f"{folder}/{METADATA}")
    if listed is None:
        for name, blob in blobs.items():
            if is_foldered_photo(name):
                below = name.partition("/")[0]
                known = names.find(below)
                yield _Labelled(blob, name, known.name if known else below)
        return
    # A species that comes with its photos is not on today's list yet.
    for photo in read_list(listed, METADATA, SpeciesNames(())):
        if photo.file_name in blobs:
            known = names.by_id(photo.species_id)
            yield _Labelled(blobs[photo.file_name], photo.file_name, known.name if known else photo.species_name)
