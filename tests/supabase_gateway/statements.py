"""What is asked of the database for one request."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from supabase_gateway.asked import Asked
from supabase_gateway.catalogue import SCHEMA, Function, Rows
from supabase_gateway.errors import Refused, not_implemented
from supabase_gateway.query import Query

_ROLE_SETTINGS = """
    select split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
    from pg_roles, unnest(rolconfig) setting where rolname = %s
"""
_SET = "select set_config(name, value, true) from unnest(%s::text[], %s::text[]) setting (name, value)"


@dataclass(frozen=True)
class Statement:
    """One that answers with the text of a JSON and the number of rows in it."""

    text: sql.Composed
    values: Sequence[Any]


@dataclass(frozen=True)
class Found:
    content: str
    rows: int


def become(connection: Rows, asked: Asked, *, reads_only: bool) -> None:
    """Take on the caller's role, with that role's limits, for the rest of the transaction."""
    settings = {
        "search_path": f"{SCHEMA}, extensions",
        **dict(connection.execute(_ROLE_SETTINGS, [asked.caller.role]).fetchall()),
        "request.jwt.claims": json.dumps(asked.caller.claims),
        "request.method": asked.method,
        "request.path": "/" + "/".join(asked.path),
        "request.headers": json.dumps(asked.headers),
        "role": asked.caller.role,
    }
    if reads_only:
        connection.execute("set transaction read only")
    connection.execute(_SET, [list(settings), list(settings.values())])


def run(connection: Rows, statement: Statement, *, single: bool) -> Found:
    """Run a statement.

    Raises:
        Refused: one row was wanted, and there is another number of them.
    """
    content, rows = connection.execute(statement.text, statement.values).fetchone() or ("", 0)
    if single and rows != 1:
        said = "Cannot coerce the result to a single JSON object"
        raise Refused(406, "PGRST116", said, details=f"The result contains {rows} rows")
    return Found(content, rows)


def call(function: Function, given: Sequence[str], body: str, *, single: bool, max_rows: int) -> Statement:
    """A function's result; arguments are taken from the body with the types that the function gives them."""
    fields = [sql.Identifier(name) + sql.SQL(f" {function.parameters[name]}") for name in given]
    arguments = sql.SQL("json_to_record(%s) as _a ({}), ").format(sql.SQL(", ").join(fields)) if given else sql.SQL("")
    passed = [sql.SQL("{0} := _a.{0}").format(sql.Identifier(name)) for name in given]
    called = sql.SQL("from {}lateral {}({}) as _r{}").format(
        arguments,
        sql.Identifier(SCHEMA, function.name),
        sql.SQL(", ").join(passed),
        sql.SQL("" if function.composite else " (value)"),
    )
    values = [body] if given else []
    if function.void:
        return Statement(sql.SQL("select '', 1 ") + called, values)
    column = sql.SQL("_r.*" if function.composite else "_r.value")
    rows = sql.SQL("select {} {} limit {}").format(column, called, max_rows if function.many else 1)
    return Statement(_as_json(rows, single=single, column="" if function.composite else ".value"), values)


def select(table: str, query: Query, *, single: bool, max_rows: int) -> Statement:
    limit = max_rows if query.limit is None else min(query.limit, max_rows)
    rows = (
        sql.SQL("select {} from {}").format(query.selected, sql.Identifier(SCHEMA, table))
        + query.where
        + query.order_by
        + sql.SQL(" limit {} offset {}").format(limit, query.offset)
    )
    return Statement(_as_json(rows, single=single), query.values)


def insert(table: str, query: Query, known: Collection[str], rows: Any, body: str) -> Statement:
    """Columns that no row names have their defaults."""
    first = rows[0] if isinstance(rows, list) and rows else rows
    names = query.written or (tuple(first) if isinstance(first, dict) else ())
    if not names:
        raise not_implemented("an insert of nothing")
    _require_known(table, known, names)
    source = "json_populate_recordset" if isinstance(rows, list) else "json_populate_record"
    return Statement(
        sql.SQL("insert into {0} ({1}) select {1} from {2}(null::{0}, %s)").format(
            sql.Identifier(SCHEMA, table), _names(names), sql.SQL(source)
        ),
        [body],
    )


def update(table: str, query: Query, known: Collection[str], row: Any, body: str) -> Statement:
    if not isinstance(row, dict) or not row:
        raise not_implemented("an update of nothing, or by several objects")
    _require_filter(query, "UPDATE")
    _require_known(table, known, row)
    return Statement(
        sql.SQL("update {0} set ({1}) = (select {1} from json_populate_record(null::{0}, %s))").format(
            sql.Identifier(SCHEMA, table), _names(row)
        )
        + query.where,
        [body, *query.values],
    )


def delete(table: str, query: Query) -> Statement:
    _require_filter(query, "DELETE")
    return Statement(sql.SQL("delete from {}").format(sql.Identifier(SCHEMA, table)) + query.where, query.values)


def returning(change: Statement, query: Query, *, whole: bool, single: bool) -> Statement:
    """A change and the rows it made; without them the caller needs no right to read."""
    columns = query.selected if whole else sql.SQL("1")
    rows = change.text + sql.SQL(" returning ") + columns
    return Statement(_as_json(rows, single=single), change.values)


def _as_json(rows: sql.Composable, *, single: bool, column: str = "") -> sql.Composed:
    content = f"json_agg(_t{column}) -> 0" if single else f"coalesce(json_agg(_t{column}), '[]')"
    return sql.SQL("with _t as ({}) select coalesce({}, 'null')::text, count(*) from _t").format(rows, sql.SQL(content))


def _names(names: Collection[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _require_known(table: str, known: Collection[str], names: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise Refused(400, "PGRST204", f"Could not find the '{name}' column of '{table}' in the schema cache")


def _require_filter(query: Query, verb: str) -> None:
    """As the extension safeupdate does, which Supabase loads for `authenticator`."""
    if not query.filters:
        raise Refused(400, "21000", f"{verb} requires a WHERE clause")
