"""Ten thousand versions and a million rows of performance: each question finds its rows by an index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
import pytest

from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from lepinet.registry.postgres import PostgresTransport
from lepinet.timings import Timings
from registry.filled import LARGE, fill, names

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

VERSIONS = LARGE[0]
KNOWN = f"{{{','.join(names(VERSIONS))}}}"
A, D, E, F = (f"{'0' * 8}-0000-4000-8000-{'0' * 11}{n}" for n in "ade5")
LOG = json.dumps([{"id": F, "version_name": "v2.0.0", "kind": "proof", "test_accuracy": 1, "test_sample_size": 9}])
READS = (
    f"registry_snapshot('production', '{KNOWN}')",
    f"registry_snapshot('staging', '{KNOWN}')",
    f"registry_essentials('production', '{KNOWN}')",
    "list_model_versions()",
    "list_model_versions('v1.5000.0')",
    "deployment_history()",
    "deployment_history('production')",
    "deployment_history('production', before => (select id from past))",
    "deployment_history(before => (select id from past))",
    "deployment_history(version_name => 'v1.77.0')",
    "deployment_history('staging', 'v1.77.0')",
    "active_version()",
    "active_version('staging')",
    "stored_answers('v1.77.0', 'these')",
    "tested_answers('v1.77.0', 'production')",
    "model_version_page(version_name => 'v1.77.0')",
    f"model_version_page('{KNOWN}', status => 'active')",
    f"model_version_page('{KNOWN}', status => 'candidate')",
    "performance_history('v1.77.0')",
    "performance_history('v1.77.0', (select id from tested))",
    "monitored_accuracy('production')",
    "species_recall()",
    "registry_pulse()",
)
PAGES = tuple(
    f"model_version_page(sort => '{sort}', descending => {descending})"
    for sort in ("version", "path", "accuracy", "images", "created")
    for descending in (True, False)
)
WRITES = (
    "log_model_version('v2.0.0', 'm', revision => 'r')",
    "log_model_version('v2.0.0', 'm', accuracy_score => 0.9)",
    f"log_model_performance('{E}', 'v2.0.0', 'monitor', 1, 9)",
    f"claim('production', '{'a' * 40}', 2, '{'c' * 40}', null, '{A}', 'me', 60, 'v2.0.0', versions => '{KNOWN}')",
    f"renew('production', '{A}', 60)",
    f"restore_model_version('production', '{A}', 'v1.77.0', 'm', 'r')",
    f"begin_deployment('{D}', 'production', '{A}', 'v2.0.0', null, 'me')",
    f"record_step('{E}', '{D}', 'move', 'it')",
    f"activate_model_version('{D}', '{A}', true, '{LOG}')",
    f"begin_deployment('{E}', 'production', '{A}', 'v1.77.0', null, 'me')",
    f"fail_deployment('{E}', '{A}', 'proof', 'no')",
    f"release('production', '{A}')",
    f"begin_emergency('{F}', 'production', 'v1.77.0', 'why', 'me')",
    "unpin('production', 'why')",
)
OWNERS = (
    "caller_role()",
    "applied_migrations()",
    "emergency_activate('v1.78.0', 'why', 'staging')",
    f"bind_environments('{'a' * 40}', '{{production,staging}}')",
)
OF_THE_CATALOG = {"missing_objects", "registry_openings"}
"""What asks PostgreSQL about itself, which does not grow with the years."""
SMALL_TABLES = {"environments", "schema_migrations"}
MOST = 1_500
"""Rows that a call may look at in one table: of a page of 500 deployments, each has three steps."""


@dataclass(frozen=True)
class Look:
    """One access to a table, as the plan has it."""

    table: str
    how: str
    rows: float
    """Those that were looked at, the ones that a condition then left out among them."""


@pytest.fixture(scope="module", params=[40_000, pytest.param(LARGE[1], marks=pytest.mark.slow)])
def filled(request: pytest.FixtureRequest, server: EmbeddedServer, superuser: Rows) -> Iterator[str]:
    superuser.execute(f"create database filled owner {OWNER}".encode())
    with server.connect("filled") as owner:
        migrate.apply(owner)
        migrate.bind(owner, "a" * 40, ["staging", "production"])
        fill(owner, VERSIONS, request.param)
    yield "filled"
    superuser.execute("drop database filled with (force)")


@pytest.fixture
def explaining(server: EmbeddedServer, filled: str) -> Iterator[Rows]:
    """Sends a notice with the plan of each statement, those inside of functions too; nothing that it does stays."""
    with server.connect(filled, SUPERUSER) as connection:
        connection.execute("""
            load 'auto_explain';
            set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
            set auto_explain.log_analyze = on; set auto_explain.log_timing = off;
            set auto_explain.log_format = 'json'; set auto_explain.log_level = 'notice';
            create temporary table past as
              select id from public.model_deployments order by number offset 5000 limit 1;
            create temporary table tested as
              select p.id from public.model_performance_logs p join public.model_versions v on v.id = p.model_version_id
              where v.version_name = 'v1.77.0' limit 1;
            grant select on past, tested to authenticated, service_role;
            set request.jwt.claims = '{"app_metadata": {"role": "admin"}}';
        """)
        with connection.transaction(force_rollback=True):
            yield connection


def looks(connection: Rows, statement: str) -> list[Look]:
    """How a statement and all inside of it came to their rows."""
    plans: list[Mapping[str, Any]] = []

    def note(said: psycopg.errors.Diagnostic) -> None:
        _, found, plan = (said.message_primary or "").partition("plan:\n")
        if found:
            plans.append(json.loads(plan)["Plan"])

    connection.add_notice_handler(note)
    connection.execute(statement.encode())
    connection.remove_notice_handler(note)
    assert plans
    return [look for plan in plans for look in accesses(plan)]


def accesses(node: Mapping[str, Any]) -> Iterator[Look]:
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield Look(node["Relation Name"], node["Node Type"], rows * node["Actual Loops"])
    for inner in node.get("Plans", ()):
        yield from accesses(inner)


def large(found: list[Look]) -> list[Look]:
    return [look for look in found if look.table not in {*SMALL_TABLES, "past", "tested"}]


def read_through(found: list[Look]) -> list[Look]:
    """Those that no index led to their rows."""
    return [look for look in large(found) if look.how not in {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}]


@pytest.mark.parametrize("call", READS)
def test_a_question_reads_what_it_asks_for_and_no_more(explaining: Rows, call: str) -> None:
    explaining.execute("set local role service_role")
    # As often as it takes for a connection that is kept to be content with one plan for all arguments.
    for _ in range(7):
        found = looks(explaining, f"select public.{call}")
        assert large(found)
        assert not read_through(found)
        assert max(look.rows for look in found) <= MOST, found


@pytest.mark.parametrize("role", ["authenticated", "service_role"])
@pytest.mark.parametrize("call", PAGES)
def test_a_page_of_versions_is_read_in_the_order_of_an_index(explaining: Rows, role: str, call: str) -> None:
    """All are counted, in milliseconds; of none but the page's own is more looked at."""
    explaining.execute(f"set local role {role}".encode())
    found = large(looks(explaining, f"select public.{call}"))
    counting, *page = sorted(found, key=lambda look: -look.rows)
    assert counting.rows == VERSIONS
    assert page
    assert not read_through(page)
    assert max(look.rows for look in page) <= MOST, page


def test_a_run_s_writes_find_their_rows_by_an_index(explaining: Rows) -> None:
    explaining.execute("set local role service_role")
    for call in WRITES:
        found = looks(explaining, f"select public.{call}")
        assert not read_through(found), call
    explaining.execute("reset role")
    for call in OWNERS:
        found = looks(explaining, f"select public.{call}")
        assert not read_through(found), call


def test_a_name_that_is_taken_finds_the_next_one_by_an_index(explaining: Rows) -> None:
    """The refusal undoes what the call did, and not what it sent."""
    explaining.execute("savepoint before")
    found = []
    with pytest.raises(psycopg.Error, match=r"v1\.77\.0 is taken"):
        found += looks(explaining, "select public.log_model_version('v1.77.0', 'other')")
    explaining.execute("rollback to before")
    assert not read_through(found)


def test_no_function_is_left_out(explaining: Rows) -> None:
    asked = {call.partition("(")[0] for call in (*READS, *PAGES, *WRITES, *OWNERS)}
    there = explaining.execute("select proname from pg_proc where pronamespace = 'public'::regnamespace")
    assert {name for (name,) in there} == asked | OF_THE_CATALOG


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
@pytest.mark.parametrize(
    "query",
    [
        "select version_name, file_path, revision from public.active_model where environment = 'production'",
        "select file_path from public.model_versions where is_active",
    ],
)
def test_an_app_finds_the_active_version_by_an_index(explaining: Rows, role: str, query: str) -> None:
    explaining.execute(f"set local role {role}".encode())
    found = looks(explaining, query)
    assert not read_through(found)
    assert max(look.rows for look in found) <= 2


def test_every_version_and_every_deployment_comes_page_by_page(server: EmbeddedServer, filled: str) -> None:
    registry = Registry(PostgresTransport(server.url(filled), Timings()))
    assert sorted(row.version_name for row in registry.versions()) == sorted(f"v1.{n + 1}.0" for n in range(VERSIONS))
    seen, before = 0, None
    while page := registry.history("production", before=before, page=500):
        seen, before = seen + len(page), page[-1].id
    assert seen == VERSIONS
