"""A run's right to write to one environment: asked for, kept while it works, and given back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from enum import Enum
from threading import Event, Thread
from typing import Self
from uuid import UUID

from lepinet.errors import LepinetError
from lepinet.registry import Registry
from lepinet.registry.refusals import RegistryRefusal
from lepinet.timings import Timings


class Place(Enum):
    """How the commit that the registry has recorded stands to this run's commit."""

    REACHED = "on this commit's first-parent line"
    AHEAD = "a newer commit of main"
    ELSEWHERE = "not on main's first-parent line"


@dataclass
class Lease:
    """A granted claim, renewed all along by a thread of its own: a model may be tested or asked for many minutes.

    Whoever has lost it is refused by the registry and writes nothing more.
    """

    registry: Registry
    environment: str
    claimant: UUID
    timings: Timings
    _lost: RegistryRefusal | None = None
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._renew_in_time, name=f"lease of {self.environment}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        # What the run came to counts, not whether the release arrived: the lease runs out by itself.
        with contextlib.suppress(LepinetError):
            self.registry.release(self.environment, self.claimant)

    def fresh(self) -> None:
        """Renew now: due before every write to the endpoint, which cannot ask the registry itself."""
        self.registry.renew(self.environment, self.claimant, self.timings.lease)

    def still_held(self) -> None:
        """Called all along a wait.

        Raises:
            RegistryRefusal: somebody else has the environment.
        """
        if self._lost is not None:
            raise self._lost

    def _renew_in_time(self) -> None:
        while not self._ended.wait(self.timings.renew):
            try:
                self.fresh()
            except RegistryRefusal as refusal:
                self._lost = refusal
                return
            except LepinetError:
                continue  # the registry is out of reach: asked again in time, and before every write
