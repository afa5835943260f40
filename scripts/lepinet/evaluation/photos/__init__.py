"""Photos looked at in a process of their own: what they show, as a fingerprint, and what they give away."""

from __future__ import annotations

from dataclasses import dataclass

FINGERPRINT_VERSION = 1
"""Counts up when the bits of a photo may change; fingerprints of different versions are not compared."""
MAX_BYTES = 256 << 20
"""No larger file is taken for a photo."""
MAX_PIXELS = 128_000_000
"""Larger than any phone's picture; decoding takes 4 bytes for each pixel, twice that for a rotated photo."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What cameras, browsers and scanners write, each decoded by code that reads nothing but its own input."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a photo's pixels and notes tells."""

    fingerprint: str | None = None
    """64 hex digits, see `photos.fingerprint`; None when it cannot be decoded."""
    located: bool = False
    """Its EXIF or XMP says where on earth it was taken."""
    problem: str | None = None
    """Why it cannot be decoded, in a few words."""
