"""Registries that were made by hand: taken over whole, without a row lost, or refused whole with what settles it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from begun import begin
from lepinet.registry import Registry, adopt, migrate
from lepinet.registry.adopt import Conflict, ConflictsError
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import SUPERUSER
from lepinet.registry.postgres import PostgresTransport
from lepinet.registry.records import PerformanceLog
from lepinet.timings import Timings
from registry import old_database

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

CATALOGUE = """
    select 'relation', c.relname, c.relowner::regrole::text || c.relrowsecurity || coalesce(c.relacl::text, ''),
      array(select attname || format_type(atttypid, null) || attnotnull from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum)::text
    from pg_class c where c.relnamespace = 'public'::regnamespace
    union all select 'policy', tablename, policyname, qual from pg_policies
    union all select 'function', proname, '', '' from pg_proc where pronamespace = 'public'::regnamespace
    union all select 'schema', nspname, '', '' from pg_namespace where nspname !~ '^pg_'
    order by 1, 2, 3
"""


MEASURED = PerformanceLog(id=uuid4(), version_name="v9.0.0", kind="proof", test_accuracy=0.9, test_sample_size=None)


@pytest.fixture
def superuser_here(server: EmbeddedServer, empty_database: str, superuser: Rows) -> Iterator[Rows]:
    """In a database for a hand-made registry; `superuser` made it."""
    superuser.execute("do $$ begin create role elsewhere; exception when duplicate_object then null; end $$")
    with server.connect(empty_database, SUPERUSER) as connection:
        yield connection


@pytest.fixture
def owner_here(server: EmbeddedServer, empty_database: str) -> Iterator[Rows]:
    with server.connect(empty_database) as connection:
        yield connection


def rows(connection: Rows, table: str, columns: list[str] | None = None) -> list[Any]:
    """All rows, of the columns that there were before."""
    if connection.execute("select to_regclass(%s)", [f"public.{table}"]).fetchone() == (None,):
        return []
    found = connection.execute(f"select to_jsonb(t) from public.{table} t".encode()).fetchall()  # noqa: S608
    kept = [{name: row[name] for name in columns or row} for (row,) in found]
    return sorted(kept, key=json.dumps)


def refused(owner: Rows) -> tuple[Conflict, ...]:
    """What is in the way of taking over, seen to have changed nothing; nothing of it stays."""
    before = owner.execute(CATALOGUE).fetchall()
    try:
        with owner.transaction(force_rollback=True):
            migrate.apply(owner)
    except ConflictsError as error:
        assert owner.execute(CATALOGUE).fetchall() == before
        return error.conflicts
    return ()


@pytest.mark.parametrize("seed", old_database.SEEDS)
def test_a_hand_made_registry_is_taken_over_whole_or_refused_whole(
    server: EmbeddedServer, empty_database: str, superuser_here: Rows, owner_here: Rows, seed: int
) -> None:
    odd = old_database.make(superuser_here, seed)
    refusals = 0
    # What belongs to another user is looked into only when it no longer does.
    while conflicts := refused(owner_here):
        refusals += 1
        assert refusals < 4, f"{odd} are never settled"
        for conflict in conflicts:
            superuser_here.execute(conflict.settled_by.encode())
    assert (refusals > 0) == old_database.has_conflicts(odd), odd
    tables = {table: rows(superuser_here, table) for table in ("model_versions", "model_performance_logs")}
    migrate.apply(owner_here)
    for table, old in tables.items():
        assert rows(superuser_here, table, list(old[0]) if old else None) == old
    migrate.bind(owner_here, "a" * 40, ["production"])
    works(Registry(PostgresTransport(server.url(empty_database), Timings())), owner_here)


def works(registry: Registry, owner: Rows) -> None:
    """All that a registry is for."""
    known = {version.version_name for version in registry.snapshot("production").versions}
    assert len(known) > 1
    registry.log_version("v9.0.0", "Bhanura/lepinet-model", accuracy_score=0.9)
    for _ in range(2):
        registry.log_performance(MEASURED, "production")
    owner.execute("select public.emergency_activate('v9.0.0', 'a test', 'production')")
    assert registry.active_version() == registry.active_version("production")
    owner.execute("set role anon")
    assert owner.execute("select version_name from public.model_versions where is_active").fetchall() == [("v9.0.0",)]
    owner.execute("reset role")


def test_who_may_do_what_is_told_before_it_is_done(superuser_here: Rows, owner_here: Rows) -> None:
    superuser_here.execute("grant usage on schema public to anon, authenticated, service_role")
    old_database.make(superuser_here, 0)
    superuser_here.execute("grant all on public.model_versions to anon, authenticated, service_role")
    before = superuser_here.execute(CATALOGUE).fetchall()
    told = adopt.adoption(owner_here, migrate.apply)
    assert superuser_here.execute(CATALOGUE).fetchall() == before, "telling changes nothing"
    assert told is not None
    assert told.before["model_versions", "anon"] == "reads all rows; inserts; updates; deletes"
    assert told.after["model_versions", "anon"] == (
        "reads what its policies show (lepinet_active), of them version_name, file_path, is_active, revision,"
        " activated_at"
    )
    assert told.after["model_versions", "service_role"] == "reads all rows; inserts"
    migrate.apply(owner_here)
    assert adopt.adoption(owner_here, migrate.apply) is None


def test_several_at_once_wait_for_each_other(server: EmbeddedServer, superuser_here: Rows, empty_database: str) -> None:
    superuser_here.execute("grant usage on schema public to anon, authenticated, service_role")
    old_database.make(superuser_here, 0)

    def one(_: int) -> int:
        with server.connect(empty_database) as connection:
            told = adopt.adoption(connection, migrate.apply)
            migrate.apply(connection)
            return told is not None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, range(4))) >= 1


OPENED = """
    grant select, truncate on public.model_versions to elsewhere;
    grant update (notes) on public.model_performance_logs to elsewhere;
    alter table public.model_versions add column number bigserial;
    grant all on sequence public.model_versions_number_seq to public;
    grant select, insert on public.model_versions to public;
    create policy "Enable read access for all users" on public.model_versions for select using (true);
    create policy "Staff may do all" on public.model_versions for all to authenticated using (id is not null);
    create policy hidden on public.model_versions as restrictive for select using (version_name <> 'secret');
    create view public.latest as select version_name, notes from public.model_versions join
      public.model_performance_logs on true;
    create view public.through with (security_invoker = on) as select * from public.latest;
    create view public.own with (security_invoker = on) as select * from public.model_versions;
    create materialized view public.kept as select * from public.through;
    create view public.closed as select 1 from public.model_versions;
    grant select on public.latest, public.own to anon, elsewhere;
    grant select on public.kept to public;
    create function public.first_name() returns text language sql security definer as
      $$ select min(version_name) from public.model_versions $$;
    create function public.plain_name() returns text language sql as
      $$ select min(version_name) from public.model_versions $$;
"""


def test_what_goes_on_letting_others_in_is_told_with_what_ends_it(superuser_here: Rows, owner_here: Rows) -> None:
    old_database.make(superuser_here, 0)
    owner_here.execute(OPENED.encode())
    told = adopt.adoption(owner_here, migrate.apply)
    assert told is not None
    assert [opening.what for opening in told.openings] == [
        "elsewhere has a grant of its own on public.model_performance_logs: update",
        "elsewhere has a grant of its own on public.model_versions: select, truncate",
        "the function public.first_name() uses the registry with its owner's rights, whoever calls it",
        'the policy "Enable read access for all users" shows rows of public.model_versions to everybody: true',
        'the policy "Staff may do all" shows rows of public.model_versions to authenticated: (id IS NOT NULL)',
        "the view public.kept shows the registry to everybody with its owner's rights",
        "the view public.latest shows the registry to anon, elsewhere with its owner's rights",
    ]
    assert told.before["model_versions", "elsewhere"].startswith("reads all rows; inserts")
    assert (
        told.after["model_versions", "elsewhere"] == "reads what its policies show (Enable read access for all users)"
    )
    migrate.apply(owner_here)
    for opening in told.openings:
        owner_here.execute(opening.closed_by.encode())
    assert adopt.openings(owner_here) == ()
    for relation in ("model_versions", "latest", "own", "kept", "model_versions_number_seq"):
        for role in ("anon", "authenticated", "elsewhere"):
            superuser_here.execute("select set_config('role', %s, false)", [role])
            visible = reads(superuser_here, relation)
            superuser_here.execute("reset role")
            assert visible == 0, (relation, role)


def reads(connection: Rows, relation: str) -> int:
    """How many rows of a relation the role sees, of columns that anybody may see."""
    try:
        return connection.execute(f"select from public.{relation}".encode()).rowcount
    except psycopg.errors.InsufficientPrivilege:
        return 0


def test_a_new_database_has_nothing_to_take_over(owner_here: Rows) -> None:
    assert adopt.adoption(owner_here, migrate.apply) is None


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Whose production keeps its registry in a Supabase project."""
    (tmp_path / "models.yaml").write_text(
        "schema_version: 1\nenvironments:\n  production: {registry: supabase, endpoint: none}\nversions: {}\n"
    )
    begin(tmp_path)
    return tmp_path


def migrate_there(repository: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lepinet.cli import main; main()", "db", "migrate", *options],
        cwd=repository,
        env={**os.environ, "DATABASE_URL": url, "LEPINET_HOME": str(repository / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_asks_before_it_takes_over(
    server: EmbeddedServer, empty_database: str, superuser_here: Rows, repository: Path
) -> None:
    old_database.make(superuser_here, 0)
    superuser_here.execute("grant all on public.model_versions to authenticated")
    superuser_here.execute("create policy everybody on public.model_versions for select using (true)")
    before = superuser_here.execute(CATALOGUE).fetchall()
    asked = migrate_there(repository, server.url(empty_database))
    assert asked.returncode == 2
    assert "No row is changed or deleted" in asked.stderr
    assert "The page will still say that it worked" in asked.stderr
    assert "  signed-in users: reads all rows" in asked.stderr
    assert "→  reads what its policies show (everybody, lepinet_admin)" in asked.stderr
    assert "read no rows of model_versions" not in asked.stderr
    assert "drop policy everybody on public.model_versions;" in asked.stderr
    assert "lepinet db migrate --yes" in asked.stderr
    assert superuser_here.execute(CATALOGUE).fetchall() == before
    assert migrate_there(repository, server.url(empty_database), "--yes").returncode == 0
    again = migrate_there(repository, server.url(empty_database))
    assert (again.returncode, "migrations current" in again.stderr) == (0, True)


def test_users_who_will_read_no_rows_are_told_what_they_ask_instead(
    server: EmbeddedServer, empty_database: str, superuser_here: Rows, repository: Path
) -> None:
    old_database.make(superuser_here, 0)
    superuser_here.execute("grant all on public.model_versions to authenticated")
    asked = migrate_there(repository, server.url(empty_database))
    assert "Other signed-in users read no rows of model_versions then." in asked.stderr
    assert "from('active_model').select('file_path').eq('environment', 'production')" in asked.stderr


def test_what_lets_others_in_is_told_each_time_until_it_is_ended(
    server: EmbeddedServer, empty_database: str, superuser_here: Rows, repository: Path
) -> None:
    old_database.make(superuser_here, 0)
    superuser_here.execute("create policy everybody on public.model_versions for select using (true)")
    first = migrate_there(repository, server.url(empty_database), "--yes")
    assert first.stderr.count("drop policy everybody on public.model_versions;") == 1
    for _ in range(2):
        again = migrate_there(repository, server.url(empty_database))
        assert again.stderr.endswith(
            "What of the project's own goes on letting others in, each with the SQL that ends it:\n"
            "- the policy everybody shows rows of public.model_versions to everybody: true\n"
            "  drop policy everybody on public.model_versions;\n"
        )
    superuser_here.execute("drop policy everybody on public.model_versions")
    assert "letting others in" not in migrate_there(repository, server.url(empty_database)).stderr


def test_the_command_lists_what_is_in_the_way_with_the_sql_that_settles_it(
    server: EmbeddedServer, empty_database: str, superuser_here: Rows, repository: Path
) -> None:
    old_database.make(superuser_here, 0)
    superuser_here.execute("update public.model_versions set is_active = true, version_name = 'v1.0.0'")
    refused = migrate_there(repository, server.url(empty_database), "--yes")
    assert refused.returncode == 1
    assert "versions are active at once" in refused.stderr
    statements = [line.strip() for line in refused.stderr.splitlines() if line.startswith("  ")]
    for statement in statements:
        superuser_here.execute(statement.encode())
    assert migrate_there(repository, server.url(empty_database), "--yes").returncode == 0
