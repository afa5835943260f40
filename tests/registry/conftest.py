"""One real PostgreSQL for a test session, a fresh database for each test that asks for one."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer, EmbeddedTransport
from lepinet.registry.keeper import OWNER, SUPERUSER
from lepinet.registry.postgres import PostgresTransport
from lepinet.timings import Timings

REPOSITORY = "a" * 40
ENVIRONMENTS = ("staging", "production")

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]


def in_time(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def has_stopped(folder: Path) -> bool:
    with (folder / "keeper.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Whether a condition comes true in time."""
    return in_time


@pytest.fixture
def stopped() -> Callable[[Path], bool]:
    """Whether a folder's server and its keeper have ended."""
    return has_stopped


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("postgres")
    yield folder
    assert in_time(lambda: has_stopped(folder))
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(server_folder: Path) -> Iterator[EmbeddedServer]:
    """Running for the whole session."""
    with EmbeddedServer(server_folder) as running:
        yield running


@pytest.fixture(scope="session")
def superuser(server: EmbeddedServer) -> Iterator[Rows]:
    with server.connect("postgres", SUPERUSER) as connection:
        yield connection


@pytest.fixture(scope="session")
def migrated(server: EmbeddedServer, superuser: Rows) -> str:
    """The database that others are copied from: migrated, and bound to REPOSITORY and ENVIRONMENTS."""
    superuser.execute(f"create database migrated owner {OWNER}".encode())
    with server.connect("migrated") as connection:
        migrate.apply(connection)
        migrate.bind(connection, REPOSITORY, ENVIRONMENTS)
    return "migrated"


@pytest.fixture
def empty_database(superuser: Rows) -> Iterator[str]:
    """The name of a new database without migrations."""
    yield from _new_database(superuser, "template1")


@pytest.fixture
def database(superuser: Rows, migrated: str) -> Iterator[str]:
    """The name of a new database, migrated and bound."""
    yield from _new_database(superuser, migrated)


def _new_database(superuser: Rows, template: str) -> Iterator[str]:
    name = f"t{uuid4().hex}"
    superuser.execute(f"create database {name} template {template} owner {OWNER}".encode())
    yield name
    superuser.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(params=["embedded", "postgres"])
def registry(
    request: pytest.FixtureRequest, server: EmbeddedServer, server_folder: Path, database: str
) -> Iterator[Registry]:
    """A registry of each kind over a fresh database: what holds for one holds for all."""
    if request.param == "embedded":
        transport = EmbeddedTransport(server_folder, Timings(), database=database)
        yield Registry(transport)
        transport.close()
    else:
        yield Registry(PostgresTransport(server.url(database), Timings()))
