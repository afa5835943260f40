"""Who may write to an environment, and for how long, by the database's clock; the same for every kind of registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from lepinet.registry import Registry
from lepinet.registry.records import Claim, DeploymentRow, Snapshot
from lepinet.registry.refusals import RegistryRefusal

Claims: TypeAlias = Callable[..., Claim]
Deployments: TypeAlias = Callable[..., DeploymentRow]
Eventually: TypeAlias = Callable[[Callable[[], bool]], bool]
Reads: TypeAlias = Callable[[str], Snapshot]

A, B = uuid4(), uuid4()


def commit(generation: int) -> str:
    return f"{generation:040x}"


def refused(code: int, match: str, hint: str | None = None) -> Any:
    return pytest.raises(
        RegistryRefusal, match=match, check=lambda no: no.code == code and (hint is None or no.hint == hint)
    )


def test_a_free_environment_is_granted_and_records_the_commit(registry: Registry, claim: Claims) -> None:
    before = registry.snapshot("production").environment
    assert (before.commit, before.generation, before.claimant, before.lease_seconds) == (None, None, None, 0)
    granted = claim("production", 7, A, lease=60)
    assert granted.granted
    environment = granted.snapshot.environment
    assert (environment.commit, environment.generation) == (commit(7), 7)
    assert environment.claimant == "run of commit 7"
    assert 50 < environment.lease_seconds <= 60
    assert registry.snapshot("staging").environment.commit is None


def test_a_claim_whose_answer_was_lost_is_repeated(registry: Registry, claim: Claims) -> None:
    claim("production", 1, B)
    registry.release("production", B)
    claim("production", 7, A, seen_commit=commit(1), lease=10)
    again = claim("production", 7, A, seen_commit=commit(1), lease=60)
    assert again.granted
    assert again.snapshot.environment.lease_seconds > 50


def test_nobody_claims_on_what_he_has_not_read(registry: Registry, read: Reads, claim: Claims) -> None:
    claim("production", 7, A)
    registry.release("production", A)
    before = read("production")
    for unread in (None, commit(6)):
        with refused(409, "has just recorded a commit for production", "read again"):
            claim("production", 8, B, seen_commit=unread)
    assert read("production") == before


def test_an_older_commit_is_refused_unless_history_was_accepted(
    registry: Registry, claim: Claims, deploy: Deployments
) -> None:
    deploy("v1.0.0")
    claim("production", 7, A)
    registry.release("production", A)
    with refused(409, "production follows a newer commit", "superseded"):
        claim("production", 6, B)
    for _ in range(2):  # the second time it waits for nothing, and there is nothing more to record
        accepted = claim("production", 6, B, accept_history="the secret had to go")
        assert accepted.granted
        assert (accepted.snapshot.environment.generation, accepted.snapshot.environment.commit) == (6, commit(6))
    (told,) = [event for event in registry.history()[0].events if event.step == "accept-history"]
    assert told.text == "from 0000000 to 0000000: the secret had to go"


def test_an_unknown_environment_is_refused(registry: Registry) -> None:
    with refused(404, "no environment preview", "lepinet db migrate makes the environments of models.yaml known to it"):
        registry.snapshot("preview")
    with refused(404, "no environment preview"):
        registry.renew("preview", A, 60)
    assert registry.snapshot("production").environment.commit is None


def test_a_held_environment_says_who_holds_it_and_falls_to_the_next_when_the_lease_is_over(
    registry: Registry, claim: Claims, begin: Deployments, eventually: Eventually
) -> None:
    assert claim("production", 7, A, lease=60, claimant_label="asha's laptop").granted
    held = claim("production", 7, B, lease=60)
    assert not held.granted
    assert held.snapshot.environment.claimant == "asha's laptop"
    assert 50 < held.snapshot.environment.lease_seconds <= 60
    registry.renew("production", A, 0.2)
    assert eventually(lambda: claim("production", 7, B, lease=60).granted)
    with refused(409, "another run has taken over production", "taken over"):
        registry.renew("production", A, 60)
    with refused(409, "another run has taken over production", "taken over"):
        begin("production", A, "v1.0.0")
    registry.release("production", A)
    assert registry.snapshot("production").environment.claimant == "run of commit 7"


def test_a_lease_that_ran_out_is_renewed_as_long_as_nobody_wanted_it(
    registry: Registry, claim: Claims, eventually: Eventually
) -> None:
    claim("production", 7, A, lease=0.1)
    assert eventually(lambda: registry.snapshot("production").environment.claimant is None)
    registry.renew("production", A, 60)
    assert registry.snapshot("production").environment.claimant == "run of commit 7"


def test_a_released_environment_is_free_at_once(registry: Registry, claim: Claims) -> None:
    claim("production", 7, A)
    registry.release("production", B)
    assert registry.snapshot("production").environment.claimant == "run of commit 7"
    registry.release("production", A)
    registry.release("production", A)
    assert registry.snapshot("production").environment.claimant is None
    assert claim("production", 7, B).granted


@pytest.mark.parametrize(
    "newer",
    [
        pytest.param({"generation": 8}, id="a newer commit"),
        pytest.param({"generation": 5, "accept_history": "rewritten"}, id="a shorter line"),
        pytest.param({"generation": 7, "commit": "f" * 40, "accept_history": "amended"}, id="a line as long"),
    ],
)
def test_a_run_learns_from_its_next_write_that_another_commit_waits(
    registry: Registry, claim: Claims, begin: Deployments, newer: dict[str, Any]
) -> None:
    claim("production", 7, A)
    begun = begin("production", A, "v1.0.0")
    assert not claim("production", claimant=B, **newer).granted
    for write in (
        lambda: registry.renew("production", A, 60),
        lambda: begin("production", A, "v1.1.0"),
        lambda: registry.activate(begun.id, A),
    ):
        with refused(409, "a newer commit waits to be reconciled to production", "superseded"):
            write()
    registry.release("production", A)
    assert claim("production", claimant=B, **newer).granted
    assert registry.snapshot("production").environment.active is None


def test_environments_do_not_wait_for_each_other(claim: Claims) -> None:
    assert claim("staging", 7, A).granted
    assert claim("production", 7, B).granted
