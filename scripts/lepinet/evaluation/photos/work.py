"""What is done with a photo; in the photos' process only."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from lepinet.evaluation.images import read_photo, refused, upright
from lepinet.evaluation.photos.cleaning import clean
from lepinet.evaluation.photos.fingerprint import ENOUGH, fingerprint
from lepinet.evaluation.photos.location import is_located

_QUALITY = 80


def cleaned(source: Path | bytes) -> bytes:
    """The same photo upright and without notes, see `cleaning`.

    Raises:
        RefusedError: no readable photo.
    """
    with refused():
        return clean(read_photo(source))


def look(source: Path | bytes) -> bytes:
    """The 32 bytes of its fingerprint, and one that is not 0 when it gives away where it was taken.

    Raises:
        RefusedError: no readable photo.
    """
    with refused():
        data = read_photo(source)
        image = upright(data, ENOUGH)
        return fingerprint(image) + bytes([is_located(data, image)])


def thumbnail(source: Path | bytes, edge: int) -> bytes:
    """A JPEG of at most `edge` pixels on the longer side, upright, without notes.

    Raises:
        RefusedError: no readable photo.
    """
    with refused():
        small = upright(read_photo(source), edge).convert("RGB")
        small.thumbnail((edge, edge))
        small.info.clear()
        file = BytesIO()
        small.save(file, "JPEG", quality=_QUALITY, optimize=True)
        return file.getvalue()
