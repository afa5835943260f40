"""Small pictures of photos, each made once by the process that decodes photos, and kept by the photo's digest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.evaluation.cases import KnownImage
from lepinet.evaluation.photos.looking import thumbnails
from lepinet.files import replace_file
from lepinet.timings import Timings

EDGE = 384
"""Pixels on the longer side: twice as many as a gallery shows, for screens that are as fine."""


class Thumbnails:
    """The thumbnails of this machine.

    Args:
        folder: where they are kept; it may be removed at any time.
        timings: the limit for one photo.
    """

    def __init__(self, folder: Path, timings: Timings) -> None:
        self._folder = folder
        self._timings = timings
        self._wanted: dict[str, Path] = {}
        self._asking = threading.Lock()
        self._making = threading.Lock()

    def of(self, image: KnownImage) -> bytes | None:
        """A JPEG; None of a photo that cannot be decoded."""
        if image.sha256 is None or image.problem:
            return None
        return self._kept(image.sha256) or self._made(image.sha256, image.path)

    def of_blob(self, blob: str, read: Callable[[], bytes]) -> bytes | None:
        """As `of`, of a photo that no working tree has.

        Args:
            blob: its id in git.
            read: gives its content, where there is no picture of it yet.
        """
        if kept := self._kept(blob):
            return kept
        with TemporaryDirectory(prefix="lepinet-photo-") as folder:
            photo = Path(folder, blob)
            photo.write_bytes(read())
            return self._made(blob, photo)

    def _made(self, digest: str, photo: Path) -> bytes | None:
        with self._asking:
            self._wanted[digest] = photo
        with self._making:
            # Whoever comes first makes what all who wait have asked for: a process takes longer to start than a photo.
            with self._asking:
                wanted, self._wanted = self._wanted, {}
            self._keep(thumbnails(wanted, EDGE, timings=self._timings))
        return self._kept(digest)

    def _keep(self, made: dict[str, bytes]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for digest, jpeg in made.items():
            replace_file(self._file(digest), jpeg)

    def _kept(self, digest: str) -> bytes | None:
        try:
            return self._file(digest).read_bytes()
        except FileNotFoundError:
            return None

    def _file(self, digest: str) -> Path:
        return self._folder / f"{EDGE}-{digest}.jpg"
