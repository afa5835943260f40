"""Servers of the tests, on this machine."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

S = TypeVar("S", bound=socketserver.TCPServer)


@contextmanager
def running(server: S) -> Iterator[S]:
    """The server at work in a thread of its own, as long as the context lasts."""
    # A connection that it was told of can be gone when it takes it: it would wait for another one, and whoever ends
    # the server would wait with it.
    server.socket.settimeout(0)
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
