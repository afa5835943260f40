"""Photos worked on in processes of their own, on all cores: looked at, made small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from lepinet.evaluation.confined.restarting import Restarting
from lepinet.evaluation.photos import MAX_BYTES, Look
from lepinet.evaluation.photos.kept import LookCache
from lepinet.evaluation.photos.process import PhotoProcess
from lepinet.evaluation.photos.wire import Kind, Work
from lepinet.evaluation.spread import cores, spread
from lepinet.timings import Timings

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Told how many photos are done, and of how many; in the thread that called."""

_BATCH = 16
_FINGERPRINT = 32
_HEADER = 4 << 10
_JPEG_START = b"\xff\xd8\xff"
_STARTS = {".jpg": _JPEG_START, ".png": b"\x89PNG\r\n"}


def look_at(
    photos: Mapping[str, Path],
    *,
    cache: Path | None = None,
    timings: Timings | None = None,
    progress: Progress | None = None,
) -> dict[str, Look]:
    """What each photo shows and gives away; one that cannot be decoded has its problem instead.

    Args:
        photos: real paths, by their digest; where nothing is kept, by any key.
        cache: a folder for kept looks; None decodes every photo.
        timings: the limit for one photo.
        progress: told after every few photos.

    Raises:
        UsageError: the packages that decode photos are not installed.
    """
    with ExitStack() as stack:
        kept = stack.enter_context(LookCache(cache)) if cache else None
        looks = kept.get(list(photos)) if kept else {}
        missing = {key: path for key, path in photos.items() if key not in looks}
        for some in _work_on(missing, Work(Kind.LOOK, _seconds(timings)), _look, _FINGERPRINT + 1):
            if kept:
                kept.put(some)
            looks |= some
            if progress:
                progress(len(looks), len(photos))
    return looks


def thumbnails(
    photos: Mapping[str, Path], edge: int, *, timings: Timings | None = None, progress: Progress | None = None
) -> dict[str, bytes]:
    """Small JPEGs of photos by their keys, upright, without notes; none of a photo that cannot be decoded.

    Args:
        photos: real paths, by any key.
        edge: pixels on the longer side, at most; a smaller photo stays as it is.
        timings: the limit for one photo.
        progress: told after every few photos.

    Raises:
        UsageError: the packages that decode photos are not installed.
    """
    done: dict[str, bytes] = {}
    # No JPEG of that many pixels is longer than the pixels themselves, but for what stands before them.
    for some in _work_on(photos, Work(Kind.THUMBNAIL, _seconds(timings), edge), _jpeg, 3 * edge**2 + _HEADER):
        done |= some
        if progress:
            progress(len(done), len(photos))
    return {key: jpeg for key, jpeg in done.items() if jpeg}


def clean(
    photos: Mapping[str, Path], into: Path, *, timings: Timings | None = None, progress: Progress | None = None
) -> dict[str, Path | str]:
    """Photos upright and without notes, as files; or why a photo cannot be decoded.

    Args:
        photos: real paths, by any key that may be a file's name.
        into: a folder for the files, each called by its key, with the suffix of what it is.
        timings: the limit for one photo.
        progress: told after every few photos.

    Raises:
        UsageError: the packages that decode photos are not installed.
    """
    done: dict[str, Path | str] = {}
    for some in _work_on(photos, Work(Kind.CLEAN, _seconds(timings)), _cleaned, MAX_BYTES):
        for key, said in some.items():
            done[key] = _written(said, into / key) if isinstance(said, bytes) else said
        if progress:
            progress(len(done), len(photos))
    return done


def _work_on(
    photos: Mapping[str, Path], work: Work, made: Callable[[bytes | str], T], at_most: int
) -> Iterator[dict[str, T]]:
    processes = min(cores(), -(-len(photos) // _BATCH))
    with ExitStack() as stack:
        several = [
            stack.enter_context(Restarting(lambda: PhotoProcess(work, made, at_most), made, where="photos"))
            for _ in range(processes)
        ]
        if several:
            yield from spread(photos, several, _BATCH)


def _look(said: bytes | str) -> Look:
    if isinstance(said, str):
        return Look(problem=said)
    if len(said) != _FINGERPRINT + 1:
        raise ValueError
    return Look(said[:_FINGERPRINT].hex(), located=bool(said[_FINGERPRINT]))


def _jpeg(said: bytes | str) -> bytes:
    if isinstance(said, str):
        return b""
    if not said.startswith(_JPEG_START):
        raise ValueError
    return said


def _cleaned(said: bytes | str) -> bytes | str:
    if isinstance(said, bytes) and not said.startswith(tuple(_STARTS.values())):
        raise ValueError
    return said


def _written(photo: bytes, path: Path) -> Path:
    file = path.with_suffix(next(suffix for suffix, start in _STARTS.items() if photo.startswith(start)))
    file.write_bytes(photo)
    return file


def _seconds(timings: Timings | None) -> float:
    return (timings or Timings()).prediction
