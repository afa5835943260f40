"""What a call of a Supabase project may be answered with when something is wrong there or on the way."""

from __future__ import annotations

import json
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

from reconcile.supabase_wire import Answers

PAUSED_PAGE = "<!DOCTYPE html><html><head><title>Project paused</title></head><body>Restore it?</body></html>"
_JSON = "application/json; charset=utf-8"


def answer(status: int, content: object, **headers: str) -> Answers:
    """A whole answer: an object as JSON, text as a page."""
    kind, body = ("text/html", content) if isinstance(content, str) else (_JSON, json.dumps(content))

    def write(handler: BaseHTTPRequestHandler) -> None:
        _begin(handler, status, {"Content-Type": kind, **headers}, len(body.encode()))
        handler.wfile.write(body.encode())

    return write


def refusal(status: int, code: str | None, message: str, hint: str | None = None) -> Answers:
    """An error in PostgREST's form; without a code, in that of the gateway before it."""
    said = {"message": message, "hint": hint}
    return answer(status, said if code is None else {"code": code, "details": None, **said})


def silence(handler: BaseHTTPRequestHandler) -> None:
    """Nothing, until the other side has enough."""
    _until_hung_up(handler)


def half(handler: BaseHTTPRequestHandler) -> None:
    """The beginning of an answer, then nothing until the other side has enough."""
    _begin(handler, 200, {"Content-Type": _JSON}, 1000)
    handler.wfile.write(b'{"id": ')
    handler.wfile.flush()
    _until_hung_up(handler)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """The beginning of an answer, then the end of the connection."""
    _begin(handler, 200, {"Content-Type": _JSON}, 1000)
    handler.wfile.write(b'{"id": ')


def _begin(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], size: int) -> None:
    handler.send_response(status)
    for name, value in {**headers, "Content-Length": str(size), "Connection": "close"}.items():
        handler.send_header(name, value)
    handler.end_headers()


def _until_hung_up(handler: BaseHTTPRequestHandler) -> None:
    with suppress(OSError):
        while handler.connection.recv(1):
            pass
