"""A photo without the notes that cameras and people leave in it: nothing private stays, and what it shows does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from evaluation.photo_files import KANDY, bomb, drawing, exif, half, saved
from lepinet.errors import RefusedError
from lepinet.evaluation.images import decode, refused
from lepinet.evaluation.photos.cleaning import clean as clean_bytes
from lepinet.evaluation.photos.looking import clean, look_at

SECRET = b"Asha, 12 Temple Road, Kandy"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CMYK_PROFILE = PROFILE[:16] + b"CMYK" + PROFILE[20:]


def private() -> dict[str, Any]:
    """What a phone and a picture editor write into a JPEG."""
    notes = exif(place=KANDY)
    notes[0x9286] = SECRET  # a person's comment
    notes[0x927C] = SECRET  # the camera's own notes
    return {"exif": notes, "xmp": b"<x>" + SECRET + b"</x>", "comment": SECRET}


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(body) + 2).to_bytes(2, "big") + body


def with_more_notes(jpeg: bytes) -> bytes:
    """IPTC, a small picture in the first segment, and a film behind the picture."""
    iptc = segment(0xED, b"Photoshop 3.0\0" + SECRET)
    small = segment(0xE0, b"JFXX\0\x13\x01\x01" + SECRET)
    return jpeg[:2] + small + iptc + segment(0xEF, SECRET) + jpeg[2:] + b"ftypmp42" + SECRET


UPRIGHT: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: saved(drawing(), quality=80, **private()),
    "progressive": lambda: saved(drawing(), quality=80, progressive=True, **private()),
    "full colour": lambda: saved(drawing(), quality=95, subsampling=0, icc_profile=PROFILE, **private()),
    "grey": lambda: saved(drawing().convert("L"), **private()),
    "CMYK": lambda: saved(drawing().convert("CMYK"), icc_profile=CMYK_PROFILE, **private()),
    "restart markers": lambda: saved(drawing(), restart_marker_rows=1, **private()),
    "an orientation that means nothing": lambda: saved(drawing(), exif=exif(orientation=9, place=KANDY)),
    "a second picture": lambda: saved(drawing(), "MPO", save_all=True, append_images=[drawing("blue_tiger_02")]),
}


def cleaned(data: bytes) -> bytes:
    with refused():
        return clean_bytes(data)


def pixels(data: bytes) -> Any:
    return np.asarray(decode(data)).astype(int)


def assert_nothing_private(data: bytes) -> None:
    assert SECRET not in data
    image = Image.open(BytesIO(data))
    assert getattr(image, "n_frames", 1) == 1
    assert not image.getexif()
    image.load()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "icc_profile", "adobe"} | {
        "adobe_transform",
        "progressive",
        "progression",
    }


@pytest.mark.parametrize("kind", UPRIGHT)
def test_an_upright_jpeg_keeps_its_very_pixels(kind: str) -> None:
    """Its notes are cut out; the picture is not encoded anew, which would cost quality each time."""
    data = with_more_notes(UPRIGHT[kind]())
    clean = cleaned(data)
    assert_nothing_private(clean)
    assert (pixels(clean) == pixels(data)).all()
    scan = clean[clean.index(b"\xff\xda") : -2]
    assert scan in data
    assert cleaned(clean) == clean


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_jpeg_stands_upright(orientation: int) -> None:
    stored = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    notes = private() | {"exif": exif(orientation=orientation, place=KANDY), "icc_profile": PROFILE}
    clean = cleaned(with_more_notes(saved(drawing().transpose(stored[orientation]), quality=95, **notes)))
    assert_nothing_private(clean)
    image = Image.open(BytesIO(clean))
    assert (image.format, image.size) == ("JPEG", drawing().size)
    assert image.info["icc_profile"] == PROFILE
    assert np.abs(pixels(clean) - np.asarray(drawing()).astype(int)).mean() < 3


def in_png(image: Image.Image) -> bytes:
    text = PngInfo()
    text.add_text("Comment", SECRET.decode())
    text.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=True)
    return saved(image, "PNG", pnginfo=text, exif=exif(place=KANDY).tobytes(), icc_profile=PROFILE)


LOSSLESS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: in_png(drawing()),
    "turned PNG": lambda: saved(drawing(), "PNG", exif=exif(orientation=6)),
    "transparent PNG": lambda: in_png(drawing().convert("RGBA")),
    "palette": lambda: in_png(drawing().quantize(64)),
    "16 bits": lambda: saved(drawing().convert("I;16"), "PNG"),
    "GIF": lambda: saved(drawing().quantize(64), "GIF", comment=SECRET),
    "BMP": lambda: saved(drawing(), "BMP"),
    "TIFF": lambda: saved(drawing(), "TIFF", description=SECRET.decode(), software=SECRET.decode()),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_what_is_lossless_stays_so_as_a_png(kind: str) -> None:
    data = LOSSLESS[kind]()
    clean = cleaned(data)
    assert clean.startswith(b"\x89PNG")
    assert_nothing_private(clean)
    assert (pixels(clean) == pixels(data)).all()
    assert Image.open(BytesIO(clean)).info.get("icc_profile") == Image.open(BytesIO(data)).info.get("icc_profile")


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_other_kinds_become_good_jpegs(kind: str) -> None:
    data = saved(drawing(), kind, quality=90, exif=exif(orientation=3, place=KANDY).tobytes(), icc_profile=PROFILE)
    clean = cleaned(data)
    assert clean.startswith(b"\xff\xd8")
    assert_nothing_private(clean)
    assert np.abs(pixels(clean) - pixels(data)).mean() < 2
    assert Image.open(BytesIO(clean)).info["icc_profile"] == PROFILE


def test_a_profile_for_other_colours_goes_with_them() -> None:
    data = saved(drawing().convert("CMYK"), exif=exif(orientation=6), icc_profile=CMYK_PROFILE)
    assert "icc_profile" not in Image.open(BytesIO(cleaned(data))).info


WHOLE = {kind: with_more_notes(make()) for kind, make in UPRIGHT.items()}
damage = st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=4))


@given(st.sampled_from(list(WHOLE)), st.lists(damage, max_size=3))
@settings(max_examples=100)
def test_a_damaged_photo_is_cleaned_or_refused(kind: str, damages: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE[kind])
    for place, other in damages:
        at = place % len(data)
        data[at : at + len(other)] = other
    with contextlib.suppress(RefusedError):
        decode(cleaned(bytes(data)))


def test_files_are_written_for_photos_and_reasons_for_others(tmp_path: Path) -> None:
    files = {
        "photo": saved(drawing(), exif=exif(place=KANDY)),
        "lossless": in_png(drawing("blue_tiger_02")),
        "bomb": bomb(),
        "half": half(saved(drawing())),
        "text": b"#!/bin/sh",
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    done = clean({name: tmp_path / "in" / name for name in files}, tmp_path / "out")
    assert [done[name] for name in ("photo", "lossless")] == [
        tmp_path / "out" / "photo.jpg",
        tmp_path / "out" / "lossless.png",
    ]
    assert done["bomb"] == "has more than 128 million pixels"
    assert str(done["half"]).startswith("cannot be decoded")
    assert str(done["text"]).startswith("is no image that can be read")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"photo.jpg", "lossless.png"}
    looks = look_at({path.stem: path for path in (tmp_path / "out").iterdir()})
    assert not any(look.located for look in looks.values())
    assert (tmp_path / "in" / "photo").read_bytes() == files["photo"], "the original is left alone"
