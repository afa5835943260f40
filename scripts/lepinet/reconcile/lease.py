"""A run's right to write to one environment: asked for, kept while it works, and given back."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Self
from uuid import UUID

from lepinet.errors import LepinetError
from lepinet.registry import Registry
from lepinet.timings import Timings


class Place(Enum):
    """How the commit that the registry has recorded stands to this run's commit."""

    REACHED = "on this commit's first-parent line"
    AHEAD = "a newer commit of main"
    ELSEWHERE = "not on main's first-parent line"


@dataclass
class Lease:
    """A granted claim. Whoever has lost it is refused by the registry and writes nothing more."""

    registry: Registry
    environment: str
    claimant: UUID
    timings: Timings
    _renewed: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What the run came to counts, not whether the release arrived: the lease runs out by itself.
        with contextlib.suppress(LepinetError):
            self.registry.release(self.environment, self.claimant)

    def fresh(self) -> None:
        """Renew now: due before every write to the endpoint, which cannot ask the registry itself."""
        self.registry.renew(self.environment, self.claimant, self.timings.lease)
        self._renewed = time.monotonic()

    def keep(self) -> None:
        """Renew when it is time to; called all along a wait."""
        if time.monotonic() - self._renewed >= self.timings.renew:
            self.fresh()
