"""What a hosted service says, asked in threads of their own: however slow it is, it holds up no page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from lepinet.errors import LepinetError

_EVERY = 5.0
"""Seconds for which what was told is new enough."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Call:
    begun: float
    over: threading.Event = field(default_factory=threading.Event)


class Aside:
    """What was told last; several threads may ask, and one call for each key is under way at a time.

    Args:
        patience: seconds for which whoever begins a call waits for what comes of it; nobody else does.
        clock: seconds that only grow.
    """

    def __init__(self, patience: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._calls: dict[Hashable, _Call] = {}
        self._told: dict[Hashable, object] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, ask: Callable[[], T]) -> T | LepinetError | None:
        """What `ask` said last, or why it could not tell; None where nothing has come yet."""
        with self._lock:
            last = self._calls.get(key)
            if last is None or (last.over.is_set() and self._clock() - last.begun > _EVERY):
                mine = self._calls[key] = _Call(self._clock())
            else:
                mine = None
        if mine:
            threading.Thread(target=self._call, args=(key, ask, mine), name="aside", daemon=True).start()
            mine.over.wait(self._patience)
        return cast("T | LepinetError | None", self._told.get(key))

    def forget(self, key: Hashable) -> None:
        """Ask when somebody wants to know next: whoever changed it would not see that."""
        with self._lock:
            self._calls.pop(key, None)

    def _call(self, key: Hashable, ask: Callable[[], object], call: _Call) -> None:
        told: object = None
        try:
            told = ask()
        except LepinetError as error:
            told = error
        finally:
            with self._lock:
                if self._calls.get(key) is call:
                    self._told[key] = told
            call.over.set()
