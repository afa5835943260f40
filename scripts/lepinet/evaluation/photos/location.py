"""Whether a photo gives away where it was taken; rare species are stolen by that. For the photos' process only."""

from __future__ import annotations

import re

from PIL import Image
from PIL.ExifTags import GPS, IFD

_PLACES = {GPS.GPSLatitude, GPS.GPSLongitude, GPS.GPSDestLatitude, GPS.GPSDestLongitude, GPS.GPSAreaInformation}
_EXIF = re.compile(rb"Exif\0\0")
_LONGEST_EXIF = 64 << 10
_XMP = re.compile(rb"GPS(Dest)?(Latitude|Longitude|Coordinates)")


def is_located(data: bytes, image: Image.Image) -> bool:
    """Look through EXIF and XMP, also those of further pictures in the same file, as phones write them.

    Args:
        data: the whole file.
        image: opened from it, and loaded.
    """
    notes = [data, *(note.encode(errors="replace") for note in image.info.values() if isinstance(note, str))]
    if any(_XMP.search(note) for note in notes) or _has_place(image.getexif()):
        return True
    return any(
        _has_place(_parsed(data[found.start() : found.start() + _LONGEST_EXIF])) for found in _EXIF.finditer(data)
    )


def _parsed(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    try:
        exif.load(data)
    except Exception:  # noqa: BLE001 - damaged notes, or none at all: the parser raises whatever they lead it to
        return Image.Exif()
    return exif


def _has_place(exif: Image.Exif) -> bool:
    try:
        return not _PLACES.isdisjoint(exif.get_ifd(IFD.GPSInfo))
    except Exception:  # noqa: BLE001 - as above
        return False
