"""Locks on files: they end with the process that holds them, however it ends. Linux and macOS only."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SHARED, ALONE = fcntl.LOCK_SH, fcntl.LOCK_EX
_POLL = 0.02


@contextmanager
def locked(file: Path, kind: int) -> Iterator[None]:
    """Hold a lock, SHARED or ALONE, or raise `BlockingIOError` at once. The file is made; its folder must be there."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(file: Path, seconds: float) -> Iterator[None]:
    """Hold the lock ALONE, or raise `BlockingIOError` when somebody else has held it for so many seconds."""
    file.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(locked(file, ALONE))
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL)
        yield
