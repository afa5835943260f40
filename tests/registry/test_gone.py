"""A registry of which somebody has dropped a part: it is told, not gone round in a circle, and made anew when asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import psycopg
import pytest

from lepinet.registry import Registry, migrate
from lepinet.registry.adopt import ConflictsError
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.migrate import GoneError
from lepinet.registry.postgres import PostgresTransport
from lepinet.timings import Timings

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

DROPPED = {
    "a function": ("drop function public.release(text, uuid)", r"not there: public\.release\(\);"),
    "an inner function": (
        "drop function lepinet.log_performances(text, jsonb)",
        r"not there: lepinet\.log_performances\(\);",
    ),
    "a trigger": (
        "drop trigger lepinet_note_activation on public.model_versions",
        "not there: trigger lepinet_note_activation;",
    ),
    "an index": ("drop index public.model_versions_one_active", r"not there: public\.model_versions_one_active;"),
    "the view": ("drop view public.active_model", r"not there: public\.active_model;"),
    "a table": ("drop table public.deployment_events", r"not there: public\.deployment_events, public\.deployment_eve"),
    "the inner schema": ("drop schema lepinet cascade", "not there: schema lepinet, or a part of it;"),
    "what tells": ("drop function public.missing_objects", "not there: schema lepinet, or a part of it;"),
    "all of it": ("drop schema public, lepinet cascade; create schema public", "not there: schema lepinet"),
    "all of it, and a migration is to come": (
        """
        drop schema lepinet cascade;
        delete from supabase_migrations.schema_migrations where version > '20261201000100'
        """,
        "not there: schema .lepinet. does not exist",
    ),
}


@pytest.fixture
def owner_here(server: EmbeddedServer, empty_database: str) -> Iterator[Rows]:
    """The owner of a registry that has an active version."""
    with server.connect(empty_database) as connection:
        migrate.apply(connection)
        migrate.bind(connection, "a" * 40, ["production"])
        connection.execute("select public.log_model_version('v1.0.0', 'm')")
        connection.execute("select public.emergency_activate('v1.0.0', 'a test', 'production')")
        yield connection


@pytest.fixture
def registry_here(server: EmbeddedServer, empty_database: str) -> Registry:
    return Registry(PostgresTransport(server.url(empty_database), Timings()))


@pytest.mark.parametrize("what", DROPPED)
def test_what_is_gone_is_named_and_comes_back_when_that_is_asked(
    owner_here: Rows, registry_here: Registry, what: str
) -> None:
    statement, said = DROPPED[what]
    owner_here.execute(statement.encode())
    for _ in range(2):
        with pytest.raises(GoneError, match=said) as refused:
            migrate.apply(owner_here)
        assert "lepinet db migrate --again" in str(refused.value.todo)
    assert migrate.apply(owner_here, again=True) == list(migrate.migrations())
    assert migrate.apply(owner_here) == []
    migrate.bind(owner_here, "a" * 40, ["production"])
    registry_here.log_version("v2.0.0", "m")
    owner_here.execute("select public.emergency_activate('v2.0.0', 'a test', 'production')")
    environment = registry_here.snapshot("production").environment
    assert (environment.active, environment.recorded) == ("v2.0.0", "v2.0.0")
    names = {version.version_name for version in registry_here.versions()}
    assert names == ({"v2.0.0"} if what == "all of it" else {"v1.0.0", "v2.0.0"})


def test_what_cannot_be_made_anew_is_to_be_restored(owner_here: Rows) -> None:
    """As after half of a dump: rows are there, and their keys are not."""
    owner_here.execute("alter table public.environments drop constraint environments_pkey cascade")
    for again in (False, True):
        with pytest.raises(GoneError, match=r"not there: public\.environments_pkey;") as refused:
            migrate.apply(owner_here, again=again)
        assert ("--again" in str(refused.value.todo)) != again


def test_old_rows_that_came_back_without_keys_are_settled_first(owner_here: Rows) -> None:
    owner_here.execute("alter table public.model_versions drop constraint model_versions_pkey cascade")
    owner_here.execute("drop index public.model_versions_name")
    owner_here.execute("insert into public.model_versions (version_name, file_path) values ('v1.0.0', 'm')")
    with pytest.raises(GoneError):
        migrate.apply(owner_here)
    with pytest.raises(ConflictsError) as refused:
        migrate.apply(owner_here, again=True)
    for conflict in refused.value.conflicts:
        owner_here.execute(conflict.settled_by.encode())
    migrate.apply(owner_here, again=True)
