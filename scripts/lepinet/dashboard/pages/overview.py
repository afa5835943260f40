"""What is live in each environment, whether all agree, and whether anybody has to do something."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard.place import place_of
from lepinet.dashboard.rendering import page
from lepinet.report.illustrations import monitored
from lepinet.workflow.overview import overview


def show(request: Request) -> Response:
    workspace = place_of(request).workspace
    environments = tuple(overview(workspace))
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
        now=datetime.now(UTC),
    )


ROUTES = (Route("/", show),)
