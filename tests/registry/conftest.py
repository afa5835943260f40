"""One real PostgreSQL for a test session, a fresh database for each test that asks for one."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from lepinet.registry import Registry, Transport, migrate
from lepinet.registry.embedded import EmbeddedServer, EmbeddedTransport
from lepinet.registry.keeper import OWNER, SUPERUSER
from lepinet.registry.postgres import PostgresTransport
from lepinet.registry.project import Project
from lepinet.registry.records import Claim, DeploymentRow, Snapshot
from lepinet.registry.supabase import SupabaseTransport
from lepinet.timings import Timings
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project as HostedProject

REPOSITORY = "a" * 40
ENVIRONMENTS = ("staging", "production")
EMPTY = b"""
    delete from public.deployment_events;
    delete from public.model_deployments;
    delete from public.model_performance_logs;
    delete from public.environments;
    delete from public.model_versions;
"""

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
        # No test here pulls the plug, and each makes and drops a database.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
        yield connection


@pytest.fixture(scope="session")
def migrated(server: EmbeddedServer, superuser: Rows) -> str:
    """The name of the session's database with migrations."""
    superuser.execute(f"create database migrated owner {OWNER}".encode())
    with server.connect("migrated") as connection:
        migrate.apply(connection)
    return "migrated"


@pytest.fixture
def empty_database(superuser: Rows) -> Iterator[str]:
    """The name of a new database without migrations."""
    name = f"t{uuid4().hex}"
    superuser.execute(f"create database {name} owner {OWNER}".encode())
    yield name
    superuser.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="session")
def start_over(server: EmbeddedServer, migrated: str) -> Callable[[], None]:
    """Empties the session's database and binds it anew: ten times as fast as a new one for each test."""

    def start_over() -> None:
        with server.connect(migrated) as connection:
            connection.execute(EMPTY)
            migrate.bind(connection, REPOSITORY, ENVIRONMENTS)

    return start_over


@pytest.fixture
def database(migrated: str, start_over: Callable[[], None]) -> str:
    """The name of a database with migrations, bound to REPOSITORY and ENVIRONMENTS, in which nothing has happened."""
    start_over()
    return migrated


@pytest.fixture
def owner(server: EmbeddedServer, database: str) -> Iterator[Rows]:
    """The database's owner at its SQL editor; sees what `registry` does."""
    with server.connect(database) as connection:
        yield connection


@pytest.fixture(scope="session")
def project(server: EmbeddedServer, migrated: str) -> Iterator[Project]:
    """The session's database as a Supabase project, online, whose answers have no more than one row."""
    hosted = HostedProject(server.url(migrated, "authenticator"), max_rows=1)
    with project_online(hosted) as url:
        yield Project(url, hosted.secret_key)


@pytest.fixture(params=["embedded", "postgres", "supabase"])
def transport(
    request: pytest.FixtureRequest, server: EmbeddedServer, server_folder: Path, database: str
) -> Iterator[Transport]:
    """What each kind of registry is called by, over a fresh database."""
    match request.param:
        case "embedded":
            with closing(EmbeddedTransport(server_folder, Timings(), database=database)) as embedded:
                yield embedded
        case "postgres":
            yield PostgresTransport(server.url(database), Timings())
        case _:
            with closing(SupabaseTransport(request.getfixturevalue("project"), Timings())) as supabase:
                yield supabase


@pytest.fixture
def registry(transport: Transport) -> Registry:
    """A registry of each kind, asked from REPOSITORY: what holds for one holds for all."""
    return Registry(transport, REPOSITORY)


@pytest.fixture
def read(registry: Registry) -> Callable[[str], Snapshot]:
    """What it holds of an environment, without the count of changes: PostgreSQL tells that one late."""
    return lambda environment: registry.snapshot(environment).model_copy(update={"changes": None})


@pytest.fixture
def claim(registry: Registry) -> Callable[..., Claim]:
    """Claims an environment for the commit at a place of main's line, as a run does: having read what is recorded."""

    def claim(environment: str, generation: int, claimant: UUID, *, lease: float = 60, **changes: Any) -> Claim:
        asked = {
            "commit": f"{generation:040x}",
            "seen_commit": registry.snapshot(environment).environment.commit,
            "claimant_label": f"run of commit {generation}",
            "declares": "v9.9.9",
        }
        return registry.claim(
            environment, generation=generation, claimant=claimant, lease_seconds=lease, **(asked | changes)
        )

    return claim


@pytest.fixture
def begin(registry: Registry) -> Callable[..., DeploymentRow]:
    """Begins the deployment of a version, which gets its row first, as reconcile does it."""

    def begin(
        environment: str, claimant: UUID, version: str, deployment: UUID | None = None, **changes: Any
    ) -> DeploymentRow:
        digits = version.removeprefix("v").replace(".", "")
        registry.log_version(version, f"models/{version}", revision="sha256:" + digits.zfill(64))
        said = {"way_back": None, "actor": "asha", "reason": "merge", "verdict": None, "conditions": None}
        return registry.begin_deployment(
            deployment or uuid4(), environment, claimant, version_name=version, **(said | changes)
        )

    return begin


@pytest.fixture
def deploy(
    registry: Registry, claim: Callable[..., Claim], begin: Callable[..., DeploymentRow]
) -> Callable[..., DeploymentRow]:
    """Carries a version into an environment as the next commit's run does: claim, begin, flip, release."""

    def deploy(version: str, environment: str = "production", **changes: Any) -> DeploymentRow:
        claimant = uuid4()
        before = registry.snapshot(environment).environment
        claim(environment, (before.generation or 0) + 1, claimant, declares=version)
        begun = begin(environment, claimant, version, **changes)
        done = registry.activate(begun.id, claimant)
        registry.release(environment, claimant)
        return done

    return deploy
