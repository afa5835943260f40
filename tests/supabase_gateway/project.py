"""A Supabase project as its owner sees it: keys of both kinds, and users."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from supabase_gateway import tokens

REFERENCE = "abcdefghijklmnopqrst"
"""What a project is called in its URL and its keys of the old kind."""
_YEAR = 365 * 24 * 3600
_NAMESPACE = UUID(int=5)


@dataclass(frozen=True)
class User:
    email: str
    password: str = field(repr=False)
    app_metadata: Mapping[str, Any] = field(default_factory=dict)
    """Written by the project's owner alone."""
    user_metadata: Mapping[str, Any] = field(default_factory=dict)
    """Written by the user."""

    @property
    def id(self) -> UUID:
        return uuid5(_NAMESPACE, self.email)


@dataclass(frozen=True)
class Project:
    """One project.

    Args:
        url: connection string of its database, for the role `authenticator`.
        users: who can sign in.
        max_rows: no answer has more.
        session: how many seconds a user is signed in.
        legacy_keys: the keys of the old kind have not been disabled.
        clock: what the project takes for the time, in seconds since the epoch.
    """

    url: str = field(repr=False)
    users: tuple[User, ...] = ()
    max_rows: int = 1000
    session: int = 3600
    legacy_keys: bool = True
    clock: Callable[[], float] = time.time
    secret: str = field(repr=False, default="a-secret-of-this-project-with-enough-letters")
    publishable_key: str = field(repr=False, default="sb_publishable_N0bodyMindsWhoKnowsThis_0")
    secret_key: str = field(repr=False, default="sb_secret_OnlyServersMayKnowThisOne_1")

    @property
    def anon_key(self) -> str:
        return self.api_token("anon")

    @property
    def service_key(self) -> str:
        return self.api_token("service_role")

    def api_token(self, role: str) -> str:
        """A key of the old kind: a token without a user, for ten years."""
        begun = int(self.clock()) // _YEAR * _YEAR
        claims = {"iss": "supabase", "ref": REFERENCE, "role": role, "iat": begun, "exp": begun + 10 * _YEAR}
        return tokens.sign(claims, self.secret)

    def user_token(self, user: User, *, seconds: int = 3600, session: str = "") -> str:
        """What a signed-in user's requests carry."""
        now = int(self.clock())
        claims = {
            "iss": f"https://{REFERENCE}.supabase.co/auth/v1",
            "aud": "authenticated",
            "role": "authenticated",
            "sub": str(user.id),
            "email": user.email,
            "session_id": session,
            "app_metadata": dict(user.app_metadata),
            "user_metadata": dict(user.user_metadata),
            "iat": now,
            "exp": now + seconds,
        }
        return tokens.sign(claims, self.secret)
