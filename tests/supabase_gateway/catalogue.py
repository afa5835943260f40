"""What PostgREST keeps in its schema cache: functions with their parameters, tables with their columns.

Read anew for each request. PostgREST reads it once, and again when it is told by `notify pgrst, 'reload schema'`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg

from supabase_gateway.errors import Refused

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

SCHEMA = "public"

_FUNCTIONS = """
    select
      array(
        select name from unnest(p.proargnames, p.proargmodes) with ordinality a (name, mode, place)
        where coalesce(mode, 'i') in ('i', 'b', 'v') order by place),
      array(select format_type(t, null) from unnest(p.proargtypes) with ordinality a (t, place) order by place),
      p.pronargdefaults, p.prorettype = 'void'::regtype, p.proretset,
      r.typtype = 'c' or p.prorettype = 'record'::regtype, p.provolatile <> 'v'
    from pg_proc p join pg_type r on r.oid = p.prorettype
    where p.pronamespace = %s::regnamespace and p.proname = %s and p.prokind = 'f'
"""
_COLUMNS = """
    select a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = %s::regnamespace and c.relname = %s and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and a.attnum > 0 and not a.attisdropped
    order by a.attnum
"""


@dataclass(frozen=True)
class Function:
    name: str
    parameters: dict[str, str]
    """Types by names."""
    required: frozenset[str]
    void: bool
    many: bool
    """Answers with any number of rows."""
    composite: bool
    """A row has columns, rather than one value."""
    reads_only: bool

    def __str__(self) -> str:
        parameters = ", ".join(f"{name} => {kind}" for name, kind in self.parameters.items())
        return f"{SCHEMA}.{self.name}({parameters})"


def function(connection: Rows, name: str, given: Collection[str]) -> Function:
    """The one that takes arguments of these names; others must have a default.

    Raises:
        Refused: there is none, or more than one.
    """
    found = [
        called
        for called in _functions(connection, name)
        if called.required <= set(given) and set(given) <= set(called.parameters)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(
            300,
            "PGRST203",
            f"Could not choose the best candidate function between: {', '.join(map(str, found))}",
            hint="Try renaming the parameters or the function itself in the database so function overloading can be"
            " resolved",
        )
    names = ", ".join(sorted(given))
    shown = f"({names})" if given else " without parameters"
    searched = f" with parameter{'s' if len(given) > 1 else ''} {names}" if given else " without parameters"
    raise Refused(
        404,
        "PGRST202",
        f"Could not find the function {SCHEMA}.{name}{shown} in the schema cache",
        details=f"Searched for the function {SCHEMA}.{name}{searched} or with a single unnamed json/jsonb parameter,"
        " but no matches were found in the schema cache.",
    )


def columns(connection: Rows, table: str) -> tuple[str, ...]:
    """Those of a table or view.

    Raises:
        Refused: there is none of that name.
    """
    found = connection.execute(_COLUMNS, [SCHEMA, table]).fetchall()
    if not found:
        raise Refused(404, "PGRST205", f"Could not find the table '{SCHEMA}.{table}' in the schema cache")
    return tuple(name for (name,) in found)


def _functions(connection: Rows, name: str) -> list[Function]:
    found = []
    for names, types, defaults, void, many, composite, reads_only in connection.execute(_FUNCTIONS, [SCHEMA, name]):
        parameters = dict(zip(names, types, strict=True))
        required = frozenset(names[: len(names) - defaults])
        found.append(Function(name, parameters, required, void, many, composite, reads_only))
    return found
