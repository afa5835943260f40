"""Photos looked at in a process of their own: what they show, as a fingerprint, and what they give away."""

from __future__ import annotations

from dataclasses import dataclass

FINGERPRINT_VERSION = 1
"""Counts up when the bits of a photo may change; fingerprints of different versions are not compared."""
MAX_BYTES = 256 << 20
"""No larger file is taken for a photo."""
MAX_PIXELS = 128_000_000
"""Larger than any phone's picture; decoding takes 4 bytes for each pixel, twice that for a rotated photo."""
LOWER_MAX_PIXELS = {"WEBP": 80_000_000}
"""By format. The decoder of WEBP holds several copies: a larger photo needs more memory than it is given."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What cameras, browsers and scanners write, each decoded by code that reads nothing but its own input."""

ANY_FORMAT = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
_LOWER = ", ".join(f"{name} {most // 1_000_000} million" for name, most in LOWER_MAX_PIXELS.items())
UP_TO = f"{MAX_PIXELS // 1_000_000} million pixels ({_LOWER})"
"""How large a photo may be, for people."""
ACCEPTED = f"{ANY_FORMAT}, each up to {UP_TO}"
"""What a photo may be, for the forms that take some."""
NO_IMAGE = f"is no image that can be read ({', '.join(FORMATS)})"
"""A photo's problem, to stand behind its name."""
DAMAGED = "cannot be decoded"
"""As `NO_IMAGE`; what its decoder says of it follows."""


def for_sender(problem: str) -> str:
    """A photo's problem in a sentence for whoever sent it, who knows no decoder and gave the file no name of ours."""
    if problem == NO_IMAGE:
        return f"This file is no photo that can be read: it must be {ANY_FORMAT}."
    if problem.startswith(DAMAGED):
        return "This photo is damaged and cannot be read. Send it again, or another one."
    if problem.startswith("the "):
        return f"The {problem.removeprefix('the ')}."  # model or decoder: the photo need not be at fault
    return f"This photo {problem}."


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a photo's pixels and notes tells."""

    fingerprint: str | None = None
    """64 hex digits, see `photos.fingerprint`; None when it cannot be decoded."""
    located: bool = False
    """Its EXIF or XMP says where on earth it was taken."""
    problem: str | None = None
    """Why it cannot be decoded, in a few words."""
