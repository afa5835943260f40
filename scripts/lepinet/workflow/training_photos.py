"""`fingerprint`: what the photos show that a model is trained on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.cases import PHOTOS
from lepinet.evaluation.photos.looking import look_at
from lepinet.timings import Timings
from lepinet.workflow.evaluate import Counted


@dataclass(frozen=True)
class TrainingPhotos:
    """What was found below a folder."""

    fingerprints: tuple[str, ...]
    """Of the photos that can be decoded."""
    unreadable: tuple[tuple[str, str], ...]
    """The others, relative to the folder, and why."""


def look_below(folder: Path, looking: Counted, timings: Timings | None = None) -> TrainingPhotos:
    """Look at all photos below a folder; links to files are followed, links to folders are not.

    Raises:
        UsageError: there is no such folder.
        RefusedError: no photo in it can be decoded.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), todo="Give the folder of the training photos.")
    names = sorted(_photos(folder))
    looks = look_at({name: Path(os.path.realpath(folder / name)) for name in names}, timings=timings, progress=looking)
    shown = tuple(look.fingerprint for look in looks.values() if look.fingerprint)
    unreadable = tuple((name, looks[name].problem or "") for name in names if not looks[name].fingerprint)
    if not shown:
        first = f", such as {unreadable[0][0]}, which {unreadable[0][1]}" if unreadable else ""
        raise RefusedError(f"holds no photo that can be read{first}", where=str(folder))
    return TrainingPhotos(shown, unreadable)


def _photos(folder: Path) -> Iterator[str]:
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if os.path.splitext(name)[1].lower() in PHOTOS and not name.startswith("."):  # noqa: PTH122 -- faster
                yield os.path.relpath(os.path.join(where, name), folder)  # noqa: PTH118 -- as above
