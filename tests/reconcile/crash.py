"""Counts a run's calls to registry and endpoint, and ends the run at one of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

LOOK = "GET /model"
"""A wait looks at the endpoint again and again: its looks, with nothing between them, count as one call."""
NEVER = 0
DEADLINE = 30
"""Seconds; what is waited for takes milliseconds."""


@dataclass
class Crash:
    """Ends the run at its n-th call: `before` anybody gets it, or after it was carried out, its answer not heard.

    Whoever stands between the run and what it calls asks `arrives` before passing a call on, and `answered` before
    passing its answer back; either says True when the run ended there. A run makes one call at a time.
    """

    at: int = NEVER
    before: bool = True
    calls: list[str] = field(default_factory=list)
    killed: str | None = None
    """The call at which the run ended."""
    children: tuple[int, ...] = ()
    """The processes that it had then."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held by whoever judges a call that nobody passes on: the next one arrives after that."""
    _pid: int | None = None
    _known: threading.Event = field(default_factory=threading.Event)

    def ends(self, pid: int) -> None:
        """Name the process; its first call waits for that."""
        self._pid = pid
        self._known.set()

    def arrives(self, call: str) -> bool:
        with self.lock:
            if call == LOOK and self.calls[-1:] == [LOOK]:
                return self.killed is not None
            self.calls.append(call)
            return self.before and self._kills()

    def answered(self) -> bool:
        with self.lock:
            return not self.before and self._kills()

    def _kills(self) -> bool:
        if self.killed is None and len(self.calls) == self.at:
            assert self._known.wait(DEADLINE)
            assert self._pid is not None
            self.children = children_of(self._pid)
            os.kill(self._pid, signal.SIGKILL)
            self.killed = self.calls[-1]
        return self.killed is not None


def children_of(pid: int) -> tuple[int, ...]:
    """Those of a process, and theirs."""
    try:
        lists = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return ()
    own = [int(child) for found in lists for child in found.split()]
    return (*own, *(grandchild for child in own for grandchild in children_of(child)))


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
