"""`status`, `versions`, `history`: what is live, what there is, who moved what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from heapq import merge
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

from lepinet.errors import LepinetError, OutsideError
from lepinet.manifest.model import Manifest
from lepinet.registry import Registry
from lepinet.registry.records import PastDeployment, Snapshot, VersionRow
from lepinet.report.status import EnvironmentStatus, KnownVersion
from lepinet.workflow.declared import earlier_version, plan_of, unmerged
from lepinet.workflow.workspace import Workspace

Ask: TypeAlias = Callable[[Registry, str], Snapshot]
"""How a registry is asked for the snapshot of one environment, with the rows of all versions of models.yaml."""


def status(workspace: Workspace, environment: str | None, ask: Ask | None = None) -> Iterator[EnvironmentStatus]:
    """Each environment; what cannot be asked is said, and the rest shown all the same.

    Args:
        workspace: whose registries and endpoints are asked.
        environment: only this one.
        ask: for whoever remembers a part of the answer; None: all of it is asked for.
    """
    for name in workspace.environments(environment):
        active = workspace.manifest.environments[name].active
        target = workspace.manifest.target(active) if active else None
        snapshot, state, plan, trouble = None, None, None, None
        way_back, silent = None, False
        try:
            way_back = earlier_version(workspace, name)
            with workspace.registry(name) as registry:
                snapshot = ask(registry, name) if ask else registry.snapshot(name, workspace.manifest.versions)
            endpoint = workspace.endpoint(name)
            state = endpoint.observe() if endpoint else None
            plan = plan_of(workspace, name, snapshot, state) if active else None
        except LepinetError as error:
            trouble = str(error)
            silent = isinstance(error, OutsideError) and snapshot is not None and state is None
        pending = unmerged(workspace) if plan and not plan.empty else None
        yield EnvironmentStatus(name, target, snapshot, state, plan, trouble, silent, way_back, pending)


def versions(workspace: Workspace, environment: str | None) -> tuple[KnownVersion, ...]:
    """All of models.yaml in its order, then what trainers have logged beside it, oldest first.

    Args:
        workspace: with the models.yaml.
        environment: whose registry alone is read; None: all of them.
    """
    manifest = workspace.manifest
    found = {name: _declared(manifest, name) for name in manifest.versions}
    for name in workspace.environments(environment):
        with workspace.registry(name) as registry:
            rows = sorted(registry.versions(), key=_age)
        for row in rows:
            logged = _logged(workspace, row)
            found[row.version_name] = _completed(found.get(row.version_name, logged), logged)
    return tuple(found.values())


def version(workspace: Workspace, name: str, row: VersionRow | None) -> KnownVersion | None:
    """What models.yaml and a registry's row say of one version; None where neither knows it."""
    known = _declared(workspace.manifest, name) if name in workspace.manifest.versions else None
    if row is None:
        return known
    logged = _logged(workspace, row)
    return _completed(known or logged, logged)


def history(
    workspace: Workspace,
    environment: str | None,
    *,
    version: str | None,
    day: date | None,
    after: Mapping[str, UUID] = MappingProxyType({}),
) -> Iterator[PastDeployment]:
    """Deployments of all environments, newest first.

    Args:
        workspace: whose registries are asked.
        environment: only this one's.
        version: only those of this version.
        day: only those that began or ended on it here.
        after: by environment the one that was shown last; all before it, and itself, are left out.
    """
    with ExitStack() as stack:
        lines = [
            _deployments(stack.enter_context(workspace.registry(name)), name, version, after.get(name))
            for name in workspace.environments(environment)
        ]
        for row in merge(*lines, key=lambda row: row.begun_at, reverse=True):
            if day is None or day in _days(row):
                yield row


def _deployments(
    registry: Registry, environment: str, version: str | None, before: UUID | None
) -> Iterator[PastDeployment]:
    while page := registry.history(environment, version_name=version, before=before):
        yield from page
        before = page[-1].id


def _declared(manifest: Manifest, name: str) -> KnownVersion:
    declared = manifest.versions[name]
    return KnownVersion(
        name,
        in_manifest=True,
        file_path=declared.file_path,
        revision=declared.revision,
        training_image_count=declared.training_image_count,
        accuracy_score=declared.accuracy_score,
        created_at=declared.created_at,
        notes=declared.notes,
        active_in=tuple(place for place, settings in manifest.environments.items() if settings.active == name),
    )


def _logged(workspace: Workspace, row: VersionRow) -> KnownVersion:
    ever = workspace.ever_declared
    known = ever.has(row.version_name, row.file_path, row.revision)
    waits = not known and not ever.left_out(row.file_path, row.created_at)
    return KnownVersion(
        row.version_name,
        in_manifest=False,
        file_path=row.file_path,
        revision=row.revision,
        training_image_count=row.training_image_count,
        accuracy_score=row.accuracy_score,
        created_at=row.created_at,
        notes=row.notes,
        active_in=(),
        register=row.register_command() if waits else None,
    )


def _age(row: VersionRow) -> tuple[bool, datetime, str]:
    """Oldest first, and last those of which nobody knows when they were logged."""
    return row.created_at is None, row.created_at or datetime.min.replace(tzinfo=UTC), row.version_name


def _completed(known: KnownVersion, logged: KnownVersion) -> KnownVersion:
    """What models.yaml does not say of a version, its trainer may have logged."""
    return replace(
        known,
        training_image_count=logged.training_image_count
        if known.training_image_count is None
        else known.training_image_count,
        accuracy_score=logged.accuracy_score if known.accuracy_score is None else known.accuracy_score,
        created_at=known.created_at or logged.created_at,
        differences=tuple(dict.fromkeys((*known.differences, *_differences(known, logged)))),
    )


def _differences(known: KnownVersion, logged: KnownVersion) -> Iterator[str]:
    for figure in ("training_image_count", "accuracy_score"):
        here, there = getattr(known, figure), getattr(logged, figure)
        if None not in {here, there} and here != there:
            yield f"{figure} is {here} in models.yaml, {there} in the registry"


def _days(row: PastDeployment) -> set[date]:
    return {moment.astimezone().date() for moment in (row.begun_at, row.ended_at) if moment}
