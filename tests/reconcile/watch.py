"""Hears of a run's calls to registry and endpoint, one after the other, and does something at one of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LOOK = "GET /model"
"""A wait looks at the endpoint again and again: its looks, with nothing between them, count as one call."""
DEADLINE = 30
"""Seconds; what is waited for takes milliseconds."""


@dataclass
class Watch:
    """Hears of every call, and lets it pass.

    Whoever stands between the run and what it calls asks `arrives` before passing a call on, and `answered` before
    passing its answer back; where either says True nothing is passed, and the connection ends. A run makes one call at
    a time.
    """

    calls: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held by whoever judges a call that nobody passes on: the next one arrives after that."""
    _pid: int | None = None
    _known: threading.Event = field(default_factory=threading.Event)

    def follows(self, pid: int) -> None:
        """Name the run's process; its first call that matters waits for that."""
        self._pid = pid
        self._known.set()

    def arrives(self, call: str) -> bool:
        with self.lock:
            if call == LOOK and self.calls[-1:] == [LOOK]:
                return False
            self.calls.append(call)
            return self.cuts(before=True)

    def answered(self) -> bool:
        with self.lock:
            return self.cuts(before=False)

    def cuts(self, *, before: bool) -> bool:
        """Asked for each call, before it is passed on and before it is answered."""
        del before
        return False

    @property
    def pid(self) -> int:
        assert self._known.wait(DEADLINE)
        assert self._pid is not None
        return self._pid


@dataclass
class Crash(Watch):
    """Ends the run at its n-th call: `before` anybody gets it, or after it was carried out, its answer not heard."""

    at: int = 0
    before: bool = True
    killed: str | None = None
    """The call at which the run ended."""
    children: tuple[int, ...] = ()
    """The processes that it had then."""

    def cuts(self, *, before: bool) -> bool:
        if self.killed is None and (len(self.calls), before) == (self.at, self.before):
            self.children = children_of(self.pid)
            os.kill(self.pid, signal.SIGKILL)
            self.killed = self.calls[-1]
        return self.killed is not None


@dataclass
class Happening(Watch):
    """Has something happen at the first call of a name, while the run waits for its answer."""

    call: str = ""
    does: Callable[[int], object] = lambda pid: pid
    """Given the run's process."""
    before: bool = False
    """Before anybody gets the call, not after it was carried out."""
    since: int | None = None
    """How many calls there had been, this one too."""

    def cuts(self, *, before: bool) -> bool:
        if self.since is None and self.calls[-1] == self.call and before == self.before:
            self.since = len(self.calls)
            self.does(self.pid)
        return False

    @property
    def afterwards(self) -> list[str]:
        """The calls that came after it."""
        assert self.since is not None, f"no {self.call} among {self.calls}"
        return self.calls[self.since :]


@dataclass
class Silence(Watch):
    """Loses the answers to a call of a name, which is carried out all the same."""

    call: str = ""
    times: int = 1

    def cuts(self, *, before: bool) -> bool:
        return not before and self.calls[-1] == self.call and self.calls.count(self.call) <= self.times


def children_of(pid: int) -> tuple[int, ...]:
    """Those of a process, and theirs."""
    try:
        lists = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return ()
    own = [int(child) for found in lists for child in found.split()]
    return (*own, *(grandchild for child in own for grandchild in children_of(child)))


def command_of(pid: int) -> bytes:
    """Its command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def gone(pids: tuple[int, ...]) -> bool:
    """Whether all of them end by themselves, in time."""
    deadline = time.monotonic() + DEADLINE
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
