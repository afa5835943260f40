"""The process that runs a model on photos: it writes nothing, knows no secret, and ends with its parent."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lepinet.errors import LepinetError
from lepinet.evaluation.predictors import wire

if TYPE_CHECKING:
    from lepinet.evaluation.predictors.inference import Model, Prepared

_MEMORY = 2 << 30
"""Address space beside the model itself: libraries, one large photo decoded and turned, the model's work."""
_OPEN_FILES = 64
_TOGETHER = 16
_SOON = 0.05
"""Seconds that an answer may wait for company."""


def main() -> None:
    """Load the model that the parent names on standard input, a socket; then answer until the parent hangs up."""
    _end_with_parent(lifeline=int(sys.argv[1]))
    connection = socket.socket(fileno=0)
    reader = connection.makefile("rb")
    start = wire.read_start(reader)
    _limit(start)
    try:
        model = _load(start)
    except LepinetError as error:
        wire.send(connection, wire.Ready(refused=error.what))
        return
    except MemoryError:
        wire.send(connection, wire.Ready(refused="loading it takes more memory than a model of its size may"))
        return
    # What is loaded now stays: the garbage collector need not look at it again after every few photos.
    gc.freeze()
    wire.send(connection, wire.Ready())
    with ThreadPoolExecutor(start.threads) as pool:
        while images := wire.read_request(reader):
            # With one thread nothing is gained by decoding ahead; with more it runs beside inference.
            prepared = pool.map(model.prepare, images) if start.threads > 1 else map(model.prepare, images)
            for some in _grouped(model.answer(_timed(prepared, start))):
                wire.send(connection, some)


def _load(start: wire.Start) -> Model:
    # Before NumPy is imported: its pool of threads would take memory for every core and is never used.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from lepinet.evaluation.predictors.inference import Model  # noqa: PLC0415 - only now, see above

    return Model(start)


def _end_with_parent(lifeline: int) -> None:
    """Have the kernel end this process when the parent's end of a pipe closes, whatever the model is doing then.

    Where the kernel does not know this (macOS), the process ends as soon as it has answered and finds nobody there.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        if not os.read(lifeline, 1):
            sys.exit()


def _limit(start: wire.Start) -> None:
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    # Reading, parsing and optimising a model holds a few copies of it.
    _lower(resource.RLIMIT_AS, _MEMORY + 5 * Path(start.onnx).stat().st_size)
    _allow_cpu(start.seconds * 10 * start.threads)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # macOS has no limit on address space and says so with an error.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(limit, (value, value))


def _allow_cpu(seconds: float) -> None:
    """So much processor time from now on; then the kernel ends the process."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 2, hard))


def _timed(prepared: Iterable[Prepared], start: wire.Start) -> Iterator[Prepared]:
    """The same photos, each beginning with a fresh allowance of processor time."""
    _allow_cpu(start.seconds * start.threads)
    for photo in prepared:
        yield photo
        _allow_cpu(start.seconds * start.threads)


def _grouped(answers: Iterable[wire.Scores]) -> Iterator[list[wire.Scores]]:
    """A few answers at a time: the parent need not wake for each of many, nor wait long for a single one."""
    group: list[wire.Scores] = []
    due = time.monotonic() + _SOON
    for scores in answers:
        group.append(scores)
        if len(group) == _TOGETHER or time.monotonic() > due:
            yield group
            group = []
            due = time.monotonic() + _SOON
    if group:
        yield group


if __name__ == "__main__":
    main()
