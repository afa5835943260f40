"""Who may read and do what in the registry, whatever a Supabase project grants by default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import psycopg
import pytest

from lepinet.registry import adopt
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER
from lepinet.registry.refusals import READING
from registry import access

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

GRANTS = {
    ("anon", "active_model", "SELECT"),
    ("anon", "model_versions(activated_at,file_path,is_active,revision,version_name)", "SELECT"),
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


@pytest.fixture(scope="module", params=["", access.OLD_DEFAULTS, access.OPEN_DEFAULTS], ids=["new", "old", "open"])
def owner(request: pytest.FixtureRequest, server: EmbeddedServer, superuser: Rows) -> Iterator[Rows]:
    """The owner of a registry in a project of either age, and in one that opens all that is made in it."""
    superuser.execute(f"create database access owner {OWNER}".encode())
    with server.connect("access") as connection:
        access.prepare(connection, request.param)
        yield connection
    superuser.execute("drop database access with (force)")


def test_the_page_says_who_may_do_what(owner: Rows) -> None:
    assert access.PAGE.read_text(encoding="utf-8") == access.page(owner), "make docs writes it again"


def test_the_page_leaves_no_function_out(owner: Rows) -> None:
    tried = {call.partition("(")[0] for call in access.CALLS}
    assert names(owner, "select proname from pg_proc where pronamespace = 'public'::regnamespace") == tried


def test_the_functions_of_which_nobody_is_told_that_they_were_perhaps_carried_out_change_nothing(owner: Rows) -> None:
    stable = names(
        owner, "select proname from pg_proc where pronamespace = 'public'::regnamespace and provolatile = 's'"
    )
    assert stable == READING


def test_a_token_that_names_nobody_opens_nothing(owner: Rows) -> None:
    """As on a connection that another program has left behind with its role."""
    with owner.transaction(force_rollback=True):
        owner.execute("set local role authenticated")
        assert owner.execute("select * from public.model_versions").fetchall() == []
        with pytest.raises(psycopg.Error, match="app_metadata"), owner.transaction():
            owner.execute("select public.registry_snapshot('production')")


@pytest.fixture(params=["authenticated", "service_role"])
def own_role(request: pytest.FixtureRequest, superuser: Rows) -> Iterator[str]:
    """A role of the project's own that was granted one of the API's, with all that this one holds."""
    superuser.execute(
        f"create role of_ones_own login bypassrls; grant {request.param} to of_ones_own; "
        "grant of_ones_own to authenticator".encode()
    )
    yield "of_ones_own"
    superuser.execute("drop role of_ones_own")


@pytest.mark.parametrize("connected", [False, True], ids=["as a call's role", "connected itself"])
def test_a_role_of_ones_own_may_not_pass_for_the_secret_key(
    server: EmbeddedServer, owner: Rows, own_role: str, *, connected: bool
) -> None:
    calls = [call for call in access.CALLS if access.attempt(owner, "signed in", _asked(call))[0] == "PT403"]
    assert len(calls) > 5
    statements = [*map(_asked, calls), "update public.model_versions set is_active = true"]
    with server.connect("access", own_role if connected else "authenticator") as connection:
        if not connected:
            connection.execute(f"set role {own_role}".encode())
        for statement in statements:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(statement.encode())
            assert refused.value.sqlstate == "PT403", statement


def test_a_role_of_ones_own_is_told_with_what_ends_it(owner: Rows, superuser: Rows, own_role: str) -> None:
    (opening,) = [it for it in adopt.openings(owner) if it.what.startswith(f"the role {own_role} is a member of ")]
    superuser.execute(opening.closed_by.encode())
    assert opening not in adopt.openings(owner)


@pytest.fixture
def team(superuser: Rows) -> Iterator[None]:
    """Asha, by two teams of which one is in the other, may do what the secret key may; authenticator is Supabase's."""
    superuser.execute(
        """
        create role "the team"; create role biologists; create role asha login;
        grant service_role to "the team"; grant "the team" to biologists, authenticator; grant biologists to asha
        """
    )
    yield
    superuser.execute('drop role asha; drop role biologists; drop role "the team"')


@pytest.mark.usefixtures("team")
def test_members_of_members_are_told_each_with_what_ends_it(owner: Rows, superuser: Rows) -> None:
    told = {it.what: it.closed_by for it in adopt.openings(owner) if " is a member of " in it.what}
    may = "and may do what that one may"
    assert told == {
        f'the role "the team" is a member of service_role, {may}': 'revoke service_role from "the team";',
        f'the role biologists is a member of service_role by way of "the team", {may}': (
            'revoke "the team" from biologists;'
        ),
        f"the role asha is a member of service_role by way of biologists, {may}": "revoke biologists from asha;",
    }
    superuser.execute('revoke "the team" from biologists')
    (left,) = [it.what for it in adopt.openings(owner) if " is a member of " in it.what]
    assert left.startswith('the role "the team" ')


def _asked(call: str) -> str:
    return f"select public.{call.replace('ID', 'gen_random_uuid()')}"


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
    """All but what the view and the API's functions call there, which nobody can call by its name."""
    users = [
        *("active_models", "applied_migrations", "caller_role", "deployment_history", "list_model_versions"),
        *("log_model_performance", "log_model_version", "missing_objects", "registry_snapshot", "tested_answers"),
    ]
    for role, open_to in {"anon": ["active_models"], "authenticated": users, "service_role": users}.items():
        assert owner.execute("select has_schema_privilege(%s, 'lepinet', 'usage, create')", [role]).fetchone() == (
            False,
        )
        open_ones = owner.execute(
            "select proname from pg_proc where pronamespace = 'lepinet'::regnamespace"
            " and has_function_privilege(%s, oid, 'execute') order by 1",
            [role],
        ).fetchall()
        assert [name for (name,) in open_ones] == open_to
        with owner.transaction(force_rollback=True):
            owner.execute(f"set local role {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema lepinet"):
                owner.execute("select * from lepinet.active_models()")


def test_nothing_can_be_called_by_public(owner: Rows) -> None:
    assert not names(
        owner,
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'lepinet'::regnamespace)
          and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))
        """,
    )
