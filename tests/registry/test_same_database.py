"""`lepinet db migrate` in environments that share a database, however each of them spells its address."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from begun import begin
from lepinet.registry import migrate as registry
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER

MANIFEST = """\
schema_version: 1
environments:
  staging: {registry: postgres, endpoint: none}
  production: {registry: postgres, endpoint: none}
versions: {}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(MANIFEST)
    begin(tmp_path)
    return tmp_path


def migrate(repository: Path, *options: str, check: bool = True, **addresses: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lepinet.cli import main; main()", "db", "migrate", *options],
        cwd=repository,
        env={**os.environ, **{f"DATABASE_URL_{name.upper()}": url for name, url in addresses.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=check,
    )


def places(server: EmbeddedServer, database: str) -> dict[str, int | None]:
    with server.connect(database) as owner:
        return dict(owner.execute("select name, place from public.environments").fetchall())


@pytest.fixture
def elsewhere(server: EmbeddedServer, empty_database: str, tmp_path: Path) -> str:
    """The same database by another address: the folder of its server's socket has a second name."""
    url = server.url(empty_database)
    sockets = url.partition("host=")[2].partition("&")[0]
    (tmp_path / "sockets").symlink_to(Path(sockets.replace("%2F", "/")))
    return url.replace(sockets, quote(str(tmp_path / "sockets"), safe=""))


def test_two_addresses_of_one_database_are_one(
    server: EmbeddedServer, empty_database: str, repository: Path, elsewhere: str
) -> None:
    for options in ([], ["-e", "staging"], ["-e", "production"]):
        told = migrate(repository, *options, staging=server.url(empty_database), production=elsewhere).stderr
        assert told.startswith("staging, production: ")
        assert places(server, empty_database) == {"staging": 1, "production": 2}


def test_two_databases_of_one_server_are_two(server: EmbeddedServer, empty_database: str, repository: Path) -> None:
    other = f"{empty_database}_too"
    with server.connect("postgres", "postgres") as connection:
        connection.execute(f"create database {other} owner {OWNER}".encode())
        told = migrate(repository, staging=server.url(empty_database), production=server.url(other)).stderr
        assert [line.partition(":")[0] for line in told.splitlines()] == ["staging", "production"]
        assert places(server, empty_database) == {"staging": 1}
        assert places(server, other) == {"production": 1}
        connection.execute(f"drop database {other} with (force)".encode())


def test_a_database_of_another_repository_is_told_before_any_is_changed(
    server: EmbeddedServer, empty_database: str, database: str, repository: Path
) -> None:
    with server.connect(database) as owner:
        owner.execute("delete from supabase_migrations.schema_migrations where name = 'readable_numbers'")
        told = migrate(repository, check=False, staging=server.url(empty_database), production=server.url(database))
        assert told.returncode == 1
        assert "this registry belongs to another repository (first commit aaaaaaa)" in told.stderr
        waiting = owner.execute("select from supabase_migrations.schema_migrations where name = 'readable_numbers'")
        assert waiting.rowcount == 0
        registry.apply(owner)
    with server.connect(empty_database) as owner:
        assert owner.execute("select to_regnamespace('lepinet')").fetchone() == (None,)


def test_the_script_for_one_environment_leaves_the_other_in(
    server: EmbeddedServer, empty_database: str, repository: Path
) -> None:
    for environment in ("production", "staging", "production"):
        script = migrate(repository, "--sql", "-e", environment).stdout
        with server.connect(empty_database) as editor:
            editor.execute(script.encode())
    assert places(server, empty_database) == {"staging": 1, "production": 2}
