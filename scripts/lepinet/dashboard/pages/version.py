"""One version: what it is, what changed since the one before, how good it is, where it has been."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lepinet.dashboard import asked, markdown
from lepinet.dashboard.pages import photos
from lepinet.dashboard.place import Place, place_of, site_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.rendering import page
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.gates import SMOKE_TEST, percents
from lepinet.evaluation.labels import SpeciesNames
from lepinet.evaluation.metrics import wilson_interval
from lepinet.evaluation.results import Unanswered, results_of
from lepinet.registry.records import ListedVersion, PerformanceRow
from lepinet.report import card, gallery, illustrations, wording
from lepinet.report.documents import DeclaredVersion
from lepinet.report.escape import for_terminal
from lepinet.report.gallery import Gallery
from lepinet.report.illustrations import Illustration
from lepinet.report.status import KnownVersion
from lepinet.target import Target
from lepinet.workflow import look
from lepinet.workflow.kept import answers_here, card_and_configuration

PATH = "/version"
"""A name in the query may be anything that a hand has written into the registry; in a path it might not."""
TABLE = 60
"""Lines of a table behind a picture."""
_TESTS, _DEPLOYMENTS = 20, 10


@dataclass(frozen=True)
class Tested:
    """What a version says of main's known images, ready to be shown."""

    sentence: str
    figures: tuple[wording.Row, ...]
    counted: str
    pictures: tuple[Illustration, ...]
    wrong: Gallery
    unanswered: tuple[Unanswered, ...]


@dataclass(frozen=True)
class Test:
    """One line of a version's tests."""

    when: datetime | None
    kind: str
    environment: str
    other_photos: bool
    """Main has others today."""
    right: str
    interval: str
    notes: str


def version(request: Request) -> Response:
    """A version; all of them where an address names none."""
    place, query = place_of(request), request.query_params
    name = asked.text(query, "name")
    if name is None:
        return RedirectResponse("/versions", HTTPStatus.SEE_OTHER)
    workspace, environment = place.workspace, asked.environment(query, place)
    declared = workspace.manifest.versions
    with workspace.registry(environment) as registry:
        row = registry.version(name, declared)
        about = look.version(workspace, name, row)
        if about is None:
            unknown = f"There is no version {for_terminal(name)}: neither models.yaml nor the registry knows it."
            raise HTTPException(HTTPStatus.NOT_FOUND, unknown)
        earlier = registry.version(row.before, declared) if row and row.before else None
        tests = registry.performance(name, before=_identity(query.get("before", "")), page=_TESTS)
        deployments = registry.history(version_name=name, page=_DEPLOYMENTS) if row else ()
        tested = site_of(request).remembered.get(
            ("tested", environment, row.id if row else name, about.revision, photos.digest(workspace)),
            lambda: _tested(answers_here(workspace, registry, name, judged=False)),
        )
    card_text, configuration = _own_words(place, about)
    kept = query.get("environment") and environment
    oldest = str(tests[-1].id) if len(tests) == _TESTS else None
    return page(
        request,
        "version.html",
        about=about,
        row=row,
        environment=environment,
        before=earlier.version_name if earlier else None,
        changes=_changes(place, about, earlier, configuration),
        card=markdown.shown(card_text) if card_text.strip() else None,
        card_is_whole=markdown.is_whole(card_text),
        tested=tested,
        main=workspace.standing.commit,
        command=shlex.join(("lepinet", "test", name)),
        activate=_activate(place, name),
        has_photos=bool(workspace.known_images and workspace.known_images.images),
        tests=tuple(_test(one, photos.digest(workspace)) for one in tests),
        older=asked.address(PATH, name=name, environment=kept, before=oldest) + "#tests" if oldest else None,
        deployments=deployments,
        read_on=[link for link in (row.links or {}).items() if markdown.leads_out(link[1])] if row else [],
        compare=[
            (other, asked.address("/compare", old=other, new=name, environment=kept))
            for other in _others(place, name, earlier)
        ],
        source=photos.source(workspace.known_images),
    )


def _identity(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _tested(answers: Answers | None) -> Tested | None:
    if answers is None:
        return None
    results = results_of(answers, datetime.now(UTC))
    drawn = (
        illustrations.species_alone(results),
        illustrations.calibration(results),
        illustrations.confusion(results),
    )
    return Tested(
        sentence=wording.tested(results),
        figures=wording.figures_alone(results),
        counted=wording.counted_images(results),
        pictures=tuple(illustrations.shortened(one, TABLE) for one in drawn if one),
        wrong=gallery.named_wrong(results),
        unanswered=wording.unanswered(results),
    )


def _test(row: PerformanceRow, today: str | None) -> Test:
    size, share = row.test_sample_size, row.test_accuracy
    interval = ""
    if size and size >= SMOKE_TEST and share is not None:
        interval = percents(*wilson_interval(round(share * size), size))
    right = "" if share is None else wording.of(round(share * size), size) if size else f"{share:.1%}"
    return Test(
        when=row.test_date,
        kind=row.kind or "by hand",
        environment=row.environment or "",
        other_photos=row.known_images_sha256 not in {None, today},
        right=f"{right} of {size:,}" if right and size else right,
        interval=interval,
        notes=row.notes or "",
    )


def _changes(place: Place, about: KnownVersion, earlier: ListedVersion | None, configuration: str) -> tuple[str, ...]:
    before = look.version(place.workspace, earlier.version_name, earlier) if earlier else None
    if before is None:
        return ()
    _, old = _own_words(place, before)
    names = SpeciesNames(place.workspace.species_of_answers)
    return (*wording.changes(_said(before), _said(about)), *card.changed(old or None, configuration, names))


def _own_words(place: Place, about: KnownVersion) -> tuple[str, str]:
    """Card and configuration of its files, as far as they are here."""
    if not about.revision:
        return "", ""
    return card_and_configuration(place.workspace, Target(about.file_path, about.revision, about.name))


def _said(about: KnownVersion) -> DeclaredVersion:
    return DeclaredVersion(
        name=about.name,
        file_path=about.file_path,
        revision=about.revision or "unknown",
        training_image_count=about.training_image_count,
        accuracy_score=about.accuracy_score,
        notes=None,  # they stand above
    )


def _others(place: Place, name: str, earlier: ListedVersion | None) -> Iterator[str]:
    """What it is worth comparing with: what is active, and what was there before."""
    active = (one.active for one in place.workspace.manifest.environments.values())
    before = earlier.version_name if earlier else None
    return (other for other in dict.fromkeys((*active, before)) if other and other != name)


def _activate(place: Place, name: str) -> str | None:
    """The form that makes it active in the first environment where it is not; None where it is active in all."""
    environments = place.workspace.manifest.environments
    free = next((environment for environment, settings in environments.items() if settings.active != name), None)
    return asked.address("/changes/new", kind="activate", version=name, environment=free) if free else None


ROUTES = (Route(PATH, reading(version)),)
