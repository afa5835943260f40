"""The server process: one for each environment, on this machine or in a container, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lepinet.endpoints.local_folder import LocalFolder
from lepinet.evaluation.labels import Species, SpeciesNames
from lepinet.http_server import Server, listener
from lepinet.serving.app import create_app
from lepinet.serving.follower import Follower
from lepinet.serving.live import LiveModel
from lepinet.serving.loading import Files, start_process
from lepinet.serving.log import Log
from lepinet.target import Target
from lepinet.timings import Timings

HERE = "127.0.0.1"
"""Where it listens on this machine, for this machine alone."""
_ELSEWHERE = "stop what listens there, or give another port: --port, or `port:` in models.yaml"
_STARTING = 1
"""Seconds in which a lock may be held by somebody who only looks whether a server lives."""


def serve(
    *,
    folder: Path,
    files: Files,
    species: Sequence[Species],
    port: int | None,
    host: str = HERE,
    timings: Timings,
    on_ready: Callable[[str], None],
    log: Log,
) -> None:
    """Answer photos for one environment until SIGTERM or SIGINT. Must run in the main thread.

    Args:
        folder: the environment's folder on this machine, where its orders lie.
        files: finds a model's files.
        species: what answers are named in; a label that is none of them stands for itself.
        port: where to listen; None or 0 for any free port.
        host: on which address; in a container on all of them.
        timings: limits for photos and models.
        on_ready: told the URL as soon as it can be asked.
        log: gets a line for each request, and whenever something changes.

    Raises:
        OutsideError: another server lives, or the port is taken.
        LepinetError: the folder's files are not as they should be.
    """
    names = SpeciesNames(species)
    local = LocalFolder(folder)

    def start(target: Target) -> LiveModel:
        return LiveModel(target, partial(start_process, target, files, timings), names, timings.prediction)

    with local.serving(_STARTING), listener(host, port, _ELSEWHERE) as listening:
        log.take_over()
        follower = Follower(local, start, timings, log.say)
        stopping = asyncio.Event()
        server = Server(
            create_app(follower, timings, log, stopping),
            # Longer than a client keeps an idle connection, so that the client is the one who closes it.
            keep_alive=60,
            drain=int(timings.prediction),
            head=timings.head,
        )
        url = f"http://{host}:{listening.getsockname()[1]}"
        # Where only this machine asks, nobody spreads photos over several servers.
        ending = _Ending(server, stopping, drain=0 if host == HERE else timings.drain)
        asyncio.run(_run(ending, listening, follower, local.announced(url), partial(on_ready, url)))


@dataclass(frozen=True)
class _Ending:
    """The server, and how it is told to end."""

    server: Server
    stopping: asyncio.Event
    drain: float
    """Seconds between the news and the end."""

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """SIGTERM comes from whoever runs containers, and leaves time to be noticed; Ctrl-C ends at once."""
        loop.add_signal_handler(signal.SIGINT, self._end, signal.SIGINT, 0)
        loop.add_signal_handler(signal.SIGTERM, self._end, signal.SIGTERM, self.drain)

    def _end(self, number: int, after: float) -> None:
        self.stopping.set()
        asyncio.get_running_loop().call_later(after, self.server.handle_exit, number, None)


async def _run(
    ending: _Ending,
    listening: socket.socket,
    follower: Follower,
    announced: AbstractContextManager[None],
    on_ready: Callable[[], None],
) -> None:
    ending.listen(asyncio.get_running_loop())
    # Announced only now: who knows of this process may also tell it to stop.
    with announced:
        on_ready()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follower.run())
            await ending.server.serve([listening])
            following.cancel()
        await follower.close()
