"""Any two versions on the same photos: the verdict that `lepinet compare` gives, and every photo that flipped."""

from __future__ import annotations

import shlex
from collections.abc import Hashable, Iterable, Iterator, Sequence
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard import asked
from lepinet.dashboard.pages import photos
from lepinet.dashboard.pages.version import TABLE
from lepinet.dashboard.place import Place, Site, place_of, site_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.rendering import page
from lepinet.registry import Registry
from lepinet.report import gallery, illustrations
from lepinet.report.documents import ComparisonDocument, Flip
from lepinet.workflow.declared import most_tries
from lepinet.workflow.kept import Pair, answers_here, compared
from lepinet.workflow.workspace import Workspace

PATH = "/compare"
_OFFERED = 50
"""So many of the newest in models.yaml and in the registry does the form offer; any other can be typed."""

_READY = 10
"""So many of the versions that were tested last are offered without a form."""


class Kind(StrEnum):
    """Of a flip."""

    WRONG = "newly wrong"
    RIGHT = "newly right"


def compare(request: Request) -> Response:
    place, query = place_of(request), request.query_params
    environment = asked.environment(query, place)
    old, new = (asked.text(query, name) or "" for name in ("old", "new"))
    species, kind = asked.text(query, "species"), asked.choice(query, "kind", Kind)
    with place.workspace.registry(environment) as registry:
        declared = place.workspace.manifest.versions
        offered = registry.version_page(declared, page=_OFFERED)
        unknown = tuple(
            name for name in (old, new) if name and name not in declared and registry.version(name, declared) is None
        )
        document: ComparisonDocument | None = None
        missing: tuple[str, ...] = ()
        ready = () if old and new else tuple(_ready(place, registry, environment))
        if old and new and old != new and not unknown:
            workspace = place.workspace
            pair = Pair(old, new, most_tries(workspace.manifest, workspace.number, old, new))
            document = compared_once(site_of(request), workspace, registry, pair)
            missing = _missing(place, registry, (old, new)) if document is None else ()
    kept = query.get("environment") and environment
    shown = _filtered(document, species, kind) if document else None
    drawn = illustrations.species(document) if document else None
    return page(
        request,
        "compare.html",
        environment=environment,
        registries=place.workspace.registries,
        old=old or place.workspace.manifest.environments[environment].active or "",
        new=new,
        offered=dict.fromkeys((*tuple(declared)[-_OFFERED:], *(row.version_name for row in offered.versions))),
        unknown=unknown,
        missing=missing,
        ready=[(*pair, asked.address(PATH, old=pair[0], new=pair[1], environment=kept)) for pair in ready],
        command=shlex.join(("lepinet", "compare", "--old", old, "--new", new)),
        document=document,
        main=place.workspace.standing.commit,
        drawn=illustrations.shortened(drawn, TABLE) if drawn else None,
        galleries=(gallery.newly_wrong(shown), gallery.newly_right(shown)) if shown else (),
        species=species,
        kind=kind,
        kinds=tuple(Kind),
        flipped=_species_of_flips(document) if document else {},
        source=photos.source(place.workspace.known_images),
    )


def compared_once(site: Site, workspace: Workspace, registry: Registry, pair: Pair) -> ComparisonDocument | None:
    """As `kept.compared`, remembered for as long as all stays that the comparison is made of."""
    names = filter(None, (pair.old, pair.new, pair.reference))
    key = ("compared", pair, *_identities(workspace, registry, names))
    return site.remembered.get(key, lambda: compared(workspace, registry, pair))


def _identities(workspace: Workspace, registry: Registry, names: Iterable[str]) -> Iterator[Hashable]:
    """All that a comparison is made of."""
    versions = workspace.manifest.versions
    for name in names:
        row = registry.version(name, versions)
        yield name, row.id if row else None, versions[name].revision if name in versions else None
    yield photos.digest(workspace)
    yield workspace.manifest.gates.model_dump_json()


def _ready(place: Place, registry: Registry, environment: str) -> Iterator[tuple[str, str]]:
    """The active version beside each other one whose answers on main's known images are stored; the older one first."""
    known, manifest = place.workspace.known_images, place.workspace.manifest
    tests = registry.species_recall(versions=_READY, page=1).tests if known else ()
    names = [test.version for test in tests if known and known.sha256 in test.known_images]
    active = manifest.environments[environment].active
    if active not in names:
        return
    for name in names:
        if name != active:
            yield (active, name) if manifest.place(active) < manifest.place(name) else (name, active)


def _missing(place: Place, registry: Registry, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if answers_here(place.workspace, registry, name, judged=True) is None)


def _filtered(document: ComparisonDocument, species: str | None, kind: Kind | None) -> ComparisonDocument:
    def shown(flips: Sequence[Flip], its: Kind) -> tuple[Flip, ...]:
        return tuple(one for one in flips if kind in {None, its} and species in {None, one.expected_id})

    return document.model_copy(
        update={
            "newly_wrong": shown(document.newly_wrong, Kind.WRONG),
            "newly_right": shown(document.newly_right, Kind.RIGHT),
        }
    )


def _species_of_flips(document: ComparisonDocument) -> dict[str, str]:
    """Names by id, in the order of their names."""
    flips = (*document.newly_wrong, *document.newly_right)
    return dict(
        sorted({one.expected_id: one.expected_name for one in flips}.items(), key=lambda one: one[1].casefold())
    )


ROUTES = (Route(PATH, reading(compare)),)
