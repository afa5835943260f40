"""Open pages follow what happens: each is told, as a server-sent event, that there is something new to ask for.

PostgreSQL tells by itself. A Supabase project's API cannot, so it is looked at every few seconds: once for all pages,
as one of those who have one open, and not at all while nobody has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from lepinet.errors import LepinetError
from lepinet.registry.calls import Connection
from lepinet.registry.kinds import open_database
from lepinet.registry.notices import heard, listen
from lepinet.workflow.workspace import Workspace

MOST = 200
"""Pages that follow at once."""
MOST_OF_ONE = 4
"""Of one browser, which has six connections to one place and needs the others to load pages."""
_STILL_IN = 5
"""Seconds between two looks whether somebody whose page is open is still signed in."""
_WAIT = 1
"""Seconds for which listening holds a thread."""
_SOMETHING = "registry"
"""The notice of who knows that something has happened, and not what."""


class Source(Protocol):
    """What is followed: a registry, or the repository."""

    def notices(self) -> AsyncGenerator[str]:
        """What happens from now on; of a registry after a first notice, for nobody knows what happened before.

        Raises:
            LepinetError: it cannot be followed any more, for now.
        """
        ...


@dataclass(frozen=True)
class Listening:
    """A database that tells."""

    opened: Callable[[], AbstractContextManager[tuple[Connection, str]]]
    wait: float
    """Seconds for which one wait holds a thread."""

    async def notices(self) -> AsyncGenerator[str]:
        with ExitStack() as stack:
            connection, _ = await run_in_threadpool(stack.enter_context, self.opened())
            await run_in_threadpool(listen, connection)
            yield _SOMETHING
            while True:
                for notice in await run_in_threadpool(heard, connection, self.wait):
                    yield notice


@dataclass(frozen=True)
class Looking:
    """What has to be looked at, to see whether it is another by now."""

    look: Callable[[], object]
    """What it is now; None where nobody may look."""
    every: float
    """Seconds between two looks."""
    notice: str = _SOMETHING
    before: object = None
    """What it was when somebody began to follow; None where nobody knows."""

    async def notices(self) -> AsyncGenerator[str]:
        before = self.before
        while True:
            now = await run_in_threadpool(self.look)
            if now != before:
                yield self.notice
            before = now
            await asyncio.sleep(self.every)


def sources_of(shown: Workspace, asked: Callable[[], Workspace | None]) -> tuple[Source, ...]:
    """Each registry once.

    Args:
        shown: main.
        asked: the same, asked as one of those who follow; None where there is nobody.
    """
    found: list[Source] = []
    for environment in shown.registries:
        kind, timings = shown.manifest.environments[environment].registry, shown.timings
        if kind.kind == "supabase":
            found.append(Looking(partial(_pulse, environment, asked), timings.look))
        else:
            opened = partial(open_database, kind, environment, lambda: shown.data, shown.settings, timings)
            found.append(Listening(opened, _WAIT))
    return tuple(found)


def _pulse(environment: str, asked: Callable[[], Workspace | None]) -> object:
    """The registry's, as one of those who follow sees it; None where there is nobody."""
    workspace = asked()
    if workspace is None:
        return None
    with workspace.registry(environment) as registry:
        return registry.pulse()


class Live:
    """The pages that follow, and what they are told. All of it happens in the loop that serves them.

    Args:
        sources: what is followed, found when the first page follows them.
        is_in: whether a browser's number is that of somebody who may look.
        every: seconds before a source that failed is tried again.
    """

    def __init__(self, sources: Callable[[], tuple[Source, ...]], is_in: Callable[[str], bool], every: float) -> None:
        self._sources = sources
        self._is_in = is_in
        self._every = every
        self._pages: dict[asyncio.Queue[str], str] = {}
        self._following: asyncio.Task[None] | None = None
        self.last = time.monotonic()
        """When anything was told."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Of the browsers whose pages follow."""
        return tuple(dict.fromkeys(self._pages.values()))

    @contextmanager
    def place(self, number: str, since: float) -> Iterator[asyncio.Queue[str] | None]:
        """What one page is told, for as long as the context lasts; None where too many follow.

        Args:
            number: the browser's.
            since: when the page was made, by `time.monotonic`; what it may have missed is told at once.
        """
        mine = sum(one == number for one in self._pages.values())
        if len(self._pages) >= MOST or mine >= MOST_OF_ONE:
            yield None
            return
        told: asyncio.Queue[str] = asyncio.Queue()
        self._pages[told] = number
        if self._following is None:
            self._following = asyncio.create_task(self._follow_all())
        elif since < self.last:
            told.put_nowait(_SOMETHING)
        try:
            yield told
        finally:
            del self._pages[told]
            if not self._pages:
                self._following.cancel()
                self._following = None

    async def notices(self, told: asyncio.Queue[str]) -> AsyncGenerator[str]:
        """What a page is told, until its browser is no more signed in."""
        while self._is_in(self._pages[told]):
            with suppress(TimeoutError):
                yield await asyncio.wait_for(told.get(), _STILL_IN)

    async def _follow_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for source in await run_in_threadpool(self._sources):
                tasks.create_task(self._follow_one(source))

    async def _follow_one(self, source: Source) -> None:
        while True:
            with suppress(LepinetError):
                async for notice in source.notices():
                    self._tell(notice)
            await asyncio.sleep(self._every)

    def _tell(self, notice: str) -> None:
        self.last = time.monotonic()
        for told in self._pages:
            told.put_nowait(notice)
