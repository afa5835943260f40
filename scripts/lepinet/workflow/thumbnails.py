"""Small pictures of known images, for a page that shows them."""

from __future__ import annotations

from collections.abc import Collection

from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.photos.looking import thumbnails
from lepinet.timings import Timings

_EDGE = 320
"""Pixels on the longer side: sharp on a phone, some ten kilobytes."""


def thumbnails_of(file_names: Collection[str], known: KnownImages | None, timings: Timings) -> dict[str, bytes]:
    """JPEGs by file name; none of a photo that cannot be read, and none at all without known images.

    Args:
        file_names: of the photos that are wanted.
        known: the known images that they are among.
        timings: the limit for one photo.
    """
    images = known.images if known else ()
    paths = {image.file_name: image.path for image in images if image.file_name in file_names and not image.problem}
    return thumbnails(paths, _EDGE, timings=timings)
