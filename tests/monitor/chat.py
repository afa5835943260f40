"""A chat's webhook on loopback, which keeps what is posted to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from loopback import running

SECRET = "canary-of-the-webhook"  # noqa: S105 -- of the stand-in, to be looked for where it must not be


@dataclass
class Chat:
    """A channel."""

    base: str = ""
    posted: list[Any] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers for the next posts, in this order; then all are taken."""

    @property
    def slack(self) -> str:
        return f"{self.base}/services/T0/B0/{SECRET}"

    @property
    def discord(self) -> str:
        return f"{self.base}/api/webhooks/1/{SECRET}"

    @property
    def texts(self) -> list[str]:
        return [body.get("text") or body["content"] for body in self.posted]


@contextmanager
def chat() -> Iterator[Chat]:
    """The channel, open."""
    channel = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, headers = channel.answers.pop(0) if channel.answers else (200, {})
            if status == 200:
                channel.posted.append(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        channel.base = f"http://127.0.0.1:{server.server_port}"
        yield channel
