"""A photo without the notes that cameras and people leave in it; for the photos' process only.

A JPEG that lies upright keeps its very pixels: its notes are cut out of the file. A PNG, GIF, BMP or TIFF becomes a PNG
of the same pixels, everything else a JPEG of quality 95. The colour profile stays.
"""

from __future__ import annotations

import re
from io import BytesIO

from PIL import Image, ImageChops
from PIL.ExifTags import Base

from lepinet.evaluation.images import opened, upright

_LOSSLESS = {"BMP", "GIF", "PNG", "TIFF"}
_WITH_RGB_PROFILE = {"P", "PA", "RGB", "RGBA"}
_TURNED = range(2, 9)
_QUALITY = 95
_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN, _APP0, _APP2, _APP14, _APP15, _FIRST_RESERVED, _COMMENT = 0xDA, 0xE0, 0xE2, 0xEE, 0xEF, 0xF0, 0xFE
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""In a scan, 0 after 255 means 255 itself, and restart markers belong to it."""


def clean(data: bytes) -> bytes:
    """The same photo as a JPEG or PNG, upright, without notes; what is wrong with it shows within `refused`."""
    image = opened(data)
    if image.format in {"JPEG", "MPO"} and image.getexif().get(Base.Orientation) not in _TURNED:
        cut = _without_notes(data)
        if cut is not None and _same(upright(data), upright(cut)):
            return cut
    return _encoded(upright(data), lossless=image.format in _LOSSLESS)


def _encoded(image: Image.Image, *, lossless: bool) -> bytes:
    profile = image.info.get("icc_profile") if image.mode in _WITH_RGB_PROFILE else None
    plain = image.convert("RGB")
    plain.info.clear()
    file = BytesIO()
    if lossless:
        plain.save(file, "PNG", icc_profile=profile)
    else:
        plain.save(file, "JPEG", quality=_QUALITY, subsampling=0, optimize=True, icc_profile=profile)
    return file.getvalue()


def _without_notes(data: bytes) -> bytes | None:
    """The JPEG's first picture, of its segments only those that decide its pixels; None when they are not understood.

    Segments as in ITU-T T.81, annex B.
    """
    kept = [_START]
    at = len(_START)
    while found := _MARKER.match(data, at):
        code = found[1][0]
        at = found.end()
        if code == _END[1]:
            return b"".join([*kept, _END])
        size = int.from_bytes(data[at : at + 2], "big")
        kept.append(_kept(code, data[at + 2 : at + size]))
        at += size
        if code == _SCAN:
            after = _AFTER_SCAN.search(data, at)
            if after is None:
                return None
            kept.append(data[at : after.start()])
            at = after.start()
    return None


def _kept(code: int, body: bytes) -> bytes:
    """A segment as it goes on; nothing of one that holds notes."""
    if code == _APP0 and body.startswith(b"JFIF\0"):
        return _segment(code, body[:12] + b"\0\0")  # without the small picture that may be in it
    if code == _APP14 and body.startswith(b"Adobe"):
        return _segment(code, body[:12])
    profile = code == _APP2 and body.startswith(b"ICC_PROFILE\0")
    notes = _APP0 <= code <= _APP15 or _FIRST_RESERVED <= code <= _COMMENT
    return b"" if notes and not profile else _segment(code, body)


def _segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(body) + 2).to_bytes(2, "big") + body


def _same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and one.size == other.size and ImageChops.difference(one, other).getbbox() is None
