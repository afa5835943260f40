"""The registry behind a PostgreSQL connection string."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lepinet.errors import OutsideError, UsageError
from lepinet.registry.calls import Connection, call_function
from lepinet.registry.refusals import UnreachableError
from lepinet.timings import Timings

_TELLING: Final = 4
"""Characters from which on a password is looked for in libpq's messages, which do not quote it by themselves."""
_SUPABASE: Final = re.compile(r"\.supabase\.(co|com)$")
_DIRECT: Final = re.compile(r"^db\.(?P<project>[a-z0-9]+)\.supabase\.co$")
_PORTS: Final = re.compile(r"[\d,]*")
_POOLER: Final = re.compile(r"\.pooler\.supabase\.com$")
_USER: Final = re.compile(r"postgres\.(?P<project>[a-z0-9]+)")


class PostgresTransport:
    """Calls SQL functions over a connection each; a pooler in transaction mode (Supabase's port 6543) will do.

    Raises:
        UsageError: at once, when the string cannot be one of PostgreSQL's.
    """

    def __init__(self, url: str, timings: Timings) -> None:
        self._address = Address(url)
        self._timings = timings

    def call(self, function: str, **arguments: Any) -> Any:
        return call_function(self._connect, self._address.where, self._timings, function, arguments)

    def _connect(self) -> Connection:
        return self._address.connect(self._timings)


class Address:
    """A connection string, read and checked; its password is given to libpq and to nobody else."""

    def __init__(self, url: str) -> None:
        self._parameters = _parsed(url)
        self._host = str(self._parameters.get("host", "")).lower()
        if _SUPABASE.search(self._host):
            # libpq would otherwise go on without TLS where somebody in between takes it out.
            self._parameters.setdefault("sslmode", "require")
        port = self._parameters.get("port")
        database = self._parameters.get("dbname") or self._parameters.get("user") or ""
        project = f", project {self.project}" if self.project else ""  # many projects share a pooler's address
        self.where = f"{self._host or 'PostgreSQL'}{f':{port}' if port else ''}/{database}{project}"
        """For messages: host, port, database. No two databases have the same."""

    @property
    def project(self) -> str | None:
        """What Supabase calls the project whose database this is; None of any other database."""
        named = _DIRECT.search(self._host)
        if _POOLER.search(self._host):
            named = _USER.fullmatch(str(self._parameters.get("user", "")))
        return named["project"] if named else None

    def connect(self, timings: Timings) -> Connection:
        """A connection in autocommit mode, its peer's silence limited.

        Raises:
            OutsideError: no connection, in plain words.
        """
        milliseconds = int(timings.request * 1000)
        defaults: dict[str, Any] = {
            "application_name": "lepinet",
            "connect_timeout": max(2, math.ceil(timings.connect)),  # libpq takes 1 for 2
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": milliseconds,
        }
        try:
            # A prepared statement does not survive a pooler's change of servers.
            return psycopg.connect(autocommit=True, prepare_threshold=None, **(defaults | self._parameters))
        except psycopg.Error as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: psycopg.Error) -> OutsideError:
        said = " ".join(str(error).split())
        password = str(self._parameters.get("password", ""))
        if len(password) >= _TELLING:  # a letter or two would tear words apart, and tell more by their absence
            said = said.replace(password, "***")
        if "password authentication failed" in said:
            return OutsideError(
                "the database refuses the password or the user",
                where=self.where,
                todo="copy the connection string again; in a URL the password's special characters are written as %XX",
            )
        todo = "is it running, and may this machine reach it?"
        if direct := _DIRECT.search(self._host):
            todo = (
                "this is Supabase's direct address, which has IPv6 only: use the session pooler's "
                f"(user postgres.{direct['project']}, host ….pooler.supabase.com, port 5432). "
                "A project without visitors is paused after a week: restore it in the dashboard."
            )
        elif _POOLER.search(self._host):
            todo = "a Supabase project without visitors is paused after a week: restore it in the dashboard"
        if isinstance(error, psycopg.errors.ConnectionTimeout):
            said = "no answer in time"
        return UnreachableError(f"the database cannot be reached: {said}", where=self.where, todo=todo)


def _parsed(url: str) -> dict[str, Any]:
    """Never repeats the string, nor libpq's message about it: either may hold the password, or a part of it."""
    if "[YOUR-PASSWORD]" in url:
        raise UsageError(
            "the connection string still has [YOUR-PASSWORD] in it", todo="put the database's password in its place"
        )
    try:
        parameters = conninfo_to_dict(url.strip())
    except psycopg.ProgrammingError:
        raise _unreadable() from None
    # An @ or / that was not escaped moves the rest of the password to where host, port and database are looked for.
    misread = any("@" in str(parameters.get(name, "")) for name in ("host", "dbname"))
    if misread or not parameters or not _PORTS.fullmatch(str(parameters.get("port", ""))):
        raise _unreadable()
    return parameters


def _unreadable() -> UsageError:
    return UsageError(
        "the connection string is none that PostgreSQL understands",
        todo="postgresql://USER:PASSWORD@HOST:5432/DATABASE; special characters of the password as %XX (@ is %40)",
    )
