"""A confined process that lives through photos which end it: another takes its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from lepinet.errors import RefusedError
from lepinet.evaluation.confined import ConfinedError
from lepinet.evaluation.spread import Answering

T = TypeVar("T")


class Mortal(Answering[T], Protocol):
    """A process that answers photos, until it ends."""

    @property
    def alive(self) -> bool: ...


class Restarting(Generic[T]):
    """One process at a time, started when it is first needed. For one thread, but for `close`."""

    def __init__(
        self, start: Callable[[], Mortal[T]], failed: Callable[[str], T], *, where: str, patience: int | None = None
    ) -> None:
        """Nothing is started yet.

        Args:
            start: starts a process.
            failed: the answer for a photo that ended the process, by the reason.
            where: of its errors.
            patience: after so many photos, one after the other, that ended the process, the fault is not theirs; None:
                it always is.
        """
        self._start = start
        self._failed = failed
        self._where = where
        self._patience = patience
        self._process: Mortal[T] | None = None
        self._closed = False
        self._ended_in_a_row = 0

    def answer(self, images: Sequence[Path | bytes]) -> list[T]:
        """One answer for each image, in their order.

        When the process ends or hangs, the images it owes are asked for one by one in fresh processes: the one that
        does it again is the culprit, and its answer is the error.

        Raises:
            RefusedError: the process cannot do its work, or ends with every photo.
            ConfinedError: no process can be started, or this was closed meanwhile.
        """
        try:
            return self._ask(images)
        except ConfinedError as error:
            answers: list[T] = list(error.answered)
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

    def _ask(self, images: Sequence[Path | bytes]) -> list[T]:
        answers = self._running().answer(images)
        self._ended_in_a_row = 0
        return answers

    def _ask_alone(self, image: Path | bytes) -> T:
        try:
            return self._ask([image])[0]
        except ConfinedError as error:
            self._ended_in_a_row += 1
            if self._closed:
                raise
            if self._ended_in_a_row == self._patience:
                what = f"{error.what}, and so it went with {self._patience} photos one after the other"
                raise RefusedError(what, where=self._where) from None
            return self._failed(error.what)

    def _running(self) -> Mortal[T]:
        if not self._closed and (self._process is None or not self._process.alive):
            if self._process:
                self._process.close()
            self._process = self._start()
        if self._closed or self._process is None:
            self.close()
            raise ConfinedError("it was closed", where=self._where)
        return self._process
