"""What is live in each environment, whether all agree, and whether anybody has to do something."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard.pages.changes import held
from lepinet.dashboard.place import place_of, site_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.remembered import Remembered
from lepinet.dashboard.rendering import page
from lepinet.registry import Registry
from lepinet.registry.records import Snapshot
from lepinet.report.illustrations import monitored
from lepinet.workflow.listed_changes import waiting_here
from lepinet.workflow.overview import overview
from lepinet.workflow.workspace import Workspace

_SHOWN = 5
"""So many of the changes that wait are named."""


def show(request: Request) -> Response:
    workspace = place_of(request).workspace
    environments = tuple(overview(workspace, partial(_snapshot, site_of(request).remembered, workspace)))
    waiting = waiting_here(workspace)
    floor = workspace.manifest.gates.min_accuracy
    return page(
        request,
        "overview.html",
        environments=environments,
        statuses=[one.status for one in environments],
        pictures={
            one.status.environment: monitored(one.accuracy, float(floor) if floor is not None else None)
            for one in environments
        },
        changes=waiting,
        held=held(request, waiting[:_SHOWN]),
        most=_SHOWN,
        now=datetime.now(UTC),
    )


def _snapshot(remembered: Remembered, workspace: Workspace, registry: Registry, environment: str) -> Snapshot:
    """With rows of thousands of versions that are not asked for again while nobody changes one."""
    seen = registry.snapshot(environment)
    row, commit = seen.environment, workspace.standing.commit.id
    key = ("rows", environment, commit, row.active, row.recorded, row.pinned, seen.changes)
    rows = remembered.get(key, lambda: registry.snapshot(environment, workspace.manifest.versions).versions)
    return seen.model_copy(update={"versions": rows})


ROUTES = (Route("/", reading(show)),)
