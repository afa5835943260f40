"""Looks kept on disk beside the answers, so that a photo is not decoded twice."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Self

from lepinet.evaluation.kept import Kept
from lepinet.evaluation.photos import FINGERPRINT_VERSION, Look

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class LookCache:
    """Looks by the digest of the photo."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self._kept = Kept(folder / "looks.sqlite3", f"fingerprint {FINGERPRINT_VERSION}, pillow {version('pillow')}")

    def get(self, images: Sequence[str]) -> dict[str, Look]:
        """What is known of these photos, by digest."""
        found: dict[str, Look] = {}
        for image, said in self._kept.get(images).items():
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                found[image] = _look(said)
        return found

    def put(self, looks: Mapping[str, Look]) -> None:
        """Keep looks by the digest of their photo; problems are not kept, for they may pass."""
        seen = {image: look for image, look in looks.items() if look.fingerprint}
        self._kept.put({image: json.dumps([look.fingerprint, look.located]) for image, look in seen.items()})

    def close(self) -> None:
        self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _look(said: str) -> Look:
    """Raises ValueError or TypeError for what no look is."""
    fingerprint, located = json.loads(said)
    if not _FINGERPRINT.fullmatch(fingerprint) or not isinstance(located, bool):
        raise ValueError
    return Look(fingerprint, located)
