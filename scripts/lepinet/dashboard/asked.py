"""What an address asks for, read kindly: what makes no sense counts as not asked, where that misleads nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException

from lepinet.dashboard.place import Place
from lepinet.report.escape import for_terminal

E = TypeVar("E", bound=StrEnum)

_LONGEST = 200
_FARTHEST = 1_000_000


@dataclass(frozen=True)
class Pager:
    """Where a page of a list stands."""

    first: int
    """Place of its first entry, from 1; 0 where there is none."""
    last: int
    total: int
    before: str | None
    """Address of the page before; None on the first."""
    after: str | None


def text(query: Mapping[str, str], name: str) -> str | None:
    """None where nothing is said."""
    return query.get(name, "").strip()[:_LONGEST].replace("\0", "") or None


def choice(query: Mapping[str, str], name: str, choices: type[E]) -> E | None:
    return next((one for one in choices if one.value == query.get(name)), None)


def number(query: Mapping[str, str], name: str, default: int = 1) -> int:
    """From 1 on."""
    said = query.get(name, "")
    return min(max(int(said), 1), _FARTHEST) if said.isascii() and said.isdigit() and len(said) < 10 else default


def environment(query: Mapping[str, str], place: Place) -> str:
    """The one whose registry is asked: the last in promotion order, where no other is named."""
    wanted = query.get("environment", "")
    return wanted if wanted in place.workspace.registries else place.workspace.environments(None)[-1]


def only_environment(query: Mapping[str, str], place: Place) -> str | None:
    """The one that is asked for; None where none is.

    Raises:
        HTTPException: 404, there is no such environment.
    """
    wanted = query.get("environment") or None
    if wanted and wanted not in place.workspace.manifest.environments:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no environment {for_terminal(wanted, 50)}.")
    return wanted


def address(path: str, **query: str | int | None) -> str:
    """A link within the dashboard; what is None or empty is left out."""
    said = {name: value for name, value in query.items() if value not in {None, ""}}
    return f"{quote(path)}?{urlencode(said)}" if said else quote(path)


def pager(path: str, query: Mapping[str, str | int | None], *, page: int, size: int, shown: int, total: int) -> Pager:
    """Of a list at `path`, whose pages differ in `page` alone."""
    skipped = (page - 1) * size
    return Pager(
        first=skipped + 1 if shown else 0,
        last=skipped + shown,
        total=total,
        before=address(path, **query, page=page - 1 if page > 2 else None) if page > 1 else None,
        after=address(path, **query, page=page + 1) if skipped + shown < total else None,
    )
