"""A server on loopback whose answers come a byte at a time and never end."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from loopback import running


@contextmanager
def dripping() -> Iterator[str]:
    """Its URL."""
    ending = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX-Padding: ")
                while not ending.wait(0.02):
                    self.request.sendall(b"x")

    with running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as server:
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            ending.set()
