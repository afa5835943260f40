"""The folder in which `lepinet serve` and those who give it orders meet: one for each environment of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from lepinet.endpoints import Order
from lepinet.errors import OutsideError, RefusedError
from lepinet.files import read_small
from lepinet.locks import SHARED, alone, locked
from lepinet.target import Target

T = TypeVar("T")


@dataclass(frozen=True)
class Followed:
    """What a server remembers over a restart."""

    followed: Order
    """The newest order it accepted, whether its model ever answered or not."""
    served: Order | None
    """The newest order whose model answered."""


@dataclass(frozen=True)
class Listening:
    """Where a server answers."""

    url: str
    pid: int


@dataclass(frozen=True)
class Pending:
    """The order that is followed, while its model does not answer: it is loaded, started again, or has failed."""

    version: str | None
    file_path: str
    revision: str
    generation: int
    failed: bool
    """The server has given up on it; `error` of the state says why."""

    @property
    def target(self) -> Target:
        return Target(self.file_path, self.revision, self.version)


@dataclass(frozen=True)
class ServerState:
    """What `GET /model` says: the model that answers, None where none does, and the one on its way."""

    version: str | None
    file_path: str | None
    revision: str | None
    generation: int | None
    ready: bool
    """Photos are answered now, by this model."""
    pending: Pending | None
    error: str | None
    """What went wrong with the newest order, or with the model, in one sentence."""

    @property
    def target(self) -> Target | None:
        """What answers."""
        if self.file_path is None or self.revision is None:
            return None
        return Target(self.file_path, self.revision, self.version)


ORDER = TypeAdapter(Order)
FOLLOWED = TypeAdapter(Followed)
LISTENING = TypeAdapter(Listening)
STATE = TypeAdapter(ServerState)


_READING = 5
"""Seconds within which those who only look whether a server lives have looked."""
_ANEW = "remove it; `lepinet serve` and `lepinet reconcile` write it anew"


class UnreadableError(OutsideError):
    """A file of the folder is not what LepiNet writes there."""

    def __init__(self, file: Path, what: str, todo: str) -> None:
        super().__init__(what, where=str(file), todo=todo)


def accepts(followed: Order | None, order: Order) -> bool:
    """Whether a server that follows one order takes another: never one of an older generation, unless it says so."""
    return followed is None or order.generation >= followed.generation or order.accept_history


@dataclass(frozen=True)
class LocalFolder:
    """The files themselves. What is written replaces the old file at once: nobody ever reads half of it."""

    path: Path

    @property
    def order_file(self) -> Path:
        return self.path / "order.json"

    @property
    def _listening_file(self) -> Path:
        return self.path / "listening.json"

    @property
    def _listening_lock(self) -> Path:
        return self.path / "listening.lock"

    def order(self) -> Order | None:
        """The order as it was written last.

        Raises:
            UnreadableError: somebody else wrote it.
        """
        return _read(self.order_file, ORDER)

    def followed(self) -> Followed | None:
        """What the server accepted, or None before its first order.

        Raises:
            UnreadableError: somebody else wrote it.
        """
        return _read(self.path / "followed.json", FOLLOWED)

    def listening(self) -> Listening | None:
        """Where the living server answers; None when there is none, or when it is only starting.

        What a killed server left behind does not count: only the living one that wrote it holds the lock.

        Raises:
            UnreadableError: somebody else wrote where it answers.
        """
        try:
            with locked(self._listening_lock, SHARED):
                return None
        except BlockingIOError:
            todo = "the server that wrote it lives: restart it (stop its process, then `lepinet serve`)"
            return _read(self._listening_file, LISTENING, todo)
        except FileNotFoundError:
            pass
        return None

    def write_order(self, order: Order) -> None:
        _replace(self.order_file, ORDER.dump_json(order, indent=2))

    def write_followed(self, followed: Followed) -> None:
        _replace(self.path / "followed.json", FOLLOWED.dump_json(followed, indent=2))

    @contextmanager
    def ordering(self, seconds: float) -> Iterator[None]:
        """One who orders at a time: between look and write nobody else writes.

        Raises:
            OutsideError: another process held the lock for all of the given seconds.
        """
        with ExitStack() as held:
            try:
                held.enter_context(alone(self.path / "order.lock", seconds))
            except BlockingIOError:
                what = f"another process has been writing an order for {seconds:g} s"
                raise OutsideError(what, where=str(self.path), todo="run it again when that one has ended") from None
            yield

    @contextmanager
    def serving(self, seconds: float) -> Iterator[None]:
        """One server at a time. The lock ends with the process, however it ends.

        Raises:
            OutsideError: another server has lived for all of the given seconds.
        """
        with ExitStack() as held:
            try:
                held.enter_context(alone(self.path / "serve.lock", seconds))
            except BlockingIOError:
                other = self.listening()
                who = f", at {other.url} (process {other.pid})" if other else ""
                what = f"a server answers for this environment already{who}"
                raise OutsideError(what, where=str(self.path), todo="use that one, or stop it first") from None
            yield

    @contextmanager
    def announced(self, url: str) -> Iterator[None]:
        """Say where the server answers, for as long as it does.

        Raises:
            OutsideError: another process has kept the lock of those who only look.
        """
        _replace(self._listening_file, LISTENING.dump_json(Listening(url, os.getpid()), indent=2))
        with ExitStack() as held:
            try:
                # Locked once it is written: with a server that only starts, nobody reads where a killed one answered.
                held.enter_context(alone(self._listening_lock, _READING))
            except BlockingIOError:
                what = f"a process that looks whether a server lives has kept its lock for {_READING} s"
                todo = "end that process, a stopped `lepinet` perhaps (fuser names it), then start the server again"
                raise OutsideError(what, where=str(self._listening_lock), todo=todo) from None
            held.callback(self._listening_file.unlink, missing_ok=True)
            yield


def _read(file: Path, adapter: TypeAdapter[T], todo: str = _ANEW) -> T | None:
    """None when there is no such file."""
    if not os.path.lexists(file):
        return None
    try:
        return adapter.validate_json(read_small(file), strict=True)
    except RefusedError as error:
        raise UnreadableError(file, error.what, todo) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "JSON"
        raise UnreadableError(file, f"is not as LepiNet writes it: {place}: {first['msg']}", todo) from error


def _replace(file: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, after a loss of power too. One writer at a time."""
    new = file.with_name(f"{file.name}.new")
    with new.open("wb") as stream:
        stream.write(content + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
