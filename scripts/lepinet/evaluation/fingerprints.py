"""Which photos look alike, by their fingerprints; and the file in which a trainer keeps those of training photos."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lepinet.errors import RefusedError
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.groups import grouped
from lepinet.evaluation.photos import FINGERPRINT_VERSION, Look
from lepinet.files import inside, read_small
from lepinet.model_files import TRAINING

K = TypeVar("K", bound=Hashable)
Words = NDArray[np.uint64]
"""Fingerprints, four words of 64 bits each; shape (photos, 4)."""

NEAR = 44
"""Photos whose fingerprints differ in at most so many of 256 bits look alike.

Measured on drawings: among 300 known images and 3,000 more no two of 5.4 million pairs are nearer than 53 bits (mean
127, standard deviation 9). Copies of those 300 are at most so far from them: JPEG of quality 50: 16, a quarter of the
size: 23, brighter or darker by a fifth: 24, cropped by 3 %: 28; neighbours of a burst, moved by 1 %, turned by a degree
and noisy: 39. Cut by 3 % on every side, 98 of 100 are found. Specimens that are pinned alike on the same plain ground
may come nearer to each other than that.
"""
_HEADER = f"lepinet fingerprints {FINGERPRINT_VERSION}"
"""The file's first line; then come 64 hex digits a line, ascending, each once."""
_LINE = re.compile("[0-9a-f]{64}")
_LARGEST = 64 << 20
"""About a million photos."""
_AT_ONCE = 1 << 20
"""Distances computed together."""


def fingerprints_of(known: KnownImages, looks: Mapping[str, Look]) -> dict[str, str]:
    """By file name, those of the known images that could be looked at.

    Args:
        known: the photos.
        looks: by digest.
    """
    seen = ((image.file_name, looks.get(image.sha256 or "")) for image in known.images)
    return {name: look.fingerprint for name, look in seen if look and look.fingerprint}


def alike(fingerprints: Mapping[K, str]) -> list[list[K]]:
    """The keys of photos that look alike, group by group; two of a group may do so over others, as in a burst."""
    keys, words = list(fingerprints), _words(fingerprints.values())
    groups = grouped(range(len(keys)), _near(words, words))
    return [[keys[place] for place in group] for group in groups if len(group) > 1]


def among(fingerprints: Mapping[K, str], others: Words) -> frozenset[K]:
    """The keys of the photos that look like one of the others."""
    keys = list(fingerprints)
    return frozenset(keys[one] for one, _ in _near(_words(fingerprints.values()), others))


def training_fingerprints(folder: Path) -> Words:
    """Those that a model's folder keeps; none where it keeps none.

    Raises:
        RefusedError: the file is none that `lepinet fingerprint` wrote, or no regular file of the folder.
    """
    return read_fingerprints(inside(folder, TRAINING)) if os.path.lexists(folder / TRAINING) else _words([])


def read_fingerprints(path: Path) -> Words:
    """The fingerprints in a file.

    Raises:
        RefusedError: there is no such file, or it is none that `lepinet fingerprint` wrote.
    """
    lines = read_small(path, at_most=_LARGEST).decode("ascii", "replace").splitlines()
    if lines[:1] != [_HEADER]:
        raise RefusedError(
            f"should begin with the line `{_HEADER}`",
            where=str(path),
            todo="lepinet fingerprint DIR writes it",
        )
    for number, line in enumerate(lines[1:], 2):
        if not _LINE.fullmatch(line):
            raise RefusedError("should be 64 hex digits", where=f"{path}:{number}")
    return _words(lines[1:])


def fingerprints_text(fingerprints: Iterable[str]) -> str:
    """What `read_fingerprints` reads; it names no photo."""
    return "\n".join([_HEADER, *sorted(set(fingerprints)), ""])


def _words(fingerprints: Iterable[str]) -> Words:
    return np.frombuffer(bytes.fromhex("".join(fingerprints)), np.uint64).reshape(-1, 4)


def _near(some: Words, others: Words) -> Iterator[tuple[int, int]]:
    """Places of photos that look alike, one in each."""
    rows = max(1, _AT_ONCE // max(1, len(others)))
    for start in range(0, len(some), rows):
        part = some[start : start + rows]
        distances = np.zeros((len(part), len(others)), np.uint16)
        for word in range(4):
            distances += np.bitwise_count(part[:, word, np.newaxis] ^ others[np.newaxis, :, word])
        for one, other in np.argwhere(distances <= NEAR).tolist():
            yield start + one, other
