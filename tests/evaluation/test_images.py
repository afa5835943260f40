"""Photos as cameras, browsers and attackers make them, to pixels as `load_image` of transformers gives them."""

from __future__ import annotations

import contextlib
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lepinet.errors import RefusedError
from lepinet.evaluation.images import decode, limit_decoding, prepare
from lepinet.evaluation.photos import MAX_PIXELS
from lepinet.evaluation.preprocessing import Exactly, Preprocessing, ShortestEdge

Pixels = NDArray[np.uint8]

TESTS = Path(__file__).parents[1]
ORIENTATION = 0x0112
# How a camera stores an upright picture, by the orientation that it writes beside it (EXIF 2.3, 4.6.4 A).
STORED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
PLAIN = Preprocessing(resize=None, resample=2, crop=None, rescale=None, mean=None, std=None)


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """As in the model's process, where a decoder's warning is no error unless it is about size."""
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit_decoding()
        yield
    Image.MAX_IMAGE_PIXELS = before


def upright() -> Pixels:
    """No two of its corners are alike, nor are its sides equally long."""
    picture = np.zeros((24, 40, 3), np.uint8)
    picture[:12, :20] = 255, 0, 0
    picture[:12, 20:] = 0, 255, 0
    picture[12:, :20] = 0, 0, 255
    picture[12:, 20:] = 250, 240, 10
    return picture


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def load_image(data: bytes) -> Image.Image:
    """What `transformers.image_utils.load_image` does with a file."""
    return ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")


def pixels(image: Image.Image) -> Pixels:
    assert image.mode == "RGB"
    return np.asarray(image)


def refusal(source: Path | bytes) -> str:
    with pytest.raises(RefusedError) as refused:
        decode(source)
    return refused.value.what


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_photo_stands_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright())))
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    found = pixels(decode(saved(stored, kind, exif=exif, **options))).astype(int)
    assert found.shape == upright().shape
    assert np.abs(found - upright()).max() <= (8 if kind == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_means_nothing_turns_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert (pixels(decode(saved(Image.fromarray(upright()), "PNG", exif=exif))) == upright()).all()


def of_mode(mode: str) -> Image.Image:
    return Image.fromarray(upright()).convert(mode)


def with_palette() -> bytes:
    image = Image.fromarray(upright()).quantize(8)
    return saved(image, "PNG", transparency=0)


def sixteen_bits() -> bytes:
    return saved(Image.fromarray(np.linspace(0, 65535, 960).astype(np.uint16).reshape(24, 40)), "PNG")


def animated(kind: str, **options: Any) -> bytes:
    frames = [Image.new("RGB", (40, 24), colour) for colour in ("blue", "red", "green")]
    return saved(Image.fromarray(upright()), kind, save_all=True, append_images=frames, **options)


KINDS: dict[str, Callable[[], bytes]] = {
    "CMYK": lambda: saved(of_mode("CMYK"), "JPEG", quality=100),
    "CMYK TIFF": lambda: saved(of_mode("CMYK"), "TIFF"),
    "grey": lambda: saved(of_mode("L"), "JPEG"),
    "black and white": lambda: saved(of_mode("1"), "PNG"),
    "palette": lambda: saved(of_mode("P"), "PNG"),
    "palette with transparency": with_palette,
    "alpha": lambda: saved(of_mode("RGBA"), "PNG"),
    "alpha WebP": lambda: saved(of_mode("RGBA"), "WEBP", lossless=True),
    "grey with alpha": lambda: saved(of_mode("LA"), "PNG"),
    "16 bits": sixteen_bits,
    "BMP": lambda: saved(of_mode("RGB"), "BMP"),
    "AVIF": lambda: saved(of_mode("RGB"), "AVIF"),
    "progressive": lambda: saved(of_mode("RGB"), "JPEG", progressive=True),
    "GIF": lambda: animated("GIF"),
    "animated WebP": lambda: animated("WEBP", lossless=True),
    "animated PNG": lambda: animated("PNG"),
    "two photos of a phone (MPO)": lambda: animated("MPO"),
    "TIFF of several pages": lambda: animated("TIFF"),
    "one pixel": lambda: saved(Image.new("RGB", (1, 1), "red"), "PNG"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_photo_is_what_load_image_makes_of_it(kind: str) -> None:
    data = KINDS[kind]()
    assert (pixels(decode(data)) == np.asarray(load_image(data))).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO", "TIFF"])
def test_of_moving_pictures_the_first_counts(kind: str) -> None:
    found = pixels(decode(animated(kind, quality=100))).astype(int)
    assert np.abs(found - upright()).mean() < 12
    assert found[2, 2].argmax() == 0
    assert found[2, -2].argmax() == 1


def test_what_is_transparent_keeps_its_colour() -> None:
    image = Image.new("RGBA", (3, 2), (200, 30, 10, 0))
    assert (pixels(decode(saved(image, "PNG"))) == (200, 30, 10)).all()


def test_inverted_cmyk_of_photoshop_is_read_as_such() -> None:
    found = pixels(decode(KINDS["CMYK"]())).astype(int)
    assert np.abs(found - upright()).mean() < 12


@pytest.mark.parametrize("photo", sorted((TESTS / "few_images").glob("*_0[12].*")), ids=lambda path: path.name)
def test_known_images_are_what_load_image_makes_of_them(photo: Path) -> None:
    assert (pixels(decode(photo)) == np.asarray(load_image(photo.read_bytes()))).all()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int) -> bytes:
    """As small as an attacker makes it: a header, and the beginning of many equal lines."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    data = saved(Image.new("RGB", (8, 8)), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def gif(width: int, height: int, *, screen: tuple[int, int] | None = None) -> bytes:
    """Its picture may be larger than the screen that it announces."""
    data = bytearray(saved(Image.new("P", (8, 8)), "GIF"))
    at = data.rindex(b",\0\0\0\0\x08\0\x08\0") + 5
    struct.pack_into("<HH", data, 6, *(screen or (width, height)))
    struct.pack_into("<HH", data, at, width, height)
    return bytes(data)


@pytest.mark.parametrize(
    "bomb",
    [
        png(20_000, 20_000),
        png(12_000, 12_000),
        png(2_000_000_000, 1),
        jpeg(65_000, 65_000),
        jpeg(12_000, 12_000),
        gif(60_000, 60_000),
        gif(60_000, 60_000, screen=(8, 8)),
        gif(12_000, 12_000, screen=(8, 8)),
    ],
    ids=["PNG", "PNG, 144 million", "PNG, a line", "JPEG", "JPEG, 144 million", "GIF", "frame", "frame, 144 million"],
)
def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded(bomb: bytes) -> None:
    assert len(bomb) < 10_000
    assert refusal(bomb) == f"has more than {MAX_PIXELS // 1_000_000} million pixels"


def test_a_large_photo_is_no_bomb() -> None:
    assert decode(saved(Image.new("L", (8000, 6000)), "PNG", compress_level=1)).size == (8000, 6000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_half_a_photo_is_no_photo(kind: str, share: float) -> None:
    """Its missing half would be grey, and the model's answer to it chance."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    decode(data)
    said = refusal(data[: int(len(data) * share)])
    assert said.startswith(("cannot be decoded: ", "is no image that can be read"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"#!/bin/sh\necho butterfly\n", "is no image that can be read (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no image that can be read"),
        (saved(Image.new("RGB", (8, 8)), "EPS"), "is no image that can be read"),
        (saved(Image.new("RGB", (8, 8)), "PDF"), "is no image that can be read"),
        (saved(Image.new("RGB", (8, 8)), "PPM"), "is no image that can be read"),
        (b"\xff\xd8\xff\xe0", "is no image that can be read"),
    ],
    ids=["empty", "script", "SVG", "EPS", "PDF", "PPM", "beginning of a JPEG"],
)
def test_what_is_no_photo_is_refused(data: bytes, said: str) -> None:
    """EPS is a program that Pillow would hand to Ghostscript."""
    assert refusal(data).startswith(said)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(TESTS / "few_images/blue_tiger_01.jpg")
    assert refusal(tmp_path / "pipe.jpg") == "is a pipe or a device"
    assert refusal(Path("/dev/zero")) == "is a pipe or a device"
    assert refusal(tmp_path) == "is a folder"
    assert refusal(tmp_path / "missing.jpg") == "there is no such file"
    assert refusal(tmp_path / "link.jpg") == "is a link"


def test_a_file_too_large_for_a_photo_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").touch()
    os.truncate(tmp_path / "large.jpg", 1 << 40)
    assert refusal(tmp_path / "large.jpg") == "is larger than 256 MiB"


WHOLE = [
    saved(
        Image.fromarray(upright()), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0"
    ),
    saved(Image.fromarray(upright()), "PNG"),
    saved(Image.fromarray(upright()), "WEBP"),
    with_palette(),
    animated("GIF"),
    saved(Image.fromarray(upright()), "TIFF"),
]


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=8)), max_size=4))
@settings(max_examples=300)
def test_a_damaged_photo_is_read_or_refused(whole: bytes, damages: list[tuple[int, bytes]]) -> None:
    data = bytearray(whole)
    for place, other in damages:
        at = place % len(data)
        data[at : at + len(other)] = other
    with contextlib.suppress(RefusedError):
        assert pixels(decode(bytes(data))).size > 0


def sizes(width: int, height: int, steps: Preprocessing) -> tuple[int, int]:
    """Width and height of what a model is given for a photo of this size."""
    found = prepare(Image.new("RGB", (width, height)), steps)
    assert found.shape[:2] == (1, 3)
    assert found.dtype == np.float32
    return found.shape[3], found.shape[2]


def steps(**changes: Any) -> Preprocessing:
    values = {field: getattr(PLAIN, field) for field in PLAIN.__dataclass_fields__}
    return Preprocessing(**values | changes)


def test_sizes_are_those_of_transformers() -> None:
    """`get_resize_output_image_size`: the longer edge is rounded down."""
    assert sizes(300, 200, steps(resize=Exactly(64, 48))) == (48, 64)
    assert sizes(303, 200, steps(resize=ShortestEdge(64))) == (96, 64)
    assert sizes(200, 303, steps(resize=ShortestEdge(64))) == (64, 96)
    assert sizes(64, 64, steps(resize=ShortestEdge(64))) == (64, 64)
    assert sizes(301, 200, steps(resize=ShortestEdge(64), crop=Exactly(32, 40))) == (40, 32)


def test_the_middle_is_cut_out_and_what_is_missing_is_black() -> None:
    picture = Image.fromarray(upright())
    found = prepare(picture, steps(crop=Exactly(4, 6)))[0].transpose(1, 2, 0)
    assert (found == upright()[10:14, 17:23]).all()
    padded = prepare(picture, steps(crop=Exactly(28, 44)))[0].transpose(1, 2, 0)
    assert (padded[2:-2, 2:-2] == upright()).all()
    assert padded[:2].max() == padded[-2:].max() == padded[:, :2].max() == padded[:, -2:].max() == 0


def test_each_channel_has_its_own_mean_and_deviation() -> None:
    wanted = steps(rescale=1 / 255, mean=(0.5, 0.4, 0.0), std=(0.5, 0.2, 1.0))
    found = prepare(Image.new("RGB", (2, 2), (255, 51, 0)), wanted)
    assert found[0, :, 1, 1] == pytest.approx([1.0, -1.0, 0.0], abs=1e-6)
    assert prepare(Image.new("RGB", (1, 1), (255, 51, 0)), PLAIN).ravel().tolist() == [255, 51, 0]


def test_a_photo_like_a_thread_is_refused_instead_of_blown_up() -> None:
    """Its shorter edge would become 224 pixels, its longer one more than the memory holds."""
    with pytest.raises(RefusedError, match="is 60000 by 1 pixels, too narrow"):
        prepare(Image.new("RGB", (60_000, 1)), steps(resize=ShortestEdge(224)))
