"""All versions, sorted, filtered and searched; what the address says is what is shown, so it can be passed on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard import asked
from lepinet.dashboard.pages import version
from lepinet.dashboard.place import place_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.rendering import page
from lepinet.registry.records import VersionSort, VersionStatus

PATH = "/versions"
_SIZE = 50
_COLUMNS = {
    VersionSort.VERSION: "version",
    VersionSort.PATH: "path",
    VersionSort.ACCURACY: "trainer's own test",
    VersionSort.IMAGES: "trained on",
    VersionSort.STATUS: "status",
    VersionSort.CREATED: "logged",
}
_NAMES_FIRST = {VersionSort.VERSION, VersionSort.PATH, VersionSort.STATUS}
"""The first click on these columns sorts from the beginning, on the others from the most."""


def versions(request: Request) -> Response:
    place, query = place_of(request), request.query_params
    environment = asked.environment(query, place)
    search, status = asked.text(query, "search"), asked.choice(query, "status", VersionStatus)
    sort = asked.choice(query, "sort", VersionSort) or VersionSort.CREATED
    descending = {"up": False, "down": True}.get(query.get("order", ""), sort not in _NAMES_FIRST)
    number = asked.number(query, "page")
    with place.workspace.registry(environment) as registry:
        found = registry.version_page(
            place.workspace.manifest.versions,
            search=search,
            status=status,
            sort=sort,
            descending=descending,
            skip=(number - 1) * _SIZE,
            page=_SIZE,
        )
    kept = {"environment": query.get("environment") and environment, "search": search, "status": status}
    order = {"sort": sort.value, "order": "down" if descending else "up"}
    unasked = order == {"sort": VersionSort.CREATED, "order": "down"}
    return page(
        request,
        "versions.html",
        found=found,
        environment=environment,
        registries=place.workspace.registries,
        search=search or "",
        status=status,
        statuses=tuple(VersionStatus),
        order=order,
        columns=tuple(_column(column, kept, sort, descending=descending) for column in _COLUMNS),
        pager=asked.pager(
            PATH,
            kept if unasked else {**kept, **order},
            page=number,
            size=_SIZE,
            shown=len(found.versions),
            total=found.total,
        ),
        address=lambda name: asked.address(version.PATH, name=name, environment=kept["environment"]),
    )


def _column(
    column: VersionSort, kept: dict[str, str | None], sort: VersionSort, *, descending: bool
) -> tuple[str, str, str]:
    """Its title, the address that sorts by it, and how it is sorted now, in ARIA's words."""
    down = not descending if column is sort else column not in _NAMES_FIRST
    link = asked.address(PATH, **kept, sort=column.value, order="down" if down else "up")
    now = ("descending" if descending else "ascending") if column is sort else "none"
    return _COLUMNS[column], link, now


ROUTES = (Route(PATH, reading(versions)),)
