"""Each species over the versions that were tested last: which are named right, and which got worse."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard import asked
from lepinet.dashboard.pages import version
from lepinet.dashboard.place import place_of
from lepinet.dashboard.rendering import page
from lepinet.registry.records import SpeciesCounts, SpeciesPage, SpeciesSort
from lepinet.report import pictures
from lepinet.report.illustrations import Illustration
from lepinet.report.pictures import SpeciesRow

PATH = "/species"
_SIZE = 24
_VERSIONS = 6
_SORTS = {SpeciesSort.RECALL: "known least first", SpeciesSort.NAME: "by name", SpeciesSort.ID: "by id"}


def species(request: Request) -> Response:
    place, query = place_of(request), request.query_params
    environment = asked.environment(query, place)
    search, sort = asked.text(query, "search"), asked.choice(query, "sort", SpeciesSort) or SpeciesSort.RECALL
    number = asked.number(query, "page")
    with place.workspace.registry(environment) as registry:
        found = registry.species_recall(
            versions=_VERSIONS, search=search, sort=sort, skip=(number - 1) * _SIZE, page=_SIZE
        )
    kept = {"environment": query.get("environment") and environment}
    return page(
        request,
        "species.html",
        found=found,
        drawn=_drawn(found),
        environment=environment,
        registries=place.workspace.registries,
        search=search or "",
        sort=sort,
        sorts=_SORTS,
        same_photos=len({test.known_images_sha256 for test in found.tests}) == 1,
        pager=asked.pager(
            PATH,
            {**kept, "search": search, "sort": None if sort is SpeciesSort.RECALL else sort.value},
            page=number,
            size=_SIZE,
            shown=len(found.species),
            total=found.total,
        ),
        address=lambda name: asked.address(version.PATH, name=name, **kept),
    )


def _drawn(found: SpeciesPage) -> Illustration | None:
    """The species of the page in the version tested last, beside the one before; None where that has none."""
    rows = [row for one in found.species if (row := _row(one))]
    if not rows:
        return None
    new, *others = (test.version for test in found.tests)
    title = f"{others[0]} and {new}" if others else new
    return Illustration(
        title=f"Species: {title}",
        picture=pictures.species(rows, f"Species: {title}"),
        caption=f"How many of its photos {new} names right{f', and {others[0]} before it' if others else ''}.",
        head=("species", "photos", f"{others[0]} right" if others else "before", f"{new} right"),
        rows=tuple((row.name, str(row.images), "" if row.old is None else str(row.old), str(row.new)) for row in rows),
    )


def _row(one: SpeciesCounts) -> SpeciesRow | None:
    """On other photos than the version before, a version is neither better nor worse for it."""
    if 0 not in one.counts:
        return None
    right, images = one.counts[0]
    before, images_before = one.counts.get(1, (0, 0))
    return SpeciesRow(one.name, images, before if images_before == images else None, right)


ROUTES = (Route(PATH, species),)
