"""Each species over the versions that were tested last: which are named right, and which got worse."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard import asked
from lepinet.dashboard.pages import version
from lepinet.dashboard.place import place_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.rendering import page
from lepinet.manifest.model import Manifest
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
    known = place.workspace.known_images
    old, new = _pair(found, place.workspace.manifest)
    return page(
        request,
        "species.html",
        found=found,
        drawn=_drawn(found, old, new),
        legend=(("old", found.tests[old].version), ("new", found.tests[new].version)) if old is not None else (),
        environment=environment,
        registries=place.workspace.registries,
        search=search or "",
        sort=sort,
        sorts=_SORTS,
        photos=known.sha256 if known else None,
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


def _pair(found: SpeciesPage, manifest: Manifest) -> tuple[int | None, int]:
    """Places of the two versions tested last on the same photos, the older version first; None: there is one alone."""
    photos = [test.known_images_sha256 for test in found.tests]
    same = [place for place, one in enumerate(photos) if one == photos[0]][:2]
    if len(same) < 2:
        return None, 0
    # Whichever was tested last: the way back to an old version makes it no newer than the one that it took over from.
    old, new = sorted(same, key=lambda place: manifest.place(found.tests[place].version))
    return old, new


def _drawn(found: SpeciesPage, old: int | None, new: int) -> Illustration | None:
    """The species of the page in one version, beside an older one where there is one."""
    rows = [row for one in found.species if (row := _row(one, old, new))]
    if not rows:
        return None
    newer, older = found.tests[new].version, found.tests[old].version if old is not None else None
    title = f"Species: {older} and {newer}" if older else f"Species: {newer}"
    return Illustration(
        title=title,
        picture=pictures.species(rows, title),
        caption=f"How many of its photos {newer} names right{f', and {older}, the older one' if older else ''}.",
        head=("species", "photos", f"{older} right" if older else "before", f"{newer} right"),
        rows=tuple((row.name, str(row.images), "" if row.old is None else str(row.old), str(row.new)) for row in rows),
    )


def _row(one: SpeciesCounts, old: int | None, new: int) -> SpeciesRow | None:
    """On other photos than the older version, a version is neither better nor worse for it."""
    if new not in one.counts:
        return None
    right, images = one.counts[new]
    before, images_before = one.counts.get(old, (0, 0)) if old is not None else (0, 0)
    return SpeciesRow(one.name, images, before if images_before == images else None, right)


ROUTES = (Route(PATH, reading(species)),)
