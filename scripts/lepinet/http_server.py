"""A server for the web as a process of this machine: where it listens, and who hears its signals."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import h11
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from lepinet.errors import OutsideError


class Server(uvicorn.Server):
    """One that leaves logs and signals to whoever runs it."""

    def __init__(self, app: ASGIApp, *, drain: int, head: float, keep_alive: int = 5) -> None:
        """Not begun yet.

        Args:
            app: what it serves.
            drain: seconds that requests on their way have when it is told to end.
            head: seconds that a client has for what comes before a request's body.
            keep_alive: seconds after which it closes a connection that is idle.
        """
        settings = uvicorn.Config(
            _Framed(app),
            access_log=False,
            lifespan="off",
            log_config=None,
            server_header=False,
            proxy_headers=False,
            # It is called, and not looked at.
            http=partial(_Connection, head),  # type: ignore[arg-type]
            ws="none",
            timeout_keep_alive=keep_alive,
            timeout_graceful_shutdown=drain,
        )
        super().__init__(settings)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop: uvicorn would raise them again at its end, before this process has cleaned up."""
        yield


class _Framed:
    """The app, asked only what every server on the way reads alike.

    Of two lengths a proxy may believe the other one, and take a body for a request of somebody else: RFC 9112, 6.1.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            app = PlainTextResponse("Content-Length or Transfer-Encoding, not both.", 400, {"Connection": "close"})
        await app(scope, receive, send)


class _Connection(H11Protocol):
    """One that is closed when a request's head does not come in time, and in peace when its body cannot be read.

    Uvicorn would wait for ever, and answer what the app is answering already.
    """

    def __init__(self, head: float, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head = head
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self._head, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._head, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # From here on the app answers nobody.
            self.cycle.disconnected = True
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


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
