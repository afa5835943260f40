"""Each environment as people look at it: its status, what moved it, how it does over time, and what could be next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lepinet.commit import Commit
from lepinet.manifest.model import Manifest
from lepinet.registry import Registry
from lepinet.registry.records import DeploymentRow, DeploymentStatus, MonitoredAccuracy, PastDeployment
from lepinet.report.status import EnvironmentStatus
from lepinet.workflow.look import Ask, status
from lepinet.workflow.workspace import Workspace

_RUNS = 60
"""So many of the monitor's runs are shown, spread over all of them."""
_NEXT = 5
"""So many of the versions that could be next are named."""
_DEPLOYMENTS = 20
"""So many of the newest attempts are looked through for what was rolled back."""


@dataclass(frozen=True)
class Next:
    """A version that models.yaml has below the active one, and that is not live here."""

    version: str
    active_in: tuple[str, ...]
    """Where it is active already."""
    rolled_back: PastDeployment | None
    """What put an older version in its place here; None where it never was live here, or not lately."""


@dataclass(frozen=True)
class EnvironmentOverview:
    """One environment."""

    status: EnvironmentStatus
    commit: Commit | None
    """That made the active version active, where it is known here."""
    last: PastDeployment | None
    """The newest attempt, whatever came of it."""
    accuracy: tuple[MonitoredAccuracy, ...]
    """As monitored, oldest first."""
    tested: str | None
    """How the active version did when it was tested, in a sentence; None where the monitor tells, or nobody knows."""
    before: str | None
    """What was live before, where no rollback returns to it: it was rolled back, and can be activated again."""
    next: tuple[Next, ...]
    """The newest last."""
    more: int
    """So many versions that could be next are not named."""


def overview(workspace: Workspace, ask: Ask) -> Iterator[EnvironmentOverview]:
    """Each environment in promotion order; what cannot be asked is said in its status, the rest shown all the same."""
    for one in status(workspace, None, ask):
        attempts, accuracy, tested = _asked(workspace, one)
        live = one.live
        newer = _newer(workspace, one, attempts)
        yield EnvironmentOverview(
            status=one,
            commit=_commit(workspace, live),
            last=attempts[0] if attempts else None,
            accuracy=accuracy,
            tested=tested,
            before=_before(workspace, one),
            next=newer[-_NEXT:],
            more=max(0, len(newer) - _NEXT),
        )


def _asked(
    workspace: Workspace, one: EnvironmentStatus
) -> tuple[tuple[PastDeployment, ...], tuple[MonitoredAccuracy, ...], str | None]:
    """What the registry knows besides; nothing where it did not answer a moment ago."""
    if one.snapshot is None:
        return (), (), None
    with workspace.registry(one.environment) as registry:
        attempts = registry.history(one.environment, page=_DEPLOYMENTS)
        accuracy = registry.monitored_accuracy(one.environment, _RUNS)
        active = one.snapshot.environment.active
        return attempts, accuracy, _tested(registry, active) if active and not accuracy else None


def _tested(registry: Registry, version: str) -> str | None:
    for row in registry.performance(version):
        if row.kind == "known-images" and row.test_sample_size and row.test_accuracy is not None:
            right = round(row.test_accuracy * row.test_sample_size)
            return f"{right:,} of {row.test_sample_size:,} known images right when tested; not monitored yet."
    return None


def _before(workspace: Workspace, one: EnvironmentStatus) -> str | None:
    if one.way_back or one.live is None or one.live.way_back is None:
        return None
    version = one.live.way_back.version
    declared = one.declared.version if one.declared else None
    return version if version in workspace.manifest.versions and version != declared else None


def _commit(workspace: Workspace, live: DeploymentRow | None) -> Commit | None:
    if live is None or live.commit is None:
        return None
    return workspace.git.commits([live.commit]).get(live.commit)


def _newer(workspace: Workspace, one: EnvironmentStatus, attempts: Sequence[PastDeployment]) -> tuple[Next, ...]:
    manifest = workspace.manifest
    names = tuple(manifest.versions)
    active = manifest.environments[one.environment].active
    after = names[names.index(active) + 1 :] if active else names
    # Between a merge and its deployment that is another version than main declares.
    live = one.snapshot.environment.active if one.snapshot else None
    return tuple(
        Next(
            name,
            tuple(place for place, settings in manifest.environments.items() if settings.active == name),
            _rolled_back(name, attempts, manifest),
        )
        for name in after
        if name != live
    )


def _rolled_back(version: str, attempts: Iterable[PastDeployment], manifest: Manifest) -> PastDeployment | None:
    """The deployment that ended the last time in which a version was live, where that put an older one in its place."""
    for row in attempts:
        if row.status is not DeploymentStatus.SUCCEEDED:
            continue
        if row.version == version:
            return None
        if row.way_back and row.way_back.version == version:
            return row if manifest.place(row.version) < manifest.place(version) else None
    return None
