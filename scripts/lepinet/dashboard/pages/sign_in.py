"""Coming in and going out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lepinet.dashboard.attempts import SIGN_IN, SIGN_IN_FROM
from lepinet.dashboard.doors import NotAdminError
from lepinet.dashboard.forms import posted
from lepinet.dashboard.guard import ENDED
from lepinet.dashboard.place import Site, Visitor, site_of, visitor_of
from lepinet.dashboard.rendering import page
from lepinet.dashboard.sessions import new_number
from lepinet.errors import LepinetError, OutsideError
from lepinet.registry.accounts import NotSignedInError

_LONGEST = 2000
_ENDED = (
    "Nothing was done with what you sent: your session had ended, or the dashboard was started again. "
    "Sign in, and you are back at the form."
)
AT_ONCE = 8
"""Sign-ins under way: anybody can send them, and each waits for the project."""


def ask(request: Request) -> Response:
    """The form; whoever has come in already goes on."""
    back = _own_path(request.query_params.get("next", ""))
    if visitor_of(request).entry:
        return RedirectResponse(back, HTTPStatus.SEE_OTHER)
    why = _ENDED if ENDED in request.query_params else ""
    return _form(request, back, why)


def enter(request: Request, form: FormData) -> Response:
    """Begin a session, under a number that nobody knew before."""
    site, said, back = site_of(request), _said(request, form), _own_path(str(form.get("next", "")))
    limits = [(SIGN_IN_FROM, _came_from(request, site))]
    # Nobody guesses a token, but whoever likes could use up the attempts of the one who has it.
    if "email" in said:
        limits.append((SIGN_IN, said["email"].strip().lower()))
    # Counted before they are made: others are under way.
    if not all(site.attempts.count(limit, name) for limit, name in limits):
        why = "Too many attempts failed. Wait five minutes, then try again."
        return _form(request, back, why, HTTPStatus.TOO_MANY_REQUESTS, said)
    try:
        entry = site.door.enter(said)
    except NotSignedInError as error:
        return _form(request, back, error.what, HTTPStatus.FORBIDDEN, said)
    except NotAdminError as error:
        return page(request, "refused.html", HTTPStatus.FORBIDDEN, title="Not for this account", lines=error.lines())
    except OutsideError as error:
        return _form(request, back, str(error), HTTPStatus.BAD_GATEWAY, said)
    # An address stays counted: one account that is right must not open the way to guess at others.
    for limit, name in limits[1:]:
        site.attempts.forget(limit, name)
    _end_session(request)
    request.state.visitor = Visitor(site.sessions.begin(entry), entry)
    return RedirectResponse(back, HTTPStatus.SEE_OTHER)


def enter_again(request: Request, form: FormData, why: LepinetError) -> Response:
    """The form as it was filled in."""
    return _form(
        request, _own_path(str(form.get("next", ""))), why.in_one_line(), HTTPStatus.FORBIDDEN, _said(request, form)
    )


def _said(request: Request, form: FormData) -> Mapping[str, str]:
    return {field: value for field in site_of(request).door.asks if isinstance(value := form.get(field), str)}


def leave(request: Request, _: FormData) -> Response:
    """End the session."""
    _end_session(request)
    request.state.visitor = Visitor(new_number(), None)
    return RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)


def _end_session(request: Request) -> None:
    """Of this browser, if it has one: here and where the account is."""
    site = site_of(request)
    if ended := site.sessions.end(visitor_of(request).number):
        site.door.leave(ended.entry)


def stay(_: Request) -> Response:
    """An address alone ends nothing: another site could lead there."""
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)


def _form(
    request: Request, back: str, why: str = "", status: int = HTTPStatus.OK, said: Mapping[str, str] | None = None
) -> Response:
    """With the e-mail as it was typed; never with what opens the door."""
    email = said.get("email", "") if said else ""
    return page(request, "sign_in.html", status, asks=site_of(request).door.asks, next=back, why=why, email=email)


def _own_path(path: str) -> str:
    """A page of this dashboard; the first one in the place of what a browser might take for another site's."""
    own = re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", path) and len(path) < _LONGEST
    return path if own else "/"


def _came_from(request: Request, site: Site) -> str:
    """Behind a proxy what that one says; earlier parts of the header may be anybody's invention."""
    forwarded = request.headers.getlist("X-Forwarded-For") if site.address.encrypted else []
    told = ",".join(forwarded).rpartition(",")[2].strip()
    return told or (request.client.host if request.client else "")


ROUTES = (
    Route("/sign-in", ask),
    Route("/sign-in", posted(enter, enter_again, at_once=AT_ONCE, asks_registry=False), methods=["POST"]),
    Route("/sign-out", stay),
    Route("/sign-out", posted(leave, asks_registry=False), methods=["POST"]),
)
