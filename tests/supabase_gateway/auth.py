"""The part of Supabase Auth that pages and scripts need: sign in by password, go on, sign out; users for their owner.

A token and its refresh token end apart, as there: who signs out has a token that counts until its time is over.

https://github.com/supabase/auth/blob/master/openapi.yaml
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from supabase_gateway import tokens
from supabase_gateway.errors import Refused
from supabase_gateway.project import Project, User


def auth(project: Project) -> Starlette:
    users = _Users(project)
    return Starlette(
        routes=[
            Route("/token", users.token, methods=["POST"]),
            Route("/logout", users.logout, methods=["POST"]),
            Route("/admin/users", users.listed, methods=["GET"]),
            Route("/admin/users/{id}", users.update, methods=["PUT"]),
            Route("/.well-known/jwks.json", _keys, methods=["GET"]),
        ]
    )


@dataclass
class _Users:
    """A project's users, as long as it is online."""

    project: Project
    known: dict[str, User] = field(default_factory=dict)
    refreshing: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Session and e-mail by refresh token; each counts once."""

    def __post_init__(self) -> None:
        self.known = {str(user.id): user for user in self.project.users}

    async def token(self, request: Request) -> Response:
        kind = request.query_params.get("grant_type", "")
        try:
            said = json.loads(await request.body())
            if kind == "password":
                return self._signed_in(said["email"], said["password"])
            if kind == "refresh_token":
                return self._renewed(said["refresh_token"])
        except (ValueError, KeyError, TypeError):
            return _refused(400, "bad_json", "Could not parse request body as JSON")
        return _refused(400, "unsupported_grant_type", f"this gateway has no grant type {kind}")

    async def logout(self, request: Request) -> Response:
        claims = self._claims(request)
        if claims is None:
            return _refused(401, "no_authorization", "This endpoint requires a valid Bearer token")
        if request.query_params.get("scope", "global") != "local":
            return _refused(400, "validation_failed", "this gateway ends one session at a time")
        session = claims.get("session_id")
        self.refreshing = {key: one for key, one in self.refreshing.items() if one[0] != session}
        return Response(status_code=204)

    async def listed(self, request: Request) -> Response:
        if not self._is_owner(request):
            return _refused(403, "not_admin", "User not allowed")
        asked = request.query_params
        page, size = int(asked.get("page", 1)), int(asked.get("per_page", 50))
        found = [user for user in self.known.values() if asked.get("filter", "") in user.email]
        shown = found[(page - 1) * size : page * size]
        users = [self._described(user) for user in shown]
        return JSONResponse({"users": users, "aud": "authenticated"}, headers={"X-Total-Count": str(len(found))})

    async def update(self, request: Request) -> Response:
        if not self._is_owner(request):
            return _refused(403, "not_admin", "User not allowed")
        user = self.known.get(request.path_params["id"])
        if user is None:
            return _refused(404, "user_not_found", "User not found")
        asked = json.loads(await request.body())
        metadata = {**user.app_metadata, **asked.get("app_metadata", {})}
        changed = replace(user, app_metadata={key: value for key, value in metadata.items() if value is not None})
        self.known[str(user.id)] = changed
        return JSONResponse(self._described(changed))

    def _signed_in(self, email: str, password: str) -> Response:
        user = next((one for one in self.known.values() if (one.email, one.password) == (email, password)), None)
        if user is None:
            return _refused(400, "invalid_credentials", "Invalid login credentials")
        return self._session(user, uuid4().hex)

    def _renewed(self, refresh_token: str) -> Response:
        session, email = self.refreshing.pop(refresh_token, ("", ""))
        user = next((one for one in self.known.values() if one.email == email), None)
        if user is None:
            return _refused(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        return self._session(user, session)

    def _session(self, user: User, session: str) -> Response:
        refresh_token = uuid4().hex
        self.refreshing[refresh_token] = (session, user.email)
        seconds = self.project.session
        return JSONResponse(
            {
                "access_token": self.project.user_token(user, seconds=seconds, session=session),
                "token_type": "bearer",
                "expires_in": seconds,
                "expires_at": int(self.project.clock()) + seconds,
                "refresh_token": refresh_token,
                "user": self._described(user),
            }
        )

    def _described(self, user: User) -> dict[str, Any]:
        moment = datetime.fromtimestamp(self.project.clock(), UTC).isoformat()
        return {
            "id": str(user.id),
            "aud": "authenticated",
            "role": "authenticated",
            "email": user.email,
            "app_metadata": dict(user.app_metadata),
            "user_metadata": dict(user.user_metadata),
            "created_at": moment,
            "updated_at": moment,
        }

    def _claims(self, request: Request) -> dict[str, Any] | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            return tokens.read(token, self.project.secret, self.project.clock())
        except Refused:
            return None

    def _is_owner(self, request: Request) -> bool:
        return (self._claims(request) or {}).get("role") == "service_role"


async def _keys(_: Request) -> Response:
    """None: a secret that is shared is not published."""
    return JSONResponse({"keys": []})


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": status, "error_code": code, "msg": message}, status)
