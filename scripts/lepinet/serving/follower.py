"""Which model answers: that of the newest order, once it does; until then, and if it never does, the one before."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lepinet.endpoints import Progress
from lepinet.endpoints.local_folder import Followed, LocalFolder, Pending, ServerState, UnreadableError, accepts
from lepinet.errors import LepinetError, OutsideError
from lepinet.serving.live import LiveModel
from lepinet.target import Target
from lepinet.timings import Timings

LOOK = 0.1
"""Seconds between two looks at the order; a look is one `stat`."""
LONGEST_PAUSE = 30
"""Seconds between two starts of a model that has answered once, and is kept from it by something that stays."""


@dataclass(frozen=True)
class Failure:
    """A model that did not load, or ended."""

    reason: str
    final: bool
    """It was refused: trying again gives the same answer, unless somebody mends it."""
    again: float
    """When it is started again, by the monotonic clock; infinite when only an order does that."""
    pause: float
    """Seconds from the start that failed to that one."""


class Follower:
    """Follows one environment's order. All of it runs on the event loop."""

    def __init__(
        self, folder: LocalFolder, start: Callable[[Target], LiveModel], timings: Timings, say: Progress
    ) -> None:
        """Take up what the server before remembered.

        Raises:
            UnreadableError: somebody else wrote its memory.
        """
        remembered = folder.followed()
        self._followed = remembered.followed if remembered else None
        self._served = remembered.served if remembered else None
        self._folder = folder
        self._start = start
        self._timings = timings
        self._say = say
        self._model: LiveModel | None = None
        self.swaps = 0
        """How often one model took another's place."""
        self._coming: dict[Target, asyncio.Task[None]] = {}
        self._going: set[asyncio.Task[None]] = set()
        self._failures: dict[Target, Failure] = {}
        self._complaint: str | None = None
        """What is wrong with the newest order."""
        self._seen: tuple[int, int, int] | None = None
        self._looking = asyncio.Lock()
        self._remembering = asyncio.Lock()

    @property
    def model(self) -> LiveModel | None:
        """The model that answers now."""
        return self._model if self._model is not None and self._model.ended is None else None

    def state(self) -> ServerState:
        answering = self._served if self.model else None
        pending, failure = None, None
        if self._followed and not self._answers(self._followed.target):
            target = self._followed.target
            failure = self._failures.get(target)
            pending = Pending(
                version=target.version,
                file_path=target.file_path,
                revision=target.revision,
                generation=self._followed.generation,
                failed=failure is not None and failure.final,
            )
        return ServerState(
            version=answering.target.version if answering else None,
            file_path=answering.target.file_path if answering else None,
            revision=answering.target.revision if answering else None,
            generation=answering.generation if answering else None,
            ready=answering is not None,
            pending=pending,
            error=failure.reason if failure else self._complaint,
        )

    async def run(self) -> None:
        """Follow, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Take notice of a new order, and start what it needs; who reports the state looks first."""
        async with self._looking:
            seen = self._stamp()
            if seen != self._seen:
                self._seen = seen
                await self._read()
        self._tend()

    async def close(self) -> None:
        """End the models; what still loads ends with this process."""
        for task in self._coming.values():
            task.cancel()
        if self._model:
            await self._model.finish()
        await asyncio.gather(*self._going)

    def _answers(self, target: Target) -> bool:
        return self.model is not None and self.model.target == target

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._folder.order_file.lstat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    async def _read(self) -> None:
        try:
            order = await asyncio.to_thread(self._folder.order)
        except UnreadableError as error:
            self._complain(str(error))
            return
        if order is None:
            return
        if self._followed and not accepts(self._followed, order):
            self._complain(
                f"an order of generation {order.generation} ({order.target}) is refused:"
                f" generation {self._followed.generation} is followed already"
            )
            return
        self._complaint = None
        self._followed = order
        self._failures.pop(order.target, None)
        if self._answers(order.target):
            self._served = order
        await self._remember()

    def _complain(self, what: str) -> None:
        self._complaint = what
        self._say(what)

    def _tend(self) -> None:
        """Start every model that should answer, does not, and is not on its way."""
        if self._model and self._model.ended is not None:
            self._fail(self._model, OutsideError(self._model.ended))
            self._model = None
        for target in self._missing():
            failure = self._failures.get(target)
            if target not in self._coming and (failure is None or failure.again <= time.monotonic()):
                self._coming[target] = asyncio.create_task(self._bring(target))

    def _missing(self) -> Iterator[Target]:
        """The followed model, where it does not answer; while nothing does, the one that answered last as well."""
        if self._followed and not self._answers(self._followed.target):
            yield self._followed.target
        if self._served and self.model is None and self._followed and self._followed.target != self._served.target:
            yield self._served.target

    async def _bring(self, target: Target) -> None:
        self._say(f"{target}: loading")
        model = self._start(target)
        try:
            await model.load()
        except LepinetError as error:
            self._fail(model, error)
        else:
            await self._take(model)
        finally:
            del self._coming[target]

    def _fail(self, model: LiveModel, error: LepinetError) -> None:
        """A model that has answered once comes back by itself; one that has not needs an order."""
        self._say(f"{model.target}: {error}")
        before = self._failures.get(model.target)
        pause = min(before.pause * 2, LONGEST_PAUSE) if before else self._timings.retry
        answered = self._served is not None and self._served.target == model.target
        self._failures[model.target] = Failure(
            error.what,
            final=not answered or not isinstance(error, OutsideError),
            again=model.begun + pause if answered else math.inf,
            pause=pause,
        )

    async def _take(self, model: LiveModel) -> None:
        """Let it answer from now on, unless another one is wanted by now."""
        if model.target not in self._missing():
            self._send_away(model)
            return
        before, self._model = self._model, model
        if self._followed and self._followed.target == model.target:
            self._served = self._followed
        self._failures.pop(model.target, None)
        self._say(f"{model.target}: answers")
        if before:
            self.swaps += 1
            self._send_away(before)
        await self._remember()

    def _send_away(self, model: LiveModel) -> None:
        task = asyncio.create_task(model.finish())
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _remember(self) -> None:
        async with self._remembering:
            if self._followed is None:
                return
            try:
                await asyncio.to_thread(self._folder.write_followed, Followed(self._followed, self._served))
            except OSError as error:
                self._complain(f"the order is followed, but cannot be remembered: {error}")
