"""Around the app: each request gets an id, is measured, and leaves a line in the log, with what nobody foresaw."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Set as AbstractSet
from typing import cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lepinet.serving.log import Handling, Log
from lepinet.serving.metrics import Metrics
from lepinet.serving.refusal import ErrorKind

REQUEST_ID = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OTHER = "other"
"""Addresses that are none: a name for all, else whoever asks for many of them fills the metrics."""


class Observed:
    """The app and what is told of it."""

    def __init__(self, app: ASGIApp, routes: AbstractSet[str], log: Log, metrics: Metrics) -> None:
        self._app = app
        self._routes = routes
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        handled = Handling(_id(Headers(scope=scope)), scope["method"], scope["path"])
        scope["lepinet.handling"] = handled

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                handled.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = handled.id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, answering)
        except Exception as error:  # noqa: BLE001 - answered by the app already; whatever it is, the server goes on
            handled.error = ErrorKind.INTERNAL
            self._log.failure(handled, error)
        finally:
            handled.seconds = time.perf_counter() - begun
            self._metrics.request(handled.path if handled.path in self._routes else _OTHER, handled)
            self._log.request(handled)


def handling(scope: Scope) -> Handling:
    """What is known of the request that is being handled."""
    return cast("Handling", scope["lepinet.handling"])


def _id(headers: Headers) -> str:
    """The sender's own, where it can stand in a log and in a header as it is; else one of ours."""
    given = headers.get(REQUEST_ID, "")
    return given if _SANE.fullmatch(given) else secrets.token_hex(16)
