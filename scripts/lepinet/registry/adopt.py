"""A registry that was made by hand: whether it can be taken over as it is, and who may do what with it then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, LiteralString

from psycopg import sql

from lepinet.errors import RefusedError
from lepinet.registry.calls import Connection

_BY_HAND: Final[Mapping[str, Mapping[str, LiteralString]]] = {
    "model_versions": {
        "id": "uuid",
        "version_name": "text",
        "file_path": "text",
        "training_image_count": "integer",
        "accuracy_score": "double precision",
        "is_active": "boolean",
        "created_at": "timestamp with time zone",
    },
    "model_performance_logs": {
        "id": "uuid",
        "model_version_id": "uuid",
        "test_date": "timestamp with time zone",
        "test_accuracy": "double precision",
        "test_sample_size": "integer",
        "notes": "text",
    },
}
"""The tables of the old guide, with the types of their columns."""
_ADDED: Final[Mapping[str, Mapping[str, LiteralString]]] = {
    "model_versions": {
        "revision": "text",
        "notes": "text",
        "links": "jsonb",
        "metrics": "jsonb",
        "activated_at": "timestamp with time zone",
    },
    "model_performance_logs": {
        "environment": "text",
        "kind": "text",
        "top3_accuracy": "double precision",
        "details": "jsonb",
        "commit_sha": "text",
    },
}
"""The columns that the migrations add, unless they are there."""
_ALWAYS_KNOWN: Final = frozenset(
    {"id", "version_name", "file_path", "is_active", "created_at", "model_version_id", "test_date"}
)
"""Columns of which LepiNet has a value for every row."""
_AS_GOOD: Final = {
    "text": ("character varying",),
    "integer": ("smallint", "bigint"),
    "double precision": ("real", "numeric"),
}
_NEEDED: Final = {
    "model_versions": ("id", "version_name", "file_path"),
    "model_performance_logs": ("id", "model_version_id"),
}
"""Without these it is another table; the rest is added."""
_NEW: Final = ("environments", "model_deployments", "deployment_events", "active_model")
_ROLES: Final = ("anon", "authenticated", "service_role")

_COLUMNS: Final = """
    select a.attname, format_type(a.atttypid, null), a.attnotnull,
      a.atthasdef or a.attidentity <> '' or a.attgenerated <> ''
    from pg_attribute a where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
_KIND: Final = "select relkind from pg_class where relnamespace = 'public'::regnamespace and relname = %s"
_OWNED: Final = """
    select from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = %s
      and pg_has_role(c.relowner, 'usage')
"""
_KEY: Final = """
    select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = %s::regclass and i.indisunique and i.indnkeyatts = 1 and i.indpred is null and a.attname = 'id'
"""
_MADE_FUNCTION: Final = re.compile(r"create or replace function public\.(\w+)")
_MADE_INDEX: Final = re.compile(r"create (?:unique )?index if not exists (\w+)")
_SAME_FUNCTIONS: Final = """
    select format('%%I.%%I(%%s)', 'public', proname, pg_get_function_identity_arguments(oid)), proname
    from pg_proc where pronamespace = 'public'::regnamespace and proname = any (%s) order by 1
"""
_SAME_INDEXES: Final = """
    select relname from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('i', 'I') and relname = any (%s) order by 1
"""
_WITHOUT: Final = "select count(*) from public.model_versions where {} is null"
# As JSON: a column that is not there is null.
_SEVERAL_ACTIVE: Final = """
    select v.version_name, v.id::text from public.model_versions v, to_jsonb(v) as row
    where row -> 'is_active' = 'true' order by row ->> 'created_at' desc nulls last, v.id
"""
_SAME_NAME: Final = """
    select version_name, id::text from (
      select v.version_name, v.id, row_number() over (
        partition by v.version_name order by row -> 'is_active' desc nulls last, row ->> 'created_at', v.id) as n
      from public.model_versions v, to_jsonb(v) as row where v.version_name is not null) v
    where n > 1 order by version_name, n
"""
_ACCESS: Final = """
    select r.rolname, c.relname,
      case when not has_any_column_privilege(r.oid, c.oid, 'select') then null
        when has_table_privilege(r.oid, c.oid, 'select') then '{}'
        else array(select attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
          and has_column_privilege(r.oid, c.oid, a.attnum, 'select') order by a.attnum) end,
      array_remove(array[
        case when has_any_column_privilege(r.oid, c.oid, 'insert') then 'inserts' end,
        case when has_any_column_privilege(r.oid, c.oid, 'update') and not exists (
          select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'lepinet_refuse_direct_activation')
          then 'updates' end,
        case when has_table_privilege(r.oid, c.oid, 'delete') then 'deletes' end], null),
      c.relrowsecurity and not r.rolbypassrls,
      array(select policyname::text from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname
        and p.roles && array[r.rolname, 'public'::name] order by 1)
    from pg_class c cross join pg_roles r
    where c.relnamespace = 'public'::regnamespace and c.relname = any (%s) and r.rolname = any (%s)
    order by c.relname desc, r.rolname
"""


@dataclass(frozen=True)
class Conflict:
    """Why the hand-made registry cannot be taken over as it is."""

    what: str
    settled_by: str
    """SQL for the tables' owner; it deletes nothing."""


class ConflictsError(RefusedError):
    """The hand-made registry is not taken over; nothing was changed."""

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        super().__init__("what was made by hand cannot be taken over as it is; nothing was changed")
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
    """By table and API role: what it may do, in words."""
    after: Mapping[tuple[str, str], str]


def require_no_conflicts(connection: Connection, migrations: str) -> None:
    """Look at everything in the database that the migrations would meet; nothing where they were applied already.

    Args:
        connection: the owner's.
        migrations: their SQL.

    Raises:
        ConflictsError: with all that is in the way.
    """
    if not _is_taken_over(connection) and (conflicts := tuple(_conflicts(connection, migrations))):
        raise ConflictsError(conflicts)


def adoption(connection: Connection, apply: Callable[[Connection], object]) -> Adoption | None:
    """What `apply` would change for those who use the hand-made registry; None where there is none. It is undone.

    Raises:
        ConflictsError: with all that is in the way.
    """
    if _is_taken_over(connection) or not (tables := [table for table in _BY_HAND if _kind(connection, table)]):
        return None
    rows = {table: _count(connection, "select count(*) from public.{}", table) for table in tables}
    before = access(connection)
    with connection.transaction(force_rollback=True):
        apply(connection)
        after = access(connection)
    return Adoption(rows, before, {place: after[place] for place in before})


def access(connection: Connection) -> dict[tuple[str, str], str]:
    """By table and API role: what it may do, in words."""
    rows = connection.execute(_ACCESS, [list(_BY_HAND), list(_ROLES)])
    return {
        (table, role): _in_words(columns, writes, policies if limited else None)
        for role, table, columns, writes, limited, policies in rows
    }


def _in_words(columns: list[str] | None, writes: list[str], policies: list[str] | None) -> str:
    """`columns` None: reads none, empty: all; `policies` None: all rows are open to it."""
    if policies == []:
        return "nothing"
    shown = f"what its policies show ({', '.join(policies)})" if policies else "all rows"
    reads = [] if columns is None else [f"reads {shown}" + (f", of them {', '.join(columns)}" if columns else "")]
    return "; ".join([*reads, *writes]) or "nothing"


def _is_taken_over(connection: Connection) -> bool:
    # Not by the schema alone: a project may have had one of that name for something else.
    return bool(connection.execute("select where to_regproc('lepinet.refuse') is not null").rowcount)


def _conflicts(connection: Connection, migrations: str) -> Iterator[Conflict]:
    yield from _same_names(connection, migrations)
    for name in (*_NEW, *_BY_HAND):
        kind = _kind(connection, name)
        if kind and (name in _NEW or kind not in {"r", "p"}):
            is_type = "type" if kind == "c" else "table"
            renamed = _statement(f"alter {is_type} public.{{}} rename to {{}};", name, f"{name}_by_hand")
            yield Conflict(f"public.{name} is something of this project's own, and LepiNet needs the name", renamed)
        elif kind and not connection.execute(_OWNED, [name]).rowcount:
            owned = _statement("alter table public.{} owner to {};", name, connection.info.user)
            yield Conflict(f"public.{name} belongs to another user, who alone can change it", owned)
        elif kind:
            yield from _in_table(connection, name)


def _same_names(connection: Connection, migrations: str) -> Iterator[Conflict]:
    """Functions, of other arguments or results too: a call by name would find two. Indexes: a name is one thing's."""
    for function, name in connection.execute(_SAME_FUNCTIONS, [_MADE_FUNCTION.findall(migrations)]):
        renamed = f"alter routine {function} {_statement('rename to {};', f'{name}_by_hand')}"
        yield Conflict(f"{function} is a function of this project's own, and LepiNet needs the name", renamed)
    for (name,) in connection.execute(_SAME_INDEXES, [_MADE_INDEX.findall(migrations)]):
        renamed = _statement("alter index public.{} rename to {};", name, f"{name}_by_hand")
        yield Conflict(f"public.{name} is an index of this project's own, and LepiNet needs the name", renamed)


def _in_table(connection: Connection, table: str) -> Iterator[Conflict]:
    away = _statement("alter table public.{} rename to {};", table, f"{table}_by_hand")
    expected = _BY_HAND[table]
    added = _ADDED[table]
    found = {name: column for name, *column in connection.execute(_COLUMNS, [f"public.{table}"])}
    if missing := [column for column in _NEEDED[table] if column not in found]:
        yield Conflict(f"public.{table} has no {' and no '.join(missing)}: it is another table of that name", away)
        return
    for column, (kind, not_null, filled) in found.items():
        right = expected.get(column)
        # Where it has no value for a column of its own, it says so: a default does not come in then.
        ours = column in expected or column in added
        if not_null and not (column in _ALWAYS_KNOWN if ours else filled):
            free = _statement("alter table public.{} alter column {} drop not null;", table, column)
            yield Conflict(f"public.{table}.{column} needs a value, which LepiNet does not always know", free)
        if column in added and kind != added[column]:
            renamed = _statement("alter table public.{} rename column {} to {};", table, column, f"{column}_by_hand")
            yield Conflict(
                f"public.{table}.{column} is {kind}, and LepiNet needs the name for {added[column]}", renamed
            )
        elif right == "uuid" != kind:
            yield Conflict(f"public.{table}.{column} is {kind}, and not uuid: it is another table of that name", away)
        elif right and kind != right and kind not in _AS_GOOD.get(right, ()):
            changed = f"alter table public.{{}} alter column {{}} type {right} using {{}}::{right};"
            yield Conflict(
                f"public.{table}.{column} is {kind}, and not {right}", _statement(changed, table, column, column)
            )
    if not connection.execute(_KEY, [f"public.{table}"]).rowcount:
        yield Conflict(f"public.{table}.id is no key", _statement("alter table public.{} add primary key (id);", table))
    if table == "model_versions":
        yield from _in_versions(connection)


def _in_versions(connection: Connection) -> Iterator[Conflict]:
    for column in ("version_name", "file_path"):
        if empty := _count(connection, _WITHOUT, column):
            filled = "update public.model_versions set {} = 'unknown-' || id where {} is null;"
            yield Conflict(f"versions without a {column}: {empty}", _statement(filled, column, column))
    active = connection.execute(_SEVERAL_ACTIVE).fetchall()
    if len(active) > 1:
        kept = sql.SQL("update public.model_versions set is_active = false where is_active and id <> {};")
        yield Conflict(
            f"{len(active)} versions are active at once; this leaves the newest of them, {active[0][0]}",
            kept.format(sql.Literal(active[0][1])).as_string(),
        )
    for name, identity in connection.execute(_SAME_NAME):
        renamed = sql.SQL("update public.model_versions set version_name = {} where id = {};")
        yield Conflict(
            f"another version is called {name}, too; this gives it a name of its own",
            renamed.format(sql.Literal(f"{name}-{identity[:8]}"), sql.Literal(identity)).as_string(),
        )


def _kind(connection: Connection, name: str) -> str | None:
    """`pg_class.relkind` of what is called so in `public`."""
    found = connection.execute(_KIND, [name]).fetchone()
    return str(found[0]) if found else None


def _count(connection: Connection, query: LiteralString, name: str) -> int:
    (count,) = connection.execute(sql.SQL(query).format(sql.Identifier(name))).fetchone() or (0,)
    return int(count)


def _statement(statement: str, *names: str) -> str:
    return sql.SQL(statement).format(*map(sql.Identifier, names)).as_string()
