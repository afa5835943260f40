"""The app: every page behind the gate, every answer with its headers, every refusal as a page."""

from __future__ import annotations

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from lepinet.dashboard.guard import Gate, Protected
from lepinet.dashboard.pages import all_routes
from lepinet.dashboard.place import Site
from lepinet.dashboard.rendering import STATIC_FOLDERS, page, plain_page, read_templates
from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.report.wording import sentence

_TITLES = {
    HTTPStatus.FORBIDDEN: "This is not allowed",
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.METHOD_NOT_ALLOWED: "This page is only for looking",
    HTTPStatus.REQUEST_TIMEOUT: "This took too long",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "This is too large",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many at once",
}
_MISTYPED = "Its address may be mistyped, or what it showed is gone."


def create_app(site: Site) -> ASGIApp:
    """The dashboard of one repository."""
    read_templates()
    app = Starlette(
        routes=routes(),
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(site.address.hosts), www_redirect=False),
            Middleware(Gate, site=site),
        ],
        exception_handlers={
            HTTPException: _refused,
            LepinetError: _explained,
            ClientDisconnect: _to_nobody,
            Exception: _unforeseen,
        },
    )
    # Its redirect would name http, behind a proxy too.
    app.router.redirect_slashes = False
    app.state.site = site
    return Protected(app, site)


def routes() -> list[BaseRoute]:
    """All there is to ask for."""
    return [*all_routes(), Mount("/static", _Static(packages=list(STATIC_FOLDERS)))]


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if scope["query_string"]:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    if not hasattr(request.state, "visitor"):
        return PlainTextResponse(status.phrase, status, error.headers)
    missing = status is HTTPStatus.NOT_FOUND
    told = error.detail if error.detail != status.phrase else _MISTYPED if missing else ""
    title, lines = _TITLES.get(status, status.phrase), [sentence(line) for line in told.splitlines()]
    response = page(request, "refused.html", status, title=title, lines=lines, missing=missing)
    response.headers.update(error.headers or {})
    return response


async def _explained(request: Request, error: Exception) -> Response:
    """Our own errors, in their own words: they are written for whoever reads them."""
    if not isinstance(error, LepinetError):
        raise error
    if isinstance(error, OutsideError):
        title, status = "Something that this page needs does not answer", HTTPStatus.BAD_GATEWAY
    elif isinstance(error, RefusedError):
        title, status = "This cannot be shown", HTTPStatus.CONFLICT
    else:
        title, status = "Something is missing in the set-up", HTTPStatus.INTERNAL_SERVER_ERROR
    return page(request, "refused.html", status, title=title, lines=str(error).splitlines())


async def _unforeseen(request: Request, _: Exception) -> Response:
    why = f"It was written down under the number {request.state.number}: tell it to whoever runs this dashboard."
    return plain_page("Something went wrong here", (why,), HTTPStatus.INTERNAL_SERVER_ERROR)


async def _to_nobody(_: Request, __: Exception) -> Response:
    """A browser that hangs up is no failure of ours."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)
