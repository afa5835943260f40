"""What a confined process does with itself: it knows no secret, has limits, and ends with its parent."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TypeVar

from lepinet import __version__
from lepinet.errors import LepinetError
from lepinet.evaluation.confined import wire

T = TypeVar("T")

MEMORY = 2 << 30
"""Address space for libraries, and for one large photo decoded and turned."""
_OPEN_FILES = 64


def connect() -> tuple[socket.socket, BinaryIO]:
    """The socket that the parent gave as standard input, and a reader of it; from now on the process ends with it."""
    lifeline, version = sys.argv[1:]
    _end_with_parent(int(lifeline))
    if version != __version__:
        # What the two would say to each other may differ, too.
        sys.exit(f"LepiNet {version} runs and {__version__} is installed since: restart lepinet serve")
    # Before NumPy is imported: its pool of threads would take memory for every core and is never used.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    connection = socket.socket(fileno=0)
    return connection, connection.makefile("rb")


def loaded(connection: socket.socket, load: Callable[[], T]) -> T | None:
    """What `load` gives; None when it refuses or runs out of memory. Either way the parent is told."""
    try:
        found = load()
    except LepinetError as error:
        wire.send(connection, wire.Ready(refused=error.what))
        return None
    except MemoryError:
        wire.send(connection, wire.Ready(refused="loading it takes more memory than a model of its size may"))
        return None
    wire.send(connection, wire.Ready())
    return found


def limit(memory: int, seconds: float) -> None:
    """Never more than so much address space and processor time; no file is written, few are open."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_AS, memory)
    allow_cpu(seconds)


def allow_cpu(seconds: float) -> None:
    """So much processor time from now on; then the kernel ends the process."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 2, hard))


def timed(items: Iterable[T], seconds: float) -> Iterator[T]:
    """The same items, each beginning with a fresh allowance of processor time."""
    allow_cpu(seconds)
    for item in items:
        yield item
        allow_cpu(seconds)


def _end_with_parent(lifeline: int) -> None:
    """Have the kernel end this process when the parent's end of a pipe closes, whatever it is doing then.

    Where the kernel does not know this (macOS), the process ends as soon as it has answered and finds nobody there.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        if not os.read(lifeline, 1):
            sys.exit()


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # macOS has no limit on address space and says so with an error.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(limit, (value, value))
