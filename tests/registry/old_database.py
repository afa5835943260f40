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
    "blank names",
    "narrow columns",
    "a trigger that names its table plainly",
    "a trigger that keeps what is active",
    "a rule",
    "forced row-level security",
    "each path once",
    "a trigger that notes the time",
    "a numbered column",
    "opened to everybody there is",
    "narrow columns that are in use",
    "another user's numbers",
)
SEEDS: Final = range(len(ODDITIES) + 1)
"""Every oddity is one of them's own."""
_SETTLED_FIRST: Final = {
    *("several active", "same names", "no names", "no paths", "extra column that needs a value", "another owner"),
    *("another table called environments", "another type", "no key", "functions of the same names"),
    *("a view called active_model", "an index of the same name", "a new column of another type"),
    *("figures that must be given", "blank names", "narrow columns", "forced row-level security", "each path once"),
    *("a trigger that names its table plainly", "a trigger that keeps what is active", "a rule"),
    *("narrow columns that are in use", "another user's numbers"),
}
"""What the registry cannot have once it is taken over."""
_OF_COLUMNS: Final = {
    *("several active", "null figures", "another type", "fewer columns", "no defaults", "figures that must be given"),
    *("narrow columns", "a trigger that keeps what is active", "narrow columns that are in use"),
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
    for fewer, needing in (
        ("hardly any columns", _OF_COLUMNS),
        ("fewer columns", {"figures that must be given", "narrow columns", "narrow columns that are in use"}),
    ):
        if fewer in odd:
            odd -= needing if own == fewer else {fewer}
    superuser.execute(_versions_table(odd).encode())
    if odd & {"narrow columns", "narrow columns that are in use"}:  # before a view of them lets nobody change them
        superuser.execute(_NARROW)
    for number in range(chance.randint(2, 9)):
        superuser.execute(
            "insert into public.model_versions (version_name, file_path) values (%s, %s)",
            [
                chance.choice((f"v1.{number}.0", f"lepinet-model-2024-12-{number + 10}")),
                f"Bhanura/lepinet-{number if 'each path once' in odd else 'model'}",
            ],
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
_NARROW: Final = """
    alter table public.model_versions alter column version_name type varchar(26),
      alter column accuracy_score type numeric(3, 2), alter column training_image_count type smallint
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
    "blank names": f"update public.model_versions set version_name = ' ', file_path = '' {_SOME}",  # noqa: S608
    "a trigger that names its table plainly": """
        create table public.changes (what text);
        create function public.note_change() returns trigger language plpgsql as $$
          begin insert into changes values (new.version_name); return new; end $$;
        create trigger note_change after insert on public.model_versions
          for each row execute function public.note_change();
        alter table public.changes owner to lepinet; alter function public.note_change() owner to lepinet
    """,
    "a trigger that keeps what is active": """
        create function public.keep_active() returns trigger language plpgsql set search_path = '' as $$
          begin new.is_active := old.is_active; return new; end $$;
        create trigger keep_active before update on public.model_versions
          for each row execute function public.keep_active()
    """,
    "a rule": """
        create rule keep_names as on update to public.model_versions where new.version_name <> old.version_name
          do instead nothing
    """,
    "forced row-level security": "alter table public.model_versions force row level security",
    "each path once": """
        alter table public.model_versions add constraint each_path_once unique (file_path)
    """,
    "a trigger that notes the time": """
        alter table public.model_versions add column updated_at timestamptz default now();
        create function public.note_time() returns trigger language plpgsql as $$
          begin new.updated_at := now(); return new; end $$;
        create trigger note_time before update on public.model_versions
          for each row execute function public.note_time()
    """,
    "a numbered column": "alter table public.model_versions add column number bigserial",
    "opened to everybody there is": """
        grant all on public.model_versions to public, elsewhere;
        create view public.latest as select * from public.model_versions;
        grant select on public.latest to anon
    """,
    "narrow columns that are in use": """
        create view public.long_names as select version_name from public.model_versions where accuracy_score is null;
        create view public.count_of_names as select count(*) from public.long_names;
        create policy exact on public.model_versions for select to authenticated using (accuracy_score > 0.5);
        create function public.note_name() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger note_name before update of version_name on public.model_versions
          for each row execute function public.note_name();
        alter view public.long_names owner to lepinet; alter view public.count_of_names owner to lepinet
    """,
    "another user's numbers": """
        create sequence public.numbers owned by none;
        alter table public.model_versions add column place_in_line bigint default nextval('public.numbers')
    """,
    "a key of another name": """
        alter index if exists public.model_performance_logs_pkey rename to logs_key
    """,
    "row-level security on": "alter table public.model_versions enable row level security",
    "everything granted to everybody": "grant all on public.model_versions to anon, authenticated, service_role",
}
