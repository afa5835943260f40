"""Whose environments a database knows, in which order, and what that tells readers of `is_active`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.records import Claim, DeploymentRow, Snapshot
from lepinet.registry.refusals import RegistryRefusal

Claims: TypeAlias = Callable[..., Claim]
Deployments: TypeAlias = Callable[..., DeploymentRow]
Reads: TypeAlias = Callable[[str], Snapshot]
Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

OURS = "a" * 40


def mirrored(registry: Registry, *environments: str) -> list[str]:
    return [name for name in environments if registry.snapshot(name).environment.mirrors_is_active]


def marked(owner: Rows) -> list[str]:
    return [name for (name,) in owner.execute("select version_name from public.model_versions where is_active")]


@pytest.fixture
def two_environments(deploy: Deployments) -> None:
    deploy("v1.1.0", "staging")
    deploy("v1.0.0", "production")


@pytest.mark.usefixtures("two_environments")
def test_binding_again_changes_nothing(read: Reads, owner: Rows) -> None:
    before = [read(name) for name in ("staging", "production")]
    migrate.bind(owner, OURS, ["staging", "production"])
    assert [read(name) for name in ("staging", "production")] == before


@pytest.mark.usefixtures("two_environments")
@pytest.mark.parametrize(
    ("environments", "last", "told"),
    [
        pytest.param(["production", "staging"], "staging", "v1.1.0", id="another order"),
        pytest.param(["staging"], "staging", "v1.1.0", id="the last one gone"),
        pytest.param(["production"], "production", "v1.0.0", id="the first one gone"),
        pytest.param(["staging", "production", "phone"], "production", "v1.0.0", id="a new one without a version"),
    ],
)
def test_readers_are_told_the_environment_that_is_last_now(
    registry: Registry, owner: Rows, environments: Sequence[str], last: str, told: str
) -> None:
    migrate.bind(owner, OURS, environments)
    assert mirrored(registry, "staging", "production") == [last]
    assert marked(owner) == [told]
    for name in ("staging", "production"):
        environment = registry.snapshot(name).environment
        assert environment.active == environment.recorded
    assert {name for (name,) in owner.execute("select environment from public.active_model")} == {
        name for name in environments if name != "phone"
    }


@pytest.mark.usefixtures("two_environments")
def test_binding_does_not_undo_what_a_hand_did(registry: Registry, owner: Rows) -> None:
    owner.execute("update public.model_versions set is_active = false")
    migrate.bind(owner, OURS, ["staging", "production"])
    assert marked(owner) == []
    assert registry.snapshot("production").environment.active is None


@pytest.mark.usefixtures("two_environments")
def test_an_environment_that_models_yaml_dropped_is_not_written_until_it_is_back(
    registry: Registry, claim: Claims, owner: Rows
) -> None:
    migrate.bind(owner, OURS, ["staging"])
    with pytest.raises(RegistryRefusal, match="production is no longer an environment of this registry") as no:
        claim("production", 7, uuid4())
    assert no.value.code == 404
    migrate.bind(owner, OURS, ["staging", "production"])
    assert claim("production", 7, uuid4()).granted
    assert registry.snapshot("production").environment.active == "v1.0.0"


def test_a_database_belongs_to_one_repository(registry: Registry, owner: Rows) -> None:
    with pytest.raises(RegistryRefusal, match=r"belongs to another repository \(first commit aaaaaaa\)"):
        migrate.bind(owner, "b" * 40, ["preview"])
    with pytest.raises(RegistryRefusal, match="no environment preview"):
        registry.snapshot("preview")


def test_binding_waits_for_runs_and_other_bindings(
    server: EmbeddedServer, database: str, registry: Registry, deploy: Deployments
) -> None:
    orders = [["staging", "production"], ["production", "staging"]]

    def bind(number: int) -> None:
        with server.connect(database) as connection:
            for _ in range(10):
                migrate.bind(connection, OURS, orders[number % 2])

    with ThreadPoolExecutor(4) as pool:
        binding = [pool.submit(bind, number) for number in range(4)]
        for environment in ("staging", "production", "staging", "production"):
            deploy(f"v1.0.{len(environment)}", environment)
        for one in binding:
            one.result()
    for environment in ("staging", "production"):
        row = registry.snapshot(environment).environment
        assert row.active == row.recorded == f"v1.0.{len(environment)}"


@pytest.fixture
def made_by_hand(registry: Registry, owner: Rows) -> None:
    """v0.9.0 is active as in a registry that was just taken over: nobody knows since when."""
    registry.log_version("v0.9.0", "models/v0.9.0")
    owner.execute("""
        alter table public.model_versions disable trigger lepinet_note_activation;
        update public.model_versions set is_active = true;
        alter table public.model_versions enable trigger lepinet_note_activation;
    """)


@pytest.mark.usefixtures("made_by_hand")
def test_what_was_active_by_hand_is_the_last_environment_s_until_that_has_a_deployment(
    registry: Registry, deploy: Deployments, owner: Rows
) -> None:
    told = "select environment, version_name, activated_at is null from public.active_model order by 1"
    assert owner.execute(told.encode()).fetchall() == [("production", "v0.9.0", True)]
    production = registry.snapshot("production").environment
    assert (production.active, production.recorded) == ("v0.9.0", None)
    deploy("v1.1.0", "staging")
    assert marked(owner) == ["v0.9.0"], "the app's model is not staging's"
    assert owner.execute(told.encode()).fetchall() == [("production", "v0.9.0", True), ("staging", "v1.1.0", False)]
    deploy("v0.9.0", "production")
    assert marked(owner) == ["v0.9.0"]
    assert owner.execute(told.encode()).fetchall() == [("production", "v0.9.0", False), ("staging", "v1.1.0", False)]
    assert registry.snapshot("production").environment.recorded == "v0.9.0"
    active = registry.active_version()
    assert active is not None
    assert active.activated_at is not None
