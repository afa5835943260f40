"""What a hosted service says, asked in threads of their own: however slow it is, it holds up no page."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from lepinet.errors import LepinetError

_EVERY = 4.0
"""Seconds for which what was told is new enough; a page that follows looks every five."""
_KEPT = 600.0
"""Seconds after which what was told is shown to nobody any more."""
_MOST = 20
"""Calls under way at a time; with more, whoever asks learns what was told last."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Call:
    begun: float
    over: threading.Event = field(default_factory=threading.Event)


class Aside:
    """What was told last; several threads may ask, and one call for each key is under way at a time.

    Args:
        patience: seconds from its beginning for which a call that is under way is waited for.
        clock: seconds that only grow.
    """

    def __init__(self, patience: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._calls: dict[Hashable, _Call] = {}
        self._told: dict[Hashable, tuple[float, object]] = {}
        self._under_way = 0
        self._lock = threading.Lock()

    def get(
        self, key: Hashable, ask: Callable[[], T], news: float = -math.inf, patience: float = 0
    ) -> T | LepinetError | None:
        """What `ask` said last, or why it could not tell; None where nothing has come yet.

        Args:
            key: of what is told.
            ask: is called where it is time to.
            news: when, by the clock, something happened: what was asked before that is asked again.
            patience: of who needs it, where that is more than others'.
        """
        with self._lock:
            call, now = self._calls.get(key), self._clock()
            is_old = call is None or (call.over.is_set() and (now - call.begun > _EVERY or call.begun < news))
            if is_old and self._under_way < _MOST:
                self._drop_old(now)
                call = self._calls[key] = _Call(now)
                self._under_way += 1
                threading.Thread(target=self._call, args=(key, ask, call), name="aside", daemon=True).start()
        if call:
            call.over.wait(max(0, call.begun + max(patience, self._patience) - now))
        _, told = self._told.get(key, (0, None))
        return cast("T | LepinetError | None", told)

    def forget(self, key: Hashable) -> None:
        """Ask when somebody wants to know next: whoever changed it would not see that."""
        with self._lock:
            self._calls.pop(key, None)

    def _drop_old(self, now: float) -> None:
        self._told = {key: one for key, one in self._told.items() if now - one[0] <= _KEPT}
        self._calls = {k: one for k, one in self._calls.items() if now - one.begun <= _KEPT or not one.over.is_set()}

    def _call(self, key: Hashable, ask: Callable[[], object], call: _Call) -> None:
        told: object
        try:
            try:
                told = ask()
            except LepinetError as error:
                told = error
            with self._lock:
                if self._calls.get(key) is call:
                    self._told[key] = call.begun, told
        finally:
            with self._lock:
                self._under_way -= 1
            call.over.set()
