"""One call of a SQL function over psycopg: its role, its limits, its one repetition, its errors in words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.registry import refusals
from lepinet.registry.refusals import no_answer, unreadable
from lepinet.timings import Timings

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_VOID: Final = 2278
"""`pg_type.oid` of what a function without an answer gives."""
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
                raise no_answer(function, where) from error
            raise
        except (ValueError, RecursionError):
            raise unreadable(where) from None
        except psycopg.Error as error:
            state = error.sqlstate
            maybe_done = maybe_done or (call.sent and (state is None or state.startswith("57P")))
            if state in _WORTH_REPEATING and not repeated and not call.overdue:
                repeated = True
                continue
            said = explained(error, where)
            # A refusal is an answer, to both attempts: what the first had done, the second would have been told.
            if maybe_done and not isinstance(said, RefusedError):
                raise no_answer(function, where) from error
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
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict | list):
        return Jsonb(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return value


def explained(error: psycopg.Error, where: str) -> LepinetError:
    """A statement's error in plain words."""
    said = error.diag
    return refusals.explained(
        error.sqlstate or "",
        said.message_primary or str(error).partition("\n")[0],
        where,
        rights="connect as the owner of the database (Supabase: the user postgres)",
        hint=said.message_hint,
        detail=said.message_detail,
    )
