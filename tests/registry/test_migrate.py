"""Migrations: once, in turn, under Supabase's grants old and new, and on a plain PostgreSQL."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from lepinet.errors import OutsideError, RefusedError
from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from lepinet.registry.postgres import PostgresTransport
from lepinet.registry.refusals import RegistryRefusal
from lepinet.timings import Timings

ROOT = Path(__file__).parents[2]
Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]
Eventually: TypeAlias = Callable[[Callable[[], bool]], bool]
Stopped: TypeAlias = Callable[[Path], bool]

ACCESS = """
select c.relname::text, array(select a::text from unnest(c.relacl) a order by 1) from pg_class c
where c.relnamespace = 'public'::regnamespace
union all
select p.oid::regprocedure::text, array(select a::text from unnest(p.proacl) a order by 1) from pg_proc p
where p.pronamespace in ('public'::regnamespace, 'lepinet'::regnamespace)
order by 1
"""
OLD_GRANTS = """
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
"""


def environments(connection: Rows) -> list[tuple[Any, ...]]:
    return connection.execute("select name, repository, place from environments order by name").fetchall()


def test_each_is_applied_once_and_recorded_as_supabase_does(server: EmbeddedServer, empty_database: str) -> None:
    files = migrate.migrations()
    with server.connect(empty_database) as connection:
        assert tuple(migrate.apply(connection)) == files
        assert migrate.apply(connection) == []
        recorded = connection.execute(
            "select version, name, statements from supabase_migrations.schema_migrations order by version"
        ).fetchall()
    assert recorded == [(file.version, file.name, [file.sql]) for file in files]
    assert [len(file.version) for file in files] == [14] * len(files)


def test_what_supabase_has_recorded_is_not_run(server: EmbeddedServer, empty_database: str) -> None:
    first, *others = migrate.migrations()
    with server.connect(empty_database) as connection:
        # As the Supabase CLI's first versions made it.
        connection.execute("create schema supabase_migrations")
        connection.execute("create table supabase_migrations.schema_migrations (version text not null primary key)")
        connection.execute(first.sql.encode())
        connection.execute("insert into supabase_migrations.schema_migrations values (%s)", [first.version])
        assert migrate.apply(connection) == others


def test_each_file_tells_the_api_to_look_again() -> None:
    """Else new functions are unknown to it until it is restarted."""
    for migration in migrate.migrations():
        assert migration.sql.rstrip().endswith("notify pgrst, 'reload schema';"), migration


def test_supabase_s_command_line_finds_each_file_and_reads_its_settings() -> None:
    """It takes every file of the folder whose name has its form, and passes over others without a word."""
    folder = ROOT / "supabase" / "migrations"
    names = sorted(path.name for path in folder.iterdir())
    assert all(re.fullmatch(r"[0-9]{14}_[a-z_]+\.sql", name) for name in names)
    assert len({name[:14] for name in names}) == len(names) == len(migrate.migrations())

    settings = tomllib.loads((ROOT / "supabase" / "config.toml").read_text())
    assert settings.keys() == {"project_id", "api", "db"}
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,39}", settings["project_id"])
    # The inner schema is shown to nobody; an answer has as many rows as in a hosted project.
    assert settings["api"] == {"schemas": ["public"], "max_rows": 1000}
    assert settings["db"]["major_version"] in {15, 17}, "those that Supabase has, of those that the migrations know"


def test_eight_at_once_share_the_work(server: EmbeddedServer, empty_database: str) -> None:
    def one(_: int) -> list[migrate.Migration]:
        with server.connect(empty_database) as connection:
            return migrate.apply(connection)

    with ThreadPoolExecutor(8) as pool:
        applied = [migration for share in pool.map(one, range(8)) for migration in share]
    assert sorted(applied, key=str) == list(migrate.migrations())


def test_running_the_files_again_changes_no_right(server: EmbeddedServer, empty_database: str) -> None:
    with server.connect(empty_database) as connection:
        migrate.apply(connection)
        before = connection.execute(ACCESS.encode()).fetchall()
        connection.execute("truncate supabase_migrations.schema_migrations")
        assert len(migrate.apply(connection)) == len(migrate.migrations())
        assert connection.execute(ACCESS.encode()).fetchall() == before


def test_rights_do_not_depend_on_the_age_of_the_supabase_project(
    server: EmbeddedServer, empty_database: str, migrated: str
) -> None:
    with server.connect(empty_database) as old, server.connect(migrated) as new:
        old.execute(OLD_GRANTS.encode())
        migrate.apply(old)
        assert old.execute(ACCESS.encode()).fetchall() == new.execute(ACCESS.encode()).fetchall()


def test_deployments_that_are_there_are_counted_in_the_order_of_their_clock(
    server: EmbeddedServer, empty_database: str
) -> None:
    with server.connect(empty_database) as connection:
        migrate.apply(connection)
        connection.execute("alter table public.model_deployments drop column number")
        migrate.bind(connection, "a" * 40, ["production"])
        connection.execute("""
            insert into public.model_versions (version_name, file_path) values ('v1.0.0', 'm');
            insert into public.model_deployments (id, environment, kind, version_id, actor, status, begun_at)
              select gen_random_uuid(), 'production', 'merge', v.id, 'day ' || day, 'succeeded',
                timestamptz '2026-11-01' + day * interval '1 day'
              from public.model_versions v, unnest(array[2, 3, 1]) day;
        """)
        migrate.apply(connection, again=True)  # with the column went what later migrations made of it
        told = connection.execute("select public.deployment_history() -> 0 ->> 'actor'").fetchone()
        connection.execute("""
            insert into public.model_deployments (id, environment, kind, version_id, actor, status, begun_at)
              select gen_random_uuid(), 'production', 'merge', v.id, 'later', 'succeeded', '2026-10-01'
              from public.model_versions v;
        """)
        assert told == ("day 3",)
        assert connection.execute("select public.deployment_history() -> 0 ->> 'actor'").fetchone() == ("later",)


def test_a_failed_migration_leaves_nothing_and_is_named(server: EmbeddedServer, empty_database: str) -> None:
    with server.connect(empty_database) as connection:
        connection.execute("create domain public.deployment_events as text")
        with pytest.raises(RefusedError, match="migration 20261124000100_tables"):
            migrate.apply(connection)
        assert connection.execute("select to_regclass('public.model_versions')").fetchone() == (None,)
        connection.execute("drop domain public.deployment_events")
        assert len(migrate.apply(connection)) == len(migrate.migrations())


def test_a_live_table_that_somebody_holds_is_waited_for_a_few_seconds(
    server: EmbeddedServer, empty_database: str
) -> None:
    """A migration that waits for one reader makes all others wait behind it."""
    with server.connect(empty_database) as owner, server.connect(empty_database) as reader:
        owner.execute("create table public.model_versions (id uuid primary key, version_name text, file_path text)")
        with reader.transaction():
            reader.execute("lock table public.model_versions in access share mode")
            begun = time.monotonic()
            with pytest.raises(OutsideError, match="locked for too long"):
                migrate.apply(owner)
            assert time.monotonic() - begun < 20
        assert owner.execute("select to_regnamespace('lepinet')").fetchone() == (None,)


def test_an_owner_who_may_not_is_told_who_may(server: EmbeddedServer, superuser: Rows) -> None:
    superuser.execute("create role stranger login")
    superuser.execute("create database strange template template0")
    try:
        with server.connect("strange", "stranger") as connection, pytest.raises(OutsideError) as caught:
            migrate.apply(connection)
        assert "shim.sql" in str(caught.value.todo)
    finally:
        superuser.execute("drop database strange with (force)")
        superuser.execute("drop role stranger")


def test_a_second_database_of_a_plain_cluster_is_its_owner_s_affair(server: EmbeddedServer, superuser: Rows) -> None:
    """The roles are there, `auth` is not, and the owner is no superuser."""
    superuser.execute(f"create database second template template0 owner {OWNER}".encode())
    try:
        with server.connect("second") as connection:
            assert len(migrate.apply(connection)) == len(migrate.migrations())
            assert connection.execute("select auth.uid()").fetchone() == (None,)
    finally:
        superuser.execute("drop database second with (force)")


def test_a_plain_cluster_gets_supabase_s_roles_however_many_ask(
    tmp_path: Path, eventually: Eventually, stopped: Stopped
) -> None:
    names = ["one", "two", "three", "four"]
    with EmbeddedServer(tmp_path) as plain:
        with plain.connect("postgres", SUPERUSER) as connection:
            connection.execute(f"drop database {OWNER}".encode())
            for name in names:
                connection.execute(f"create database {name} template template0".encode())
        with plain.connect("template1", SUPERUSER) as connection:
            connection.execute("drop schema auth, extensions cascade")
            connection.execute("drop owned by anon, authenticated, service_role, authenticator")
            connection.execute("drop role anon, authenticated, service_role, authenticator")

        def one(name: str) -> int:
            with plain.connect(name, SUPERUSER) as connection:
                applied = len(migrate.apply(connection))
                migrate.bind(connection, "a" * 40, ["production"])
            return applied

        with ThreadPoolExecutor(len(names)) as pool:
            assert list(pool.map(one, names)) == [len(migrate.migrations())] * len(names)
        for name in names:
            snapshot = PostgresTransport(plain.url(name, SUPERUSER), Timings()).call(
                "registry_snapshot", environment="production"
            )
            assert snapshot["ever_deployed"] is False
    assert eventually(lambda: stopped(tmp_path))


def test_binding_follows_the_manifest(server: EmbeddedServer, empty_database: str) -> None:
    ours = "a" * 40
    with server.connect(empty_database) as connection:
        migrate.apply(connection)
        migrate.bind(connection, ours, ["staging", "production"])
        migrate.bind(connection, ours, ["staging", "production"])
        assert environments(connection) == [("production", ours, 2), ("staging", ours, 1)]
        migrate.bind(connection, ours, ["production", "canary"])
        assert environments(connection) == [("canary", ours, 2), ("production", ours, 1), ("staging", ours, None)]


def test_another_repository_s_database_is_refused(server: EmbeddedServer, database: str) -> None:
    with server.connect(database) as connection:
        before = environments(connection)
        with pytest.raises(RegistryRefusal, match="belongs to another repository") as caught:
            migrate.bind(connection, "b" * 40, ["production"])
        assert caught.value.code == 403
        assert environments(connection) == before


def test_a_database_without_migrations_says_what_to_do(server: EmbeddedServer, empty_database: str) -> None:
    with pytest.raises(OutsideError) as caught:
        PostgresTransport(server.url(empty_database), Timings()).call("registry_snapshot", environment="production")
    assert caught.value.todo == "lepinet db migrate"


@pytest.mark.parametrize("value", ['{"a": [1e5000]}', '{"a": ' + "[" * 2000 + "]" * 2000 + "}"])
def test_what_nobody_can_read_is_kept_as_text_and_stops_nobody(
    server: EmbeddedServer, empty_database: str, value: str
) -> None:
    with server.connect(empty_database) as connection:
        migrate.apply(connection)
        migrate.bind(connection, "a" * 40, ["production"])
        connection.execute("alter table public.model_versions disable trigger lepinet_bound")
        connection.execute("alter table public.model_performance_logs disable trigger lepinet_bound")
        connection.execute(
            "insert into public.model_versions (version_name, file_path, metrics, links)"
            " values ('v1.0.0', 'm', %s, %s)",
            [value, value],
        )
        connection.execute(
            "insert into public.model_performance_logs (model_version_id, kind, environment, test_date, details)"
            " select id, 'monitor', 'production', now(), %s from public.model_versions",
            [value],
        )
        connection.execute("delete from supabase_migrations.schema_migrations where name = 'readable_numbers'")
        migrate.apply(connection)
        kept = connection.execute(
            "select (v.metrics #>> '{}')::jsonb = %s, (v.links #>> '{}')::jsonb = %s, (p.details #>> '{}')::jsonb = %s"
            " from public.model_versions v, public.model_performance_logs p",
            [value] * 3,
        ).fetchall()
    assert kept == [(True, True, True)]
    registry = Registry(PostgresTransport(server.url(empty_database), Timings()))
    (version,) = registry.versions()
    assert (version.metrics, version.links) == (None, None)
    monitored = registry.snapshot("production", ["v1.0.0"]).monitored
    assert monitored is not None
    assert monitored.details is None
