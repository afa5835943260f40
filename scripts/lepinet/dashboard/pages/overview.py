"""What is live in each environment, whether all agree, and whether anybody has to do something."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard.place import place_of
from lepinet.dashboard.rendering import page
from lepinet.workflow import look


def overview(request: Request) -> Response:
    environments = tuple(look.status(place_of(request).workspace, None))
    return page(request, "overview.html", environments=environments, now=datetime.now(UTC))


ROUTES = (Route("/", overview),)
