"""Those who are served while models come and go: photos sent one after the other, every answer counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

_PAUSE = 0.05
_PATIENCE = 30.0


class Visitors:
    """Send photos to `POST /predict` from a thread of their own, until the end of the `with` block."""

    def __init__(self, url: str, photos: Sequence[Path]) -> None:
        self.answered: Counter[str] = Counter()
        """Answers by the version that gave them."""
        self.failed: list[str] = []
        """What came instead of an answer."""
        self._url = url
        self._photos = photos
        self._last: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="visitors")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def next_answer(self) -> dict[str, Any]:
        """What a photo gets that is sent from now on; empty when none is answered any more."""
        with self._changed:
            on_its_way = self.answered.total() + 1
            come = self._changed.wait_for(lambda: self.answered.total() > on_its_way or self.failed, _PATIENCE)
            return self._last if come and not self.failed else {}

    def _ask(self) -> None:
        with httpx.Client(timeout=_PATIENCE, trust_env=False) as client:
            for photo in cycle(self._photos):
                if self._over.wait(_PAUSE):
                    return
                try:
                    answer = client.post(self._url, files={"image": photo.read_bytes()}).raise_for_status().json()
                    version = str(answer["model"]["version"])
                except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
                    self._count(failure=f"{photo.name}: {type(error).__name__}: {error}")
                else:
                    self._count(answer | {"photo": photo.name}, version)

    def _count(self, answer: dict[str, Any] | None = None, version: str = "", failure: str | None = None) -> None:
        with self._changed:
            if failure is not None:
                self.failed.append(failure)
            elif answer is not None:
                self.answered[version] += 1
                self._last = answer
            self._changed.notify_all()
