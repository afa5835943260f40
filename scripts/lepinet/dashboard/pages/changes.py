"""Changes through git: asked for by a form, then followed until they are live. No button here writes a row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lepinet.dashboard.asked import address, only_environment
from lepinet.dashboard.forms import IN_OTHER_WORDS, followed, posted, said_in, status_of
from lepinet.dashboard.pages import photos
from lepinet.dashboard.pages.compare import compared_once
from lepinet.dashboard.place import Site, place_of, site_of
from lepinet.dashboard.reading import reading
from lepinet.dashboard.rendering import page
from lepinet.errors import LepinetError, OutsideError, RefusedError, UsageError
from lepinet.evaluation.photos import MAX_BYTES
from lepinet.report.escape import for_terminal
from lepinet.workflow import requested
from lepinet.workflow.change import activation_proposal, rollback_proposal
from lepinet.workflow.changed_photos import ChangedPhoto, changed_photos, main_has, photos_on_their_way
from lepinet.workflow.declared import earlier_version, earlier_versions
from lepinet.workflow.following import Progress, Step, became, conflicting, held_by, progress
from lepinet.workflow.listed_changes import Change, changes, rivals, that_wait, waiting_here
from lepinet.workflow.logged import newest_logged, waiting
from lepinet.workflow.proposals import registration
from lepinet.workflow.propose import Proposal
from lepinet.workflow.retire import retirement
from lepinet.workflow.workspace import Workspace

_MOVING, _STILL = 5, 30
"""Seconds between two looks at a change that is being worked on, and at one that waits for a person."""
_OVER = 20
"""So many of the changes that are over are listed."""
_OFFERED = 100
"""So many of the newest names does a form offer; others are typed."""
_SHOWN = 48
"""So many of the photos that a change is about are shown."""
_EARLIER = 5
"""So many of the versions that a rollback returns to are named for each environment."""
_NOT_YET = "GitHub has not answered yet"
Choices: TypeAlias = Mapping[str, tuple[str, ...]]
T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """What may be asked for."""

    title: str
    explained: str
    choices: Callable[[Site, Workspace], Choices]
    """What the form offers, by field."""
    wanted: Callable[[Workspace, Mapping[str, str]], Proposal]
    """The change, from what was chosen."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Further fields, each with what it is for; they may stay empty."""
    nothing: str = "There is nothing to choose from now."
    """What is said in the place of the form where that is so."""


def overview(request: Request) -> Response:
    """What is on its way, what was, and what else may be asked for."""
    workspace = place_of(request).workspace
    listed: tuple[Change, ...] = ()
    why: LepinetError | None = None
    try:
        listed = _listed(request)
    except LepinetError as error:
        why = error
    shipped = became(workspace, listed)
    awaited = {key for key, steps in shipped.items() if any(step.lies_ahead for step in steps)}
    on_their_way = [one for one in listed if one.is_open or one.key in awaited]
    return page(
        request,
        "changes.html",
        on_their_way=on_their_way,
        over=[one for one in listed if one not in on_their_way][:_OVER],
        states={**{one.key: _state(one, shipped) for one in listed if not one.is_open}, **held(request, listed)},
        why=why,
        kinds=KINDS,
    )


def waiting_now(request: Request) -> tuple[tuple[Change, ...], str]:
    """The changes that wait for somebody, and why pull requests are not among them: GitHub is waited for a moment."""
    site, place = site_of(request), place_of(request)
    workspace = place.workspace
    if site.aside is None or site.links.repository is None:
        return waiting_here(workspace), ""
    told = site.aside.get(place.listing, partial(changes, workspace))
    if told is None:
        return (), _NOT_YET
    return ((), told.what) if isinstance(told, LepinetError) else (that_wait(workspace, told), "")


def held(request: Request, listed: Sequence[Change]) -> Mapping[str, str]:
    """What holds each change that is open, by its key."""
    site, workspace = site_of(request), place_of(request).workspace
    open_ = [one for one in listed if one.is_open]
    if not open_:
        return {}
    key = ("conflicting", *_standing(workspace, open_))
    found = site.remembered.get(key, partial(conflicting, workspace, open_)) or ()
    comparing = partial(compared_once, site)
    return {one.key: held_by(workspace, one, conflicts=one.key in found, comparing=comparing) for one in open_}


def _state(change: Change, shipped: Mapping[str, Sequence[Step]]) -> str:
    """What became of a change that is open no more."""
    if not change.is_merged:
        return "withdrawn"
    steps = shipped.get(change.key, ())
    ahead = [step for step in steps if step.lies_ahead]
    told = "; ".join(step.sentence for step in ahead or steps)
    return f"merged{', not live yet' if ahead else ''}{f': {told}' if told else ''}"


def new(request: Request) -> Response:
    """The form of one kind, filled in as a link says."""
    query = request.query_params
    kind = _kind(query.get("kind", ""))
    only_environment(query, place_of(request))
    return _form(request, kind, {name: value[: requested.LONGEST] for name, value in query.items()})


def ask(request: Request, form: FormData) -> Response:
    """Propose the change, and go on to where it is followed."""
    kind = _kind(request.path_params["kind"])
    place = place_of(request)
    said = said_in(form)
    one_line = {name: for_terminal(value, requested.LONGEST) for name, value in said.items()}
    try:
        wanted = KINDS[kind].wanted(place.workspace, one_line)
        made = requested.ask(place.workspace, wanted, requested.Request.of(place.person, said.get("reason", "")))
    except LepinetError as error:
        return again(request, form, error)
    return followed(request, made)


def again(request: Request, form: FormData, why: LepinetError) -> Response:
    """The form as it was filled in."""
    return _form(request, _kind(request.path_params["kind"]), said_in(form), why)


def follow(request: Request) -> Response:
    """One change, and how far it is; whoever comes to where a form is sent is led back to the form."""
    if request.path_params["key"] in KINDS:
        return RedirectResponse(address("/changes/new", kind=request.path_params["key"]), HTTPStatus.SEE_OTHER)
    return page(request, "change.html", in_other_words=IN_OTHER_WORDS in request.query_params, **_moving(request))


def follow_on(request: Request) -> Response:
    """The parts of that page that move; nothing where none has."""
    moving = _moving(request)
    if request.query_params.get("seen") == moving["seen"]:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return page(request, "moved.html", **moving)


def _moving(request: Request) -> Mapping[str, Any]:
    """What moves on the page of a change, for its templates."""
    found = _progress(request)
    others, changed = _rivals(request, found.change), _photos(request, found)
    on_main = _on_main(request, found.change, changed)
    return {
        "progress": found,
        "seen": hashlib.sha256(repr((found, others, on_main)).encode(errors="replace")).hexdigest()[:16],
        "every": _MOVING if found.is_moving else _STILL,
        "compare": _compare(request, found.change),
        "rivals": others,
        "photos": changed,
        "on_main": on_main,
        "most": _SHOWN,
    }


def photo(request: Request) -> Response:
    """A small picture of a photo that a change is about: of no other one, whatever the repository holds."""
    blob, found = request.path_params["blob"], _photos(request, _progress(request))
    if blob not in {one.blob for one in found}:
        return photos.shown(None)
    git = place_of(request).workspace.git
    if git.size(blob) > MAX_BYTES:
        return photos.shown(None)
    return photos.shown(site_of(request).thumbnails.of_blob(blob, lambda: git.blobs([blob])[blob]))


def _photos(request: Request, found: Progress) -> tuple[ChangedPhoto, ...]:
    """The photos that it is about; what lies between two commits stays as it is."""
    if found.between is None:
        return ()
    workspace = place_of(request).workspace
    key = ("changed photos", *found.between, workspace.manifest.known_images, workspace.species)
    made = site_of(request).remembered.get(key, partial(changed_photos, workspace, *found.between))
    return made or ()


def _on_main(request: Request, change: Change, changed: Sequence[ChangedPhoto]) -> Mapping[ChangedPhoto, str]:
    """What main has otherwise of the photos of an open change; what became of others is history."""
    if not change.is_open or not changed:
        return {}
    workspace = place_of(request).workspace
    key = ("on main", changed, *_standing(workspace, [change]), workspace.manifest.known_images, workspace.species)
    return site_of(request).remembered.get(key, partial(main_has, workspace, changed)) or {}


def _compare(request: Request, change: Change) -> str | None:
    """Where what an open change would make active stands beside what is."""
    aim, environments = change.aim, place_of(request).workspace.manifest.environments
    if aim is None or not change.is_open or aim.environment not in environments:
        return None
    active = environments[aim.environment].active
    if active in {None, aim.version}:
        return None
    return address("/compare", old=active, new=aim.version, environment=aim.environment)


def _progress(request: Request) -> Progress:
    site, place, key = site_of(request), place_of(request), request.path_params["key"]
    looking = partial(progress, place.workspace, key, partial(compared_once, site))
    try:
        return _asked(site, (place.person, "change", key), looking)
    except UsageError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None


def _rivals(request: Request, change: Change) -> tuple[Change, ...]:
    """Others on their way that it contradicts."""
    if not change.is_open:
        return ()
    site, workspace = site_of(request), place_of(request).workspace
    open_ = [one for one in _listed(request) if one.is_open]
    key = ("photos on their way", workspace.manifest.known_images, *_standing(workspace, open_))
    photos_ = site.remembered.get(key, partial(photos_on_their_way, workspace, open_)) or {}
    return rivals(change, open_, photos_)


def _listed(request: Request) -> tuple[Change, ...]:
    place = place_of(request)
    return _asked(site_of(request), place.listing, partial(changes, place.workspace))


def _asked(site: Site, key: Hashable, ask: Callable[[], T]) -> T:
    """What `ask` says, newer than all news; where that asks GitHub, it is waited for only until it is in doubt.

    What git knows is quickly told, and newest.

    Raises:
        OutsideError: GitHub has not answered yet.
    """
    if site.aside is None or site.links.repository is None:
        return ask()
    told = site.aside.get(key, ask, site.live.last, site.timings.doubt)
    if told is None:
        raise OutsideError(_NOT_YET, todo="look again in a moment")
    if isinstance(told, LepinetError):
        # Each raise would add to the traceback of what is kept.
        raise told.with_traceback(None)
    return told


def _standing(workspace: Workspace, open_: Sequence[Change]) -> tuple[str, ...]:
    """The commits that open changes and main are at: what git says of them together stays until one is another."""
    return (workspace.git.resolve(workspace.git.main()), *(one.head for one in open_))


def _kind(name: str) -> str:
    if name not in KINDS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return name


def _form(request: Request, kind: str, said: Mapping[str, str], why: LepinetError | None = None) -> Response:
    workspace = place_of(request).workspace
    return page(
        request,
        "change_form.html",
        status_of(why),
        name=kind,
        kind=KINDS[kind],
        choices=KINDS[kind].choices(site_of(request), workspace),
        active={name: one.active for name, one in workspace.manifest.environments.items()},
        earlier={name: earlier_versions(workspace, name)[:_EARLIER] for name in workspace.manifest.environments},
        said=said,
        why=why,
        longest=requested.LONGEST,
    )


def _environments_and_versions(_: Site, workspace: Workspace) -> Choices:
    manifest = workspace.manifest
    return {"environment": tuple(manifest.environments), "version": tuple(manifest.versions)[: -_OFFERED - 1 : -1]}


def _activation(_: Workspace, said: Mapping[str, str]) -> Proposal:
    environment, version = _named(said, "environment"), _named(said, "version")
    return activation_proposal(environment, version, said.get("override") or None)


def _rollback(workspace: Workspace, said: Mapping[str, str]) -> Proposal:
    environment = workspace.only_environment(_named(said, "environment"))
    version = said.get("version") or earlier_version(workspace, environment)
    if version is None:
        raise UsageError(
            f"nothing was active in {environment} before, or it was rolled back", todo="say which version it shall be"
        )
    return rollback_proposal(environment, version, None, f"rollback-{environment}-{version}")


def _retirement(workspace: Workspace, _: Mapping[str, str]) -> Proposal:
    found = retirement(workspace, datetime.now(UTC), "HEAD")
    if not found.versions:
        raise RefusedError("the rules of retention let no version go yet")
    return found.proposal


def _retirable(site: Site, workspace: Workspace) -> Choices:
    """The same for everybody all day long, and read from all of main's history."""
    commit, now = workspace.git.head(), datetime.now(UTC)
    key = ("retirable", commit, now.date())
    return {"versions": site.remembered.get(key, lambda: retirement(workspace, now, commit).versions) or ()}


def _registration(workspace: Workspace, said: Mapping[str, str]) -> Proposal:
    wanted = _named(said, "logged")
    found = next((one for one in waiting(workspace, newest_logged(workspace)) if one.row.name == wanted), None)
    if found is None:
        raise RefusedError(f"{wanted} waits no longer: models.yaml has it, or had it", todo="look at Versions")
    return registration(workspace, found)


def _waiting(_: Site, workspace: Workspace) -> Choices:
    return {
        "logged": tuple(one.row.name for one in waiting(workspace, newest_logged(workspace)) if not one.taken)[
            -_OFFERED:
        ]
    }


def _named(said: Mapping[str, str], name: str) -> str:
    if not said.get(name):
        raise UsageError(f"which {name}?")
    return said[name]


_OVERRIDE = "Only for a version whose verdict is hold: why it shall ship all the same. It stands in models.yaml."
KINDS: Final = {
    "activate": Kind(
        "Activate a version",
        "models.yaml is to name it as the active one. It is tested on the known images and compared with the version "
        "that is live, unless it is the way back to one that was active before; what is live changes when a person has "
        "merged that and reconcile has proved it.",
        _environments_and_versions,
        _activation,
        {"override": _OVERRIDE},
    ),
    "rollback": Kind(
        "Roll back",
        "An earlier version becomes the active one again. It must load and answer. No comparison stops the way back to "
        "one that was active before the one of today and has been live there; any other, also one that was rolled "
        "back, counts as an activation: it is compared with the version that is live, and may be held.",
        _environments_and_versions,
        _rollback,
    ),
    "register": Kind(
        "Register a version",
        "A trainer has logged it; models.yaml is to know it. It is tested, and active nowhere yet.",
        _waiting,
        _registration,
        nothing="Nothing waits: models.yaml has all that trainers have logged. What a trainer logs with "
        "log_model_version can be chosen here; any other version is registered in a terminal, by lepinet register.",
    ),
    "retire": Kind(
        "Retire old versions",
        "They leave models.yaml. Their files and their history stay.",
        _retirable,
        _retirement,
        nothing="The rules of retention let no version go yet.",
    ),
}
ROUTES = (
    Route("/changes", reading(overview)),
    Route("/changes/new", reading(new)),
    Route("/changes/{kind}", posted(ask, again), methods=["POST"]),
    Route("/changes/{key}", reading(follow)),
    Route("/changes/{key}/progress", reading(follow_on)),
    Route("/changes/{key}/photos/{blob}", reading(photo)),
)
