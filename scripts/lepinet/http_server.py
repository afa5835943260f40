"""A server for the web as a process of this machine: where it listens, and who hears its signals."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from lepinet.errors import OutsideError


class Server(uvicorn.Server):
    """One that leaves logs and signals to whoever runs it."""

    def __init__(self, app: ASGIApp, *, drain: int, keep_alive: int = 5) -> None:
        """Not begun yet.

        Args:
            app: what it serves.
            drain: seconds that requests on their way have when it is told to end.
            keep_alive: seconds after which it closes a connection that is idle.
        """
        settings = uvicorn.Config(
            app,
            access_log=False,
            lifespan="off",
            log_config=None,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=keep_alive,
            timeout_graceful_shutdown=drain,
        )
        super().__init__(settings)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop: uvicorn would raise them again at its end, before this process has cleaned up."""
        yield


@contextmanager
def listener(host: str, port: int | None, elsewhere: str) -> Iterator[socket.socket]:
    """A socket that takes connections from now on; they wait until somebody answers.

    Args:
        host: on which address.
        port: None or 0 for any free one.
        elsewhere: how another port is chosen, for whoever finds this one taken.

    Raises:
        OutsideError: the port is taken.
    """
    # Named as TCP: only then asyncio switches Nagle's algorithm off, which would hold each answer up for 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port or 0))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise OutsideError("the port is taken", where=f"{host}:{port}", todo=elsewhere) from None
        listening.listen(2048)
        yield listening
