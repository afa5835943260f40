"""What people added to their tables, and lets no version be logged or activated: found before anything is changed."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import psycopg
import pytest

from lepinet.errors import RefusedError
from lepinet.registry import adopt, migrate
from lepinet.registry.adopt import Conflict, ConflictsError
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import SUPERUSER

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

TABLES = """
    create table public.model_versions (
      id uuid primary key default gen_random_uuid(), version_name text, file_path text, training_image_count integer,
      accuracy_score double precision, is_active boolean default false, created_at timestamptz default now());
    create table public.model_performance_logs (
      id uuid primary key default gen_random_uuid(), model_version_id uuid references public.model_versions (id),
      test_date timestamptz default now(), test_accuracy double precision, test_sample_size integer, notes text);
    insert into public.model_versions (version_name, file_path, is_active, created_at) values
      ('v1.0.0', 'm/1', false, '2025-01-01'), ('v1.1.0', 'm/2', true, '2025-02-01');
"""
OBSTACLES = {
    "a check": (
        "alter table public.model_versions add constraint percent check (accuracy_score > 1)",
        r"the constraint percent of public\.model_versions, CHECK \(.*\) lets no version be logged and activated: .*",
        "alter table public.model_versions drop constraint percent;",
    ),
    "a path once, at the end of the transaction": (
        "alter table public.model_versions add constraint once unique (file_path) deferrable initially deferred",
        "the constraint once of",
        "alter table public.model_versions drop constraint once;",
    ),
    "a path once, by an index": (
        "create unique index once on public.model_versions (lower(file_path))",
        r"the index public\.once of",
        "drop index public.once;",
    ),
    "one test for each version": (
        "create unique index one_test on public.model_performance_logs (model_version_id)",
        r"the index public\.one_test of public\.model_performance_logs",
        "drop index public.one_test;",
    ),
    "another table's rows": (
        """
        create table public.datasets (size integer primary key);
        alter table public.model_versions add foreign key (training_image_count) references public.datasets
        """,
        "the constraint model_versions_training_image_count_fkey of",
        "alter table public.model_versions drop constraint model_versions_training_image_count_fkey;",
    ),
    "a column that counts itself": (
        """
        alter table public.model_versions drop column accuracy_score,
          add column accuracy_score double precision generated always as (0.5) stored
        """,
        r"the generated column accuracy_score of public\.model_versions",
        "alter table public.model_versions alter column accuracy_score drop expression;",
    ),
    "a rule that swallows": (
        "create rule closed as on insert to public.model_performance_logs do instead nothing",
        r"the rule closed of public\.model_performance_logs stands before every row that is logged",
        "drop rule closed on public.model_performance_logs;",
    ),
    "a trigger that swallows": (
        """
        create function public.no() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger no before insert on public.model_performance_logs for each row execute function public.no()
        """,
        "the trigger no of .*: a test is not stored as it is logged",
        "alter table public.model_performance_logs disable trigger no;",
    ),
    "a trigger that changes": (
        """
        create function public.neat() returns trigger language plpgsql as $$
          begin new.file_path := upper(new.file_path); return new; end $$;
        create trigger neat before insert on public.model_versions for each row execute function public.neat()
        """,
        "the trigger neat of",
        "alter table public.model_versions disable trigger neat;",
    ),
    "row-level security for the owner too": (
        "alter table public.model_performance_logs force row level security",
        r"the forced row-level security of public\.model_performance_logs",
        "alter table public.model_performance_logs no force row level security;",
    ),
    "a default that names its function plainly": (
        """
        create table public.words (word text);
        create function public.word() returns text language plpgsql as $$ begin return (select word from words); end $$;
        alter table public.model_versions add column word text default public.word()
        """,
        r"the default of public\.model_versions\.word lets no version be logged and activated: relation",
        "alter table public.model_versions alter column word drop default;",
    ),
    "a short name": (
        "alter table public.model_versions alter column version_name type varchar(20)",
        r"public\.model_versions\.version_name is character varying\(20\), and not text",
        "alter table public.model_versions alter column version_name type text using version_name::text;",
    ),
    "few images": (
        "alter table public.model_versions alter column training_image_count type smallint",
        r"public\.model_versions\.training_image_count is smallint, and not integer",
        (
            "alter table public.model_versions alter column training_image_count type integer"
            " using training_image_count::integer;"
        ),
    ),
    "a trigger of LepiNet's names": (
        """
        create function public.same() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger lepinet_bound before insert on public.model_versions for each row execute function public.same()
        """,
        r"the trigger lepinet_bound of public\.model_versions is this project's own",
        "alter trigger lepinet_bound on public.model_versions rename to by_hand_lepinet_bound;",
    ),
    "a new column that is computed": (
        "alter table public.model_versions add column deployed boolean generated always as (is_active) stored",
        r"public\.model_versions\.deployed is computed, and LepiNet needs the name for boolean",
        "alter table public.model_versions rename column deployed to deployed_by_hand;",
    ),
    "ids of text": (
        """
        alter table public.model_performance_logs drop constraint model_performance_logs_model_version_id_fkey;
        alter table public.model_versions alter column id drop default, alter column id type text
        """,
        r"public\.model_versions\.id is text, and not uuid: it is another table of that name",
        (
            "alter table public.model_versions rename to model_versions_by_hand;"
            " alter index public.model_versions_pkey rename to model_versions_by_hand_pkey;"
        ),
    ),
    "a schema that is called so": (
        """
        create schema lepinet;
        create function lepinet.refuse(a text) returns void language sql as 'select';
        alter table public.model_versions add constraint percent check (accuracy_score > 1)
        """,
        "the constraint percent of",
        "alter table public.model_versions drop constraint percent;",
    ),
    "a blank name": (
        "update public.model_versions set version_name = ' ' where not is_active",
        "versions without a version_name: 1",
        r"update public.model_versions set version_name = 'unknown-' || id where coalesce(version_name, '') !~ '\S';",
    ),
    "no path": (
        "update public.model_versions set file_path = '' where not is_active",
        "versions without a file_path: 1",
        r"update public.model_versions set file_path = 'unknown-' || id where coalesce(file_path, '') !~ '\S';",
    ),
}
NOTE_CHANGES = """
    create table public.changes (what text);
    create function public.note_change() returns trigger language plpgsql as $$
      begin insert into changes values (new.version_name); return new; end $$;
    create trigger note_change after insert on public.model_versions for each row execute function public.note_change();
"""


@pytest.fixture
def owner_here(server: EmbeddedServer, empty_database: str) -> Any:
    """The owner of the old guide's tables with two versions, v1.1.0 the active one."""
    with server.connect(empty_database) as connection:
        connection.execute(TABLES)
        yield connection


def conflicts(owner: Rows) -> tuple[Conflict, ...]:
    with pytest.raises(ConflictsError) as refused:
        migrate.apply(owner)
    assert owner.execute("select to_regclass('public.environments')").fetchone() == (None,), "nothing is half done"
    return refused.value.conflicts


def settle(owner: Rows) -> None:
    for conflict in conflicts(owner):
        owner.execute(conflict.settled_by.encode())
    migrate.apply(owner)
    assert adopt.state(owner) == "taken over"


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_an_obstacle_is_named_with_what_takes_it_away(owner_here: Rows, obstacle: str) -> None:
    made_by, what, settled_by = OBSTACLES[obstacle]
    owner_here.execute(made_by.encode())
    (found,) = conflicts(owner_here)
    assert re.match(what, found.what), found.what
    assert found.settled_by == settled_by
    settle(owner_here)


def test_a_trigger_that_names_its_table_plainly_goes_on_working(owner_here: Rows) -> None:
    """The registry's functions see no schema but those they name."""
    owner_here.execute(NOTE_CHANGES.encode())
    (found,) = conflicts(owner_here)
    assert found.what.startswith("the trigger note_change of public.model_versions lets no version be logged")
    assert found.settled_by == "alter function public.note_change() set search_path = public, extensions;"
    settle(owner_here)
    owner_here.execute("select public.log_model_version('v2.0.0', 'm/3')")
    assert owner_here.execute("select what from public.changes").fetchall() == [("v2.0.0",)], "and not the rehearsal"


def test_each_of_several_obstacles_is_named_and_what_does_no_harm_is_not(owner_here: Rows) -> None:
    for obstacle in ("a path once, by an index", "a trigger that changes", "another table's rows"):
        owner_here.execute(OBSTACLES[obstacle][0].encode())
    owner_here.execute("alter table public.model_versions add constraint counted check (training_image_count >= 0)")
    owner_here.execute("""
        create function public.watch() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger watch before update on public.model_versions for each row execute function public.watch();
    """)
    settled_by = {found.settled_by for found in conflicts(owner_here)}
    assert settled_by == {
        OBSTACLES[obstacle][2]
        for obstacle in ("a path once, by an index", "a trigger that changes", "another table's rows")
    }


def test_what_nothing_of_the_tables_explains_is_refused_too(owner_here: Rows) -> None:
    owner_here.execute("""
        create domain public.word as text default 'none' not null;
        alter table public.model_versions add column word public.word;
        alter domain public.word drop default;
    """)
    (found,) = conflicts(owner_here)
    assert found.what == "no version can be logged and activated here: domain public.word does not allow null values"
    assert found.settled_by.startswith("-- ")


@pytest.mark.parametrize(
    ("made_by", "what", "look_at"),
    [
        (
            """
            create function public.frozen() returns trigger language plpgsql as $$ begin raise 'frozen'; end $$;
            create trigger frozen before update on public.model_versions execute function public.frozen()
            """,
            "frozen",
            "the function frozen()",
        ),
        ("create type public.environments as enum ('a')", 'type "environments" already exists', "what that names"),
        (
            """
            create schema supabase_migrations;
            create table supabase_migrations.schema_migrations (version text primary key, note text not null)
            """,
            'null value in column "note"',
            "supabase_migrations.schema_migrations.note",
        ),
        (
            """
            create schema supabase_migrations;
            create table supabase_migrations.schema_migrations (version integer primary key)
            """,
            "out of range",
            "what that names",
        ),
        (
            """
            insert into public.model_versions (version_name, file_path)
              select string_agg(md5(i::text), ''), 'm' from generate_series(1, 400) i
            """,
            "index row requires",
            "version_name and file_path in public.model_versions, of which one is longer",
        ),
        (
            "create publication live for table public.model_versions where (is_active)",
            "Column used in the publication WHERE expression",
            "the keys and the publications of that table",
        ),
    ],
    ids=[
        "a trigger on statements",
        "a type",
        "a column of the list",
        "another list",
        "a name too long for an index",
        "a publication of some rows",
    ],
)
def test_whatever_else_a_migration_meets_is_told_and_nothing_is_changed(
    owner_here: Rows, made_by: str, what: str, look_at: str
) -> None:
    owner_here.execute(made_by.encode())
    with pytest.raises(RefusedError, match=f"nothing was changed, since a statement failed: .*{what}") as told:
        adopt.adoption(owner_here, migrate.apply)
    assert str(told.value.todo).startswith(f"look at {look_at}")
    assert str(told.value.where).endswith("schema_migrations") == ("schema_migrations" in made_by)
    assert owner_here.execute("select to_regclass('public.model_deployments')").fetchone() == (None,)


def test_schemas_of_another_user_are_asked_for(server: EmbeddedServer, empty_database: str, owner_here: Rows) -> None:
    with server.connect(empty_database, SUPERUSER) as another:
        another.execute("create schema lepinet; create schema supabase_migrations")
        another.execute("create table supabase_migrations.schema_migrations (version text primary key)")
        found = conflicts(owner_here)
        assert [one.what.partition(" belongs")[0] for one in found] == [
            "the schema lepinet",
            "the schema supabase_migrations",
            "supabase_migrations.schema_migrations",
        ]
        for one in found:
            another.execute(one.settled_by.encode())
    migrate.apply(owner_here)


def test_tables_that_a_crash_would_empty_are_named_and_made_to_last(owner_here: Rows) -> None:
    owner_here.execute("alter table public.model_performance_logs set unlogged")
    owner_here.execute("alter table public.model_versions set unlogged")
    found = conflicts(owner_here)
    assert [one.what.partition(":")[0] for one in found] == [
        "public.model_versions is unlogged",
        "public.model_performance_logs is unlogged",
    ]
    for one in found:
        owner_here.execute(one.settled_by.encode())
    migrate.apply(owner_here)


def test_a_sequence_beside_the_tables_goes_on_counting(owner_here: Rows) -> None:
    owner_here.execute("""
        create schema counting;
        create sequence counting.numbers;
        alter table public.model_versions add column number bigint not null default nextval('counting.numbers');
        alter table public.model_performance_logs add column number serial;
    """)
    migrate.apply(owner_here)
    insert_with_the_secret_key(owner_here)


def insert_with_the_secret_key(owner: Rows) -> None:
    """As the old guide's trainer and tester do it."""
    owner.execute("set role service_role")
    owner.execute("insert into public.model_versions (version_name, file_path) values ('v2.0.0', 'm/3')")
    owner.execute("insert into public.model_performance_logs (test_accuracy) values (0.9)")
    owner.execute("reset role")
    for table in ("model_versions", "model_performance_logs"):
        numbers = f"select count(distinct number), count(*) from public.{table}"  # noqa: S608 -- one of these two
        (different, rows) = owner.execute(numbers.encode()).fetchone() or (0, 1)
        assert different == rows


def test_a_sequence_of_another_user_is_asked_for(server: EmbeddedServer, empty_database: str, owner_here: Rows) -> None:
    with server.connect(empty_database, SUPERUSER) as another:
        another.execute("create sequence public.numbers")
        for table in ("model_versions", "model_performance_logs"):
            added = f"alter table public.{table} add column number bigint default nextval('public.numbers')"
            another.execute(added.encode())
        of_tests, of_versions = conflicts(owner_here)
        assert of_versions.what == (
            "public.model_versions.number takes its numbers from public.numbers, which belongs to another user"
        )
        assert of_versions.settled_by == of_tests.settled_by
        another.execute(of_versions.settled_by.encode())
    migrate.apply(owner_here)
    insert_with_the_secret_key(owner_here)


def test_of_versions_alike_the_one_that_stays_active_keeps_its_name(owner_here: Rows) -> None:
    owner_here.execute("update public.model_versions set version_name = 'v1.0.0', is_active = true")
    owner_here.execute(
        "insert into public.model_versions (version_name, file_path, created_at) values"
        " ('v0.9.0', 'm/3', '2024-01-01'), ('v0.9.0', 'm/4', '2024-02-01')"
    )
    settle(owner_here)
    named = owner_here.execute(
        "select file_path, version_name, is_active from public.model_versions order by 1"
    ).fetchall()
    assert named[1] == ("m/2", "v1.0.0", True), "the newer of the two that were active"
    assert named[0][1].startswith("v1.0.0-")
    assert named[2] == ("m/3", "v0.9.0", False), "else the oldest"
    assert named[3][1].startswith("v0.9.0-")


IN_USE = """
    create view public.names with (security_invoker = on) as select version_name, id from public.model_versions;
    grant select (version_name) on public.names to anon;
    create materialized view public.short_names as select left(version_name, 4) as name from public.names;
    create unique index short_names_name on public.short_names (name);
    grant select on public.short_names to authenticated;
    create rule renamed as on update to public.names do instead
      update public.model_versions set version_name = new.version_name where id = new.id;
    create table public.seen (name text);
    alter table public.seen enable row level security;
    create policy named on public.seen as restrictive for insert to authenticated, anon
      with check (exists (select from public.model_versions v where v.version_name = name));
    create policy "no secrets" on public.model_versions for select using (version_name <> 'secret');
    create function public.note() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger "noted first" before update of version_name on public.model_versions
      for each row when (new.version_name <> 'x') execute function public.note();
    alter table public.model_versions enable always trigger "noted first";
    create rule kept as on delete to public.seen do also
      update public.model_versions set notes = 'seen' where version_name = old.name;
"""
USERS = """
    select 'relation', c.oid::regclass::text, c.relowner, concat(c.reloptions, c.relacl, a.attacl, c.relrowsecurity)
    from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
    where c.relname in ('names', 'short_names', 'short_names_name', 'seen')
    union all select 'policy', policyname, 0,
        concat(tablename, permissive, roles, cmd, qual is null, with_check is null)
      from pg_policies
    union all select 'trigger', tgname, 0, concat(tgenabled, tgrelid::regclass, tgattr, tgqual is null)
      from pg_trigger where not tgisinternal
    union all select 'rule', rulename, 0, ev_class::regclass::text from pg_rewrite where ev_class >= 16384
    order by 1, 2, 4
"""


def test_what_uses_a_narrow_column_is_made_again_as_it_was(owner_here: Rows) -> None:
    owner_here.execute(OBSTACLES["a short name"][0].encode())
    owner_here.execute("alter table public.model_versions add column notes text")
    owner_here.execute(IN_USE.encode())
    before = owner_here.execute(USERS.encode()).fetchall()
    (found,) = conflicts(owner_here)
    assert found.what == "public.model_versions.version_name is character varying(20), and not text"
    owner_here.execute(found.settled_by.encode())
    assert owner_here.execute(USERS.encode()).fetchall() == before
    assert len(owner_here.execute("select name from public.short_names").fetchall()) == 2
    migrate.apply(owner_here)


def test_a_column_that_is_computed_from_another_keeps_what_it_holds(owner_here: Rows) -> None:
    owner_here.execute(OBSTACLES["few images"][0].encode())
    owner_here.execute("update public.model_versions set training_image_count = 12")
    owner_here.execute("""
        alter table public.model_versions
          add column dozens integer generated always as (training_image_count / 12) stored
    """)
    (found,) = conflicts(owner_here)
    assert found.settled_by.startswith("begin; alter table public.model_versions alter column dozens drop expression;")
    settle(owner_here)
    assert owner_here.execute("select distinct dozens from public.model_versions").fetchall() == [(1,)]


def test_a_default_gets_the_type_of_its_column(owner_here: Rows) -> None:
    owner_here.execute("""
        alter table public.model_versions alter column is_active drop default, alter column is_active type text,
          alter column is_active set default 'no'
    """)
    settle(owner_here)
    assert owner_here.execute("select version_name from public.model_versions where is_active").fetchall() == [
        ("v1.1.0",)
    ]
    owner_here.execute("insert into public.model_versions (version_name, file_path) values ('v2.0.0', 'm/3')")


def test_what_cannot_be_changed_keeps_what_it_holds_under_another_name(owner_here: Rows) -> None:
    owner_here.execute("""
        alter table public.model_versions alter column created_at drop default, alter column created_at type text;
        update public.model_versions set created_at = 'last week' where is_active;
        create policy dated on public.model_versions for select using (created_at <> '');
    """)
    (found,) = conflicts(owner_here)
    assert found.what == (
        "public.model_versions.created_at is text, and not timestamp with time zone; PostgreSQL does not change it:"
        ' invalid input syntax for type timestamp with time zone: "last week"'
    )
    assert found.settled_by == "alter table public.model_versions rename column created_at to created_at_by_hand;"
    settle(owner_here)
    assert owner_here.execute("select created_at_by_hand from public.model_versions where is_active").fetchall() == [
        ("last week",)
    ]


def test_a_needed_column_that_cannot_be_changed_says_what_holds_it(owner_here: Rows) -> None:
    owner_here.execute(OBSTACLES["a short name"][0].encode())
    owner_here.execute("""
        create function public.newest() returns text language sql
          begin atomic select max(version_name) from public.model_versions; end;
    """)
    (found,) = conflicts(owner_here)
    assert 'function public.newest() depends on column "version_name"' in found.what
    assert found.settled_by.startswith("-- take away what it names")
    owner_here.execute("drop function public.newest")
    settle(owner_here)


def test_every_column_that_the_registry_has_is_looked_at(server: EmbeddedServer, migrated: str) -> None:
    """One that a later migration adds may be there by hand, of another type."""
    with server.connect(migrated) as owner:
        adopt.state(owner)
        known = owner.execute("select of_table, named, typed from pg_temp.lepinet_columns()").fetchall()
        there = owner.execute("""
            select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
            from pg_attribute a join pg_class c on c.oid = a.attrelid
            where c.oid in ('public.model_versions'::regclass, 'public.model_performance_logs'::regclass)
              and a.attnum > 0 and not a.attisdropped
        """).fetchall()
    assert sorted(known) == sorted(there)
