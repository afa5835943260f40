"""How a deployment begins, ends and is remembered, and what readers are told meanwhile; for every kind of registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from lepinet.registry import Registry
from lepinet.registry.records import Claim, DeploymentKind, DeploymentRow, DeploymentStatus, Failure, PerformanceLog
from lepinet.registry.refusals import RegistryRefusal
from lepinet.target import Target

Claims: TypeAlias = Callable[..., Claim]
Deployments: TypeAlias = Callable[..., DeploymentRow]
Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

A, B = uuid4(), uuid4()
V1 = Target("models/v1.0.0", "sha256:" + "100".zfill(64), "v1.0.0")


def refused(code: int, match: str) -> Any:
    return pytest.raises(RegistryRefusal, match=match, check=lambda no: no.code == code)


def active(registry: Registry, environment: str = "production") -> tuple[str | None, str | None]:
    """What readers are told, and what the last flip recorded."""
    row = registry.snapshot(environment).environment
    return row.active, row.recorded


def told(owner: Rows) -> dict[str, str]:
    """What the view says of each environment; `is_active` is what readers of the hand-made registry look at."""
    said: dict[str, str] = dict(owner.execute("select environment, version_name from public.active_model").fetchall())
    marked = owner.execute("select version_name from public.model_versions where is_active").fetchall()
    return said | {"is_active": " ".join(name for (name,) in marked)}


def test_a_deployment_keeps_who_why_and_the_way_back(registry: Registry, claim: Claims, begin: Deployments) -> None:
    claim("production", 7, A)
    said = {"reason": "#41 wet-season photos", "verdict": {"verdict": "promote"}, "conditions": "c0ffee"}
    begun = begin("production", A, "v1.1.0", way_back=V1, **said)
    assert (begun.kind, begun.status, begun.actor) == (DeploymentKind.MERGE, DeploymentStatus.STARTED, "asha")
    assert begun.model_dump(include=set(said)) == said
    assert (begun.generation, begun.commit) == (7, f"{7:040x}")
    assert (begun.version, begun.file_path, begun.ended_at) == ("v1.1.0", "models/v1.1.0", None)
    assert begun.way_back is not None
    assert begun.way_back.target == V1
    assert registry.snapshot("production").deployments == (begun,)


def test_a_repeated_begin_is_the_same_deployment(registry: Registry, claim: Claims, begin: Deployments) -> None:
    claim("production", 7, A)
    first = begin("production", A, "v1.1.0", way_back=V1)
    assert begin("production", A, "v1.1.0", deployment=first.id) == first
    assert registry.snapshot("production").deployments == (first,)


def test_a_deployment_that_a_killed_run_left_is_superseded(
    registry: Registry, claim: Claims, begin: Deployments
) -> None:
    claim("production", 7, A)
    left = begin("production", A, "v1.1.0")
    second = begin("production", A, "v1.1.0")
    now = {row.id: row for row in registry.snapshot("production").deployments}
    assert now[left.id].status is DeploymentStatus.SUPERSEDED
    assert now[left.id].ended_at is not None
    for write in (registry.activate, lambda one, run: registry.fail_deployment(one, run, Failure.PROOF, "no")):
        with refused(409, "was superseded: taken over by the next run"):
            write(left.id, A)
    assert registry.activate(second.id, A).status is DeploymentStatus.SUCCEEDED


def test_nobody_begins_without_a_claim_or_a_version(registry: Registry, claim: Claims, begin: Deployments) -> None:
    with refused(409, "another run has taken over production"):
        begin("production", A, "v1.1.0")
    claim("production", 7, A)
    with refused(404, r"no version v9\.9\.9"):
        registry.begin_deployment(
            uuid4(),
            "production",
            A,
            version_name="v9.9.9",
            way_back=None,
            actor="asha",
            reason=None,
            verdict=None,
            conditions=None,
        )
    assert not registry.snapshot("production").ever_deployed


def test_a_flip_is_told_at_once_and_its_figures_are_logged_once(
    registry: Registry, claim: Claims, begin: Deployments, owner: Rows
) -> None:
    claim("production", 7, A)
    begun = begin("production", A, "v1.0.0")
    assert active(registry) == (None, None)
    logs = [
        PerformanceLog(
            id=uuid4(),
            version_name="v1.0.0",
            kind=kind,
            test_accuracy=0.9,
            test_sample_size=240,
            details={"known_images_sha256": "d1"},
        )
        for kind in ("known-images", "proof")
    ]
    done = registry.activate(begun.id, A, logs)
    assert registry.activate(begun.id, A, logs) == done
    assert registry.activate(begun.id, B, logs) == done
    assert done.status is DeploymentStatus.SUCCEEDED
    assert done.ended_at is not None
    assert active(registry) == ("v1.0.0", "v1.0.0")
    assert told(owner) == {"production": "v1.0.0", "is_active": "v1.0.0"}
    kept = owner.execute("select environment, kind from public.model_performance_logs order by kind").fetchall()
    assert kept == [("production", "known-images"), ("production", "proof")]
    assert registry.stored_answers("v1.0.0", "d1") == {"known_images_sha256": "d1"}


def test_a_flip_that_is_repeated_late_does_not_flip_back(
    registry: Registry, claim: Claims, begin: Deployments, deploy: Deployments
) -> None:
    claim("production", 1, A)
    first = begin("production", A, "v1.0.0")
    registry.activate(first.id, A)
    registry.release("production", A)
    deploy("v1.1.0")
    assert registry.activate(first.id, A).status is DeploymentStatus.SUCCEEDED
    assert active(registry) == ("v1.1.0", "v1.1.0")


def test_a_flip_with_a_log_that_cannot_be_written_is_no_flip(
    registry: Registry, claim: Claims, begin: Deployments
) -> None:
    claim("production", 7, A)
    begun = begin("production", A, "v1.0.0")
    log = PerformanceLog(id=uuid4(), version_name="v9.9.9", kind="proof", test_accuracy=1.0, test_sample_size=1)
    with refused(404, r"no version v9\.9\.9"):
        registry.activate(begun.id, A, [log])
    assert active(registry) == (None, None)
    assert registry.snapshot("production").deployments == (begun,)


def test_readers_are_told_the_last_environment_that_has_an_active_version(deploy: Deployments, owner: Rows) -> None:
    deploy("v1.0.0", "staging")
    assert told(owner) == {"staging": "v1.0.0", "is_active": "v1.0.0"}
    deploy("v1.1.0", "staging")
    assert told(owner) == {"staging": "v1.1.0", "is_active": "v1.1.0"}
    deploy("v1.0.0", "production")
    assert told(owner) == {"staging": "v1.1.0", "production": "v1.0.0", "is_active": "v1.0.0"}
    deploy("v1.2.0", "staging")
    assert told(owner) == {"staging": "v1.2.0", "production": "v1.0.0", "is_active": "v1.0.0"}


def test_programs_ask_for_the_active_version_of_one_environment_or_of_the_told_one(
    registry: Registry, deploy: Deployments
) -> None:
    def asked(environment: str | None = None) -> str | None:
        row = registry.active_version(environment)
        return row.version_name if row else None

    assert (asked(), asked("staging")) == (None, None)
    deploy("v1.1.0", "staging")
    deploy("v1.0.0", "production")
    assert (asked(), asked("staging"), asked("production")) == ("v1.0.0", "v1.1.0", "v1.0.0")


def test_each_environment_says_since_when(deploy: Deployments, owner: Rows) -> None:
    def since() -> dict[str, Any]:
        return dict(owner.execute("select environment, activated_at from public.active_model").fetchall())

    deploy("v1.0.0", "staging")
    staging = since()["staging"]
    deploy("v1.0.0", "production")
    production = since()["production"]
    assert since() == {"staging": staging, "production": production}
    assert staging < production
    deploy("v1.0.0", "production")
    assert since()["production"] == production
    deploy("v1.1.0", "staging")
    assert since()["staging"] > production


def test_a_failure_is_kept_and_changes_nothing_else(
    registry: Registry, claim: Claims, begin: Deployments, deploy: Deployments
) -> None:
    deploy("v1.0.0")
    claim("production", 7, A)
    begun = begin("production", A, "v1.1.0", way_back=V1)
    log = PerformanceLog(id=uuid4(), version_name="v1.1.0", kind="proof", test_accuracy=None, test_sample_size=240)
    failed = registry.fail_deployment(begun.id, A, Failure.PROOF, "11 of 96 answers differ", [log])
    assert (failed.status, failed.failure) == (DeploymentStatus.FAILED, Failure.PROOF)
    assert failed.error == "11 of 96 answers differ"
    assert registry.fail_deployment(begun.id, A, Failure.MOVE, "said later", [log]) == failed
    assert active(registry) == ("v1.0.0", "v1.0.0")
    with refused(409, "this deployment has failed: 11 of 96 answers differ"):
        registry.activate(begun.id, A)


def test_a_success_does_not_fail_any_more(deploy: Deployments, registry: Registry) -> None:
    done = deploy("v1.0.0")
    with refused(409, "this deployment has succeeded"):
        registry.fail_deployment(done.id, A, Failure.PROOF, "too late")
    with refused(404, "no deployment"):
        registry.activate(uuid4(), A)


def test_an_endpoint_that_follows_the_registry_is_flipped_first_and_proved_afterwards(
    registry: Registry, claim: Claims, begin: Deployments, deploy: Deployments
) -> None:
    deploy("v1.0.0")
    claim("production", 7, A)
    begun = begin("production", A, "v1.1.0", way_back=V1)
    for _ in range(2):
        assert registry.activate(begun.id, A, proved=False).status is DeploymentStatus.STARTED
    assert active(registry) == ("v1.1.0", "v1.1.0")
    assert registry.activate(begun.id, A).status is DeploymentStatus.SUCCEEDED
    worse = begin("production", A, "v1.2.0", way_back=V1)
    registry.activate(worse.id, A, proved=False)
    assert registry.fail_deployment(worse.id, A, Failure.PROOF, "no").status is DeploymentStatus.FAILED
    assert active(registry) == ("v1.0.0", "v1.0.0")


def test_a_snapshot_holds_what_can_explain_the_present(
    registry: Registry, claim: Claims, begin: Deployments, deploy: Deployments
) -> None:
    deploy("v1.0.0")
    claim("production", 2, A)
    registry.fail_deployment(begin("production", A, "v1.1.0").id, A, Failure.MOVE, "no replica")
    registry.release("production", A)
    deploy("v1.2.0", "staging")
    deploy("v1.2.0")
    claim("production", 4, A)
    begin("production", A, "v1.3.0")
    snapshot = registry.snapshot("production", ["v1.0.0", "v1.1.0", "v1.2.0", "v9.9.9"])
    assert [row.version for row in snapshot.deployments] == ["v1.3.0", "v1.2.0", "v1.1.0"]
    assert snapshot.succeeded == {"v1.0.0", "v1.2.0"}
    assert snapshot.ever_deployed
    assert [row.version_name for row in snapshot.versions] == ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"]


def test_history_tells_each_step_once_and_in_order(registry: Registry, deploy: Deployments) -> None:
    done = deploy("v1.0.0")
    move, proof = uuid4(), uuid4()
    for event, step in ((move, "move"), (proof, "prove"), (move, "move")):
        registry.record_step(event, done.id, step, f"{step} it")
    (told,) = registry.history("production")
    assert [(event.step, event.text) for event in told.events] == [("move", "move it"), ("prove", "prove it")]
    with refused(404, "no deployment"):
        registry.record_step(uuid4(), uuid4(), "move", "nowhere")


def test_history_is_read_page_by_page(registry: Registry, deploy: Deployments) -> None:
    for version in ("v1.0.0", "v1.1.0", "v1.0.0", "v1.2.0"):
        deploy(version)
        deploy(version, "staging")
    whole = registry.history()
    assert [row.version for row in whole] == [v for v in ("v1.2.0", "v1.0.0", "v1.1.0", "v1.0.0") for _ in range(2)]
    pages, before = list(registry.history(page=3)), None
    while pages and pages[-1].id != before:
        before = pages[-1].id
        pages += registry.history(before=before, page=3)
    assert tuple(pages) == whole
    assert [row.version for row in registry.history("production", page=2)] == ["v1.2.0", "v1.0.0"]
    only: list[UUID] = [row.id for row in registry.history("staging", version_name="v1.0.0")]
    assert only == [row.id for row in whole if (row.environment, row.version) == ("staging", "v1.0.0")]


def test_a_clock_that_ran_ahead_hides_no_later_deployment(registry: Registry, deploy: Deployments, owner: Rows) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        deploy(version)
    owner.execute("""
        update public.model_deployments set begun_at = begun_at + interval '1 day',
          flipped_at = flipped_at + interval '1 day', ended_at = ended_at + interval '1 day'
    """)
    for version in ("v1.2.0", "v1.3.0"):
        deploy(version)
    assert [row.version for row in registry.snapshot("production").deployments] == ["v1.3.0"]
    first, *others = registry.history("production")
    assert [row.version for row in (first, *others)] == ["v1.3.0", "v1.2.0", "v1.1.0", "v1.0.0"]
    assert registry.history("production", before=first.id) == tuple(others)
