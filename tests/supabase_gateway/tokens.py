"""Tokens as a project of the old kind signs and reads them: HS256, with the secret that all of it shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
from jwt.types import Options

from supabase_gateway.errors import Refused

SKEW = 30
"""Seconds by which the clocks of two machines may differ."""


_SIGNATURE_ALONE: Options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
"""PostgREST has its own words for the rest."""


def sign(claims: Mapping[str, Any], secret: str) -> str:
    return jwt.encode(dict(claims), secret, "HS256")


def read(token: str, secret: str, now: float) -> dict[str, Any]:
    """The claims of a token that is signed and in its time.

    Raises:
        Refused: as PostgREST does, without asking the database.
    """
    if token.count(".") != 2:
        raise _invalid("PGRST301", f"Expected 3 parts in JWT; got {token.count('.') + 1}")
    try:
        claims: dict[str, Any] = jwt.decode(token, secret, ["HS256"], _SIGNATURE_ALONE)
    except jwt.InvalidTokenError:
        raise _invalid(
            "PGRST301", "No suitable key or wrong key type", "None of the keys was able to decode the JWT"
        ) from None
    for name in ("exp", "nbf", "iat"):
        if name in claims and not isinstance(claims[name], int | float):
            raise _invalid("PGRST303", f"The JWT '{name}' claim must be a number")
    if claims.get("exp", now) < now - SKEW:
        raise _invalid("PGRST303", "JWT expired")
    if claims.get("nbf", now) > now + SKEW:
        raise _invalid("PGRST303", "JWT not yet valid")
    if claims.get("iat", now) > now + SKEW:
        raise _invalid("PGRST303", "JWT issued at future")
    return claims


def _invalid(code: str, message: str, details: str | None = None) -> Refused:
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    return Refused(401, code, message, details=details, headers={"WWW-Authenticate": challenge})
