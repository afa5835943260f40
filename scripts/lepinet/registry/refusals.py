"""How a registry says no, and how it fails to say anything: the same words whichever way it is asked."""

from __future__ import annotations

import re
from typing import Final

from lepinet.errors import LepinetError, OutsideError, RefusedError

SUPERSEDED: Final = "superseded"
TAKEN_OVER: Final = "taken over"
READ_AGAIN: Final = "read again"
_FOR_PROGRAMS: Final = frozenset({SUPERSEDED, TAKEN_OVER, READ_AGAIN})

AGAIN: Final = "run the same command again; if it stays so, look at the database's own log"
NOT_MIGRATED: Final = frozenset({"42883", "42P01", "3F000"})
"""States of a function, a table or a schema that is not there."""
READING: Final = frozenset(
    {
        *("active_version", "applied_migrations", "caller_role", "deployment_history", "list_model_versions"),
        *("missing_objects", "model_version_page", "monitored_accuracy", "performance_history", "registry_essentials"),
        *("registry_openings", "registry_pulse", "registry_snapshot", "species_recall", "stored_answers"),
        "tested_answers",
    }
)
"""The functions that change nothing."""


class RegistryRefusal(RefusedError):  # noqa: N818 - a refusal is an answer, not a fault
    """A rule of the database says no (`PTxyz`, raised by `lepinet.refuse`)."""

    def __init__(
        self, code: int, what: str, *, hint: str | None = None, detail: str | None = None, where: str | None = None
    ) -> None:
        super().__init__(what, where=where, todo=None if hint in _FOR_PROGRAMS else hint)
        self.code = code
        """As an HTTP status: 400, 403, 404, 409, 423."""
        self.hint = hint
        """What to do in words, or one of this module's constants, which are for programs alone."""
        self.detail = detail


class UnreachableError(OutsideError):
    """The database cannot be reached, or gave no answer: whoever asks next would wait for the same."""


class NoAnswerError(UnreachableError):
    """The call was sent and its answer never came: it may have been carried out. The same ids may be sent again."""


def no_answer(function: str, where: str) -> UnreachableError:
    if function in READING:
        return UnreachableError(f"the database did not answer {function}", where=where, todo=AGAIN)
    return NoAnswerError(
        f"the database did not answer {function}; it may have carried it out",
        where=where,
        todo="run the same command again: nothing is done twice",
    )


def unreadable(where: str) -> OutsideError:
    """The answer is no JSON that can be read: not text, numbers of thousands of digits, nested without end."""
    return OutsideError(
        "what the registry answers cannot be read",
        where=where,
        todo=(
            "put right in the SQL editor what this finds: "
            "select id from public.model_performance_logs where lepinet.unreadable(details, 500) is not null; "
            "where it finds nothing, look at the newest rows of public.model_versions and public.model_deployments"
        ),
    )


def not_migrated(said: str, where: str) -> OutsideError:
    return OutsideError(
        f"the registry's tables and functions are not there: {said}", where=where, todo="lepinet db migrate"
    )


def explained(
    state: str, said: str, where: str, *, rights: str, hint: str | None = None, detail: str | None = None
) -> LepinetError:
    """PostgreSQL's error in plain words.

    Args:
        state: its SQLSTATE; empty where it has none.
        said: its message.
        where: names the database.
        rights: what to do when the caller has too few of them.
        hint: as the database gives it.
        detail: as the database gives it.
    """
    if refusal := re.fullmatch(r"PT(\d{3})", state):
        return RegistryRefusal(int(refusal[1]), said, hint=hint or None, detail=detail or None)
    if state in NOT_MIGRATED or (state == "22023" and 'role "service_role"' in said):
        return not_migrated(said, where)
    if state == "55P03":
        return OutsideError("another run kept the row locked for too long", where=where, todo=AGAIN)
    if state == "57014":
        return OutsideError("the database took too long and gave up; nothing was changed", where=where, todo=AGAIN)
    if state == "42501":
        return OutsideError(f"too few rights in the database: {said}", where=where, todo=rights)
    if state == "25006":
        return OutsideError(
            f"the database takes no changes now: {said}",
            where=where,
            todo="is its disk full, or is it a copy for reading? Supabase makes a project with a full disk read-only: "
            "in its dashboard, Database, Settings",
        )
    if state[:2] in {"22", "23"}:
        return RefusedError(f"the database refuses this: {said}", where=where)
    # Without a state it is libpq that speaks: the connection is gone.
    failed = OutsideError if state else UnreachableError
    return failed(f"the database failed: {said}", where=where, todo=AGAIN)
