"""Brings a database up to the migrations of this version, and binds it to a repository and its environments."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from lepinet.errors import OutsideError, RefusedError
from lepinet.registry import adopt
from lepinet.registry.calls import Connection, explained
from lepinet.registry.refusals import NOT_MIGRATED

_HERE: Final = Path(__file__).parent
_FILE: Final = re.compile(r"(?P<version>\d{14})_(?P<name>.+)\.sql")
_SHOWN: Final = 5
_PREPARE: Final = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations
  add column if not exists statements text[], add column if not exists name text;
"""
_RECORD: Final = """
insert into supabase_migrations.schema_migrations (version, name) values ({}, {}) on conflict (version) do nothing;
""".strip()
_REFUSE: Final = """
do $lepinet$
declare
  listed text;
begin
  if current_setting('lepinet.state') {state} then
    select string_agg(format(E'- %s\\n  %s', what, settled_by), E'\\n') into listed from {conflicts};
  end if;
  if listed is not null then
    raise exception using message = E'what was made by hand cannot be taken over as it is; nothing was changed. '
      'Settle this, then run all of it again:\\n' || listed;
  end if;
end
$lepinet$;
""".lstrip()
_BIND: Final = """
select public.bind_environments(repository => {repository}, environments => array(
  select n.name from unnest({all}::text[]) with ordinality n (name, place)
  where n.name = any ({ours})
    or exists (select from public.environments e where e.name = n.name and e.place is not null)
  order by n.place));
""".lstrip()
_OPENINGS: Final = """
select * from jsonb_to_recordset(public.registry_openings()) as o (what text, closed_by text);
""".lstrip()


@dataclass(frozen=True)
class Migration:
    version: str
    """14 digits, the order of application."""
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.version}_{self.name}"


class GoneError(RefusedError):
    """The list of applied migrations has what is not in the database; nothing was changed."""

    def __init__(self, gone: Sequence[str], where: str, *, again: bool) -> None:
        restore = "restore the database from a backup"
        super().__init__(
            f"recorded as applied, and not there: {in_few_words(gone)}; nothing was changed",
            where=where,
            # What is not there after all of it was applied again is a part of something that is.
            todo=restore
            if again
            else f"{restore}; or make anew what is gone, tables without their rows: lepinet db migrate --again",
        )


def in_few_words(gone: Sequence[str]) -> str:
    """The names of what is gone, the first of them where there are many."""
    more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
    return ", ".join(gone[:_SHOWN]) + more


def migrations() -> tuple[Migration, ...]:
    """This version's migrations in order: the wheel's copy, in a checkout those of `supabase/migrations`."""
    packaged = _HERE / "migrations"
    folder = packaged if packaged.is_dir() else _HERE.parents[2] / "supabase" / "migrations"
    return tuple(
        Migration(found["version"], found["name"], path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.sql"))
        if (found := _FILE.fullmatch(path.name))
    )


@dataclass(frozen=True)
class Made:
    """By name, what the migrations have made once all of them were applied."""

    relations: tuple[str, ...]
    """Tables, views and indexes, with their schema."""
    functions: tuple[str, ...]
    """With their schema."""
    triggers: tuple[str, ...]


def made() -> Made:
    text = _all_sql()
    tables = re.findall(r"create table if not exists (public\.\w+)", text)
    views = re.findall(r"create or replace view (public\.\w+)", text)
    indexes = re.findall(r"create (?:unique )?index (?:if not exists )?(\w+)\s+on", text)
    # Tables that were made by hand call their keys as they like.
    keys = [f"{table}_pkey" for table in tables if table.removeprefix("public.") not in adopt.TABLES]
    return Made(
        tuple(dict.fromkeys([*tables, *views, *keys, *(f"public.{index}" for index in indexes)])),
        tuple(dict.fromkeys(re.findall(r"create or replace function ((?:public|lepinet)\.\w+)", text))),
        tuple(dict.fromkeys(re.findall(r"create trigger (\w+)", text))),
    )


def apply(connection: Connection, *, again: bool = False) -> list[Migration]:
    """Apply what is missing, all of it or nothing, and record it as the Supabase CLI does.

    The connection is the owner's, in autocommit mode. Others may do the same at the same time. `again`: apply what is
    recorded as applied, too.

    Returns:
        What was applied here and now, in order.

    Raises:
        ConflictsError: tables that were made by hand are in the way.
        GoneError: somebody has dropped what is recorded as applied.
        OutsideError: the database cannot be changed, or somebody else is changing it.
    """
    place = connection.info.dbname
    applied = []
    state = ""
    try:
        with connection.transaction():
            _begin(connection, place)
            state = adopt.state(connection)
            if again or state != "taken over":
                # Its own names are no conflicts for a registry that is to be mended.
                adopt.require_none(connection, adopt.conflicts("" if state == "taken over" else _all_sql()))
            _prepare(connection, place)
            recorded = set() if again else _recorded(connection)
            for migration in migrations():
                if migration.version not in recorded:
                    place = f"{connection.info.dbname}, migration {migration}"
                    connection.execute(migration.sql.encode())
                    _record(connection, migration)
                    applied.append(migration)
            place = connection.info.dbname
            _require_all(connection, again=again)
            if state == "by hand":
                adopt.require_none(connection, adopt.rehearsal(_all_sql()))
    except psycopg.Error as error:
        if state == "taken over" and error.sqlstate in NOT_MIGRATED:
            raise GoneError([str(error.diag.message_primary)], place, again=again) from error
        raise adopt.stopped(error, place) from error
    return applied


def _require_all(connection: Connection, *, again: bool) -> None:
    told_by = (
        "select where to_regproc('lepinet.missing_objects') is null or to_regproc('public.missing_objects') is null"
    )
    if connection.execute(told_by).rowcount:
        raise GoneError(["schema lepinet, or a part of it"], connection.info.dbname, again=again)
    query = "select public.missing_objects(%s, %s, %s)"
    all_of_it = made()
    lists = [list(names) for names in (all_of_it.relations, all_of_it.functions, all_of_it.triggers)]
    (gone,) = connection.execute(query, lists).fetchone() or ([],)
    if gone:
        raise GoneError(gone, connection.info.dbname, again=again)


def _all_sql() -> str:
    return "".join(migration.sql for migration in migrations())


def require_ours(connection: Connection, repository: str) -> None:
    """Ask before anything is changed.

    Args:
        connection: the owner's, of a database that may have no registry yet.
        repository: main's first commit.

    Raises:
        RegistryRefusal: the database belongs to another repository.
    """
    told_by = "select where to_regprocedure('lepinet.require_repository(text)') is not null"
    try:
        if connection.execute(f"{told_by} and to_regclass('public.environments') is not null".encode()).rowcount:
            connection.execute("select lepinet.require_repository(%s)", [repository])
    except psycopg.Error as error:
        raise explained(error, connection.info.dbname) from error


def bind(connection: Connection, repository: str, environments: Sequence[str]) -> None:
    """Make the environments, in promotion order, known to the database as those of the repository.

    Args:
        connection: the owner's.
        repository: main's first commit.
        environments: all that the manifest names; rows of others stay and lose their place.

    Raises:
        RegistryRefusal: the database belongs to another repository.
    """
    query = "select public.bind_environments(repository => %s, environments => %s)"
    try:
        connection.execute(query, [repository, list(environments)])
    except psycopg.Error as error:
        raise explained(error, connection.info.dbname) from error


def identity(connection: Connection) -> tuple[object, ...]:
    """Of the database itself, whichever address led to it; a copy of it runs since another moment."""
    asked = "select pg_postmaster_start_time(), oid from pg_database where datname = current_database()"
    return connection.execute(asked).fetchone() or ()


def script(repository: str, environments: Sequence[str], ours: Collection[str]) -> str:
    """All that `apply` and `bind` do, as one transaction for a Supabase project's SQL editor; harmless when repeated.

    Args:
        repository: main's first commit.
        environments: all that the manifest names, in promotion order.
        ours: those of them whose database it is; others stay as the database knows them.
    """
    parts = [
        f"begin;\nset local statement_timeout = '60s';\nselect pg_advisory_xact_lock({adopt.LOCK});\n",
        f"{adopt.QUESTIONS}\nselect set_config('lepinet.state', {adopt.STATE}, true);\n",
        _REFUSE.format(state="<> 'taken over'", conflicts=adopt.conflicts(_all_sql())),
        _PREPARE,
    ]
    for migration in migrations():
        record = sql.SQL(_RECORD).format(*map(sql.Literal, (migration.version, migration.name))).as_string()
        parts.append(f"-- {migration}\n{migration.sql.strip()}\n{record}\n")
    names = {"all": sql.Literal(list(environments)), "ours": sql.Literal(list(ours))}
    bind = sql.SQL(_BIND).format(repository=sql.Literal(repository), **names).as_string()
    parts += [
        _REFUSE.format(state="= 'by hand'", conflicts=adopt.rehearsal(_all_sql())),
        f"-- Which repository this database belongs to, by its first commit, and its environments.\n{bind}",
        f"-- What lets others past the registry's rules, and what ends that.\n{_OPENINGS}",
        "commit;\n",
    ]
    return "\n".join(parts)


def _begin(connection: Connection, where: str) -> None:
    try:
        adopt.take_turn(connection)
        _stand_in_for_supabase(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise _needs_superuser(error, where) from error


def _prepare(connection: Connection, where: str) -> None:
    try:
        connection.execute(_PREPARE.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise _needs_superuser(error, where) from error
    except psycopg.Error as error:
        raise adopt.stopped(error, f"{where}, supabase_migrations.schema_migrations") from error


def _stand_in_for_supabase(connection: Connection) -> None:
    """A plain PostgreSQL gets what Supabase brings: roles for the whole cluster, a few functions for this database."""
    complete = "select where to_regrole('service_role') is not null and to_regprocedure('auth.jwt()') is not null"
    if not connection.execute(complete).rowcount:
        connection.execute((_HERE / "shim.sql").read_bytes())


def _needs_superuser(error: psycopg.Error, where: str) -> OutsideError:
    return OutsideError(
        f"this user may not prepare the database: {error.diag.message_primary}",
        where=where,
        todo="connect as the database's owner; a plain PostgreSQL, which has not Supabase's roles, needs once, by a "
        f"superuser: psql --file '{_HERE / 'shim.sql'}', and grant anon, authenticated, service_role to the owner",
    )


def _recorded(connection: Connection) -> set[str]:
    found = connection.execute("select version::text from supabase_migrations.schema_migrations")
    return {version for (version,) in found}


def _record(connection: Connection, migration: Migration) -> None:
    insert = (
        "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)"
        " on conflict (version) do update set name = excluded.name, statements = excluded.statements"
    )
    try:
        connection.execute(insert, [migration.version, migration.name, [migration.sql]])
    except psycopg.Error as error:
        raise adopt.stopped(error, f"{connection.info.dbname}, supabase_migrations.schema_migrations") from error
