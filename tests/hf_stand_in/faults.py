"""What may go wrong between the Hub and who asks it: each takes the right answer and sends something else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from hf_stand_in.answers import Reply

if TYPE_CHECKING:
    from hf_stand_in.server import Sender

Fault = Callable[["Sender", Reply], None]


def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
    return lambda handler, _: handler.send(Reply(code, body, dict(headers or {})))


def hang(handler: Sender, _: Reply) -> None:
    handler.close_connection = True
    handler.ending.wait()


def cut(after: int) -> Fault:
    """The right answer, whose connection ends after so many bytes of its body."""

    def fault(handler: Sender, reply: Reply) -> None:
        handler.close_connection = True
        handler.send_head(reply)
        handler.wfile.write(reply.body[:after])

    return fault


def hang_up(handler: Sender, _: Reply) -> None:
    handler.close_connection = True


def wrong_bytes(handler: Sender, reply: Reply) -> None:
    """As many as there should be."""
    handler.send(Reply(reply.status, bytes(byte ^ 1 for byte in reply.body), reply.headers))


def html(handler: Sender, _: Reply) -> None:
    """The page of a proxy that wants somebody to sign in."""
    handler.send(Reply(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"}))


def flood(handler: Sender, reply: Reply) -> None:
    """A body without end."""
    handler.close_connection = True
    handler.send_head(reply, length=None)
    while not handler.ending.is_set():
        handler.wfile.write(bytes(1 << 16))


def endless_error(handler: Sender, _: Reply) -> None:
    """A refusal whose body does not end."""
    flood(handler, Reply(404, b"", {"Content-Type": "application/json"}))


def drip(handler: Sender, reply: Reply) -> None:
    """A byte now and then, so that no single read ever waits long."""
    handler.close_connection = True
    handler.send_head(reply)
    for byte in reply.body:
        if handler.ending.wait(0.02):
            break
        handler.wfile.write(bytes([byte]))


def drip_head(handler: Sender, reply: Reply) -> None:
    """The same before there is a status to be read whole."""
    handler.close_connection = True
    for byte in f"HTTP/1.1 {reply.status} OK\r\nX-Padding: {'x' * 10_000}".encode():
        if handler.ending.wait(0.02):
            break
        handler.wfile.write(bytes([byte]))


def gzip_bomb(handler: Sender, reply: Reply) -> None:
    """A GiB of nothing, in a MiB."""
    handler.send(Reply(200, _bomb(), {**reply.headers, "Content-Encoding": "gzip"}))


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(1 << 24), 9) * 64


def altered(change: Callable[[Any], Any]) -> Fault:
    """The right JSON, changed."""

    def fault(handler: Sender, reply: Reply) -> None:
        handler.send(Reply(reply.status, json.dumps(change(json.loads(reply.body))).encode(), reply.headers))

    return fault
