"""Each environment as people look at it: its status, what moved it, how it does over time, and what could be next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lepinet.commit import Commit
from lepinet.registry.records import DeploymentRow, MonitoredAccuracy, PastDeployment
from lepinet.report.status import EnvironmentStatus
from lepinet.workflow.look import Ask, status
from lepinet.workflow.workspace import Workspace

_RUNS = 60
"""So many of the monitor's runs are shown, spread over all of them."""
_NEXT = 5
"""So many of the versions that could be next are named."""


@dataclass(frozen=True)
class Next:
    """A version that models.yaml has below the active one, and that is not active here."""

    version: str
    active_in: tuple[str, ...]
    """Where it is active already."""


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
    before: str | None
    """What was live before, where no rollback returns to it: it was rolled back, and can be activated again."""
    next: tuple[Next, ...]
    """The newest last."""
    more: int
    """So many versions that could be next are not named."""


def overview(workspace: Workspace, ask: Ask) -> Iterator[EnvironmentOverview]:
    """Each environment in promotion order; what cannot be asked is said in its status, the rest shown all the same."""
    for one in status(workspace, None, ask):
        last, accuracy = _asked(workspace, one)
        live = one.live
        newer = _newer(workspace, one.environment)
        yield EnvironmentOverview(
            status=one,
            commit=_commit(workspace, live),
            last=last,
            accuracy=accuracy,
            before=_before(workspace, one),
            next=newer[-_NEXT:],
            more=max(0, len(newer) - _NEXT),
        )


def _asked(workspace: Workspace, one: EnvironmentStatus) -> tuple[PastDeployment | None, tuple[MonitoredAccuracy, ...]]:
    """What the registry knows besides; nothing where it did not answer a moment ago."""
    if one.snapshot is None:
        return None, ()
    with workspace.registry(one.environment) as registry:
        last = next(iter(registry.history(one.environment, page=1)), None)
        return last, registry.monitored_accuracy(one.environment, _RUNS)


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


def _newer(workspace: Workspace, environment: str) -> tuple[Next, ...]:
    manifest = workspace.manifest
    names = tuple(manifest.versions)
    active = manifest.environments[environment].active
    after = names[names.index(active) + 1 :] if active else names
    return tuple(
        Next(name, tuple(place for place, settings in manifest.environments.items() if settings.active == name))
        for name in after
    )
