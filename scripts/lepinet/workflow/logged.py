"""What trainers have logged and no models.yaml of main ever had: which rows wait, and what they would be called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lepinet.errors import UsageError
from lepinet.files import read_small
from lepinet.manifest.fields import VERSION
from lepinet.registry.records import VersionRow, VersionStatus
from lepinet.target import Target
from lepinet.workflow.workspace import Workspace

LONGEST_NOTES = 2000
_MOST_ROWS = 500
"""Of the longest texts they are less than what is read of a file, whatever stands in them."""
_PAGE = 200
_RELEASE = re.compile(r"v(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?![\d.])")


class LoggedRow(BaseModel):
    """A version that a trainer has logged, or whoever holds a trainer's key."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(max_length=1000)]
    file_path: Annotated[str, Field(max_length=2000)]
    revision: Annotated[str | None, Field(max_length=200)] = None
    training_image_count: int | None = None
    accuracy_score: float | None = None
    created_at: datetime | None = None
    notes: Annotated[str | None, Field(max_length=LONGEST_NOTES)] = None

    @property
    def logged_at(self) -> datetime:
        """Of a column without time zones in UTC; a row that does not say is as of now."""
        moment = self.created_at or datetime.now(UTC)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Logged(BaseModel):
    """What one job hands to the next of what waits."""

    model_config = ConfigDict(frozen=True)

    rows: Annotated[tuple[LoggedRow, ...], Field(max_length=_MOST_ROWS)]
    """Oldest first."""
    highest: Annotated[str | None, Field(max_length=1000)] = None
    """The highest release among all names of the registries, whether it waits or not."""


@dataclass(frozen=True)
class Waiting:
    """A row that no models.yaml of main ever had."""

    row: LoggedRow
    name: str
    """The one that it would get."""
    taken: str | None = None
    """Who has that name for other files, as a sentence: then it cannot come."""


def what_waits(workspace: Workspace, environment: str | None, warn: Callable[[str], None]) -> Logged:
    """The rows of the registries that no models.yaml of main explains.

    Args:
        workspace: at main.
        environment: whose registry alone is read; None: all of them.
        warn: is told of rows that are left out.
    """
    known, rows, names, unusable = workspace.ever_declared, list[LoggedRow](), set[str](), 0
    for name in workspace.environments(environment) if environment else workspace.registries:
        with workspace.registry(name) as registry:
            for row in registry.versions():
                names.add(row.version_name)
                files = row.version_name, row.file_path, row.revision
                if known.has(*files) and not known.has_other_files(*files):
                    continue
                if logged := _logged(row):
                    rows.append(logged)
                else:
                    unusable += 1
    if unusable:
        warn(f"left out, for their name, path or revision is too long to be one: {unusable} logged rows")
    if len(rows) > _MOST_ROWS:
        warn(
            f"{len(rows):,} logged versions wait; the oldest {_MOST_ROWS} are looked at. The others come once some of"
            " these are registered, or their rows deleted in the registry; lepinet register takes any by hand"
        )
    return Logged(rows=tuple(sorted(rows, key=_age)[:_MOST_ROWS]), highest=_highest(names))


def read_logged(file: Path) -> Logged:
    """What `what_waits` told another job.

    Raises:
        UsageError: the file is another one.
    """
    try:
        return Logged.model_validate_json(read_small(file))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"is not what lepinet github logged writes: {first['msg']}", where=str(file)) from None


def newest_logged(workspace: Workspace) -> Iterator[LoggedRow]:
    """What waits in the registries of the environments, as far as whoever asks may read it; of each at most so many."""
    declared = tuple(workspace.manifest.versions)
    for environment in workspace.manifest.environments:
        with workspace.registry(environment) as registry:
            page = registry.version_page(declared, status=VersionStatus.PROPOSAL, page=_PAGE)
        yield from filter(None, map(_logged, page.versions))


def waiting(workspace: Workspace, rows: Iterable[LoggedRow], taken: Iterable[str] = ()) -> Iterator[Waiting]:
    """The rows that no models.yaml of main ever had, oldest first; one of each name and files.

    Args:
        workspace: at main.
        rows: of any registry.
        taken: further names that no row without a version's name may get.
    """
    known, ordered = workspace.ever_declared, sorted(rows, key=_age)
    names = {*known.names, *taken, *(row.name for row in ordered)}
    first: dict[str, LoggedRow] = {}
    for row in ordered:
        before = first.setdefault(row.name, row)
        if known.has_other_files(row.name, row.file_path, row.revision):
            yield Waiting(row, row.name, f"models.yaml has or had {row.name}, and that is other files")
        elif known.has(row.name, row.file_path, row.revision):
            continue
        elif before is row:
            name = row.name if re.fullmatch(VERSION, row.name) else _next_free(names)
            names.add(name)
            yield Waiting(row, name)
        elif (before.file_path, before.revision) != (row.file_path, row.revision):
            there = Target(before.file_path, before.revision) if before.revision else before.file_path
            yield Waiting(row, row.name, f"another registry has {row.name}, and there it is {there}")


def _logged(row: VersionRow) -> LoggedRow | None:
    """None where a text is too long, as it can be in rows from before there were limits."""
    try:
        return LoggedRow(
            name=row.version_name,
            file_path=row.file_path,
            revision=row.revision,
            training_image_count=row.training_image_count,
            accuracy_score=row.accuracy_score,
            created_at=row.created_at,
            notes=row.notes and row.notes[:LONGEST_NOTES],
        )
    except ValidationError:
        return None


def _age(row: LoggedRow) -> tuple[datetime, str]:
    return row.logged_at, row.name


def _highest(names: Iterable[str]) -> str | None:
    numbers = [tuple(map(int, found.groups())) for name in names if (found := _RELEASE.match(name))]
    return "v{}.{}.{}".format(*max(numbers)) if numbers else None


def _next_free(taken: Iterable[str]) -> str:
    """The patch after the highest name that is taken; v1.0.0 where none is a version's."""
    highest = _highest(taken)
    if highest is None:
        return "v1.0.0"
    rest, _, patch = highest.rpartition(".")
    return f"{rest}.{int(patch) + 1}"
