"""Signing in to a Supabase project as one of its users, who may do what `app_metadata.role` says and no more.

https://github.com/supabase/auth#post-tokengrant_typepassword
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from pydantic import BaseModel, ValidationError

from lepinet.errors import OutsideError
from lepinet.registry.project import Project, User

_PATH: Final = "/auth/v1/token"
_SPARE: Final = 60
"""Seconds before its end from which on a session is not used any more: a call may take some of them."""


@dataclass(frozen=True)
class SignedIn:
    """What a signed-in user's calls carry, and until when."""

    token: str = field(repr=False)
    ends: float
    """By `time.monotonic`."""
    refresh_token: str = field(repr=False, default="")
    """Signs in once more, without the password."""
    role: str | None = None
    """What the user's `app_metadata` says, which nobody but the project's owner writes."""

    @property
    def over(self) -> bool:
        return time.monotonic() > self.ends - _SPARE


class _User(BaseModel):
    app_metadata: dict[str, Any] = {}


class _Answer(BaseModel):
    access_token: str
    expires_in: float
    refresh_token: str = ""
    user: _User = _User()


def is_sign_in(request: httpx.Request) -> bool:
    """Whether it changes nothing in the registry."""
    return request.url.path == _PATH


def sign_in(http: httpx.Client, project: Project, user: User) -> SignedIn:
    """Sign in by password; what the client makes of a refusal is the client's.

    Raises:
        OutsideError: the answer is none that this LepiNet can read.
        httpx.RequestError: there was no answer.
    """
    return _session(http, project, "password", {"email": user.email, "password": user.password})


def renew(http: httpx.Client, project: Project, signed_in: SignedIn) -> SignedIn:
    """Go on being signed in; errors as `sign_in`. The refresh token has done its work then."""
    return _session(http, project, "refresh_token", {"refresh_token": signed_in.refresh_token})


def sign_out(http: httpx.Client, project: Project, signed_in: SignedIn) -> None:
    """End this session alone: its refresh token is worth nothing from now on, its token when its time is over."""
    http.post(
        f"{project.url.rstrip('/')}/auth/v1/logout",
        params={"scope": "local"},
        headers={"apikey": project.key, "Authorization": f"Bearer {signed_in.token}"},
    )


def _session(http: httpx.Client, project: Project, grant: str, proof: dict[str, str]) -> SignedIn:
    answer = http.post(
        f"{project.url.rstrip('/')}{_PATH}",
        params={"grant_type": grant},
        headers={"apikey": project.key},
        json=proof,
    )
    try:
        said = _Answer.model_validate_json(answer.content)
    except ValidationError:
        raise OutsideError(
            "the project's sign-in answers what this LepiNet cannot read",
            where=project.host,
            todo="is SUPABASE_URL the project's? A newer LepiNet may read it",
        ) from None
    role = said.user.app_metadata.get("role")
    return SignedIn(
        said.access_token,
        time.monotonic() + said.expires_in,
        said.refresh_token,
        role if isinstance(role, str) else None,
    )
