"""What people do to the registry without LepiNet: the hand-made registry's own SQL, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import psycopg
import pytest

from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.records import DeploymentRow, Snapshot

Deployments: TypeAlias = Callable[..., DeploymentRow]
Reads: TypeAlias = Callable[[str], Snapshot]
Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

HAND_MADE = """
    create table public.model_versions (
      id uuid not null default gen_random_uuid(),
      version_name text not null,
      file_path text not null,
      training_image_count integer,
      accuracy_score double precision,
      is_active boolean default false,
      created_at timestamp with time zone default now(),
      constraint model_versions_pkey primary key (id)
    );
    insert into public.model_versions (version_name, file_path, training_image_count, accuracy_score, is_active) values
      ('lepinet-2024-12-21', 'Bhanura/lepinet-model', 4000, 0.88, false),
      ('v2.0.0', 'Bhanura/lepinet-model-v2', 5400, 0.9234, true);
    create table public.model_performance_logs (
      id uuid default gen_random_uuid() primary key,
      model_version_id uuid references public.model_versions(id),
      test_date timestamp with time zone default now(),
      test_accuracy double precision,
      test_sample_size integer,
      notes text
    );
    insert into public.model_performance_logs (model_version_id, test_accuracy, test_sample_size)
      select id, 0.9, 96 from public.model_versions;
"""
DEACTIVATE = "update public.model_versions set is_active = false"
ACTIVATE = "update public.model_versions set is_active = true where version_name = 'v1.1.0'"
UPSERT = (
    "insert into public.model_versions (id, version_name, file_path, is_active)"
    " select id, version_name, file_path, true from public.model_versions where version_name = 'v1.1.0'"
    " on conflict (id) do update set is_active = excluded.is_active"
)


@pytest.fixture
def two_versions(registry: Registry, deploy: Deployments) -> None:
    registry.log_version("v1.1.0", "models/v1.1.0")
    deploy("v1.0.0")


@pytest.fixture
def service_role(server: EmbeddedServer, database: str) -> Iterator[Rows]:
    with server.connect(database) as connection:
        connection.execute("set role service_role")
        yield connection


def test_a_trainer_s_own_insert_is_a_proposal(registry: Registry, service_role: Rows) -> None:
    inserted = service_role.execute(
        "insert into public.model_versions (version_name, file_path, training_image_count, accuracy_score, is_active)"
        " values ('v2.0.0', 'Bhanura/lepinet-model-v2', 5400, 0.9234, true) returning is_active"
    ).fetchone()
    assert inserted == (False,)
    (row,) = registry.snapshot("production").versions
    assert (row.version_name, row.is_active, row.revision, row.activated_at) == ("v2.0.0", False, None, None)


def test_a_tester_s_own_log_is_kept(registry: Registry, service_role: Rows) -> None:
    version = registry.log_version("v1.0.0", "models/v1.0.0")
    service_role.execute(
        "insert into public.model_performance_logs (model_version_id, test_accuracy, test_sample_size)"
        " values (%s, 0.9, 96)",
        [version.id],
    )
    assert service_role.execute("select kind, test_accuracy from public.model_performance_logs").fetchall() == [
        (None, 0.9)
    ]


@pytest.mark.usefixtures("two_versions")
def test_the_owner_may_switch_by_hand_and_is_seen(registry: Registry, owner: Rows) -> None:
    owner.execute(DEACTIVATE)
    nothing = registry.snapshot("production").environment
    assert (nothing.active, nothing.recorded) == (None, "v1.0.0")
    owner.execute(ACTIVATE)
    other = registry.snapshot("production")
    assert (other.environment.active, other.environment.recorded) == ("v1.1.0", "v1.0.0")
    (row,) = [row for row in other.versions if row.version_name == "v1.1.0"]
    assert row.activated_at is not None
    assert owner.execute("select version_name, activated_at from public.active_model").fetchall() == [
        ("v1.1.0", row.activated_at)
    ]


@pytest.mark.usefixtures("two_versions")
def test_a_flip_undoes_what_a_hand_did(registry: Registry, deploy: Deployments, owner: Rows) -> None:
    owner.execute(DEACTIVATE)
    owner.execute(ACTIVATE)
    deploy("v1.0.0")
    restored = registry.snapshot("production").environment
    assert (restored.active, restored.recorded) == ("v1.0.0", "v1.0.0")


@pytest.mark.usefixtures("two_versions")
def test_not_even_the_owner_marks_two(owner: Rows) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match="model_versions_one_active"):
        owner.execute(ACTIVATE)


@pytest.mark.usefixtures("two_versions")
@pytest.mark.parametrize("statement", [DEACTIVATE, ACTIVATE, UPSERT], ids=["deactivate", "activate", "upsert"])
def test_the_api_s_keys_are_told_what_to_do_instead(read: Reads, service_role: Rows, statement: str) -> None:
    before = read("production")
    with pytest.raises(psycopg.Error) as refused:
        service_role.execute(statement.encode())
    assert refused.value.sqlstate == "PT403"
    assert refused.value.diag.message_primary == (
        "nothing was changed, v1.0.0 is still active: models are switched in models.yaml (LepiNet)"
    )
    assert "select emergency_activate('v1.0.0', 'your reason')" in (refused.value.diag.message_hint or "")
    assert read("production") == before


@pytest.mark.usefixtures("two_versions")
def test_a_signed_in_user_is_refused_without_being_told_what_he_may_not_read(owner: Rows, deploy: Deployments) -> None:
    deploy("v1.2.0")
    deploy("v1.3.0")
    owner.execute("set role authenticated")
    for role, message, example in (
        ("", "nothing was changed: models are switched", "v1.0.0"),
        ("admin", r"nothing was changed, v1\.3\.0 is still active: models are switched", "v1.2.0"),
    ):
        token = json.dumps({"app_metadata": {"role": role}})
        owner.execute("select set_config('request.jwt.claims', %s, false)", [token])
        with pytest.raises(psycopg.Error, match=message) as refused:
            owner.execute(ACTIVATE)
        assert f"emergency_activate('{example}'" in (refused.value.diag.message_hint or "")


def test_a_hand_made_registry_is_taken_over_as_it_is(server: EmbeddedServer, empty_database: str) -> None:
    with server.connect(empty_database) as owner:
        owner.execute(HAND_MADE)
        rows = (
            "select version_name, file_path, training_image_count, accuracy_score, is_active, created_at"
            " from public.model_versions order by 1"
        )
        before = owner.execute(rows).fetchall()
        migrate.apply(owner)
        migrate.bind(owner, "a" * 40, ["production"])
        assert owner.execute(rows).fetchall() == before
        assert (
            owner.execute("select test_accuracy, kind from public.model_performance_logs").fetchall()
            == [(0.9, None)] * 2
        )
        assert owner.execute("select * from public.active_model").fetchall() == [
            ("production", "v2.0.0", "Bhanura/lepinet-model-v2", None, None)
        ], "since when is not known"
        owner.execute("select emergency_activate('lepinet-2024-12-21', 'the new one crashes', 'production')")
        marked = owner.execute("select version_name from public.model_versions where is_active").fetchall()
        assert marked == [("lepinet-2024-12-21",)]


def test_what_a_hand_marked_is_active_until_the_first_deployment(
    registry: Registry, owner: Rows, deploy: Deployments
) -> None:
    owner.execute("insert into public.model_versions (version_name, file_path) values ('v0.9.0', 'm')")
    owner.execute("update public.model_versions set is_active = true")
    told = "select environment, version_name from public.active_model order by 1"
    marked = "select version_name from public.model_versions where is_active"
    for _ in range(2):
        last = registry.snapshot("production")
        assert (last.environment.active, last.ever_deployed, last.proved) == ("v0.9.0", False, None)
        assert owner.execute(marked).fetchall() == [("v0.9.0",)]
        assert ("production", "v0.9.0") in owner.execute(told).fetchall()
        deploy("v1.0.0", "staging")
    assert owner.execute(told).fetchall() == [("production", "v0.9.0"), ("staging", "v1.0.0")]
    deploy("v1.1.0", "production")
    assert owner.execute(told).fetchall() == [("production", "v1.1.0"), ("staging", "v1.0.0")]


def test_where_no_hand_marked_anything_users_are_served_by_what_was_deployed_first(
    registry: Registry, owner: Rows, deploy: Deployments
) -> None:
    assert registry.snapshot("production").environment.active is None
    deploy("v1.0.0", "staging")
    assert owner.execute("select version_name from public.model_versions where is_active").fetchall() == [("v1.0.0",)]
    assert registry.snapshot("production").environment.active is None
