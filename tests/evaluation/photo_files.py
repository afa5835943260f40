"""Photos as cameras, messengers and attackers leave them; what tests of known images are made of."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import GPS, IFD, Base

TESTS = Path(__file__).parents[1]
FEW = TESTS / "few_images"
KANDY: dict[int, Any] = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (7.0, 17.0, 26.0),
    GPS.GPSLongitude: (80.0, 38.0, 2.0),
}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf exif:GPSLatitude="7,17.4N"/></x:xmpmeta>'


def drawing(name: str = "blue_tiger_01") -> Image.Image:
    """One of the few images, upright, in RGB; each shows another butterfly."""
    (path,) = FEW.glob(f"{name}.*")
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def saved(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(*, orientation: int = 1, place: dict[int, Any] | None = None) -> Image.Exif:
    """What a phone writes: who made it, when, and where, if asked to."""
    notes = Image.Exif()
    notes[Base.Orientation] = orientation
    notes[Base.Make] = "Phone of Asha"
    notes[Base.DateTime] = "2026:11:20 10:00:00"
    if place is not None:
        notes[IFD.GPSInfo] = place
    return notes


def noisy(image: Image.Image, seed: int) -> Image.Image:
    pixels = np.asarray(image, np.float64)
    noise = np.random.default_rng(seed).normal(0, 6, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def window(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """What is left when these shares are cut off."""
    wide, high = image.size
    edges = (wide * left, high * top, wide * (1 - right), high * (1 - bottom))
    return image.crop((round(edges[0]), round(edges[1]), round(edges[2]), round(edges[3])))


def bomb() -> bytes:
    """A small file that says it holds 900 million pixels."""
    data = saved(Image.new("RGB", (8, 8)), "BMP")
    return data[:18] + (30_000).to_bytes(4, "little") * 2 + data[26:]


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]
