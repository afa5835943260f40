"""The rules of Supabase's database linter that can apply here, as SQL: what its dashboard would say of the registry.

Each is shown to find what it is for. Left out are rules about what the registry has not (users' tables, extensions,
queues, buckets), about use (bloat, unused indexes, replication slots), 0023, which asks about tables that break 0013,
and those that only remind: 0012, that a user may be anonymous, which `app_metadata.role` rules out, and 0026 and 0027,
that who can read a table can learn its columns' names.

https://supabase.com/docs/guides/database/database-linter
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import psycopg
import pytest

from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import SUPERUSER

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]


class Rule(NamedTuple):
    found: str
    """A query for what breaks it, by name."""
    broken_by: str
    """A statement after which there is something."""


RULES: Final = {
    "0001 unindexed foreign keys": Rule(
        """
        select c.conrelid::regclass || '.' || c.conname from pg_constraint c
        where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
          select from pg_index i where i.indrelid = c.conrelid and i.indpred is null
            and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)
        """,
        "drop index public.model_deployments_version",
    ),
    "0003 auth functions asked for each row": Rule(
        r"""
        select tablename || '.' || policyname from pg_policies, concat(qual, with_check) condition
        where condition ~ 'auth\.(uid|jwt|role|email)\(\)'
          and condition !~* 'select\s+auth\.(uid|jwt|role|email)\(\)'
        """,
        "create policy slow on public.environments for select to authenticated using (auth.jwt() is null)",
    ),
    "0004 no primary key": Rule(
        """
        select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
          and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
        """,
        "create table public.keyless (a integer)",
    ),
    "0006 multiple permissive policies": Rule(
        """
        select tablename || ' ' || cmd || ' ' || role from pg_policies, unnest(roles) role
        where permissive = 'PERMISSIVE' group by tablename, cmd, role having count(*) > 1
        """,
        "create policy another on public.model_versions for select to anon using (notes is null)",
    ),
    "0007 policy without row-level security": Rule(
        "select distinct p.tablename from pg_policies p join pg_class c on c.oid = ('public.' || p.tablename)::regclass"
        " where not c.relrowsecurity",
        "alter table public.environments disable row level security",
    ),
    "0008 row-level security without policy": Rule(
        """
        select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relrowsecurity
          and not exists (select from pg_policy p where p.polrelid = c.oid)
        """,
        "drop policy lepinet_admin on public.environments",
    ),
    "0009 duplicate index": Rule(
        r"""
        select min(indexname) from pg_indexes where schemaname = 'public'
        group by tablename, regexp_replace(indexdef, 'INDEX \S+ ON', 'INDEX ON') having count(*) > 1
        """,
        "create index again on public.environments (active_version_id)",
    ),
    "0010 security definer view": Rule(
        """
        select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'
          and not coalesce(reloptions && array['security_invoker=on', 'security_invoker=true'], false)
        """,
        "alter view public.active_model reset (security_invoker)",
    ),
    "0011 function with a mutable search path": Rule(
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'lepinet'::regnamespace)
          and not coalesce('search_path=""' = any (p.proconfig), false)
        """,
        "alter function public.unpin(text, text, text) reset search_path",
    ),
    "0013 row-level security off": Rule(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and not relrowsecurity",
        "alter table public.environments disable row level security",
    ),
    "0015 policy that trusts user_metadata": Rule(
        "select policyname from pg_policies where qual || coalesce(with_check, '') ~ 'user_metadata'",
        "create policy naive on public.environments for select to anon using (auth.jwt() -> 'user_metadata' is null)",
    ),
    "0016, 0017 materialized view or foreign table in the API": Rule(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('m', 'f')",
        "create materialized view public.copy as select 1 as a",
    ),
    "0018 column of a type that upgrades cannot take": Rule(
        """
        select c.relname || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.atttypid in (
          'regcollation'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype, 'regnamespace'::regtype,
          'regoper'::regtype, 'regoperator'::regtype, 'regproc'::regtype, 'regprocedure'::regtype)
        """,
        "alter table public.environments add column f regproc",
    ),
    "0024 policy that lets everybody write": Rule(
        "select policyname from pg_policies where cmd <> 'SELECT' and 'true' in (qual, with_check)",
        "create policy open on public.environments for update to authenticated using (true)",
    ),
    "0028, 0029 function with its owner's rights that users can call": Rule(
        """
        select r.rolname || ' ' || p.oid::regprocedure from pg_proc p
        cross join pg_roles r
        where p.pronamespace = 'public'::regnamespace and p.prosecdef and r.rolname in ('anon', 'authenticated')
          and has_function_privilege(r.oid, p.oid, 'execute')
        """,
        "alter function public.registry_snapshot(text, text[], text) security definer",
    ),
    "0030 index that is not valid": Rule(
        "select indexrelid::regclass from pg_index i join pg_class c on c.oid = i.indrelid"
        " where c.relnamespace = 'public'::regnamespace and not i.indisvalid",
        "update pg_index set indisvalid = false where indexrelid = 'public.model_versions_name'::regclass",
    ),
    "0030 table that is never vacuumed": Rule(
        "select relname from pg_class where relnamespace = 'public'::regnamespace"
        " and 'autovacuum_enabled=false' = any (reloptions)",
        "alter table public.environments set (autovacuum_enabled = false)",
    ),
    "0030 policy that is true where nobody has signed in": Rule(
        r"select policyname from pg_policies where concat(qual, with_check) ~* 'auth\.\w+\(\)\s+is null'",
        "create policy nobody on public.environments for select to anon using (auth.jwt() is null or place = 1)",
    ),
    "policy for whoever it may be": Rule(
        "select policyname from pg_policies where 'public' = any (roles)",
        "create policy whoever on public.environments for select using (false)",
    ),
    "safeupdate: a change of all rows": Rule(
        # Loaded for the API's requests, it refuses such a statement inside of a function, too.
        r"""
        select p.oid::regprocedure || ': ' || statement
        from pg_proc p, regexp_split_to_table(p.prosrc, ';') statement
        where p.pronamespace in ('public'::regnamespace, 'lepinet'::regnamespace)
          and statement ~* '^\s*(update|delete from)\s' and statement !~* '\swhere\s'
        """,
        "create function public.wipe() returns void language plpgsql as"
        " $$ begin perform 1; delete from public.environments; end $$",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_linter_has_nothing_to_say(owner: Rows, rule: str) -> None:
    assert owner.execute(RULES[rule].found.encode()).fetchall() == []


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_what_it_is_for(server: EmbeddedServer, database: str, rule: str) -> None:
    with server.connect(database, SUPERUSER) as connection, connection.transaction(force_rollback=True):
        connection.execute(RULES[rule].broken_by.encode())
        assert connection.execute(RULES[rule].found.encode()).fetchall() != []
