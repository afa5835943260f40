"""A registry that was made by hand: whether it can be taken over as it is, and who may do what with it then."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from lepinet.errors import LepinetError, RefusedError
from lepinet.registry.calls import Connection, explained
from lepinet.registry.records import OldRow, Opening

QUESTIONS: Final = Path(__file__).with_name("adopt.sql").read_text(encoding="utf-8")
"""SQL functions for what the database is asked; they are there until the session ends."""
STATE: Final = "pg_temp.lepinet_state()"
"""`nothing`, `by hand` or `taken over`."""
LOCK: Final = 0x6C6570696E6574
"""The advisory lock's number, one for each database: `lepinet` in ASCII."""
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_FUNCTION: Final = re.compile(r"create or replace function public\.(\w+)")
_INDEX: Final = re.compile(r"create (?:unique )?index if not exists (\w+)")
_RELATION: Final = re.compile(r"create (?:table if not exists|or replace view) public\.(\w+)")
TABLES: Final = ("model_versions", "model_performance_logs")
"""The old guide's."""
_OWN_FUNCTION: Final = re.compile(
    r"function (?!inline_code_block|pg_temp|lepinet\.|public\.lepinet)([^\s(]+\([^)\n]*\))"
)
"""In the context of an error, the innermost first: a function that is not LepiNet's."""
_NOT_OF_ITS_OWN: Final = frozenset({"08", "40", "53", "57", "58"})
"""Classes of states that are about the connection, others' work at the same time, or the server."""
_SEEN: Final = {
    "42P10": "the keys and the publications of that table (select * from pg_publication_tables)",
    "54000": "version_name and file_path in public.model_versions, of which one is longer than an index takes",
}
"""Where to look, by states that name nothing."""
_THERE: Final = "select t from unnest(%s::text[]) t where to_regclass('public.' || t) is not null"
_ROLES: Final = ("anon", "authenticated", "service_role")
_GRANTED: Final = """
    select distinct r.rolname::text
    from pg_class c join pg_attribute n on n.attrelid = c.oid
    cross join lateral (select grantee from aclexplode(c.relacl) union select grantee from aclexplode(n.attacl)) a
    join pg_roles r on r.oid = a.grantee
    where c.relnamespace = 'public'::regnamespace and c.relname = any (%s)
      and a.grantee <> c.relowner and not r.rolsuper and r.rolname <> all (%s)
    order by 1
"""
_ACCESS: Final = """
    select r.rolname, c.relname,
      case when not has_any_column_privilege(r.oid, c.oid, 'select') then null
        when has_table_privilege(r.oid, c.oid, 'select') then '{}'
        else array(select attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
          and has_column_privilege(r.oid, c.oid, a.attnum, 'select') order by a.attnum) end,
      array_remove(array[
        case when has_any_column_privilege(r.oid, c.oid, 'insert') and p.insert is not false then 'inserts' end,
        case when has_any_column_privilege(r.oid, c.oid, 'update') and p.update is not false and not exists (
          select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'lepinet_refuse_direct_activation')
          then 'updates' end,
        case when has_table_privilege(r.oid, c.oid, 'delete') and p.delete is not false then 'deletes' end], null),
      case when c.relrowsecurity and not r.rolbypassrls then coalesce(p.reading, '{}') end
    from pg_class c cross join pg_roles r
    left join lateral (
      select array_agg(p.policyname::text order by 1) filter (where p.cmd in ('SELECT', 'ALL')) as reading,
        coalesce(bool_or(p.cmd in ('INSERT', 'ALL')), false) as insert,
        coalesce(bool_or(p.cmd in ('UPDATE', 'ALL')), false) as update,
        coalesce(bool_or(p.cmd in ('DELETE', 'ALL')), false) as delete
      from pg_policies p
      where p.schemaname = 'public' and p.tablename = c.relname and p.permissive = 'PERMISSIVE'
        and p.roles && array[r.rolname, 'public'::name]) p on c.relrowsecurity and not r.rolbypassrls
    where c.relnamespace = 'public'::regnamespace and c.relname = any (%s) and r.rolname = any (%s)
"""
"""By role and table: the columns that it reads, none for all, null where it reads nothing; what it writes; the policies
that show it rows, null where all are open to it."""
_HIDDEN: Final = """
    select not exists (
      select from pg_policies p
      where p.schemaname = 'public' and p.tablename = 'model_versions' and p.permissive = 'PERMISSIVE'
        and p.cmd in ('SELECT', 'ALL') and p.roles && array['authenticated', 'public']::name[]
        and p.policyname not in ('lepinet_active', 'lepinet_admin'))
"""


@dataclass(frozen=True)
class Conflict:
    """Why the hand-made registry cannot be taken over as it is."""

    what: str
    settled_by: str
    """SQL for the tables' owner; it deletes no row."""


class ConflictsError(RefusedError):
    """The hand-made registry is neither taken over nor imported; nothing was changed."""

    def __init__(
        self,
        conflicts: tuple[Conflict, ...],
        what: str = "what was made by hand cannot be taken over as it is; nothing was changed",
    ) -> None:
        super().__init__(what)
        self.conflicts = conflicts

    def lines(self) -> tuple[str, ...]:
        told = [line for conflict in self.conflicts for line in (f"- {conflict.what}", f"  {conflict.settled_by}")]
        return (f"{self.what}. Settle this in the SQL editor, then run the same command again:", *told)


@dataclass(frozen=True)
class Adoption:
    """What taking over the hand-made registry changes, and for whom."""

    rows: Mapping[str, int]
    """How many rows each of its tables has; they stay as they are."""
    before: Mapping[tuple[str, str], str]
    """By table and role, the API's roles first: what it may do, in words."""
    after: Mapping[tuple[str, str], str]
    hidden_from_users: bool
    """Signed-in users who are no admins read no rows of `model_versions` then."""
    openings: tuple[Opening, ...]


def take_turn(connection: Connection) -> None:
    """Those who migrate a database wait for each other, before they look; how long for readers, each migration says."""
    connection.execute("set local lock_timeout = '60s'")
    connection.execute("set local statement_timeout = '60s'")
    connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])


def state(connection: Connection) -> str:
    """STATE; to be asked before the other questions of a transaction."""
    connection.execute(QUESTIONS.encode())
    (found,) = connection.execute(f"select {STATE}".encode()).fetchone() or ("",)
    return str(found)


def conflicts(migrations: str) -> str:
    """A query's source: all in the database that the migrations, given as their SQL, would meet."""
    names = (_made(kind, migrations) for kind in (_FUNCTION, _INDEX, _RELATION))
    return sql.SQL("pg_temp.lepinet_conflicts({}, {}, {})").format(*names).as_string()


def conflicts_of_rows(rows: Sequence[OldRow]) -> tuple[Conflict, ...]:
    """Which rows contradict each other: what `lepinet_conflicts_of_rows` finds, where only the API can be asked."""
    by_id = sorted(rows, key=lambda row: row.id or "")
    active = [row for row in by_id if row.is_active]
    stays = max(active, key=lambda row: row.created_at or _FIRST, default=None)
    found = []
    if stays and len(active) > 1:
        what = f"{len(active)} versions are active at once; this leaves the newest of them, {stays.version_name}"
        settled = sql.SQL("update public.model_versions set is_active = false where is_active and id <> {};")
        found.append(Conflict(what, settled.format(stays.id or "").as_string()))
    taken = set[str]()
    for row in sorted(by_id, key=lambda row: (row is not stays, row.created_at or _LAST)):
        name = row.version_name or ""
        if name in taken:
            what = f"another version is called {name}, too; this gives it a name of its own"
            settled = sql.SQL("update public.model_versions set version_name = {} where id = {};")
            found.append(Conflict(what, settled.format(f"{name}-{(row.id or '')[:8]}", row.id or "").as_string()))
        if name.strip():
            taken.add(name)
    return tuple(found)


def rehearsal(migrations: str) -> str:
    """A query's source: what lets no version be logged and activated, seen once the migrations were applied."""
    return sql.SQL("pg_temp.lepinet_rehearsal({})").format(_made(_INDEX, migrations)).as_string()


def _made(kind: re.Pattern[str], migrations: str) -> sql.Literal:
    return sql.Literal([*dict.fromkeys(kind.findall(migrations))])


def require_none(connection: Connection, source: str) -> None:
    """`source` is what `conflicts` or `rehearsal` gives.

    Raises:
        ConflictsError: with all that is in the way.
    """
    found = connection.execute(f"select what, settled_by from {source}".encode())  # noqa: S608 -- from this module
    if in_the_way := tuple(Conflict(*row) for row in found):
        raise ConflictsError(in_the_way)


def stopped(error: psycopg.Error, where: str) -> LepinetError:
    """What PostgreSQL meets in a database that has things of its own, in its own words; nothing was changed."""
    state, said = error.sqlstate or "", error.diag
    if state[:2] in _NOT_OF_ITS_OWN or state in {"", "25006", "42501", "55P03"} or state.startswith("PT"):
        return explained(error, where)
    table = ".".join(filter(None, (said.schema_name, said.table_name, said.column_name)))
    function = _OWN_FUNCTION.search(said.context or "")
    known = f"the function {function[1]}" if function else _SEEN.get(state)
    seen = table or known or "what that names, else at the tables and their rows"
    # What is said of a row that breaks a rule quotes the row.
    detail = None if state.startswith("23") else said.message_detail
    return RefusedError(
        f"nothing was changed, since a statement failed: {': '.join(filter(None, (said.message_primary, detail)))}",
        where=where,
        todo=f"look at {seen}: take away or rename what is this project's own there, then run the same command again",
    )


def adoption(connection: Connection, apply: Callable[[Connection], object]) -> Adoption | None:
    """What `apply` would change for those who use the hand-made registry; None where there is none. It is undone.

    Raises:
        ConflictsError: with all that is in the way.
        OutsideError: the database cannot be asked, or cannot be changed.
    """
    try:
        # One transaction: behind a pooler, the next one may be another session's.
        with connection.transaction(force_rollback=True):
            take_turn(connection)
            if state(connection) != "by hand":
                return None
            roles = [*_ROLES, *(role for (role,) in connection.execute(_GRANTED, [list(TABLES), list(_ROLES)]))]
            rows = {table: _count(connection, table) for (table,) in connection.execute(_THERE, [list(TABLES)])}
            before = _access(connection, roles)
            apply(connection)
            after = _access(connection, roles)
            (hidden,) = connection.execute(_HIDDEN).fetchone() or (False,)
            left_open = openings(connection)
    except psycopg.Error as error:
        raise stopped(error, connection.info.dbname) from error
    return Adoption(rows, before, {place: after[place] for place in before}, bool(hidden), left_open)


def openings(connection: Connection) -> tuple[Opening, ...]:
    """What lets others past the rules of a registry that has all migrations; the connection is the owner's.

    Raises:
        OutsideError: the database cannot be asked.
    """
    try:
        (found,) = connection.execute("select public.registry_openings()").fetchone() or ([],)
    except psycopg.Error as error:
        raise explained(error, connection.info.dbname) from error
    return tuple(Opening.model_validate(one) for one in found)


def _access(connection: Connection, roles: list[str]) -> dict[tuple[str, str], str]:
    found = {
        (table, role): _in_words(columns, writes, policies)
        for role, table, columns, writes, policies in connection.execute(_ACCESS, [list(TABLES), roles])
    }
    return {place: found[place] for table in TABLES for role in roles if (place := (table, role)) in found}


def _in_words(columns: list[str] | None, writes: list[str], policies: list[str] | None) -> str:
    """A row of _ACCESS."""
    does = [*writes]
    if columns is not None and policies != []:
        shown = "all rows" if policies is None else f"what its policies show ({', '.join(policies)})"
        does.insert(0, f"reads {shown}" + (f", of them {', '.join(columns)}" if columns else ""))
    return "; ".join(does) or "nothing"


def _count(connection: Connection, table: str) -> int:
    query = sql.SQL("select count(*) from public.{}").format(sql.Identifier(table))
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)
