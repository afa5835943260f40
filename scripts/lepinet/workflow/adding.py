"""`known-images add`: photos cleaned and put among the known images, all or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.errors import OutsideError
from lepinet.evaluation.cases import METADATA
from lepinet.evaluation.labels import Species
from lepinet.evaluation.listing import NEW, with_photos
from lepinet.files import inside, read_small, replace_file
from lepinet.locks import alone
from lepinet.report.escape import for_terminal
from lepinet.workflow.evaluate import LOOKING, Counted
from lepinet.workflow.new_photos import (
    NewPhoto,
    cleaned_photos,
    is_foldered,
    photos_there,
    place_of,
    refuse,
    species_named,
)
from lepinet.workflow.to_main import Edited, steps_to_main
from lepinet.workflow.workspace import Workspace


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
    tested = photos_there(workspace, folder, counted(LOOKING) if counted else None)
    meant = species_named(species, tested)
    listed, below = not is_foldered(folder), place_of(meant, folder, tested)
    with TemporaryDirectory(prefix="lepinet-") as scratch:
        new = cleaned_photos(
            [(str(photo), photo) for photo in photos],
            lambda given, cleaned: f"{below}{Path(given).stem}{cleaned.suffix}",
            Path(scratch),
            tested,
            counted("cleaning photos") if counted else None,
        )
        refuse(new, folder, tested)
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


def _list(metadata: Path, new: Sequence[NewPhoto], species: Species) -> None:
    content = read_small(metadata) if os.path.lexists(metadata) else NEW
    rows = [{"file_name": one.name, "species_id": species.id, "species_name": species.name} for one in new]
    replace_file(metadata, with_photos(content, rows))
