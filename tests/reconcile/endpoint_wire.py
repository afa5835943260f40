"""Stands between a run and its local endpoint: the address where it answers, and the file with its orders."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from loopback import running
from reconcile.watch import DEADLINE, Watch

ORDER = "order.json"
"""What the write of an order is called among the calls."""

Alter = Callable[[str, bytes], bytes]
"""From a path and what the endpoint answers there to what the run is told; told nothing, it sees a 500."""


def as_it_is(path: str, answer: bytes) -> bytes:
    del path
    return answer


@contextmanager
def endpoint_wire(folder: Path, watch: Watch, alter: Alter = as_it_is) -> Iterator[None]:
    """Have every request and every order of an environment's folder pass here, as long as the context lasts."""
    listening = folder / "listening.json"
    announced = listening.read_bytes()
    real = urlsplit(json.loads(announced)["url"])
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, f"{real.hostname}:{real.port}", watch, alter))
    proxy.daemon_threads = True
    proxy.block_on_close = False
    orders = _Orders(folder, watch)
    following = threading.Thread(target=orders.follow)
    with running(proxy):
        following.start()
        url = f"http://127.0.0.1:{proxy.server_port}"
        _replace(listening, json.dumps(json.loads(announced) | {"url": url}).encode())
        try:
            yield
        finally:
            _replace(listening, announced)
            orders.done.set()
            following.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves whole, in one packet

    def __init__(self, real: str, watch: Watch, alter: Alter, *connection: object) -> None:
        self._real, self._watch, self._alter = real, watch, alter
        super().__init__(*connection)  # type: ignore[arg-type]  # as the server calls it

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes) -> None:
        self.close_connection = self._watch.arrives(f"{self.command} {self.path}")
        if self.close_connection:
            return
        real = HTTPConnection(self._real, timeout=DEADLINE)
        real.request(self.command, self.path, body, dict(self.headers))
        answer = real.getresponse()
        content = self._alter(self.path, answer.read())
        real.close()
        self.close_connection = self._watch.answered()
        if self.close_connection:
            return
        self.send_response(answer.status if content else 500)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@dataclass
class _Orders:
    """Has the kernel stop the run as it opens the file that will be `order.json`: a lease on it must be broken first.

    The run holds still in `open` until it is killed, or until the lease is given up.
    """

    folder: Path
    watch: Watch
    done: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        descriptor = self._lease()
        try:
            while self._is_opened(descriptor):
                with self.watch.lock:
                    killed = self.watch.arrives(ORDER)
                    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
                    if killed:
                        break
                    self._until_replaced(descriptor)
                    self.watch.answered()
                    os.close(descriptor)
                    descriptor = self._lease()
        finally:
            os.close(descriptor)
            (self.folder / f"{ORDER}.new").unlink(missing_ok=True)

    def _is_opened(self, descriptor: int) -> bool:
        while fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_WRLCK:
            if self.done.wait(0.002):
                return False
        return True

    def _lease(self) -> int:
        descriptor = os.open(self.folder / f"{ORDER}.new", os.O_RDWR | os.O_CREAT, 0o600)
        # Said by a signal that does nothing unless somebody asks for it; this side looks.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return descriptor

    def _until_replaced(self, descriptor: int) -> None:
        order = self.folder / ORDER
        deadline = time.monotonic() + DEADLINE
        while not (order.exists() and order.stat().st_ino == os.fstat(descriptor).st_ino):
            assert time.monotonic() < deadline, "the order was never written"
            time.sleep(0.001)


def _replace(file: Path, content: bytes) -> None:
    beside = file.with_name(f"{file.name}.wire")
    beside.write_bytes(content)
    beside.replace(file)
