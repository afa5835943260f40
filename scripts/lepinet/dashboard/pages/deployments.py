"""Who moved what, when and why, step by step, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard import asked
from lepinet.dashboard.place import place_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.rendering import page
from lepinet.registry.records import PastDeployment
from lepinet.registry.refusals import RegistryRefusal
from lepinet.report.wording import sentence
from lepinet.workflow.look import history

_PAGE = 20


def show(request: Request) -> Response:
    place, query = place_of(request), request.query_params
    workspace = place.workspace
    environments = tuple(workspace.manifest.environments)
    environment = asked.only_environment(query, place)
    version = asked.text(query, "version")
    after = _after(query, environments)
    rows: list[PastDeployment] = []
    why = "No deployment to show."
    try:
        rows += islice(history(workspace, environment, version=version, day=None, after=after), _PAGE + 1)
    except RegistryRefusal as refused:  # it does not know the version
        why = sentence(refused.what)
    shown = rows[:_PAGE]
    filters = {"environment": environment, "version": version}
    return page(
        request,
        "deployments.html",
        environments=environments,
        rows=shown,
        commits=workspace.git.commits(row.commit for row in shown if row.commit),
        filters=filters,
        why=why,
        older=_older(filters, after, shown) if len(rows) > _PAGE else None,
    )


def _after(query: QueryParams, environments: Sequence[str]) -> Mapping[str, UUID]:
    """By environment the last deployment that the page before has shown; what is none is passed over."""
    found = {}
    for environment in environments:
        try:
            found[environment] = UUID(query.get(f"after.{environment}", ""))
        except ValueError:
            continue
    return found


def _older(filters: Mapping[str, str | None], after: Mapping[str, UUID], shown: Sequence[PastDeployment]) -> str:
    """The address of the page of those before."""
    last = {**after, **{row.environment: row.id for row in shown}}
    marks = {f"after.{environment}": str(identity) for environment, identity in last.items()}
    return "/deployments?" + urlencode({**{key: value for key, value in filters.items() if value}, **marks})


ROUTES = (Route("/deployments", reading(show)),)
