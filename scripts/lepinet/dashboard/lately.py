"""What others said a moment ago: however many look at a page, a hosted service is asked now and then."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

_SECONDS = 4.0
_MOST = 1000

T = TypeVar("T")


class Lately:
    """Values that stay for a few seconds; several threads may ask, and one of them fetches."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, object]] = {}
        self._fetching: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, fetch: Callable[[], T], news: float = -math.inf) -> T:
        """What was fetched under this key, or is fetched now; errors of `fetch` are kept for nobody.

        Args:
            key: of the value.
            fetch: asks for it.
            news: when, by the clock, something was told: what was fetched before that is asked for again.
        """
        with self._lock:
            fetching = self._fetching.setdefault(key, threading.Lock())
        with fetching:
            found = self._kept.get(key)
            if found is None or self._clock() - found[0] > _SECONDS or found[0] < news:
                found = self._clock(), fetch()
                with self._lock:
                    self._drop_old()
                    if self._fetching.get(key) is fetching:
                        self._kept[key] = found
        return cast("T", found[1])

    def forget(self, key: Hashable) -> None:
        """Fetch it when it is asked for next: whoever changed it would not see that, nor in what is on its way here."""
        with self._lock:
            self._kept.pop(key, None)
            self._fetching.pop(key, None)

    def _drop_old(self) -> None:
        now = self._clock()
        self._kept = {key: one for key, one in self._kept.items() if now - one[0] <= _SECONDS}
        if len(self._fetching) > _MOST:
            self._fetching = {key: one for key, one in self._fetching.items() if key in self._kept or one.locked()}
