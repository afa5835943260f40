"""A process that works on photos, and what it says of each."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from lepinet.errors import UsageError
from lepinet.evaluation.confined.process import ConfinedProcess
from lepinet.evaluation.confined.wire import Lines
from lepinet.evaluation.photos.wire import Work, read_answer

T = TypeVar("T")


class PhotoProcess(Generic[T]):
    """One process for one kind of work; safe to use from several threads, which wait for each other."""

    def __init__(self, work: Work, made: Callable[[bytes | str], T], at_most: int) -> None:
        """Start it.

        Args:
            work: what is wanted of each photo.
            made: turns that, or the reason why there is none, into an answer; ValueError when it makes no sense.
            at_most: bytes that one photo may give.

        Raises:
            UsageError: the packages that decode photos are not installed.
            RefusedError: they cannot be used, with the reason.
            ConfinedError: the process cannot be started.
        """
        missing = [name for name in ("numpy", "PIL") if importlib.util.find_spec(name) is None]
        if missing:
            raise UsageError(f"looking at photos needs {', '.join(missing)}", todo="pip install 'lepinet[evaluate]'")
        self._made = made
        self._at_most = at_most
        self._process = ConfinedProcess(
            "lepinet.evaluation.photos.child", work, called="the decoder", where="photos", seconds=work.seconds
        )

    @property
    def alive(self) -> bool:
        """Whether it can be asked; False once it died, hung or was closed."""
        return self._process.alive

    def answer(self, images: Sequence[Path | bytes]) -> list[T]:
        """One answer for each photo, in their order.

        Raises:
            ConfinedError: the process died, took longer than it may for a photo, or talks nonsense.
        """
        return self._process.ask(images, self._read)

    def close(self) -> None:
        """End the process. Harmless when repeated."""
        self._process.close()

    def _read(self, lines: Lines, deadline: float) -> list[T]:
        return [self._made(read_answer(lines, deadline, self._at_most))]
