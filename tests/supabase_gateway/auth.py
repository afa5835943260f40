"""The part of Supabase Auth that a page or a script needs: sign in by password.

https://github.com/supabase/auth#post-tokengrant_typepassword
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from supabase_gateway.project import Project, User


def auth(project: Project) -> Starlette:
    users = {(user.email, user.password): user for user in project.users}

    async def token(request: Request) -> JSONResponse:
        kind = request.query_params.get("grant_type", "")
        if kind != "password":
            return _refused("unsupported_grant_type", f"this gateway signs in by password, not by {kind}")
        try:
            said = json.loads(await request.body())
            user = users.get((said["email"], said["password"]))
        except (ValueError, KeyError, TypeError):
            return _refused("bad_json", "Could not parse request body as JSON")
        if user is None:
            return _refused("invalid_credentials", "Invalid login credentials")
        return JSONResponse(_session(project, user))

    async def keys(_: Request) -> JSONResponse:
        """None: a secret that is shared is not published."""
        return JSONResponse({"keys": []})

    return Starlette(
        routes=[Route("/token", token, methods=["POST"]), Route("/.well-known/jwks.json", keys, methods=["GET"])]
    )


def _session(project: Project, user: User) -> dict[str, Any]:
    now = project.clock()
    moment = datetime.fromtimestamp(now, UTC).isoformat()
    return {
        "access_token": project.user_token(user, seconds=project.session),
        "token_type": "bearer",
        "expires_in": project.session,
        "expires_at": int(now) + project.session,
        "refresh_token": uuid4().hex,
        "user": {
            "id": str(user.id),
            "aud": "authenticated",
            "role": "authenticated",
            "email": user.email,
            "app_metadata": dict(user.app_metadata),
            "user_metadata": dict(user.user_metadata),
            "created_at": moment,
            "updated_at": moment,
        },
    }


def _refused(code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": 400, "error_code": code, "msg": message}, 400)
