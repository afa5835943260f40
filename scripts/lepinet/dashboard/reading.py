"""Pages that ask a registry or GitHub: they wait in threads of their own, so that nothing else waits with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from lepinet.dashboard.place import site_of


def reading(show: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of such a page; where too many wait, the next one waits for its turn."""

    async def endpoint(request: Request) -> Response:
        return await to_thread.run_sync(show, request, limiter=site_of(request).reading)

    return endpoint
