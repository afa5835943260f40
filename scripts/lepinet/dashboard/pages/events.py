"""What happens, told to open pages one notice after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from http import HTTPStatus

from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard.place import site_of, visitor_of

_PING = 15
"""Seconds after which something is sent when nothing happens: proxies close what is silent."""


async def follow(request: Request) -> Response:
    live, number = site_of(request).live, visitor_of(request).number
    if not live.has_room(number):
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "Too many pages follow what happens.")
    since = 0.0
    with suppress(ValueError):
        since = float(request.query_params.get("made", ""))

    async def events() -> AsyncIterator[dict[str, str]]:
        async with aclosing(live.follow(number, since)) as notices:
            async for notice in notices:
                yield {"data": notice}

    return EventSourceResponse(events(), ping=_PING)


ROUTES = (Route("/events", follow),)
