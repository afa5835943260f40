"""The server process: one for each environment, on this machine or in a container, until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn

from lepinet.endpoints.local_folder import LocalFolder
from lepinet.errors import OutsideError
from lepinet.evaluation.labels import Species, SpeciesNames
from lepinet.serving.app import create_app
from lepinet.serving.follower import Follower
from lepinet.serving.live import LiveModel
from lepinet.serving.loading import Files, start_process
from lepinet.serving.log import Log
from lepinet.target import Target
from lepinet.timings import Timings

HERE = "127.0.0.1"
"""Where it listens on this machine, for this machine alone."""
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
        port: where to listen; None for any free port.
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

    with local.serving(_STARTING), _listener(host, port) as listener:
        log.take_over()
        follower = Follower(local, start, timings, log.say)
        stopping = asyncio.Event()
        server = _Server(
            uvicorn.Config(
                create_app(follower, timings, log, stopping),
                access_log=False,
                lifespan="off",
                log_config=None,
                server_header=False,
                proxy_headers=False,
                ws="none",
                # Longer than a client keeps an idle connection, so that the client is the one who closes it.
                timeout_keep_alive=60,
                timeout_graceful_shutdown=int(timings.prediction),
            )
        )
        url = f"http://{host}:{listener.getsockname()[1]}"
        # Where only this machine asks, nobody spreads photos over several servers.
        ending = _Ending(server, stopping, drain=0 if host == HERE else timings.drain)
        asyncio.run(_run(ending, listener, follower, local.announced(url), partial(on_ready, url)))


@dataclass(frozen=True)
class _Ending:
    """The server, and how it is told to end."""

    server: uvicorn.Server
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
    listener: socket.socket,
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
            await ending.server.serve([listener])
            following.cancel()
        await follower.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop: uvicorn would raise them again at its end, before this process has cleaned up."""
        yield


@contextmanager
def _listener(host: str, port: int | None) -> Iterator[socket.socket]:
    """A socket that takes connections from now on; they wait until somebody answers."""
    # Named as TCP: only then asyncio switches Nagle's algorithm off, which would hold each answer up for 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port or 0))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            todo = "stop what listens there, or give another port in models.yaml"
            raise OutsideError("the port is taken", where=f"{host}:{port}", todo=todo) from None
        listener.listen(2048)
        yield listener
