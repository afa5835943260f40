"""What surrounds each request: the headers of its answer, what nobody foresaw, and who may pass."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from urllib.parse import quote
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lepinet.dashboard.doors import entry_of
from lepinet.dashboard.place import Site, Visitor, visitor_of
from lepinet.dashboard.sessions import is_number, new_number

SIGN_IN, SIGN_OUT, STATIC = "/sign-in", "/sign-out", "/static/"
ENDED = "ended"
"""In the address of the sign-in form: a form was sent, and the session was over."""
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # With no-referrer a browser would send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_YEAR = 365 * 24 * 3600


class Protected:
    """Each answer with the headers that keep a browser strict; what nobody foresaw, written down with its number."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._say = site.say
        self._headers = dict(_HEADERS)
        if site.address.encrypted:
            self._headers["Strict-Transport-Security"] = f"max-age={_YEAR}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = uuid4().hex[:12]
        scope.setdefault("state", {})["number"] = number

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers["X-Request-Id"] = number
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:  # noqa: BLE001 -- answered already by the app; whatever it is, the next one must be too
            for line in (f"request {number} failed:", *traceback.format_exc().splitlines()):
                self._say(line)


class Gate:
    """Lets those pass who have come in, and shows the others the door.

    A page that begins or ends a session gives the request another visitor; the browser then gets that one's number.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site
        # With `__Host-` a browser takes it from this very host alone, and over an encrypted way.
        self._cookie = "__Host-lepinet" if site.address.encrypted else "lepinet"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.url.path.startswith(STATIC):
            await self._app(scope, receive, send)
            return
        held = request.cookies.get(self._cookie, "")
        uses = not _by_itself(request)
        entry = await run_in_threadpool(entry_of, self._site.door, self._site.sessions, held, uses=uses)
        request.state.visitor = Visitor(held if is_number(held) else new_number(), entry)

        async def sending(message: Message) -> None:
            number = visitor_of(request).number
            if message["type"] == "http.response.start" and number != held:
                MutableHeaders(scope=message).append("Set-Cookie", self._holding(number))
            await send(message)

        app = self._app if entry or request.url.path == SIGN_IN else _shown_the_door(request, knew=is_number(held))
        await app(scope, receive, sending)

    def _holding(self, number: str) -> str:
        """Until the browser is closed, out of reach of scripts and of other sites."""
        response = Response()
        response.set_cookie(
            self._cookie, number, path="/", secure=self._site.address.encrypted, httponly=True, samesite="lax"
        )
        return response.headers["Set-Cookie"]


def _by_itself(request: Request) -> bool:
    """Sent by a page that lies open, perhaps before nobody; its scripts and its templates say so."""
    return "X-By-Itself" in request.headers or _follows(request)


def _follows(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("Accept", "")


def _shown_the_door(request: Request, *, knew: bool) -> Response:
    """On to the form to sign in; `knew`: the browser has been here before."""
    if "HX-Request" in request.headers or _follows(request):
        return PlainTextResponse("Sign in again.", HTTPStatus.UNAUTHORIZED, {"HX-Redirect": SIGN_IN})
    looks = request.method in {"GET", "HEAD"}
    if not looks and (not knew or request.url.path == SIGN_OUT):
        return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    ended = "" if looks else f"{ENDED}&"
    return RedirectResponse(f"{SIGN_IN}?{ended}next={quote(back, safe='')}", HTTPStatus.SEE_OTHER)
