"""One stand-in for all tests of this folder: its processes are slow to start, its database too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from endpoints.hosted import Hosted, create, hosted_online


@pytest.fixture(scope="session")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with hosted_online(tmp_path_factory.mktemp("hosted")) as online:
        yield online


@pytest.fixture
def hosted(online: Hosted) -> Hosted:
    """v1.0.0 is live, of two replicas; nothing is ordered, nothing was asked."""
    online.service.endpoints.clear()
    create(online, "v1.0.0")
    start_over(online)
    return online


def start_over(online: Hosted, version: str = "v1.0.0") -> None:
    """As if the first deployment ever were that of a version, which is served already; main goes on."""
    online.service.forget()
    online.hub.forget()
    online.declare(version)
    online.sql("delete from public.deployment_events")
    online.sql("delete from public.model_deployments")
    online.sql("delete from public.model_performance_logs")
    online.sql("""
        update public.environments set active_version_id = null, generation = null, commit_sha = null,
          claimant = null, claimant_label = null, claimant_commit = null, lease_until = null,
          pinned_version_id = null, pin_reason = null
    """)
    first = online.reconcile()
    assert first.code == 0, first
    online.service.forget()
