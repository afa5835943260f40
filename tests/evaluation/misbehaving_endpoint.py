"""An HTTP server on this machine that does to each request what it was told, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any, ClassVar

from loopback import running

PATIENCE = 20
"""Seconds after which the server stops waiting for requests that a test expects at the same time."""


@dataclass(frozen=True)
class Request:
    """One that came in."""

    at: float
    """By the monotonic clock."""
    path: str
    authorization: str | None
    headers: Message
    body: bytes
    parts: list[Message]
    """Of its multipart form; none where it is another kind of request."""

    @property
    def photo(self) -> bytes:
        (part,) = self.parts
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        return content


class Handler(BaseHTTPRequestHandler):
    """Reads a form and does the next of the server's deeds."""

    protocol_version = "HTTP/1.1"
    endpoint: ClassVar[Endpoint]

    def do_POST(self) -> None:  # http.server calls it so
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = BytesParser(policy=HTTP).parsebytes(head + body)
        parts: list[Message] = list(form.iter_parts()) if form.is_multipart() else []
        request = Request(time.monotonic(), self.path, self.headers["Authorization"], self.headers, body, parts)
        with self.endpoint.asked(request) as deed, contextlib.suppress(ConnectionError):
            deed(self)

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Deed = Callable[[Handler], None]


@dataclass
class Endpoint:
    """What the server shall do, and what was asked of it."""

    url: str
    deeds: list[Deed] = field(default_factory=list)
    """One for each request; the last for all that follow."""
    requests: list[Request] = field(default_factory=list)
    at_once: int = 0
    """Requests that were answered at the same time, at most."""
    ending: threading.Event = field(default_factory=threading.Event)
    _now: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextlib.contextmanager
    def asked(self, request: Request) -> Iterator[Deed]:
        with self._changed:
            self.requests.append(request)
            deed = self.deeds.pop(0) if len(self.deeds) > 1 else self.deeds[0]
            self._now += 1
            self.at_once = max(self.at_once, self._now)
            self._changed.notify_all()
        try:
            yield deed
        finally:
            with self._changed:
                self._now -= 1

    def wait_for(self, requests: int) -> None:
        """Until so many came in at the same time."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.at_once >= requests, PATIENCE)

    def pauses(self) -> list[float]:
        """Seconds between requests."""
        times = [request.at for request in self.requests]
        return [after - before for before, after in pairwise(times)]


@contextlib.contextmanager
def misbehaving_endpoint() -> Iterator[Endpoint]:
    class Own(Handler):
        pass

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Own)) as server:
        Own.endpoint = endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/predict")
        try:
            yield endpoint
        finally:
            endpoint.ending.set()


def right(predicted_id: str = "001", name: str = "Common Mormon", confidence: Any = 0.5, **more: Any) -> Deed:
    """An answer as the contract wants it, unless a test says otherwise."""
    value = {"predicted_id": predicted_id, "predicted_name": name, "confidence": confidence, **more}
    return status(200, json.dumps(value).encode(), Content_Type="application/json")


def status(code: int, body: bytes = b"", **headers: str) -> Deed:
    return lambda handler: handler.say(code, body, **headers)


def raw(data: bytes) -> Deed:
    """Whether it is HTTP or not; then hang up."""

    def deed(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(data)

    return deed


def hang(handler: Handler) -> None:
    handler.close_connection = True
    handler.endpoint.ending.wait()


def drip(handler: Handler) -> None:
    """A byte now and then, so that no single read ever waits long."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.endpoint.ending.wait(0.02):
        handler.wfile.write(b" ")


def flood(handler: Handler) -> None:
    """A body without end."""
    handler.close_connection = True
    handler.send_response(200)
    handler.end_headers()
    while not handler.endpoint.ending.is_set():
        handler.wfile.write(b" " * 65536)
