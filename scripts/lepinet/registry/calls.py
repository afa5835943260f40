"""One call of a SQL function over psycopg: its role, its limits, its one repetition, its errors in words."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.registry.refusals import NoAnswerError, RegistryRefusal
from lepinet.timings import Timings

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_VOID: Final = 2278
"""`pg_type.oid` of what a function without an answer gives."""
_NOT_MIGRATED: Final = frozenset({"42883", "42P01", "3F000"})
_WORTH_REPEATING: Final = frozenset({"40001", "40P01", "57P01", "57P02", "57P03", None})
"""Serialization, deadlock, a server that stops or starts; no state at all: the connection is gone."""


def call_function(
    connect: Callable[[], Connection], where: str, timings: Timings, function: str, arguments: dict[str, Any]
) -> Any:
    """The JSON that `public.<function>(name => value, …)` answers to `service_role`, in a transaction of its own.

    A connection that breaks is replaced once; the registry's functions may be repeated with the same ids. `connect`
    opens one in autocommit mode or raises OutsideError; `where` names the database, without its password.

    Raises:
        RegistryRefusal: a rule of the database says no.
        NoAnswerError: the call was sent and may have been carried out.
        OutsideError: anything else in the way; nothing was changed.
    """
    maybe_done = False
    repeated = False
    while True:
        call = _Call(function, arguments, timings)
        try:
            with connect() as connection:
                return call.answer(connection)
        except OutsideError as error:
            if maybe_done:
                raise _no_answer(function, where) from error
            raise
        except psycopg.Error as error:
            state = error.sqlstate
            maybe_done = maybe_done or (call.sent and (state is None or state.startswith("57P")))
            if state in _WORTH_REPEATING and not repeated and not call.overdue:
                repeated = True
                continue
            said = explained(error, where)
            # A refusal is an answer, to both attempts: what the first had done, the second would have been told.
            if maybe_done and not isinstance(said, RefusedError):
                raise _no_answer(function, where) from error
            raise said from error


class _Call:
    """One attempt, which remembers how far it came."""

    def __init__(self, function: str, arguments: dict[str, Any], timings: Timings) -> None:
        self._function = function
        self._arguments = {name: _parameter(value) for name, value in arguments.items()}
        self._seconds = timings.request
        self.sent = False
        """The function's name has left this process: it may have been carried out."""
        self.overdue = False
        """This side hung up, because neither answer nor error came in time."""

    def answer(self, connection: Connection) -> Any:
        named = [sql.SQL("{} => {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in self._arguments]
        query = sql.SQL("select public.{}({})").format(sql.Identifier(self._function), sql.SQL(", ").join(named))
        with self._hanging_up_in_time(connection), connection.transaction():
            connection.execute(self._settings())
            self.sent = True
            cursor = connection.execute(query, self._arguments)
            row = cursor.fetchone()
        if row is None or cursor.description is None or cursor.description[0].type_code == _VOID:
            return None
        return row[0]

    def _settings(self) -> bytes:
        """The server gives up before this side does, and on a lock before that: its errors say more."""
        milliseconds = int(self._seconds * 1000)
        return (
            "set local role service_role; set local timezone = 'UTC';"
            f"set local statement_timeout = {max(1, milliseconds * 8 // 10)};"
            f"set local lock_timeout = {max(1, milliseconds // 2)}"
        ).encode()

    @contextmanager
    def _hanging_up_in_time(self, connection: Connection) -> Iterator[None]:
        """A peer that is there and says nothing is noticed neither by libpq nor by TCP: shut the socket down."""
        # The family does not matter to a shutdown; fromfd makes a descriptor that no other connection can be given.
        line = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)

        def hang_up() -> None:
            self.overdue = True
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._seconds, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            line.close()


def _parameter(value: Any) -> Any:
    """As psycopg wants it: JSON marked as such; numbers as text, which takes the type of the function's parameter."""
    if isinstance(value, dict | list):
        return Jsonb(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return value


def _no_answer(function: str, where: str) -> NoAnswerError:
    return NoAnswerError(
        f"the database did not answer {function}; it may have carried it out",
        where=where,
        todo="run the same command again: nothing is done twice",
    )


def explained(error: psycopg.Error, where: str) -> LepinetError:
    """A statement's error in plain words."""
    state = error.sqlstate or ""
    said = error.diag.message_primary or str(error).partition("\n")[0]
    if refusal := re.fullmatch(r"PT(\d{3})", state):
        return RegistryRefusal(
            int(refusal[1]), said, hint=error.diag.message_hint or None, detail=error.diag.message_detail or None
        )
    if state in _NOT_MIGRATED or (state == "22023" and 'role "service_role"' in said):
        return OutsideError(f"the registry's tables and functions are not there: {said}", where=where, todo=_MIGRATE)
    if state == "55P03":
        return OutsideError("another run kept the row locked for too long", where=where, todo=_AGAIN)
    if state == "57014":
        return OutsideError("the database took too long and gave up; nothing was changed", where=where, todo=_AGAIN)
    if state == "42501":
        return OutsideError(
            f"this user of the database has too few rights: {said}",
            where=where,
            todo="connect as the owner of the database (Supabase: the user postgres)",
        )
    if state[:2] in {"22", "23"}:
        return RefusedError(f"the database refuses this: {said}", where=where)
    return OutsideError(f"the database failed: {said}", where=where, todo=_AGAIN)


_MIGRATE: Final = "lepinet db migrate"
_AGAIN: Final = "run the same command again; if it stays so, look at the database's own log"
