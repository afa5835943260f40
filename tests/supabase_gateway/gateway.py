"""A Supabase project on loopback: the gateway that looks at API keys, and behind it the database's API and Auth.

https://supabase.com/docs/guides/api/api-keys
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from supabase_gateway.auth import auth
from supabase_gateway.project import Project
from supabase_gateway.rest import Rest


@contextmanager
def project_online(project: Project) -> Iterator[str]:
    """The URL of a project, as long as the context lasts."""
    with closing(Rest(project.url, project.secret, project.max_rows, project.clock)) as rest:
        behind = Starlette(routes=[Mount("/rest/v1", rest.app()), Mount("/auth/v1", auth(project))])
        with serving(Gateway(project, behind)) as url:
            yield url


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The URL at which an app answers, as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Of a socket that it has not made itself asyncio does not know that this would help.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Gateway:
    """Lets requests with one of the project's keys pass, with a token that the parts behind it understand."""

    def __init__(self, project: Project, behind: ASGIApp) -> None:
        self._behind = behind
        self._legacy_keys = project.legacy_keys
        self._roles = {project.anon_key: "anon", project.service_key: "service_role"}
        self._tokens = {
            project.publishable_key: project.api_token("anon"),
            project.secret_key: project.api_token("service_role"),
        }
        self._secret_key = project.secret_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refuses(Request(scope))
        if refused is not None:
            await refused(scope, receive, send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        if (passed := self._authorization(headers)) is not None:
            headers["Authorization"] = passed
        await self._behind({**scope, "headers": headers.raw}, receive, send)

    def _refuses(self, request: Request) -> JSONResponse | None:
        key = request.headers.get("apikey")
        if not key:
            return _unauthorized("No API key found in request", "No `apikey` request header was found.")
        if key in self._roles:
            if self._legacy_keys:
                return None
            return _unauthorized(
                "Legacy API keys are disabled",
                "Your legacy API keys (anon, service_role) were disabled. Re-enable them in the Supabase dashboard, or"
                " use the new publishable and secret API keys.",
            )
        if key not in self._tokens:
            return _unauthorized("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")
        if key == self._secret_key and request.headers.get("user-agent", "").startswith("Mozilla/"):
            return _unauthorized("Forbidden use of secret API key in browser", "Secret API keys are for servers.")
        token = request.headers.get("authorization", "").partition(" ")[2]
        if token.startswith("sb_") and token != key:
            return _unauthorized("Invalid API key", "A key that is no token is no Authorization either.")
        return None

    def _authorization(self, headers: Headers) -> str | None:
        """A key of the new kind is no token: where it stands for one, or none is sent, the gateway puts it there."""
        key = headers.get("apikey", "")
        sent = headers.get("authorization", "").partition(" ")[2]
        return f"Bearer {self._tokens[key]}" if key in self._tokens and sent in {"", key} else None


def _unauthorized(message: str, hint: str) -> JSONResponse:
    return JSONResponse({"message": message, "hint": hint}, 401)
