"""What answers photos for an environment: look at it, move it to a model, ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from pydantic import Field

from lepinet.target import Target


@dataclass(frozen=True)
class Order:
    """What an endpoint is told to serve, and by which commit."""

    target: Target
    generation: Annotated[int, Field(le=2**63 - 1)]
    """The commit's place on main's first-parent line; an endpoint that can tell refuses an older one."""
    accept_history: bool = False
    """Main was rewritten and a person said so: a lower generation is right this once."""


@dataclass(frozen=True)
class EndpointState:
    """One look at an endpoint."""

    target: Target | None
    """What it is set to serve, whether it already does or not; None when it has never been set."""
    ready: bool
    """It answers, and with that target's files."""
    detail: str = ""
    """What it says of itself, in a few words, when it is not ready."""
    failed: bool = False
    """It has given up on this target by itself; waiting longer is of no use."""
    generation: int | None = None
    """Of the order that it follows, where it can tell."""
    asleep: bool = False
    """Ready, with nothing running: the first photo wakes it, so who only watches sends none."""
    stopped: bool = False
    """Somebody has paused it: nothing runs, and nothing but a move starts it."""
    follows_registry: bool = False
    """It serves what the registry's active row names, and takes no orders: the registry flips before the proof."""


@dataclass(frozen=True)
class Address:
    """Where photos are posted."""

    url: str
    token: str | None = field(repr=False, default=None)
    """Sent there and nowhere else, as `Authorization: Bearer`; None where nothing is asked of those who ask."""
    asleep: bool = False
    """Nothing runs there until the first photo starts it, which may take minutes."""


Permit = Callable[[], None]
"""Called right before each write; raises when this run may not write any more."""


def freely() -> None:
    """The permit of who needs none: nobody else gives orders."""


class Endpoint(Protocol):
    """One kind of endpoint. Every call has a time limit and raises `OutsideError` when the endpoint cannot be asked."""

    name: str
    """What people call it: the kind and where it is."""
    steady: int
    """So many looks in a row must find it ready before it is believed: 1 where one process answers for itself."""

    def observe(self) -> EndpointState:
        """What it serves now; reads only."""
        ...

    def move(self, order: Order, permit: Permit = freely) -> None:
        """Tell it to serve the order's target. Returns at once; a repeated order does no harm.

        Raises:
            RefusedError: the endpoint follows a newer generation, or cannot serve such a target.
        """
        ...

    def address(self) -> Address | None:
        """Where photos are posted, or None when nothing can be asked."""
        ...


Progress = Callable[[str], None]
"""Told one line whenever there is something to say."""
