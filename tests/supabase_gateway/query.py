"""The query string of a request for rows, as SQL: columns, filters, order, limit and offset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from supabase_gateway.errors import Refused, not_implemented

_COMPARING = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "like"}
_IS = {"null": "null", "not_null": "not null", "true": "true", "false": "false", "unknown": "unknown"}
_NOT_HERE = {
    *("not", "ilike", "match", "imatch", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "isdistinct"),
    *("fts", "plfts", "phfts", "wfts"),
}
_ORDER = {"asc": "asc", "desc": "desc", "nullsfirst": "nulls first", "nullslast": "nulls last"}
_NAME = re.compile(r'"(?P<quoted>[^"]+)"|(?P<plain>[A-Za-z_][\w$]*)', re.ASCII)
_LIST_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,"]+)')


@dataclass(frozen=True)
class Filter:
    condition: sql.Composable
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Query:
    columns: tuple[str, ...] | None = None
    """None: all of them."""
    filters: tuple[Filter, ...] = ()
    order: tuple[sql.Composable, ...] = ()
    limit: int | None = None
    offset: int = 0
    written: tuple[str, ...] | None = None
    """The columns that an insert names; None: the keys of its rows."""

    @property
    def selected(self) -> sql.Composable:
        return sql.SQL("*") if self.columns is None else sql.SQL(", ").join(map(sql.Identifier, self.columns))

    @property
    def where(self) -> sql.Composable:
        if not self.filters:
            return sql.SQL("")
        return sql.SQL(" where ") + sql.SQL(" and ").join([each.condition for each in self.filters])

    @property
    def order_by(self) -> sql.Composable:
        return sql.SQL(" order by ") + sql.SQL(", ").join(self.order) if self.order else sql.SQL("")

    @property
    def values(self) -> list[Any]:
        return [value for each in self.filters for value in each.values]


def parse(parameters: Sequence[tuple[str, str]]) -> Query:
    """Read a query string.

    Raises:
        Refused: it is wrong, or asks for what this gateway has not.
    """
    query = Query()
    for name, value in parameters:
        match name:
            case "select":
                query = replace(query, columns=_columns(value, "select"))
            case "columns":
                query = replace(query, written=_columns(value, "columns"))
            case "order":
                query = replace(query, order=tuple(_ordered(term) for term in value.split(",")))
            case "limit":
                query = replace(query, limit=_whole(value))
            case "offset":
                query = replace(query, offset=_whole(value))
            case "and" | "or" | "on_conflict":
                raise not_implemented(f"the parameter {name}")
            case _:
                query = replace(query, filters=(*query.filters, _filter(name, value)))
    return query


def _columns(value: str, parameter: str) -> tuple[str, ...] | None:
    return None if value == "*" else tuple(_name(part, parameter) for part in value.split(","))


def _name(text: str, parameter: str) -> str:
    found = _NAME.fullmatch(text)
    if found is None:
        raise not_implemented(f"{text} in {parameter}: plain columns only")
    return found["quoted"] or found["plain"]


def _ordered(term: str) -> sql.Composable:
    name, *words = term.split(".")
    if any(word not in _ORDER for word in words):
        raise _unreadable("order", term, f"expecting {', '.join(_ORDER)}")
    return sql.Identifier(_name(name, "order")) + sql.SQL("".join(f" {_ORDER[word]}" for word in words))


def _whole(value: str) -> int:
    if not re.fullmatch(r"\d+", value, re.ASCII):
        why = "Limit should be greater than or equal to zero."
        raise Refused(416, "PGRST103", "Requested range not satisfiable", details=why)
    return int(value)


def _filter(name: str, value: str) -> Filter:
    operator, dot, operand = value.partition(".")
    if operator.partition("(")[0] in _NOT_HERE:
        raise not_implemented(f"the operator {operator}")
    column = sql.Identifier(_name(name, "a filter"))
    if dot and operator in _COMPARING:
        wanted = operand.replace("*", "%") if operator == "like" else operand
        return Filter(column + sql.SQL(f" {_COMPARING[operator]} %s"), (wanted,))
    if dot and operator == "is" and operand in _IS:
        return Filter(column + sql.SQL(f" is {_IS[operand]}"))
    if dot and operator == "in" and operand.startswith("(") and operand.endswith(")"):
        return Filter(column + sql.SQL(" = any(%s)"), (_array(operand[1:-1]),))
    raise _unreadable("filter", value, f"unknown operator {operator}, or an operand that it does not take")


def _array(items: str) -> str:
    """A list of PostgREST as an array of PostgreSQL, which takes its type from the column."""
    values = [plain or re.sub(r"\\(.)", r"\1", quoted) for quoted, plain in _LIST_ITEM.findall(items)]
    escaped = [re.sub(r'(["\\])', r"\\\1", value) for value in values]
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def _unreadable(what: str, text: str, why: str) -> Refused:
    return Refused(400, "PGRST100", f'"failed to parse {what} ({text})" (line 1, column 1)', details=why)
