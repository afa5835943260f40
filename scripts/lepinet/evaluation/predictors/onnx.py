"""A model's folder as a predictor: the model runs in a process of its own that can do no harm."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.predictors import Guess, ModelError, RawAnswer, wire
from lepinet.model_files import read_model_files
from lepinet.timings import Timings

_LOADING = 10
"""Loading may take so many times as long as one prediction."""


class ModelProcess:
    """One model in one process without environment, with limits on memory, time, files and writing.

    Safe to use from several threads: calls wait for each other. Ends with its parent, however that ends.
    """

    def __init__(self, folder: Path, *, threads: int = 1, timings: Timings | None = None) -> None:
        """Start the process and wait until the model has loaded and answered once.

        Raises:
            UsageError: no such folder, or the packages that run a model are not installed.
            RefusedError: the model cannot be used, with the reason; also when the process died or hung while loading.
            ModelError: the process cannot be started.
        """
        _check_runtime()
        self._files = read_model_files(folder)
        self._name = str(folder)
        self._seconds = (timings or Timings()).prediction
        self._lock = threading.Lock()
        self._connection, theirs = socket.socketpair()
        self._lines = wire.Lines(self._connection)
        lifeline, ours = os.pipe()
        self._lifeline = os.fdopen(ours, "wb")
        with theirs:
            try:
                self._process = _start(theirs, lifeline)
            except OSError as error:
                self._lifeline.close()
                self._connection.close()
                raise ModelError(f"its process cannot be started: {error}", where=self._name) from None
            finally:
                os.close(lifeline)
        self._load(threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the model's outputs are called, in their order."""
        return self._files.labels

    @property
    def alive(self) -> bool:
        """Whether it can be asked; False once it died, hung or was closed."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def answer(self, images: Sequence[Path | bytes]) -> list[RawAnswer]:
        """One answer for each image, in their order; an image that cannot be answered has an error instead.

        Args:
            images: real paths of regular files, or photos' bytes.

        Raises:
            ModelError: the process died, took longer than `Timings.prediction` for an image, or talks nonsense. It is
                ended then; what it answered before is in the error.
        """
        answers: list[RawAnswer] = []
        if not images:
            return answers
        with self._lock:
            try:
                self._connection.settimeout(self._seconds)
                wire.send_request(self._connection, images)
                while len(answers) < len(images):
                    line = self._lines.read(time.monotonic() + self._seconds)
                    answers += map(self._named, wire.parse_scores(line, len(self.labels)))
            except (OSError, ValueError, EOFError) as error:
                raise self._failed(error, tuple(answers), self._seconds) from None
        return answers

    def close(self) -> None:
        """End the process. Harmless when repeated, or while another thread waits for an answer: that gets an error."""
        self._end()
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self, threads: int) -> None:
        start = wire.Start(
            onnx=str(self._files.onnx),
            preprocessor=str(self._files.preprocessor),
            outputs=len(self.labels),
            independent=self._files.independent,
            threads=threads,
            seconds=self._seconds,
        )
        try:
            wire.send(self._connection, start)
            ready = wire.parse_ready(self._lines.read(time.monotonic() + _LOADING * self._seconds))
            refused = ready.refused
        except (OSError, ValueError, EOFError) as error:
            refused = f"while loading, {self._failed(error, (), _LOADING * self._seconds).what}"
        if refused is not None:
            self.close()
            raise RefusedError(f"the model cannot be used: {refused}", where=self._name)

    def _named(self, scores: wire.Scores) -> RawAnswer:
        guesses = tuple(Guess(self.labels[output], probability) for output, probability in scores.top)
        return RawAnswer(guesses, scores.error, scores.milliseconds)

    def _failed(self, error: Exception, answered: tuple[RawAnswer, ...], seconds: float) -> ModelError:
        """End the process and say in one sentence what became of it."""
        if isinstance(error, TimeoutError):
            what = f"the model took longer than {seconds:g} s"
        elif isinstance(error, ValueError):
            what = "the model's process gave an answer that makes no sense"
        else:
            what = f"the model's process ended ({self._ending()})"
        self._end()
        return ModelError(what, where=self._name, answered=answered)

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


def _start(connection: socket.socket, lifeline: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "lepinet.evaluation.predictors.child", str(lifeline)],
        env={},
        # Where a model would find files that it names itself: here is nothing but this package's source.
        cwd=Path(__file__).parent,
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(lifeline,),
        start_new_session=True,
    )


def _check_runtime() -> None:
    missing = [name for name in ("numpy", "onnxruntime", "PIL") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"running a model needs {', '.join(missing)}", todo="pip install 'lepinet[evaluate]'")
