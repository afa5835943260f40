"""A model's folder as a predictor that lives through photos which end the model's process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from lepinet.errors import RefusedError
from lepinet.evaluation.predictors import ModelError, RawAnswer
from lepinet.evaluation.predictors.onnx import ModelProcess
from lepinet.timings import Timings

_PATIENCE = 5
"""After so many photos, one after the other, that ended the process, the fault is the model's."""


class RestartingModel:
    """One process at a time, started when it is first needed. For one thread, but for `close`."""

    def __init__(self, folder: Path, *, threads: int = 1, timings: Timings | None = None) -> None:
        self._folder = folder
        self._threads = threads
        self._timings = timings
        self._process: ModelProcess | None = None
        self._closed = False
        self._ended_in_a_row = 0

    def answer(self, images: Sequence[Path | bytes]) -> list[RawAnswer]:
        """One answer for each image, in their order.

        When the process ends or hangs, the images it owes are asked for one by one in fresh processes: the one that
        does it again is the culprit, and its answer is the error.

        Raises:
            RefusedError: the model cannot be loaded, or ends its process with every photo.
            ModelError: no process can be started, or this was closed meanwhile.
        """
        try:
            return self._ask(images)
        except ModelError as error:
            answers = list(error.answered)
        return answers + [self._ask_alone(image) for image in images[len(answers) :]]

    def close(self) -> None:
        """End the process and start no other."""
        self._closed = True
        if self._process:
            self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, images: Sequence[Path | bytes]) -> list[RawAnswer]:
        answers = self._running().answer(images)
        self._ended_in_a_row = 0
        return answers

    def _ask_alone(self, image: Path | bytes) -> RawAnswer:
        try:
            return self._ask([image])[0]
        except ModelError as error:
            self._ended_in_a_row += 1
            if self._closed:
                raise
            if self._ended_in_a_row == _PATIENCE:
                what = f"{error.what}, and so it went with {_PATIENCE} photos one after the other"
                raise RefusedError(what, where=str(self._folder)) from None
            return RawAnswer(error=error.what)

    def _running(self) -> ModelProcess:
        if not self._closed and (self._process is None or not self._process.alive):
            if self._process:
                self._process.close()
            self._process = ModelProcess(self._folder, threads=self._threads, timings=self._timings)
        if self._closed or self._process is None:
            self.close()
            raise ModelError("the model was closed", where=str(self._folder))
        return self._process
