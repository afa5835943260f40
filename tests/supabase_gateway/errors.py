"""PostgREST's refusals: its codes, its statuses, and what it makes of PostgreSQL's errors.

https://docs.postgrest.org/en/v14/references/errors.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from starlette.responses import JSONResponse

_EXACT = {
    "21000": 500,
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
}
_BY_CLASS = {"08": 503, "0L": 403, "0P": 403, "28": 403, "53": 503} | dict.fromkeys(
    ["09", "25", "2D", "38", "39", "3B", "40", "54", "55", "57", "58", "F0", "HV", "P0", "XX"], 500
)


class Refused(Exception):  # noqa: N818 -- an answer like any other
    """A request is answered with an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body = {"code": code, "details": details, "hint": hint, "message": message}
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        headers = {"Proxy-Status": f"PostgREST; error={self.code}", **self.headers}
        return JSONResponse(self.body, self.status, headers, media_type="application/json; charset=utf-8")


def not_implemented(feature: str) -> Refused:
    """PostgREST has it and this gateway has not."""
    return Refused(400, "PGRST127", "Feature not implemented", details=feature)


def of_database(error: psycopg.Error, *, anonymous: bool) -> Refused:
    """What PostgREST makes of an error inside of its transaction."""
    if error.sqlstate is None:
        return Refused(503, "PGRST001", "Database client error. Retrying the connection.", details=str(error))
    said = error.diag
    message = said.message_primary or ""
    status = _status(error.sqlstate, message, anonymous=anonymous)
    return Refused(
        status,
        error.sqlstate,
        message,
        details=said.message_detail,
        hint=said.message_hint,
        headers={"WWW-Authenticate": "Bearer"} if status == 401 else {},
    )


def _status(state: str, message: str, *, anonymous: bool) -> int:
    if own := re.fullmatch(r"PT(\d{3})", state):
        return int(own[1])
    if state == "42501":
        return 401 if anonymous else 403
    if state == "21000" and message.endswith("requires a WHERE clause"):
        return 400
    if state == "22023" and re.fullmatch(r"role .* does not exist", message):
        return 401
    return _EXACT.get(state) or _BY_CLASS.get(state[:2], 400)
