"""A model that answers photos: its process, the one thread that speaks with it, and the photos that wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.evaluation.answers import Score
from lepinet.evaluation.confined import ConfinedError
from lepinet.evaluation.labels import ModelLabels, Species, SpeciesNames
from lepinet.evaluation.predictors import RawAnswer
from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.target import Target

TOGETHER = 8
"""Photos that wait are answered together, at most so many: with more the first would wait for the last."""
AT_MOST = 64
"""Photos that wait for one model, at most. They are held in memory."""
IDLE = 0.2
"""Seconds between two looks at a process that has nothing to do, to see that it lives."""

_STEADY = 0.2
"""Share of the newest batch in the time that a photo is said to take: a single slow one does not decide."""


class BusyError(OutsideError):
    """No answer now, but one soon: too many photos wait, or the model has just ended."""

    def __init__(self, what: str, *, after: float) -> None:
        super().__init__(what)
        self.after = after
        """Seconds until it can be expected, by what the model has needed so far."""


class PhotoError(RefusedError):
    """The model cannot answer this photo, now or later."""


@dataclass
class Waiting:
    """A photo, and who waits for its answer."""

    photo: bytes
    """Nothing, once nobody waits any more: it would fill memory until its turn comes."""
    answer: asyncio.Future[RawAnswer]
    patience: asyncio.Timeout
    """Ends the wait for the model's turn."""


class LiveModel:
    """One model, from its start to its end. What does not say otherwise runs on the event loop and needs no lock."""

    def __init__(self, target: Target, start: Callable[[], ModelProcess], names: SpeciesNames, patience: float) -> None:
        """Begin to load it.

        Args:
            target: what it is.
            start: loads it, in the thread.
            names: of the species.
            patience: seconds for which a photo waits until the model gets it.
        """
        self.target = target
        self.begun = time.monotonic()
        self.ended: str | None = None
        """Why it answers nothing more; None as long as it may."""
        self._names = names
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[ModelLabels] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._loading = 0.0
        """Seconds it took to load."""
        self._photo = 0.0
        """Seconds for one photo, when several are answered together."""
        self._waiting: SimpleQueue[Waiting | None] = SimpleQueue()
        # A daemon: a model that hangs while it is loaded does not hold up the end of the server.
        Thread(target=self._live, args=(start,), name=f"model {target}", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Photos that nobody looks at yet."""
        return self._waiting.qsize()

    @property
    def species(self) -> tuple[Species, ...]:
        """What it can name, in the order of its outputs; only once it has loaded."""
        return self._loaded.result().species

    async def load(self) -> None:
        """Wait until the model can answer.

        Raises:
            LepinetError: it cannot be loaded.
        """
        await self._loaded
        self._loading = time.monotonic() - self.begun

    def make_sure_it_can_answer(self) -> None:
        """Before a photo is fetched over a slow line in vain.

        Raises:
            BusyError: the model has ended, or too many photos wait for it.
        """
        if self.ended is not None:
            raise BusyError(self.ended, after=self._loading)
        if self.waiting >= AT_MOST:
            raise BusyError(f"{AT_MOST} photos wait already", after=self.waiting * self._photo)

    async def answer(self, photo: bytes) -> tuple[Score, ...]:
        """The likeliest species on one photo, best first.

        Raises:
            PhotoError: it is no photo that can be read, or the model fails on it.
            BusyError: the model has ended, or the photos that wait are too many or take too long.
        """
        self.make_sure_it_can_answer()
        waiting = Waiting(photo, self._loop.create_future(), asyncio.timeout(self._patience))
        try:
            async with waiting.patience:
                self._waiting.put(waiting)
                answer = await waiting.answer
        except TimeoutError:
            waiting.photo = b""
            raise BusyError("the photos before this one take too long", after=self.waiting * self._photo) from None
        if answer.error is not None:
            raise PhotoError(answer.error)
        return self._loaded.result().named(answer)

    async def finish(self) -> None:
        """Answer what waits, then end."""
        self._waiting.put(None)
        await self._gone.wait()

    def _live(self, start: Callable[[], ModelProcess]) -> None:
        """All that the thread does: start the process, answer what waits, end it."""
        ended: LepinetError = OutsideError("the model failed in a way that nobody expected")
        try:
            with start() as process:
                self._tell(self._loaded.set_result, ModelLabels(process.labels, self._names))
                self._answer_all(process)
                ended = OutsideError("the model was replaced")
        except LepinetError as error:
            ended = error
        finally:
            self._tell(self._end, ended)

    def _answer_all(self, process: ModelProcess) -> None:
        """In the thread, until told to finish."""
        while batch := self._batch(process):
            self._tell(self._begin, batch)
            begun = time.monotonic()
            try:
                answers = process.answer([one.photo for one in batch])
            except ConfinedError as error:
                self._tell(self._hand_out, batch, error.answered)
                raise
            self._tell(self._hand_out, batch, answers)
            self._tell(self._measure, (time.monotonic() - begun) / len(batch))

    def _batch(self, process: ModelProcess) -> list[Waiting]:
        """In the thread: what waits, as soon as something does; nothing when it is time to finish."""
        batch: list[Waiting] = []
        while len(batch) < TOGETHER:
            try:
                one = self._waiting.get_nowait() if batch else self._waiting.get(timeout=IDLE)
            except Empty:
                if batch:
                    break
                if not process.alive:
                    raise ConfinedError("the model's process ended", where=str(self.target)) from None
                continue
            if one is None:
                if batch:
                    self._waiting.put(None)
                break
            # Nobody waits any more for what has waited too long, or was not answered when the server ended.
            if not one.answer.done():
                batch.append(one)
        return batch

    def _tell(self, what: Callable[..., object], *arguments: object) -> None:
        """In the thread: have something done on the event loop, unless that has ended before."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *arguments)

    def _begin(self, batch: Sequence[Waiting]) -> None:
        """What the model has got is answered in the model's own time."""
        for one in batch:
            if not one.answer.done():
                one.patience.reschedule(None)

    def _hand_out(self, batch: Sequence[Waiting], answers: Sequence[RawAnswer]) -> None:
        for one, answer in zip(batch, answers, strict=False):
            if not one.answer.done():
                one.answer.set_result(answer)
        for one in batch[len(answers) :]:
            if not one.answer.done():
                one.answer.set_exception(BusyError("the model ended before it answered", after=self._loading))

    def _measure(self, seconds: float) -> None:
        self._photo = self._photo + _STEADY * (seconds - self._photo) if self._photo else seconds

    def _end(self, ended: LepinetError) -> None:
        self.ended = ended.what
        if not self._loaded.done():
            self._loaded.set_exception(ended)
        while True:
            try:
                one = self._waiting.get_nowait()
            except Empty:
                break
            if one is not None:
                self._hand_out([one], [])
        self._gone.set()
