"""Registries as people made them by hand over the years, each from a seed: tables, rows, rights and oddities."""

from __future__ import annotations

import random
from typing import Any, Final, TypeAlias

import psycopg

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

ODDITIES: Final = (
    "several active",
    "same names",
    "no names",
    "no paths",
    "null figures",
    "extra columns",
    "extra column that needs a value",
    "extra policies",
    "another owner",
    "another table called environments",
    "another type",
    "fewer columns",
    "hardly any columns",
    "no defaults",
    "no key",
    "no performance table",
    "row-level security on",
    "everything granted to everybody",
    "functions of the same names",
    "a view called active_model",
    "an index of the same name",
    "a new column of another type",
    "figures that must be given",
    "a key of another name",
)
SEEDS: Final = range(len(ODDITIES) + 1)
"""Every oddity is one of them's own."""
_SETTLED_FIRST: Final = {
    *("several active", "same names", "no names", "no paths", "extra column that needs a value", "another owner"),
    *("another table called environments", "another type", "no key", "functions of the same names"),
    *("a view called active_model", "an index of the same name", "a new column of another type"),
    "figures that must be given",
}
"""What the registry cannot have once it is taken over."""
_OF_COLUMNS: Final = {
    *("several active", "null figures", "another type", "fewer columns", "no defaults", "figures that must be given"),
}
"""Need columns to be odd in."""


def make(superuser: Rows, seed: int) -> set[str]:
    """Make one in a database that has Supabase's roles, and say what is odd about it. Seed 0's is the old guide's own.

    Seeds in a row have every oddity among them.

    The tables are `lepinet`'s, unless they are odd in that.
    """
    chance = random.Random(seed)
    own = ODDITIES[seed % len(ODDITIES)]
    odd = {own, *chance.sample(ODDITIES, chance.randint(0, 4))} if seed else set()
    for fewer, needing in (("hardly any columns", _OF_COLUMNS), ("fewer columns", {"figures that must be given"})):
        if fewer in odd:
            odd -= needing if own == fewer else {fewer}
    superuser.execute(_versions_table(odd).encode())
    for number in range(chance.randint(2, 9)):
        superuser.execute(
            "insert into public.model_versions (version_name, file_path) values (%s, 'Bhanura/lepinet-model')",
            [chance.choice((f"v1.{number}.0", f"lepinet-model-2024-12-{number + 10}"))],
        )
    if "no performance table" not in odd:
        superuser.execute(_PERFORMANCE)
    for oddity in sorted(odd & _STATEMENTS.keys()):
        superuser.execute(_STATEMENTS[oddity].encode())
    for table in ("model_versions", "model_performance_logs"):
        owner = "elsewhere" if "another owner" in odd else "lepinet"
        superuser.execute(f"alter table if exists public.{table} owner to {owner}".encode())
    return odd


def has_conflicts(odd: set[str]) -> bool:
    return bool(odd & _SETTLED_FIRST)


def _versions_table(odd: set[str]) -> str:
    default = "" if "no defaults" in odd else "default"
    more = "" if "fewer columns" in odd else ", training_image_count integer, accuracy_score double precision"
    more += f"""
        , is_active boolean {default and "default false"}
        , created_at timestamp with time zone {default and "default now()"}"""
    if "hardly any columns" in odd:
        more = ""
    key = "" if "no key" in odd else ", constraint model_versions_pkey primary key (id)"
    return f"""
        create table public.model_versions (
          id uuid not null default gen_random_uuid(), version_name text, file_path text {more} {key})
    """


_PERFORMANCE: Final = """
    create table public.model_performance_logs (
      id uuid default gen_random_uuid() primary key, model_version_id uuid, test_date timestamptz default now(),
      test_accuracy double precision, test_sample_size integer, notes text);
    insert into public.model_performance_logs (model_version_id, test_accuracy, test_sample_size)
      select id, 0.9, 96 from public.model_versions;
"""
_SOME: Final = "where id in (select id from public.model_versions order by id limit 2)"
_STATEMENTS: Final = {
    "several active": f"update public.model_versions set is_active = true {_SOME}",  # noqa: S608 -- as above
    "same names": f"update public.model_versions set version_name = 'v1.0.0' {_SOME}",  # noqa: S608 -- as above
    "no names": f"update public.model_versions set version_name = null {_SOME}",  # noqa: S608 -- as above
    "no paths": f"update public.model_versions set file_path = null {_SOME}",  # noqa: S608 -- as above
    "null figures": "update public.model_versions set is_active = null, created_at = null where not is_active",
    "extra columns": """
        alter table public.model_versions add column architecture text default 'ViT', add column tags text[]
    """,
    "extra column that needs a value": """
        alter table public.model_versions add column framework text;
        update public.model_versions set framework = 'torch';
        alter table public.model_versions alter column framework set not null
    """,
    "extra policies": """
        create policy "Enable read access for all users" on public.model_versions for select using (true);
        create policy "Staff may do all" on public.model_versions for all to authenticated using (true)
    """,
    "another table called environments": "create table public.environments (id bigint primary key, name text)",
    "another type": "alter table public.model_versions alter column created_at type text using created_at::text",
    "functions of the same names": """
        create function public.log_model_version(name text, path text) returns uuid language sql as $$
          insert into public.model_versions (version_name, file_path) values (name, path) returning id $$;
        create function public.claim(ticket integer) returns boolean language sql as $$ select ticket > 0 $$;
        create procedure public.release() language sql as $$ select 1 $$
    """,
    "a view called active_model": """
        create view public.active_model as select version_name as name from public.model_versions
    """,
    "an index of the same name": "create index model_versions_name on public.model_versions (version_name)",
    "a new column of another type": """
        alter table public.model_versions add column revision integer, add column metrics text default 'none'
    """,
    "figures that must be given": """
        update public.model_versions set training_image_count = 0;
        alter table public.model_versions alter column training_image_count set default 0,
          alter column training_image_count set not null
    """,
    "a key of another name": """
        alter index if exists public.model_performance_logs_pkey rename to logs_key
    """,
    "row-level security on": "alter table public.model_versions enable row level security",
    "everything granted to everybody": "grant all on public.model_versions to anon, authenticated, service_role",
}
