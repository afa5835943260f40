"""The endpoint on this machine: `lepinet serve`, which takes its orders from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
from pydantic import ValidationError

from lepinet.deadline import within
from lepinet.endpoints import Address, EndpointState, Order, Permit, freely
from lepinet.endpoints.local_folder import STATE, LocalFolder, ServerState, UnreadableError, accepts
from lepinet.errors import OutsideError, RefusedError
from lepinet.files import remedy
from lepinet.timings import Timings


class LocalEndpoint:
    """One environment's server on this machine, known by its folder."""

    steady = 1

    def __init__(self, folder: Path, environment: str, timings: Timings) -> None:
        self.name = f"local endpoint of {environment}"
        self._folder = LocalFolder(folder)
        self._environment = environment
        self._timings = timings

    def observe(self) -> EndpointState:
        """Ask the server; it looks at its order before it answers, so a move is seen at once."""
        state = self._ask()
        pending = state.pending
        if pending is not None:
            detail = state.error or "loading"
            return EndpointState(
                pending.target, ready=False, detail=detail, failed=pending.failed, generation=pending.generation
            )
        return EndpointState(state.target, ready=state.ready, detail=state.error or "", generation=state.generation)

    def move(self, order: Order, permit: Permit = freely) -> None:
        """Write the order. A server that does not run follows it when it starts.

        Raises:
            RefusedError: the server follows a newer generation, or was told to.
            OutsideError: the folder cannot be written.
        """
        try:
            with self._folder.ordering(self._timings.request):
                self._move(order, permit)
        except OSError as error:
            raise OutsideError(
                f"the order cannot be written: {error.strerror}", where=str(self._folder.path), todo=remedy(error)
            ) from error

    def address(self) -> Address:
        return Address(f"{self._url()}/predict")

    def _move(self, order: Order, permit: Permit) -> None:
        remembered = self._folder.followed()
        followed = remembered.followed if remembered else None
        waiting = self._waiting()
        newest = waiting if waiting is not None and accepts(followed, waiting) else followed
        if newest is not None and not accepts(newest, order):
            raise RefusedError(
                f"it follows generation {newest.generation} ({newest.target}), this order is of generation"
                f" {order.generation}",
                where=self.name,
                todo="run from main's newest commit; where main was rewritten: --accept-history REASON",
            )
        # An order that was to accept the rewritten history may be replaced before the server has seen it.
        backwards = followed is not None and order.generation < followed.generation
        permit()
        self._folder.write_order(replace(order, accept_history=order.accept_history or backwards))

    def _waiting(self) -> Order | None:
        try:
            return self._folder.order()
        except UnreadableError:
            return None  # no server follows it, and the new order takes its place

    def _url(self) -> str:
        listening = self._folder.listening()
        if listening is None:
            raise self._unreachable("it does not run")
        return listening.url

    def _ask(self) -> ServerState:
        limits = httpx.Timeout(self._timings.request, connect=self._timings.connect)
        try:
            # Proxies of the environment are for the world outside, not for this machine.
            url = f"{self._url()}/model"
            answer = within(self._timings.request, lambda: httpx.get(url, trust_env=False, timeout=limits))
            return STATE.validate_json(answer.raise_for_status().content)
        except TimeoutError:
            raise self._unreachable("it does not answer in time") from None
        except httpx.HTTPError as error:
            raise self._unreachable(f"it does not answer ({error})") from error
        except ValidationError as error:
            raise self._unreachable("what answers there is no LepiNet server of this version") from error

    def _unreachable(self, what: str) -> OutsideError:
        return OutsideError(what, where=self.name, todo=f"start it: lepinet serve -e {self._environment}")
