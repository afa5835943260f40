"""Photos looked at: copies are known again, different photos are not taken for copies, hostile ones do no harm."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps
from PIL.ExifTags import GPS
from PIL.PngImagePlugin import PngInfo

from evaluation.colour_model import photo, slow_photo
from evaluation.photo_files import FEW, KANDY, TESTS, XMP, bomb, drawing, exif, half, noisy, saved, window
from evaluation.processes import children, environment_of, limits_of
from lepinet.errors import RefusedError
from lepinet.evaluation.fingerprints import alike
from lepinet.evaluation.photos import Look
from lepinet.evaluation.photos.looking import look_at, thumbnails
from lepinet.evaluation.photos.process import PhotoProcess
from lepinet.evaluation.photos.wire import Kind, Work
from lepinet.timings import Timings

NO_TIME = Timings(prediction=1e-6)
"""No process is ready in it: whoever gets a look decoded nothing."""
SHORT = Timings(prediction=0.5)
STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""How a camera stores what it sees, by the orientation that it writes beside it."""

COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG of quality 50": lambda image: saved(image, quality=50),
    "WebP of quality 50": lambda image: saved(image, "WEBP", quality=50),
    "a quarter of the size": lambda image: saved(image.resize((image.width // 4, image.height // 4)), quality=75),
    "cropped by 3 %": lambda image: saved(window(image, 0.015, 0.015, 0.015, 0.015), quality=85),
    "a side cut off": lambda image: saved(window(image, 0.03, 0, 0, 0), quality=85),
    "brighter": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.2), quality=85),
    "darker": lambda image: saved(ImageEnhance.Brightness(image).enhance(0.8), quality=85),
    "grey": lambda image: saved(image.convert("L"), quality=85),
    "turned by EXIF": lambda image: saved(image.transpose(STORED[6]), exif=exif(orientation=6)),
    "on its head by EXIF": lambda image: saved(image.transpose(STORED[3]), "WEBP", exif=exif(orientation=3)),
    "the next of a burst": lambda image: saved(noisy(window(image, 0.01, 0.0, 0.0, 0.01), 1), quality=85),
}


def look(*files: bytes, folder: Path, timings: Timings | None = None) -> list[Look]:
    paths = {}
    for number, data in enumerate(files):
        paths[str(number)] = folder / f"{number}.jpg"
        paths[str(number)].write_bytes(data)
    looks = look_at(paths, timings=timings)
    return [looks[str(number)] for number in range(len(files))]


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_known_again(copy: str, tmp_path: Path) -> None:
    drawings = {path.stem: drawing(path.stem) for path in sorted(FEW.glob("*_0[12].*"))}
    originals = look(*(saved(image, quality=92) for image in drawings.values()), folder=tmp_path)
    copies = look(*map(COPIES[copy], drawings.values()), folder=tmp_path)
    for name, original, another in zip(drawings, originals, copies, strict=True):
        assert original.fingerprint
        assert another.fingerprint
        assert alike({"original": original.fingerprint, "copy": another.fingerprint}), name


def test_no_two_of_300_drawings_look_alike() -> None:
    paths = {path.name: path for path in (TESTS / "known_images").iterdir() if path.suffix != ".csv"}
    looks = look_at(paths)
    assert len(looks) == 300
    assert alike({name: look.fingerprint for name, look in looks.items() if look.fingerprint}) == []


def test_a_large_jpeg_decoded_small_is_the_same_photo(tmp_path: Path) -> None:
    """As much of it is decoded as is needed; what is seen must not depend on that."""
    image = drawing().resize((4000, 3000), Image.Resampling.BICUBIC)
    files = saved(drawing()), saved(image), saved(image, "PNG", compress_level=1)
    small, large, lossless = (str(one.fingerprint) for one in look(*files, folder=tmp_path))
    assert alike({"small": small, "large": large, "lossless": lossless}) == [["small", "large", "lossless"]]


def test_photos_that_cannot_be_decoded_have_a_problem_instead(tmp_path: Path) -> None:
    """In their places, without a hang, and the photos around them are looked at."""
    files = {"bomb": bomb(), "half": half(saved(drawing())), "text": b"no photo", "good": photo("green")}
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(FEW / "blue_tiger_01.jpg")
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    names = ("pipe.jpg", "link.jpg", "missing.jpg", "bomb", "half", "text", "good")
    looks = look_at({name: tmp_path / name for name in names})
    assert [looks[name].problem for name in names[:4]] == [
        "is a pipe or a device",
        "is a link",
        "there is no such file",
        "has more than 128 million pixels",
    ]
    assert (looks["half"].problem or "").startswith("cannot be decoded")
    assert (looks["text"].problem or "").startswith("is no image that can be read")
    assert looks["good"].fingerprint
    assert all(looks[name].fingerprint is None for name in names[:-1])
    assert list(thumbnails({name: tmp_path / name for name in names}, 64)) == ["good"]


def test_a_photo_that_takes_too_long_is_named_and_the_others_are_looked_at(tmp_path: Path) -> None:
    looks = look(photo("red"), slow_photo(), photo("green"), folder=tmp_path, timings=SHORT)
    assert [look.problem for look in looks] == [None, "the decoder took longer than 0.5 s", None]


def test_many_photos_in_a_row_that_end_the_process_are_each_named(tmp_path: Path) -> None:
    """With a model five in a row are its own fault; a decoder has no folder of somebody's to blame."""
    looks = look(*[slow_photo()] * 6, photo("red"), folder=tmp_path, timings=Timings(prediction=0.2))
    assert [look.fingerprint is None for look in looks] == [True] * 6 + [False]


def test_the_process_knows_no_secret_and_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPINET_CANARY", "canary-in-the-environment")
    before = children()
    process = PhotoProcess(Work(Kind.THUMBNAIL, seconds=30, edge=32), lambda said: said, at_most=1 << 20)
    try:
        (pid,) = children() - before
        assert environment_of(pid) == {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
        soft = limits_of(pid)
    finally:
        process.close()
    assert soft["Max file size"] == soft["Max core file size"] == "0"
    assert int(soft["Max open files"]) <= 64
    assert int(soft["Max address space"]) <= 2 << 30
    assert int(soft["Max cpu time"]) < 60
    assert children() == before


def test_a_second_look_decodes_nothing(tmp_path: Path) -> None:
    paths = {path.name: path for path in FEW.glob("blue_tiger*")}
    first = look_at(paths, cache=tmp_path / "cache")
    assert look_at(paths, cache=tmp_path / "cache", timings=NO_TIME) == first
    with pytest.raises(RefusedError, match="the decoder cannot be used"):
        look_at(paths, cache=tmp_path / "other", timings=NO_TIME)


def test_a_photo_that_could_not_be_decoded_is_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(half(photo("red")))
    cache = tmp_path / "cache"
    assert look_at({"digest": tmp_path / "photo"}, cache=cache)["digest"].problem
    (tmp_path / "photo").write_bytes(photo("red"))
    assert look_at({"digest": tmp_path / "photo"}, cache=cache)["digest"].problem is None


def in_png(note: bytes) -> bytes:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", note.decode(), zip=True)
    return saved(drawing(), "PNG", pnginfo=text)


def second_of_two(image: Image.Image) -> bytes:
    """Phones write a second picture behind the first one, with notes of its own."""
    return saved(image) + saved(image, exif=exif(place=KANDY))


GIVE_AWAY: dict[str, Callable[[], bytes]] = {
    "EXIF of a JPEG": lambda: saved(drawing(), exif=exif(place=KANDY)),
    "EXIF of a turned JPEG": lambda: saved(drawing(), exif=exif(orientation=6, place=KANDY)),
    "EXIF of a PNG": lambda: saved(drawing(), "PNG", exif=exif(place=KANDY).tobytes()),
    "EXIF of a WebP": lambda: saved(drawing(), "WEBP", exif=exif(place=KANDY).tobytes()),
    "EXIF of an AVIF": lambda: saved(drawing(), "AVIF", exif=exif(orientation=6, place=KANDY).tobytes()),
    "EXIF of a TIFF": lambda: saved(drawing(), "TIFF", exif=exif(place=KANDY).tobytes()),
    "XMP of a JPEG": lambda: saved(drawing(), xmp=XMP),
    "XMP of a WebP": lambda: saved(drawing(), "WEBP", xmp=XMP),
    "XMP of a PNG, compressed": lambda: in_png(XMP),
    "a second picture": lambda: second_of_two(drawing()),
}
TELL_NOTHING: dict[str, Callable[[], bytes]] = {
    "no notes": lambda: saved(drawing()),
    "other notes": lambda: saved(drawing(), exif=exif(), xmp=XMP.replace(b"GPSLatitude", b"Contrast")),
    "a time by GPS": lambda: saved(drawing(), exif=exif(place={GPS.GPSDateStamp: "2026:11:20"})),
    "damaged notes": lambda: saved(drawing(), exif=exif(place=KANDY)).replace(b"MM\0*", b"MM\0*"[::-1]),
}


def test_where_a_photo_was_taken_is_found_wherever_it_stands(tmp_path: Path) -> None:
    looks = look(*(make() for make in GIVE_AWAY.values()), folder=tmp_path)
    assert {name: one for name, one in zip(GIVE_AWAY, looks, strict=True) if not one.located} == {}


def test_photos_that_tell_no_place_are_not_accused(tmp_path: Path) -> None:
    looks = look(*(make() for make in TELL_NOTHING.values()), folder=tmp_path)
    assert {name: one for name, one in zip(TELL_NOTHING, looks, strict=True) if one.located or one.problem} == {}


@pytest.mark.parametrize("orientation", STORED)
def test_a_thumbnail_is_small_upright_and_says_nothing(orientation: int, tmp_path: Path) -> None:
    image = drawing()
    stored = image.transpose(STORED[orientation])
    notes = exif(orientation=orientation, place=KANDY)
    (tmp_path / "photo").write_bytes(saved(stored, quality=95, exif=notes, xmp=XMP, comment=b"Asha's garden"))
    data = thumbnails({"a": tmp_path / "photo"}, 96)["a"]
    found = Image.open(BytesIO(data))
    assert found.format == "JPEG"
    assert max(found.size) == 96
    assert found.size == ImageOps.contain(image, (96, 96)).size
    assert not found.getexif()
    assert not {"exif", "xmp", "comment", "icc_profile", "photoshop"} & set(found.info)
    (again,) = look(data, folder=tmp_path)
    (whole,) = look(saved(image), folder=tmp_path)
    assert alike({"a": str(again.fingerprint), "b": str(whole.fingerprint)})


def test_a_thumbnail_of_a_small_photo_is_no_larger(tmp_path: Path) -> None:
    for kind in ("GIF", "PNG"):
        (tmp_path / kind).write_bytes(saved(Image.new("P", (30, 20)), kind))
    made = thumbnails({kind: tmp_path / kind for kind in ("GIF", "PNG")}, 96)
    assert [Image.open(BytesIO(data)).size for data in made.values()] == [(30, 20)] * 2


def test_of_no_photos_there_is_nothing_to_see() -> None:
    assert look_at({}) == {}
    assert thumbnails({}, 96) == {}
