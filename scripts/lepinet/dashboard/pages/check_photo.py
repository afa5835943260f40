"""A photo that somebody has: what the active model and another one say. It is looked at once, and kept nowhere."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard import asked
from lepinet.dashboard.forms import posted, status_of
from lepinet.dashboard.place import place_of
from lepinet.dashboard.rendering import page
from lepinet.dashboard.thumbnails import EDGE
from lepinet.dashboard.uploads import photos_of
from lepinet.errors import LepinetError, OutsideError, UsageError
from lepinet.evaluation.photos import ACCEPTED, DAMAGED, for_sender
from lepinet.evaluation.photos.looking import look_at, thumbnails
from lepinet.workflow.one_photo import Opinion, opinions
from lepinet.workflow.workspace import Workspace

PATH: Final = "/check-photo"
_LARGEST: Final = 32
"""MB of the form."""
_SECONDS: Final = 10.0
"""For one model to decode and answer."""
_WAIT: Final = 20.0
"""Seconds that somebody waits for a photo of somebody else."""
_OFFERED: Final = 100

_asking = threading.Lock()
"""Each photo loads models: two at once could take all of the machine's memory."""


def choose(request: Request) -> Response:
    """The form."""
    candidate = asked.text(request.query_params, "version")
    return _shown(request, candidate=candidate or _newest(place_of(request).workspace))


def ask(request: Request, form: FormData) -> Response:
    """Show what both say."""
    candidate = _candidate(form)
    try:
        with photos_of(request, form, 1) as ((_, photo),), _alone():
            picture, said = _looked_at(place_of(request).workspace, photo, candidate)
    except LepinetError as error:
        return again(request, form, error)
    return _shown(request, candidate=candidate, said=said, picture=picture)


def again(request: Request, form: FormData, why: LepinetError) -> Response:
    """The form as it was filled in, without the photo: a browser gives it only when a person chooses it."""
    return _shown(request, candidate=_candidate(form), why=why)


def _candidate(form: FormData) -> str:
    return str(form.get("version", "")).strip()


@contextmanager
def _alone() -> Iterator[None]:
    if not _asking.acquire(timeout=_WAIT):
        raise OutsideError("somebody else's photo is being looked at", todo="try again in a minute")
    try:
        yield
    finally:
        _asking.release()


def _looked_at(workspace: Workspace, photo: Path, candidate: str) -> tuple[str, tuple[Opinion, ...]]:
    """The photo made small, as base64 of a JPEG, and what both versions say."""
    if candidate and candidate not in workspace.manifest.versions:
        raise UsageError(f"models.yaml has no version {candidate}")
    timings = replace(workspace.timings, prediction=_SECONDS)
    small = thumbnails({"photo": photo}, EDGE, timings=timings)
    if "photo" not in small:
        why = look_at({"photo": photo}, timings=timings)["photo"].problem
        raise UsageError(for_sender(why or DAMAGED))
    versions = tuple(dict.fromkeys(filter(None, (_active(workspace), candidate))))
    return base64.b64encode(small["photo"]).decode(), opinions(workspace, photo, versions, _SECONDS)


def _shown(
    request: Request,
    *,
    candidate: str,
    said: tuple[Opinion, ...] = (),
    picture: str | None = None,
    why: LepinetError | None = None,
) -> Response:
    workspace = place_of(request).workspace
    newest = tuple(workspace.manifest.versions)[: -_OFFERED - 1 : -1]
    about = {"active": _active(workspace), "candidate": candidate, "offered": newest}
    limits = {"accepted": ACCEPTED, "largest": _LARGEST}
    return page(request, "check_photo.html", status_of(why), **about, **limits, said=said, picture=picture, why=why)


def _active(workspace: Workspace) -> str | None:
    """What the last environment serves that has something."""
    named = [environment.active for environment in workspace.manifest.environments.values() if environment.active]
    return named[-1] if named else None


def _newest(workspace: Workspace) -> str:
    """The newest version beside the active one; empty where there is none."""
    active = _active(workspace)
    return next((name for name in reversed(tuple(workspace.manifest.versions)) if name != active), "")


ROUTES = (Route(PATH, choose), Route(PATH, posted(ask, again, at_most=_LARGEST << 20), methods=["POST"]))
