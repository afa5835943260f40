"""Forms that change something: from this dashboard's own pages alone, no larger and no slower than they may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Final, TypeAlias

from anyio import from_thread, to_thread
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive

from lepinet.dashboard.place import place_of, site_of, visitor_of
from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.workflow.requested import Requested

Handled: TypeAlias = Callable[[Request, FormData], Response]
Again: TypeAlias = Callable[[Request, FormData, LepinetError], Response]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

IN_OTHER_WORDS: Final = "in-other-words"
"""In the address of a change's page: it was asked for before, with another reason."""
_SMALL = 64 << 10
"""Bytes of a form without files."""
_SLOWEST = 64 << 10
"""Bytes a second of a form with files; a phone at the edge of its network sends more."""
_AT_ONCE = 30
"""Of one form; each holds what was sent until its turn in a thread has come."""


class StaleError(RefusedError):
    """A form of ours, from a page that somebody opened before the session of today began."""


def posted(
    handle: Handled,
    again: Again | None = None,
    *,
    at_most: int = _SMALL,
    at_once: int = _AT_ONCE,
    asks_registry: bool = True,
) -> Endpoint:
    """The endpoint of a form: `handle` gets it, in a thread, when it comes from a page of ours.

    Args:
        handle: what to do with the form.
        again: shows it once more with what was typed, and with why it was not taken; it does nothing else.
        at_most: bytes of the whole form, files included.
        at_once: how many are handled at a time; the next one is refused.
        asks_registry: or GitHub, as pages do, in whose threads it waits.
    """
    turns = asyncio.Semaphore(at_once)

    async def endpoint(request: Request) -> Response:
        _require_own(request)
        _require_utf8(request)
        async with _arrived(request, at_most) as form:
            is_current = _has_token(request, form)
            if turns.locked():
                raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "Try again in a minute.")
            async with turns:
                limiter = site_of(request).reading if asks_registry else None
                if is_current:
                    return await to_thread.run_sync(handle, request, form, limiter=limiter)
                if again is None:
                    raise _not_ours()
                why = _stale(photos=at_most > _SMALL)
                return await to_thread.run_sync(again, request, form, why, limiter=limiter)

    return endpoint


def said_in(form: FormData) -> dict[str, str]:
    """What was typed or chosen in a form, by its fields; without its files."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def status_of(why: LepinetError | None) -> HTTPStatus:
    """Of a form that is shown again, with why it was not taken; None: it is shown for the first time."""
    if why is None:
        return HTTPStatus.OK
    if isinstance(why, OutsideError):
        return HTTPStatus.BAD_GATEWAY
    if isinstance(why, StaleError):
        return HTTPStatus.FORBIDDEN
    return HTTPStatus.CONFLICT if isinstance(why, RefusedError) else HTTPStatus.UNPROCESSABLE_ENTITY


def followed(request: Request, made: Requested) -> Response:
    """On to the page that follows a change, which says so where somebody else's words stand in it; lists name it."""
    site, listing = site_of(request), place_of(request).listing
    if site.aside:
        site.aside.forget(listing)
    # GitHub does not tell of a pull request.
    from_thread.run_sync(site.live.tell, "changes")
    query = f"?{IN_OTHER_WORDS}" if made.in_other_words else ""
    return RedirectResponse(f"/changes/{made.key}{query}", HTTPStatus.SEE_OTHER)


def _require_own(request: Request) -> None:
    """What a browser says of the page that sends the form; other programs say nothing, and need the token as well."""
    headers, address = request.headers, site_of(request).address
    origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    foreign = origin is not None and not address.is_own(origin, headers.get("Host", ""))
    if foreign or site not in {None, "same-origin"}:
        raise _not_ours()


def _require_utf8(request: Request) -> None:
    """As browsers send it: other charsets can decode to nothing, or to what is no text."""
    _, said = parse_options_header(request.headers.get("Content-Type"))
    if said.get(b"charset", b"utf-8").lower() != b"utf-8":
        raise HTTPException(HTTPStatus.BAD_REQUEST, "This form is not in UTF-8.")


def _has_token(request: Request, form: FormData) -> bool:
    """Whether it carries the token of this session; False: one of a session that is over.

    Raises:
        HTTPException: 403, it carries none.
    """
    token = request.headers.get("X-CSRF-Token") or form.get("csrf_token")
    if not isinstance(token, str):
        raise _not_ours()
    return site_of(request).sessions.is_csrf_token(token, visitor_of(request).number)


def _not_ours() -> HTTPException:
    why = "This form does not come from a page that you have open here. Open the page again, and send it from there."
    return HTTPException(HTTPStatus.FORBIDDEN, why)


def _stale(*, photos: bool) -> StaleError:
    return StaleError(
        "nothing was done: since this page was opened, the dashboard was started again or the session has ended",
        todo=f"look it over{', choose the photos again' if photos else ''} and send it once more",
    )


@asynccontextmanager
async def _arrived(request: Request, at_most: int) -> AsyncIterator[FormData]:
    """The form; its files are gone when the context ends."""
    limited = Request(request.scope, _limited(request.receive, at_most))
    seconds = site_of(request).timings.form + (at_most - _SMALL) / _SLOWEST
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(seconds):
                form = await stack.enter_async_context(limited.form(max_files=100, max_fields=100))
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, f"It did not arrive within {seconds:.0f} seconds."
            ) from None
        yield form


def _limited(receive: Receive, at_most: int) -> Receive:
    """The same messages, until the body is larger than it may be: a header can lie about it, or be absent."""
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > at_most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {_size(at_most)} can be sent at once.")
        return message

    return limited


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} kB"
