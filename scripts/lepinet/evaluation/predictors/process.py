"""A model's folder as a predictor: the model runs in a process of its own that can do no harm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from lepinet.evaluation.confined.process import ConfinedProcess
from lepinet.evaluation.confined.restarting import Restarting
from lepinet.evaluation.confined.wire import Lines
from lepinet.evaluation.predictors import Guess, RawAnswer, wire
from lepinet.evaluation.predictors.runtime import runtime_of
from lepinet.model_files import read_model_files
from lepinet.timings import Timings

_PATIENCE = 5


class ModelProcess:
    """One model in one process; safe to use from several threads, which wait for each other."""

    def __init__(self, folder: Path, *, threads: int = 1, timings: Timings | None = None) -> None:
        """Start the process and wait until the model has loaded and answered once.

        Raises:
            UsageError: no such folder, or the packages that run a model are not installed.
            RefusedError: the model cannot be used, with the reason; also when the process died or hung while loading.
            ConfinedError: the process cannot be started.
        """
        files = read_model_files(folder)
        runtime_of(files).versions(str(folder))
        seconds = (timings or Timings()).prediction
        self.labels = files.labels
        """What the model's outputs are called, in their order."""
        start = wire.start_of(files, threads=threads, seconds=seconds)
        self._process = ConfinedProcess(
            "lepinet.evaluation.predictors.child", start, called="the model", where=str(folder), seconds=seconds
        )

    @property
    def alive(self) -> bool:
        """Whether it can be asked; False once it died, hung or was closed."""
        return self._process.alive

    @property
    def pid(self) -> int:
        return self._process.pid

    def answer(self, images: Sequence[Path | bytes]) -> list[RawAnswer]:
        """One answer for each image, in their order; an image that cannot be answered has an error instead.

        Args:
            images: real paths of regular files, or photos' bytes.

        Raises:
            ConfinedError: the process died, took longer than `Timings.prediction` for an image, or talks nonsense.
        """
        return self._process.ask(images, self._read)

    def close(self) -> None:
        """End the process. Harmless when repeated, or while another thread waits for an answer: that gets an error."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, lines: Lines, deadline: float) -> list[RawAnswer]:
        return list(map(self._named, wire.parse_scores(lines.read(deadline), len(self.labels))))

    def _named(self, scores: wire.Scores) -> RawAnswer:
        guesses = tuple(Guess(self.labels[output], probability) for output, probability in scores.top)
        return RawAnswer(guesses, scores.error, scores.milliseconds)


def restarting_model(folder: Path, *, threads: int = 1, timings: Timings | None = None) -> Restarting[RawAnswer]:
    """As `ModelProcess`, which starts when it is first needed, and anew when a photo ends it."""
    return Restarting(
        lambda: ModelProcess(folder, threads=threads, timings=timings),
        lambda reason: RawAnswer(error=reason),
        where=str(folder),
        patience=_PATIENCE,
    )
