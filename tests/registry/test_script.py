"""`lepinet db migrate --sql`: the migrations as one transaction, which asks the same questions first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import psycopg
import pytest

from lepinet.registry import adopt, migrate
from lepinet.registry.adopt import ConflictsError
from lepinet.registry.embedded import EmbeddedServer
from registry.test_adopt_obstacles import NOTE_CHANGES, TABLES
from registry.test_migrate import ACCESS, environments

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

OURS = "a" * 40
BOTH = ("staging", "production")
OBJECTS = """
    select relname::text from pg_class where relnamespace = 'public'::regnamespace
    union all select nspname from pg_namespace where nspname !~ '^pg_' order by 1
"""


@pytest.fixture
def editor(server: EmbeddedServer, empty_database: str) -> Iterator[Rows]:
    """The SQL editor of a database without migrations."""
    with server.connect(empty_database) as connection:
        yield connection


def run(editor: Rows, ours: tuple[str, ...] = BOTH) -> psycopg.Cursor[Any]:
    """Paste it and run it."""
    return editor.execute(migrate.script(OURS, BOTH, ours).encode())


def test_it_does_what_the_command_does(editor: Rows, server: EmbeddedServer, migrated: str) -> None:
    for _ in range(2):
        run(editor)
    assert migrate.apply(editor) == []
    assert environments(editor) == [("production", OURS, 2), ("staging", OURS, 1)]
    with server.connect(migrated) as applied:
        assert editor.execute(ACCESS.encode()).fetchall() == applied.execute(ACCESS.encode()).fetchall()


@pytest.mark.parametrize(
    "made_by_hand",
    [
        pytest.param("update public.model_versions set is_active = true, version_name = 'v1.0.0'", id="rows"),
        pytest.param("create table public.environments (id integer)", id="a name"),
        pytest.param(NOTE_CHANGES, id="a trigger, which shows only after the migrations"),
    ],
)
def test_what_is_in_the_way_stops_it_whole_and_is_listed(editor: Rows, made_by_hand: str) -> None:
    editor.execute(TABLES.encode())
    editor.execute(made_by_hand.encode())
    before = editor.execute(OBJECTS.encode()).fetchall()
    with pytest.raises(ConflictsError) as told:
        migrate.apply(editor)
    with pytest.raises(psycopg.errors.RaiseException) as refused:
        run(editor)
    editor.execute("rollback")
    listed = str(refused.value.diag.message_primary)
    assert "nothing was changed. Settle this" in listed
    for conflict in told.value.conflicts:
        assert f"- {conflict.what}\n  {conflict.settled_by}" in listed
    assert editor.execute(OBJECTS.encode()).fetchall() == before


def test_what_goes_on_letting_others_in_is_shown_at_the_end(editor: Rows) -> None:
    editor.execute(TABLES.encode())
    editor.execute("create policy everybody on public.model_versions for select using (true)")
    cursor = run(editor)
    shown = []
    while cursor.nextset():
        if cursor.description:
            shown.append(cursor.fetchall())
    ((what, closed_by),) = shown[-1]
    assert "the policy everybody shows rows of public.model_versions to everybody" in what
    assert closed_by == "drop policy everybody on public.model_versions;"
    assert adopt.state(editor) == "taken over"


def test_for_one_environment_the_others_stay_in_their_order(editor: Rows) -> None:
    run(editor, ("production",))
    assert environments(editor) == [("production", OURS, 1)]
    run(editor, ("staging",))
    assert environments(editor) == [("production", OURS, 2), ("staging", OURS, 1)]
    run(editor, ("production",))
    assert environments(editor) == [("production", OURS, 2), ("staging", OURS, 1)]
