"""A request, read: who asks, for what, and how the answer shall look."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from supabase_gateway.catalogue import SCHEMA
from supabase_gateway.errors import Refused, not_implemented

ANONYMOUS = "anon"
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]
OBJECT = "application/vnd.pgrst.object+json"
_JSON = {"", "*/*", "application/*", "application/json"}


@dataclass(frozen=True)
class Caller:
    """Whom a request comes from, by its token."""

    role: str
    claims: Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    caller: Caller
    method: str
    path: tuple[str, ...]
    parameters: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    single: bool
    """One object; any other number of rows is an error, and undoes what was written."""
    shows_rows: bool
    """What was written comes back."""

    def content(self, *, empty: Any = None) -> Any:
        """The body, read; `empty` is what no body means.

        Raises:
            Refused: it is no JSON, or its objects have different keys.
        """
        kind = self.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind != "application/json":
            raise Refused(400, "PGRST102", f"Content-Type not acceptable: {kind}")
        if not self.body and empty is not None:
            return empty
        try:
            content = json.loads(self.body)
        except ValueError:
            raise Refused(400, "PGRST102", "Empty or invalid json") from None
        if isinstance(content, list) and any(
            not isinstance(row, dict) or row.keys() != content[0].keys() for row in content
        ):
            raise Refused(400, "PGRST102", "All object keys must match")
        return content

    @property
    def text(self) -> str:
        return self.body.decode() or "{}"


def read(request: Request, caller: Caller, body: bytes) -> Asked:
    """Read what a request asks for.

    Raises:
        Refused: another schema, format or preference than there is here.
    """
    headers = request.headers
    profile = "Accept-Profile" if request.method in {"GET", "HEAD"} else "Content-Profile"
    if headers.get(profile, SCHEMA) != SCHEMA:
        raise Refused(
            406,
            "PGRST106",
            f"Invalid schema: {headers[profile]}",
            hint=f"Only the following schemas are exposed: {SCHEMA}",
        )
    if "Range" in headers:
        raise not_implemented("the header Range")
    return Asked(
        caller,
        request.method,
        tuple(str(request.path_params["path"]).split("/")),
        request.query_params.multi_items(),
        dict(headers),
        body,
        single=_wants_object(headers.get("Accept", "")),
        shows_rows=_wants_rows(headers.get("Prefer", "")),
    )


def _wants_object(accept: str) -> bool:
    kinds = [part.partition(";")[0].strip() for part in accept.split(",")]
    if OBJECT in kinds:
        return True
    if not _JSON.intersection(kinds):
        raise Refused(406, "PGRST107", f"None of these media types are available: {', '.join(kinds)}")
    return False


def _wants_rows(prefer: str) -> bool:
    preferences = [part.strip() for part in prefer.split(",") if part.strip()]
    for preference in preferences:
        if preference not in {"return=minimal", "return=representation"}:
            raise not_implemented(f"Prefer: {preference}")
    return "return=representation" in preferences
