"""Registries that do not answer: one request finds out for all, the others are told at once."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lepinet.errors import LepinetError
from lepinet.registry.refusals import UnreachableError


@dataclass
class _Outage:
    """One registry, from the first call without an answer to the next one with an answer."""

    since: datetime
    why: UnreachableError
    again: float
    """When somebody may ask it again."""
    asking: threading.Lock = field(default_factory=threading.Lock)
    """Held by who asks it meanwhile."""

    def error(self) -> UnreachableError:
        what = f"{self.why.what} (no answer since {self.since:%H:%M:%S} UTC)"
        return UnreachableError(what, where=self.why.where, todo=self.why.todo)


@dataclass(eq=False)
class _Call:
    """One that is under way."""

    begun: float
    over: threading.Event = field(default_factory=threading.Event)


class Outages:
    """Those that last. Several threads may ask.

    Args:
        pause: seconds for which a registry that did not answer is left alone.
        doubt: seconds after which a call takes so long that others wait for what comes of it.
        clock: seconds that only grow.
    """

    def __init__(self, pause: float, doubt: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._doubt = doubt
        self._clock = clock
        self._outages: dict[Hashable, _Outage] = {}
        self._calls: defaultdict[Hashable, list[_Call]] = defaultdict(list)
        """Those under way, the oldest first."""
        self._answered: dict[Hashable, float] = {}
        """When each registry last answered anything."""

    @contextmanager
    def asking(self, database: Hashable) -> Iterator[None]:
        """While somebody calls a registry.

        Raises:
            UnreachableError: it does not answer, now or a moment ago, and since when.
        """
        self._wait_while_in_doubt(database)
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

    def _wait_while_in_doubt(self, database: Hashable) -> None:
        """Where nobody knows yet whether it answers: whoever asked first since it last did will hear of that first."""
        since = self._answered.get(database, -math.inf)
        oldest = next((call for call in self._calls[database] if call.begun > since), None)
        if database not in self._outages and oldest and self._clock() - oldest.begun >= self._doubt:
            oldest.over.wait()

    @contextmanager
    def _noting(self, database: Hashable) -> Iterator[None]:
        call = _Call(self._clock())
        self._calls[database].append(call)
        try:
            yield
        except UnreachableError as error:
            # One of several that were under way when it began is as good as any other.
            outage = self._outages.setdefault(database, _Outage(datetime.now(UTC), error, 0))
            outage.why, outage.again = error, self._clock() + self._pause
            raise outage.error() from None
        except LepinetError:
            # A refusal is an answer too.
            self._has_answered(database)
            raise
        else:
            self._has_answered(database)
        finally:
            self._calls[database].remove(call)
            call.over.set()

    def _has_answered(self, database: Hashable) -> None:
        self._answered[database] = self._clock()
        self._outages.pop(database, None)
