"""The photos that models are judged by: which there are, which are hard, how many lack; some added, some corrected."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lepinet.changes import standing
from lepinet.dashboard import asked
from lepinet.dashboard.forms import followed, posted, said_in, status_of
from lepinet.dashboard.pages import photos
from lepinet.dashboard.pages.changes import waiting_now
from lepinet.dashboard.place import Place, place_of, site_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.rendering import page
from lepinet.dashboard.uploads import photos_of
from lepinet.errors import LepinetError, UsageError
from lepinet.evaluation.answers import Answer, Answers
from lepinet.evaluation.cases import KnownImage
from lepinet.evaluation.labels import Species
from lepinet.evaluation.photos import ACCEPTED
from lepinet.evaluation.survey import Finding, Kind, Survey
from lepinet.registry import Registry
from lepinet.report import survey as wording_of_surveys
from lepinet.report.escape import for_terminal
from lepinet.workflow import requested
from lepinet.workflow.evaluate import bench
from lepinet.workflow.kept import answers_here, answers_then, tested_last
from lepinet.workflow.known_images import check, hard
from lepinet.workflow.photo_changes import addition, called_in_titles, correction, known_image, removal
from lepinet.workflow.propose import Proposal

PATH: Final = "/known-images"
_PAGE: Final = 48
_SPECIES: Final = 100
"""So many of the species with the fewest photos stand in the table; the others are found by their names."""
_FINDINGS: Final = 20
_PHOTOS: Final = 20
"""At once."""
_LARGEST: Final = 96
"""MB of a form with photos."""
_OTHERS: Final = 2
"""So many of the versions tested last on most of the photos are asked beside those that are, or were, active."""
_ALIKE: Final = {Kind.TWO_SPECIES, Kind.DUPLICATE, Kind.ALIKE}
_TO_TAKE_OUT: Final = {Kind.TWO_SPECIES, Kind.DUPLICATE}
"""Of such photos one stays, or those that are right."""


class Show(StrEnum):
    """Some of the photos."""

    HARD = "hard for all"
    ALIKE = "show the same as another"


@dataclass(frozen=True)
class Shown:
    """One known image in the gallery."""

    image: KnownImage
    hard: bool
    alike: bool


@dataclass(frozen=True)
class Told:
    """What one version says of a known image."""

    version: str
    answer: Answer


@dataclass(frozen=True)
class AskedOf:
    """What versions say of the known images."""

    standing: tuple[str, ...]
    """The active versions, and those that were before them: these should be asked about all."""
    told: Mapping[str, Answers]
    """By version, these first; of others as well that were tested on most of the photos."""
    left_out: bool
    """More versions were tested than are told of."""

    @property
    def versions(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.standing, *self.told)))

    @property
    def hard(self) -> str:
        """What to call a photo that all of them name wrong: one alone is not all."""
        (alone, *more) = self.told or ("",)
        return f"{alone} names it wrong" if alone and not more else Show.HARD.value


@dataclass(frozen=True)
class Unasked:
    """A version that was not asked about all known images."""

    version: str
    photos: int
    """So many of them."""
    command: str | None
    """That asks it, where this dashboard runs; None: models.yaml has it no more."""


def gallery(request: Request) -> Response:
    place, query = place_of(request), request.query_params
    known = place.workspace.known_images
    if known is None or not known.images:
        return page(request, "no_known_images.html")
    survey = _survey(request, place)
    asked_of = _asked_of(request, place)
    hardest = hard([*asked_of.told.values()])
    alike = {name for finding in _about_copies(survey) for name in finding.file_names}
    species, show, number = asked.text(query, "species"), asked.choice(query, "show", Show), asked.number(query, "page")
    wanted = {None: None, Show.HARD: hardest, Show.ALIKE: alike}[show]
    chosen = [
        image
        for image in known.images
        if species in {None, image.expected_id} and (wanted is None or image.file_name in wanted)
    ]
    some = chosen[(number - 1) * _PAGE : number * _PAGE]
    kept = {"species": species, "show": show}
    return page(
        request,
        "known_images.html",
        survey=survey,
        headline=wording_of_surveys.headline(survey),
        needed=wording_of_surveys.needed(survey),
        findings=survey.findings[:_FINDINGS],
        to_take_out=_TO_TAKE_OUT,
        fewest=sorted(survey.species, key=lambda row: (row.counted, row.name))[:_SPECIES],
        asked_of=asked_of,
        others=_OTHERS,
        unasked=[one for one in (_unasked(place, name, asked_of) for name in asked_of.versions) if one.photos],
        hard=len(hardest),
        photos=[Shown(image, image.file_name in hardest, image.file_name in alike) for image in some],
        pager=asked.pager(PATH, kept, page=number, size=_PAGE, shown=len(some), total=len(chosen)),
        choices=_species(place),
        species=species,
        show=show,
        shows={Show.HARD: asked_of.hard, Show.ALIKE: Show.ALIKE.value},
        source=photos.source(known),
        address=_address,
    )


def one(request: Request) -> Response:
    """A photo, what is known of it, and what versions say; all photos where an address names none."""
    if "name" not in request.query_params:
        return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)
    return _photo(request, request.query_params["name"], {})


def correct(request: Request, form: FormData) -> Response:
    """The label is wrong: another species, or no known image at all."""
    workspace, said = place_of(request).workspace, said_in(form)
    name, species = said.get("name", ""), for_terminal(said.get("species", ""))
    try:
        if said.get("answer") == "remove":
            return _asked(request, form, removal(workspace, name))
        if not species:
            raise UsageError("which species is it?")
        return _asked(request, form, correction(workspace, name, species))
    except LepinetError as error:
        return correct_again(request, form, error)


def correct_again(request: Request, form: FormData, why: LepinetError) -> Response:
    """The form as it was filled in."""
    said = said_in(form)
    return _photo(request, said.get("name", ""), said, why)


def choose(request: Request) -> Response:
    """The form that takes photos."""
    return _adding(request, {"species": request.query_params.get("species", "")[:200]})


def add(request: Request, form: FormData) -> Response:
    """Propose more photos of a species."""
    species = for_terminal(said_in(form).get("species", ""))
    try:
        with photos_of(request, form, _PHOTOS) as sent:
            wanted = addition(place_of(request).workspace, sent, species)
        return _asked(request, form, wanted)
    except LepinetError as error:
        return add_again(request, form, error)


def add_again(request: Request, form: FormData, why: LepinetError) -> Response:
    """The form as it was filled in, without the photos: a browser gives them only when a person chooses them."""
    return _adding(request, said_in(form), why)


def _asked(request: Request, form: FormData, wanted: Proposal) -> Response:
    place = place_of(request)
    by = requested.Request.of(place.person, str(form.get("reason", "")))
    made = requested.ask(place.workspace, wanted, by)
    return followed(request, made)


def _photo(request: Request, name: str, said: Mapping[str, str], why: LepinetError | None = None) -> Response:
    place = place_of(request)
    try:
        image = known_image(place.workspace, name)
    except UsageError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None
    asked_of = _asked_of(request, place)
    told = [
        Told(version, answer)
        for version, answers in asked_of.told.items()
        for answer in answers.answers
        if answer.file_name == name
    ]
    return page(
        request,
        "known_image.html",
        status_of(why),
        image=image,
        told=told,
        unasked=[(one, _test(place, one)) for one in asked_of.versions if one not in {it.version for it in told}],
        findings=[finding for finding in _survey(request, place).findings if name in finding.file_names],
        choices=_species(place),
        changes=[one for one in waiting_now(request)[0] if one.photo == called_in_titles(name)],
        source=photos.source(place.workspace.known_images),
        said=said,
        why=why,
        longest=requested.LONGEST,
    )


def _adding(request: Request, said: Mapping[str, str], why: LepinetError | None = None) -> Response:
    choices = _species(place_of(request))
    limits = {"accepted": ACCEPTED, "most": _PHOTOS, "largest": _LARGEST, "longest": requested.LONGEST}
    return page(request, "add_photos.html", status_of(why), choices=choices, said=said, why=why, **limits)


def _survey(request: Request, place: Place) -> Survey:
    """Made once for each set of photos; whether a version was trained on one, `known-images check` tells."""
    workspace = place.workspace
    about = (photos.digest(workspace), workspace.species, workspace.manifest.gates.model_dump_json())
    made = site_of(request).remembered.get(
        ("surveyed", *about), lambda: check(bench(workspace, None), None, versions=())
    )
    return made or check(bench(workspace, None), None, versions=())


def _asked_of(request: Request, place: Place) -> AskedOf:
    """What versions say of the known images, of as many as is known here."""
    workspace = place.workspace
    standing = tuple(dict.fromkeys(version for _, version in _standing(request, place)))
    size = len(workspace.known_images.images) if workspace.known_images else 0
    told: dict[str, Answers] = {}
    left_out = False
    for environment in workspace.registries:
        with workspace.registry(environment) as registry:
            tested = tested_last(registry)
            ask = partial(_answers, request, place, (environment, registry))
            told |= {name: said for name in standing if name not in told and (said := ask(name, tested.get(name, ())))}
            others: dict[str, Answers] = {}
            for version in (name for name in tested if name not in told and name not in standing):
                if len(others) == _OTHERS:
                    left_out = True
                    break
                answers = ask(version, tested[version])
                if answers and 2 * len(answers.answers) > size:
                    others[version] = answers
            told |= others
    return AskedOf(standing, told, left_out)


def _answers(
    request: Request, place: Place, asked_there: tuple[str, Registry], version: str, photos_then: tuple[str, ...]
) -> Answers | None:
    workspace, remembered = place.workspace, site_of(request).remembered
    environment, registry = asked_there
    declared = workspace.manifest.target(version) if version in workspace.manifest.versions else None
    key = ("answers", environment, version, declared, photos.digest(workspace))
    whole = remembered.get(key, partial(answers_here, workspace, registry, version, judged=False))
    if whole or not photos_then:
        return whole
    then = partial(answers_then, workspace, registry, version, photos_then)
    return remembered.get((*key, photos_then), then)


def _unasked(place: Place, version: str, asked_of: AskedOf) -> Unasked:
    known, answers = place.workspace.known_images, asked_of.told.get(version)
    photos = len(known.images if known else ()) - len(answers.answers if answers else ())
    return Unasked(version, photos, _test(place, version))


def _test(place: Place, version: str) -> str | None:
    return shlex.join(("lepinet", "test", version)) if version in place.workspace.manifest.versions else None


def _standing(request: Request, place: Place) -> Sequence[tuple[str, str]]:
    """Environments with their versions: the active one, and the one before it."""
    git = place.workspace.git
    commit = git.head()
    # All of main's history tells it, which is the same for everybody.
    found = site_of(request).remembered.get(("standing", commit), lambda: standing(git, commit))
    activations = found.activations if found else {}
    known = place.workspace.manifest.versions
    return [
        (environment, version)
        for environment, activation in activations.items()
        for version in activation.stack[:-3:-1]
        if version in known
    ]


def _about_copies(survey: Survey) -> Iterator[Finding]:
    return (finding for finding in survey.findings if finding.kind in _ALIKE)


def _species(place: Place) -> tuple[Species, ...]:
    return tuple(sorted(place.workspace.species_of_answers, key=lambda one: one.name.casefold()))


def _address(file_name: str) -> str:
    return asked.address(f"{PATH}/photo", name=file_name)


ROUTES = (
    Route(PATH, reading(gallery)),
    Route(f"{PATH}/photo", reading(one)),
    Route(f"{PATH}/photo", posted(correct, correct_again), methods=["POST"]),
    Route(f"{PATH}/add", choose),
    Route(f"{PATH}/add", posted(add, add_again, at_most=_LARGEST << 20), methods=["POST"]),
)
