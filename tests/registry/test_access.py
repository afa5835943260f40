"""Who may read and do what in the registry, whatever a Supabase project grants by default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import psycopg
import pytest

from lepinet.registry import migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

CALLERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "anon": ("anon", {"role": "anon"}),
    "tokenless": ("authenticated", {}),
    "user": ("authenticated", {"app_metadata": {"provider": "email"}}),
    # user_metadata is what users write themselves.
    "self-made": ("authenticated", {"role": "admin", "user_metadata": {"role": "admin"}, "app_metadata": {}}),
    "trainer": ("authenticated", {"app_metadata": {"role": "trainer"}}),
    "monitor": ("authenticated", {"app_metadata": {"role": "monitor"}}),
    "admin": ("authenticated", {"app_metadata": {"role": "admin"}}),
    "service": ("service_role", {"role": "service_role"}),
}
"""Role and token of each: as PostgREST sets them before a request's statement."""

READS = """
                                                        anon    tokenless user self-made trainer monitor admin service
* from model_versions                                   denied  0         0    0         0       0       2     2
id,version_name,file_path,revision from model_versions  1       0         0    0         0       0       2     2
is_active, activated_at from model_versions             1       0         0    0         0       0       2     2
* from environments                                     denied  0         0    0         0       0       2     2
* from model_performance_logs                           denied  0         0    0         0       0       1     1
* from model_deployments                                denied  0         0    0         0       0       1     1
* from deployment_events                                denied  0         0    0         0       0       1     1
* from active_model                                     1       1         1    1         1       1       1     1
"""
"""How many rows each sees: there are two versions, one of them active, two environments, and one of everything else."""

CALLS = """
                                                        anon    tokenless user self-made trainer monitor admin service
registry_snapshot('production')                         denied  PT403     PT403 PT403    PT403   may     may   may
deployment_history()                                    denied  PT403     PT403 PT403    PT403   may     may   may
log_model_version('v3.0.0','m')                         denied  PT403     PT403 PT403    may     PT403   PT403 may
log_model_performance(ID,'v1.0.0','monitor',1,9)        denied  PT403     PT403 PT403    PT403   may     PT403 may
log_model_performance(ID,'v1.0.0','proof',1,9)          denied  PT403     PT403 PT403    PT403   PT403   PT403 may
log_model_performance(ID,'v1.0.0',null,1,9)             denied  PT403     PT403 PT403    PT403   PT403   PT403 may
active_version()                                        denied  denied    denied denied  denied  denied  denied may
stored_answers('v1.0.0','d')                            denied  denied    denied denied  denied  denied  denied may
claim('staging','a',1,'c',null,ID,'me',9,'v1.0.0')      denied  denied    denied denied  denied  denied  denied may
renew('production',ID,9)                                denied  denied    denied denied  denied  denied  denied may
release('production',ID)                                denied  denied    denied denied  denied  denied  denied may
begin_deployment(ID,'staging',ID,'v1.0.0',null,'me')    denied  denied    denied denied  denied  denied  denied may
record_step(ID,ID,'move','it')                          denied  denied    denied denied  denied  denied  denied may
activate_model_version(ID,ID)                           denied  denied    denied denied  denied  denied  denied may
fail_deployment(ID,ID,'proof','no')                     denied  denied    denied denied  denied  denied  denied may
begin_emergency(ID,'staging','v1.0.0','why','me')       denied  denied    denied denied  denied  denied  denied may
emergency_activate('v1.0.0','why')                      denied  denied    denied denied  denied  denied  denied may
unpin('production','why')                               denied  denied    denied denied  denied  denied  denied may
bind_environments('a','{mine}')                         denied  denied    denied denied  denied  denied  denied denied
"""
""""may": the call is let in; what the rules then say of it is another matter."""

GRANTS = {
    ("anon", "active_model", "SELECT"),
    ("anon", "model_versions(activated_at,file_path,id,is_active,revision,version_name)", "SELECT"),
    ("authenticated", "active_model", "SELECT"),
    ("authenticated", "deployment_events", "SELECT"),
    ("authenticated", "environments", "SELECT"),
    ("authenticated", "model_deployments", "SELECT"),
    ("authenticated", "model_performance_logs", "SELECT"),
    ("authenticated", "model_versions", "SELECT"),
    ("authenticated", "model_versions(is_active)", "UPDATE"),  # so that the trigger can say what to do instead
    ("service_role", "active_model", "SELECT"),
    ("service_role", "deployment_events", "SELECT"),
    ("service_role", "environments", "SELECT"),
    ("service_role", "model_deployments", "SELECT"),
    ("service_role", "model_performance_logs", "INSERT"),
    ("service_role", "model_performance_logs", "SELECT"),
    ("service_role", "model_versions", "INSERT"),
    ("service_role", "model_versions", "SELECT"),
    ("service_role", "model_versions(is_active)", "UPDATE"),
}
"""All that an API role or PUBLIC holds on a table, view, sequence or column: so nobody deletes, nobody rewrites."""

WORLD = """
    insert into public.model_versions (version_name, file_path, revision)
      values ('v1.0.0', 'm', 'r'), ('v2.0.0', 'm', 's');
    select public.emergency_activate('v1.0.0', 'first', 'production');
    select public.record_step(gen_random_uuid(), d.id, 'move', 'it') from public.model_deployments d;
    select public.log_model_performance(gen_random_uuid(), 'v1.0.0', 'proof', 1, 9);
"""
OLD_DEFAULTS = """
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
    alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
"""


def rows(table: str) -> dict[str, dict[str, str]]:
    """What is attempted, and what comes of it for each caller."""
    head, *lines = table.strip("\n").splitlines()
    return {line[:56].strip(): dict(zip(head.split(), line[56:].split(), strict=True)) for line in lines}


@pytest.fixture(scope="module", params=["since May 2026", "before"])
def owner(request: pytest.FixtureRequest, server: EmbeddedServer, superuser: Rows) -> Iterator[Rows]:
    """The owner of a registry in a project of either age: the older ones grant everything to everybody by default."""
    superuser.execute(f"create database access owner {OWNER}".encode())
    with server.connect("access") as connection:
        if request.param == "before":
            connection.execute(OLD_DEFAULTS)
        migrate.apply(connection)
        migrate.bind(connection, "a", ["staging", "production"])
        connection.execute(WORLD)
        yield connection
    superuser.execute("drop database access with (force)")


def attempt(owner: Rows, caller: str, statement: str) -> str:
    """What comes of a statement: its number of rows, or how it is refused; nothing of it stays."""
    role, token = CALLERS[caller]
    with owner.transaction(force_rollback=True):
        owner.execute(f"set local role {role}".encode())
        owner.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(token) if token else ""])
        try:
            return str(owner.execute(statement.encode()).rowcount)
        except psycopg.errors.InsufficientPrivilege:
            return "denied"
        except psycopg.Error as error:
            return error.sqlstate or ""


@pytest.mark.parametrize("what", rows(READS))
def test_what_is_read(owner: Rows, what: str) -> None:
    columns, _, table = what.rpartition(" from ")
    query = f"select {columns} from public.{table}"  # noqa: S608 - from the table above
    assert {caller: attempt(owner, caller, query) for caller in CALLERS} == rows(READS)[what]


@pytest.mark.parametrize("what", rows(CALLS))
def test_what_is_called(owner: Rows, what: str) -> None:
    call = f"select public.{what.replace('ID', 'gen_random_uuid()')}"
    came_of_it = {caller: attempt(owner, caller, call) for caller in CALLERS}
    let_in = {caller: said if said in {"denied", "PT403"} else "may" for caller, said in came_of_it.items()}
    assert let_in == rows(CALLS)[what]


def test_the_tables_above_leave_nothing_out(owner: Rows) -> None:
    assert names(owner, "select proname from pg_proc where pronamespace = 'public'::regnamespace") == {
        what.partition("(")[0] for what in rows(CALLS)
    }
    assert names(
        owner, "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')"
    ) == {what.rpartition(" from ")[2] for what in rows(READS)}


def names(owner: Rows, query: str) -> set[str]:
    return {str(name) for (name,) in owner.execute(query.encode())}


def test_no_key_holds_another_right_on_rows(owner: Rows) -> None:
    held = owner.execute(
        """
        with granted as (
          select c.relname::text as name, null::text as columns, a.grantee, a.privilege_type
          from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'public'::regnamespace
          union all
          select c.relname, string_agg(t.attname, ',' order by t.attname), a.grantee, a.privilege_type
          from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
          where c.relnamespace = 'public'::regnamespace group by 1, 3, 4
        )
        select coalesce(r.rolname, 'PUBLIC'), g.name || coalesce('(' || g.columns || ')', ''), g.privilege_type
        from granted g left join pg_roles r on r.oid = g.grantee where r.rolname is distinct from current_user
        """
    ).fetchall()
    assert set(held) == GRANTS


def test_the_inner_schema_is_closed(owner: Rows) -> None:
    """All but the view's own function, which cannot be called by its name either."""
    for role in ("anon", "authenticated", "service_role"):
        assert owner.execute("select has_schema_privilege(%s, 'lepinet', 'usage, create')", [role]).fetchone() == (
            False,
        )
        open_ones = owner.execute(
            "select proname from pg_proc where pronamespace = 'lepinet'::regnamespace"
            " and has_function_privilege(%s, oid, 'execute')",
            [role],
        ).fetchall()
        assert open_ones == [("active_models",)]


def test_nothing_can_be_called_by_public(owner: Rows) -> None:
    assert not names(
        owner,
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'lepinet'::regnamespace)
          and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))
        """,
    )


def test_every_table_has_row_level_security_and_every_policy_a_role(owner: Rows) -> None:
    assert not names(
        owner,
        """
        select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
          and not relrowsecurity
        """,
    )
    assert not names(owner, "select polname from pg_policy where 0 = any (polroles)")
    assert not names(
        owner,
        """
        select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'
          and not coalesce('security_invoker=on' = any (reloptions), false)
        """,
    )


def test_no_function_looks_names_up_where_its_caller_says(owner: Rows) -> None:
    assert not names(
        owner,
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'lepinet'::regnamespace)
          and not coalesce('search_path=""' = any (p.proconfig), false)
        """,
    )


def test_every_foreign_key_has_an_index(owner: Rows) -> None:
    assert not names(
        owner,
        """
        select c.conrelid::regclass || '.' || c.conname from pg_constraint c
        where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
          select from pg_index i where i.indrelid = c.conrelid and i.indpred is null
            and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)
        """,
    )
