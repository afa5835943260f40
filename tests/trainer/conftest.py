"""A real PostgreSQL for a test session, a registry of its own for each test, and scripts run as trainers run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lepinet.registry import migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project, User

_NOT_IN_THE_BASE = (
    *("jinja2", "numpy", "onnxruntime", "PIL", "starlette", "svg", "uvicorn"),
    *("supabase", "supabase_auth", "cryptography"),
)
_OURS = ("DATABASE_URL", "LEPINET_HOME", "SUPABASE_")
_TRAINER = User("trainer@example.org", "correct horse", {"role": "trainer"})


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("postgres")) as running:
        with running.connect("postgres", SUPERUSER) as connection:
            connection.execute(f"create database template owner {OWNER}".encode())
        with running.connect("template") as connection:
            migrate.apply(connection)
            migrate.bind(connection, "a" * 40, ["staging", "production"])
        yield running


@pytest.fixture
def database(server: EmbeddedServer) -> str:
    """The name of a new database, migrated and bound."""
    name = f"t{uuid4().hex}"
    with server.connect("postgres", SUPERUSER) as connection:
        connection.execute(f"create database {name} template template owner {OWNER}".encode())
    return name


@pytest.fixture
def database_url(server: EmbeddedServer, database: str) -> str:
    return server.url(database)


@pytest.fixture
def supabase(server: EmbeddedServer, database: str) -> Iterator[dict[str, str]]:
    """The guide's two settings, of a project whose database is the registry."""
    project = Project(server.url(database, "authenticator"))
    with project_online(project) as url:
        yield {"SUPABASE_URL": url, "SUPABASE_SERVICE_KEY": project.secret_key}


@pytest.fixture
def supabase_trainer(server: EmbeddedServer, database: str) -> Iterator[dict[str, str]]:
    """The settings of a trainer who has no key that opens the project."""
    project = Project(server.url(database, "authenticator"), users=(_TRAINER,))
    with project_online(project) as url:
        yield {
            "SUPABASE_URL": url,
            "SUPABASE_PUBLISHABLE_KEY": project.publishable_key,
            "SUPABASE_USER_EMAIL": _TRAINER.email,
            "SUPABASE_USER_PASSWORD": _TRAINER.password,
        }


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: outside of any repository, with no setting of LepiNet's around."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "training"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def connected(bare: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Path:
    """As `bare`, with DATABASE_URL set."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return bare


@pytest.fixture
def script(bare: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python code as a script where only the base packages are installed; settings are keywords."""
    absent = bare.parent / "absent"
    absent.mkdir()
    for package in _NOT_IN_THE_BASE:
        (absent / f"{package}.py").write_text("raise ModuleNotFoundError(__name__ + ' is not in the base packages')\n")

    def run(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
        (bare / "script.py").write_text(code, encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "HOME": str(bare), "PYTHONPATH": str(absent), **settings}
        return subprocess.run(
            [sys.executable, "script.py"],
            cwd=bare,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run
