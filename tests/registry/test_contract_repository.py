"""A registry belongs to one repository, whatever another one asks of it; the same for every kind of registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from uuid import uuid4

import pytest

from lepinet.registry import Registry, Transport
from lepinet.registry.records import DeploymentRow, Snapshot
from lepinet.registry.refusals import RegistryRefusal

Deployments: TypeAlias = Callable[..., DeploymentRow]
Reads: TypeAlias = Callable[[str], Snapshot]


@pytest.fixture
def others(transport: Transport) -> Registry:
    """The same registry, asked from another repository."""
    return Registry(transport, "b" * 40)


def test_another_repository_neither_reads_nor_writes(read: Reads, others: Registry, deploy: Deployments) -> None:
    deploy("v1.0.0")
    before = read("production")
    asked: tuple[Callable[[], object], ...] = (
        lambda: others.snapshot("production"),
        lambda: others.snapshot("an environment of its own"),
        lambda: others.essentials("production"),
        lambda: list(others.versions()),
        others.history,
        lambda: others.log_version("v9.0.0", "models/v9.0.0"),
        lambda: claim(others),
        lambda: emergency(others),
        lambda: others.unpin("production", "wrong keys"),
    )
    for ask in asked:
        with pytest.raises(RegistryRefusal, match=r"belongs to another repository \(first commit aaaaaaa\)") as no:
            ask()
        assert (no.value.code, no.value.hint) == (403, "check which database this environment's keys are for")
    assert read("production") == before


def claim(registry: Registry) -> object:
    return registry.claim(
        "production",
        generation=9,
        commit="c" * 40,
        seen_commit=None,
        claimant=uuid4(),
        claimant_label="run",
        lease_seconds=60,
        declares="v1.0.0",
    )


def emergency(registry: Registry) -> None:
    registry.begin_emergency(
        uuid4(),
        "production",
        version_name="v1.0.0",
        reason="wrong keys",
        actor="asha",
        claimant=uuid4(),
        claimant_label="asha",
        lease_seconds=60,
        way_back=None,
    )


def test_a_script_that_has_no_repository_logs_all_the_same(transport: Transport, registry: Registry) -> None:
    Registry(transport).log_version("v1.0.0", "models/v1.0.0")
    assert [row.version_name for row in registry.versions()] == ["v1.0.0"]
