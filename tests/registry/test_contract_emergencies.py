"""What an emergency takes, from whom, and until when; the same for every kind of registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from lepinet.registry import Registry
from lepinet.registry.records import Claim, DeploymentKind, DeploymentRow, DeploymentStatus, Failure, Snapshot
from lepinet.registry.refusals import RegistryRefusal
from lepinet.target import Target

Claims: TypeAlias = Callable[..., Claim]
Deployments: TypeAlias = Callable[..., DeploymentRow]
Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

RUN, PERSON, NEXT = uuid4(), uuid4(), uuid4()
PINNED = r"production is pinned to v1\.0\.0 by asha since \d+ \w+ \d{4} \d\d:\d\d UTC: crashes on old phones"
V2 = Target("models/v2.0.0", "sha256:" + "200".zfill(64), "v2.0.0")


def refused(code: int, match: str) -> Any:
    return pytest.raises(RegistryRefusal, match=match, check=lambda no: no.code == code)


def emergency(registry: Registry, version: str, deployment: UUID | None = None, **changes: Any) -> Snapshot:
    said: dict[str, Any] = {
        "reason": "crashes on\nold phones",
        "actor": "asha",
        "claimant": PERSON,
        "claimant_label": "asha's laptop",
        "lease_seconds": 60,
        "way_back": None,
    }
    registry.begin_emergency(deployment or uuid4(), "production", version_name=version, **(said | changes))
    return registry.snapshot("production")


@pytest.fixture
def two_versions(deploy: Deployments) -> None:
    deploy("v1.0.0")
    deploy("v2.0.0")


@pytest.mark.usefixtures("two_versions")
def test_an_emergency_takes_the_environment_from_a_running_deployment(
    registry: Registry, claim: Claims, begin: Deployments
) -> None:
    claim("production", 7, RUN)
    running = begin("production", RUN, "v3.0.0", way_back=V2)
    now = emergency(registry, "v1.0.0")
    assert (now.environment.pinned, now.environment.claimant) == ("v1.0.0", "asha's laptop")
    assert now.environment.active == "v2.0.0"
    assert {row.id: row.status for row in now.deployments}[running.id] is DeploymentStatus.SUPERSEDED
    for write in (
        lambda: registry.renew("production", RUN, 60),
        lambda: begin("production", RUN, "v3.0.0"),
        lambda: registry.activate(running.id, RUN),
        lambda: registry.fail_deployment(running.id, RUN, Failure.MOVE, "no"),
    ):
        # One line: PostgREST makes the message the status line of its answer.
        with pytest.raises(RegistryRefusal, match=PINNED) as no:
            write()
        assert no.value.code == 423
        assert no.value.hint is not None
        assert "lepinet unpin -e production" in no.value.hint


@pytest.mark.usefixtures("two_versions")
def test_an_emergency_goes_on_whatever_is_merged_meanwhile(registry: Registry, claim: Claims) -> None:
    deployment = uuid4()
    emergency(registry, "v1.0.0", deployment)
    assert not claim("production", 8, NEXT).granted
    registry.renew("production", PERSON, 60)
    done = registry.activate(deployment, PERSON)
    assert (done.kind, done.status) == (DeploymentKind.EMERGENCY, DeploymentStatus.SUCCEEDED)
    assert (done.generation, done.commit) == (None, None)
    assert registry.snapshot("production").environment.active == "v1.0.0"


@pytest.mark.usefixtures("two_versions")
def test_a_repeated_emergency_is_the_same_one(registry: Registry) -> None:
    deployment = uuid4()
    first = emergency(registry, "v1.0.0", deployment)
    again = emergency(registry, "v1.0.0", deployment)
    assert again.deployments == first.deployments
    (begun,) = [row for row in again.deployments if row.id == deployment]
    assert begun.way_back is not None
    assert begun.way_back.target == V2


@pytest.mark.usefixtures("two_versions")
def test_a_later_emergency_takes_over_from_an_earlier_one(registry: Registry) -> None:
    first = uuid4()
    emergency(registry, "v1.0.0", first, reason="first")
    assert emergency(registry, "v2.0.0", reason="second", claimant=NEXT).environment.pinned == "v2.0.0"
    for write in (lambda: registry.renew("production", PERSON, 60), lambda: registry.activate(first, PERSON)):
        with refused(423, r"pinned to v2\.0\.0 by asha since .*: second"):
            write()


@pytest.mark.usefixtures("two_versions")
def test_an_emergency_needs_a_reason_and_a_version(registry: Registry) -> None:
    for reason in ("", " \n"):
        with refused(400, "an emergency needs a reason"):
            emergency(registry, "v1.0.0", reason=reason)
    with refused(404, r"no version v9\.9\.9"):
        emergency(registry, "v9.9.9")
    assert registry.snapshot("production").environment.pinned is None


@pytest.mark.usefixtures("two_versions")
def test_a_pin_stays_until_it_is_lifted(registry: Registry, claim: Claims, begin: Deployments) -> None:
    deployment = uuid4()
    emergency(registry, "v1.0.0", deployment)
    registry.activate(deployment, PERSON)
    registry.release("production", PERSON)
    assert claim("production", 8, NEXT, declares="v2.0.0").granted
    with refused(423, r"pinned to v1\.0\.0"):
        begin("production", NEXT, "v2.0.0")
    with refused(400, "unpin needs a reason"):
        registry.unpin("production", " ")
    for _ in range(2):
        assert registry.unpin("production", "v2.0.0 was innocent").environment.pinned is None
    (told,) = [event for event in registry.history("production")[0].events if event.step == "unpin"]
    assert told.text == "v2.0.0 was innocent"
    assert registry.activate(begin("production", NEXT, "v2.0.0").id, NEXT).status is DeploymentStatus.SUCCEEDED


@pytest.mark.usefixtures("two_versions")
def test_a_pin_ends_when_a_commit_declares_its_version(registry: Registry, claim: Claims) -> None:
    deployment = uuid4()
    emergency(registry, "v1.0.0", deployment)
    agreed = claim("production", 8, NEXT, declares="v1.0.0")
    assert not agreed.granted
    assert agreed.snapshot.environment.pinned is None
    assert registry.activate(deployment, PERSON).status is DeploymentStatus.SUCCEEDED
    assert [event.text for event in registry.history()[0].events] == ["commit 0000000 declares v1.0.0"]


@pytest.mark.usefixtures("two_versions")
def test_an_emergency_in_the_sql_editor_does_the_databases_part(
    registry: Registry, claim: Claims, begin: Deployments, owner: Rows
) -> None:
    claim("production", 7, RUN)
    begin("production", RUN, "v3.0.0", way_back=V2)
    (said,) = owner.execute("select emergency_activate('v1.0.0', 'crashes')").fetchone() or ("",)
    assert said.startswith("production is pinned to v1.0.0. The endpoint follows")
    now = registry.snapshot("production")
    assert (now.environment.active, now.environment.recorded) == ("v1.0.0", "v1.0.0")
    assert (now.environment.pinned, now.environment.pin_reason) == ("v1.0.0", "crashes")
    with refused(423, r"pinned to v1\.0\.0 by \w+ \(SQL\) since .*: crashes"):
        registry.renew("production", RUN, 60)
    begun = now.deployments[0]
    assert (begun.kind, begun.status) == (DeploymentKind.EMERGENCY, DeploymentStatus.STARTED)
    assert begun.actor.endswith("(SQL)")
    assert claim("production", 7, NEXT).granted
    assert registry.activate(begun.id, NEXT).status is DeploymentStatus.SUCCEEDED


def status(registry: Registry, version: str) -> str:
    row = registry.version(version, ())
    assert row is not None
    return row.status


@pytest.mark.usefixtures("two_versions")
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_the_sql_editor_activates_was_active_from_then_on(
    registry: Registry, owner: Rows, environment: str
) -> None:
    """Proved or not, and whether readers of `is_active` see that environment or another."""
    registry.log_version("v3.0.0", "models/v3.0.0", revision="sha256:" + "3" * 64)
    assert status(registry, "v3.0.0") == "proposal"
    owner.execute("select emergency_activate('v3.0.0', 'crashes', %s)", [environment])
    assert status(registry, "v3.0.0") == "active"
    marked = owner.execute("select version_name from public.model_versions where is_active").fetchall()
    assert marked == [("v3.0.0" if environment == "production" else "v2.0.0",)]
    owner.execute("select emergency_activate('v1.0.0', 'crashes as well', %s)", [environment])
    assert status(registry, "v3.0.0") == "deployed"


@pytest.mark.usefixtures("two_versions")
def test_a_second_thought_in_the_sql_editor_keeps_the_way_back(registry: Registry, claim: Claims, owner: Rows) -> None:
    for reason in ("crashes", "crashes, said properly"):
        owner.execute("select emergency_activate('v1.0.0', %s, 'production')", [reason])
    begun = registry.snapshot("production").deployments[0]
    assert begun.way_back is not None
    assert begun.way_back.target == V2
    claim("production", 7, NEXT)
    registry.fail_deployment(begun.id, NEXT, Failure.MOVE, "no replica")
    # The endpoint could not follow, yet the row is a person's word.
    assert registry.snapshot("production").environment.active == "v1.0.0"


def test_an_emergency_in_the_sql_editor_names_the_environment_when_none_is_told_to_readers(
    registry: Registry, deploy: Deployments, owner: Rows
) -> None:
    registry.log_version("v1.0.0", "models/v1.0.0")
    with pytest.raises(psycopg.Error, match="no environment has an active version yet"):
        owner.execute("select emergency_activate('v1.0.0', 'crashes')")
    owner.execute("select emergency_activate('v1.0.0', 'crashes', 'staging')")
    assert registry.snapshot("staging").environment.pinned == "v1.0.0"
    deploy("v2.0.0", "production")
    owner.execute("select emergency_activate('v1.0.0', 'crashes')")
    assert registry.snapshot("production").environment.active == "v1.0.0"
