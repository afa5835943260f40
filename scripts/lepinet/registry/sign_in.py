"""Signing in to a Supabase project as one of its users, who may do what `app_metadata.role` says and no more.

https://github.com/supabase/auth#post-tokengrant_typepassword
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import httpx
from pydantic import BaseModel, ValidationError

from lepinet.errors import OutsideError
from lepinet.registry.project import Project, User

_PATH: Final = "/auth/v1/token"
_SPARE: Final = 60
"""Seconds before its end from which on a session is not used any more: a call may take some of them."""


@dataclass(frozen=True)
class Session:
    """What a signed-in user's calls carry, and until when."""

    token: str
    ends: float
    """By `time.monotonic`."""

    @property
    def over(self) -> bool:
        return time.monotonic() > self.ends - _SPARE


class _Answer(BaseModel):
    access_token: str
    expires_in: float


def is_sign_in(request: httpx.Request) -> bool:
    """Whether it changes nothing in the registry."""
    return request.url.path == _PATH


def sign_in(http: httpx.Client, project: Project, user: User) -> Session:
    """Sign in by password.

    Raises:
        OutsideError: the answer is none that this LepiNet can read.
        httpx.RequestError: there was no answer.
    """
    answer = http.post(
        f"{project.url.rstrip('/')}{_PATH}",
        params={"grant_type": "password"},
        headers={"apikey": project.key},
        json={"email": user.email, "password": user.password},
    )
    try:
        said = _Answer.model_validate_json(answer.content)
    except ValidationError:
        raise OutsideError(
            "the project's sign-in answers what this LepiNet cannot read",
            where=project.host,
            todo="is SUPABASE_URL the project's? A newer LepiNet may read it",
        ) from None
    return Session(said.access_token, time.monotonic() + said.expires_in)
