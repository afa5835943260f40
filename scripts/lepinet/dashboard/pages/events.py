"""What happens, told to open pages one notice after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from http import HTTPStatus

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lepinet.dashboard.live import Live
from lepinet.dashboard.place import site_of, visitor_of

_PING = 15
"""Seconds after which something is sent when nothing happens: proxies close what is silent."""


class _Follow:
    """Answers as long as the page is open, in a place that it takes before the answer begins."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        since = 0.0
        with suppress(ValueError):
            since = float(request.query_params.get("made", ""))
        live = site_of(request).live
        with live.place(visitor_of(request).number, since) as told:
            if told is None:
                # By which a browser knows that it need not try again; the page looks by the clock.
                await Response(status_code=HTTPStatus.NO_CONTENT)(scope, receive, send)
                return
            await EventSourceResponse(_events(live, told), ping=_PING)(scope, receive, send)


async def _events(live: Live, told: asyncio.Queue[str]) -> AsyncIterator[dict[str, str]]:
    async with aclosing(live.notices(told)) as notices:
        async for notice in notices:
            yield {"data": notice}


ROUTES = (Route("/events", _Follow(), methods=["GET"]),)
