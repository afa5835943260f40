"""The parent's side of a confined process: started without environment, asked, and ended when it misbehaves."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lepinet import __version__
from lepinet.errors import RefusedError
from lepinet.evaluation.confined import ConfinedError, wire

T = TypeVar("T")

_LOADING = 10
"""Being ready may take so many times as long as one answer."""
_SAID = 64 << 10
"""As much as a pipe holds."""


class ConfinedProcess:
    """One process without environment, whose module limits its memory, time, files and writing.

    Safe to use from several threads: calls wait for each other. Ends with its parent, however that ends.
    """

    def __init__(self, module: str, start: object, *, called: str, where: str, seconds: float) -> None:
        """Start it and wait until it is ready.

        Args:
            module: what it runs; it begins with `inside.connect`, and answers the start with `wire.Ready`.
            start: the first message to it.
            called: what errors call what it runs, such as "the model".
            where: of its errors.
            seconds: how long one answer may take; being ready, ten times that.

        Raises:
            RefusedError: it cannot do its work, with the reason; also when it died or hung before it was ready.
            ConfinedError: it cannot be started.
        """
        self._called = called
        self._where = where
        self._seconds = seconds
        self._lock = threading.Lock()
        self._connection, theirs = socket.socketpair()
        self._lines = wire.Lines(self._connection)
        lifeline, ours = os.pipe()
        self._lifeline = os.fdopen(ours, "wb")
        said, saying = os.pipe()
        self._said = os.fdopen(said, "rb", buffering=0)
        # Nobody reads while it lives: what does not fit is lost, and neither side waits.
        os.set_blocking(said, False)
        os.set_blocking(saying, False)
        with theirs:
            try:
                self._process = _start(module, theirs, lifeline, saying)
            except OSError as error:
                self._lifeline.close()
                self._connection.close()
                self._said.close()
                raise ConfinedError(f"{called}'s process cannot be started: {error}", where=where) from None
            finally:
                os.close(lifeline)
                os.close(saying)
        self._make_ready(start)

    @property
    def alive(self) -> bool:
        """Whether it can be asked; False once it died, hung or was closed."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, images: Sequence[Path | bytes], read: Callable[[wire.Lines, float], list[T]]) -> list[T]:
        """One answer for each image, in their order.

        Args:
            images: real paths of regular files, or photos' bytes.
            read: reads the next answers, at least one, until a deadline; ValueError when they make no sense.

        Raises:
            ConfinedError: the process died, took longer than it may for an image, or talks nonsense. It is ended then;
                what it answered before is in the error.
        """
        answers: list[T] = []
        if not images:
            return answers
        with self._lock:
            try:
                self._connection.settimeout(self._seconds)
                wire.send_request(self._connection, images)
                while len(answers) < len(images):
                    answers += read(self._lines, time.monotonic() + self._seconds)
            except (OSError, ValueError, EOFError) as error:
                raise self._failed(error, tuple(answers), self._seconds) from None
        return answers

    def close(self) -> None:
        """End the process. Harmless when repeated, or while another thread waits for an answer: that gets an error."""
        self._end()
        with self._lock:
            self._connection.close()
            self._said.close()

    def _make_ready(self, start: object) -> None:
        try:
            wire.send(self._connection, start)
            ready = wire.parse_ready(self._lines.read(time.monotonic() + _LOADING * self._seconds))
            refused = ready.refused
        except (OSError, ValueError, EOFError) as error:
            what = self._failed(error, (), _LOADING * self._seconds).what
            refused = ": ".join(filter(None, (f"while loading, {what}", self._last_line())))
        if refused is not None:
            self.close()
            raise RefusedError(f"{self._called} cannot be used: {refused}", where=self._where)

    def _failed(self, error: Exception, answered: tuple[T, ...], seconds: float) -> ConfinedError:
        """End the process and say in one sentence what became of it."""
        if isinstance(error, TimeoutError):
            what = f"{self._called} took longer than {seconds:g} s"
        elif isinstance(error, ValueError):
            what = f"{self._called}'s process gave an answer that makes no sense"
        else:
            what = f"{self._called}'s process ended ({self._ending()})"
        self._end()
        return ConfinedError(what, where=self._where, answered=answered)

    def _last_line(self) -> str:
        """What it said at its end, with nothing in it that a terminal would act on."""
        said = (self._said.read(_SAID) or b"").decode(errors="replace").strip()
        line = said.rpartition("\n")[2][: wire.MAX_ERROR]
        return "".join(sign if sign.isprintable() else " " for sign in line)

    def _ending(self) -> str:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "it hung up"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _end(self) -> None:
        self._lifeline.close()
        if self._process.poll() is None:
            # It leads a group of its own: whatever it may have started ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""Nothing of ours; only that glibc keeps what a photo took for the next one, else the kernel clears it each time."""


def _start(module: str, connection: socket.socket, lifeline: int, saying: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-m", module, str(lifeline), __version__],
        env=_ENVIRONMENT,
        # Where a model would find files that it names itself: here is nothing but this package's source.
        cwd=Path(__file__).parent,
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=saying,
        pass_fds=(lifeline,),
        start_new_session=True,
    )
