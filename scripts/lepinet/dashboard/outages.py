"""Registries that do not answer: one request finds out for all, the others are told at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lepinet.registry.refusals import UnreachableError


@dataclass
class _Outage:
    """One registry, from the first request without an answer to the next one with an answer."""

    since: datetime
    why: UnreachableError
    again: float
    """When somebody may ask it again."""
    asking: threading.RLock = field(default_factory=threading.RLock)
    """Held by who asks it meanwhile, who may open it several times at once."""

    def error(self) -> UnreachableError:
        what = f"{self.why.what} (no answer since {self.since:%H:%M:%S} UTC)"
        return _KnownError(what, where=self.why.where, todo=self.why.todo)


class _KnownError(UnreachableError):
    """Told of an outage that was noted already."""


class Outages:
    """Those that last. Several threads may ask.

    Args:
        pause: seconds for which a registry that did not answer is left alone.
        clock: seconds that only grow.
    """

    def __init__(self, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._outages: dict[Hashable, _Outage] = {}

    @contextmanager
    def asking(self, database: Hashable) -> Iterator[None]:
        """While somebody asks a registry.

        Raises:
            UnreachableError: it does not answer, now or a moment ago, and since when.
        """
        outage = self._outages.get(database)
        if outage is None:
            with self._noting(database):
                yield
        elif self._clock() >= outage.again and outage.asking.acquire(blocking=False):
            try:
                with self._noting(database):
                    yield
            finally:
                outage.asking.release()
        else:
            raise outage.error()

    @contextmanager
    def _noting(self, database: Hashable) -> Iterator[None]:
        try:
            yield
        except _KnownError:
            raise
        except UnreachableError as error:
            # One of several that were under way when it began is as good as any other.
            outage = self._outages.setdefault(database, _Outage(datetime.now(UTC), error, 0))
            outage.why, outage.again = error, self._clock() + self._pause
            raise outage.error() from None
        self._outages.pop(database, None)
