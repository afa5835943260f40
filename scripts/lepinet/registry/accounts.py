"""A Supabase project's users, for whoever is signed in elsewhere than in a call: a page's visitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from lepinet.errors import RefusedError
from lepinet.registry import sign_in as supabase_auth
from lepinet.registry.api import read_refusal, unreachable
from lepinet.registry.project import Project, User
from lepinet.registry.sign_in import SignedIn
from lepinet.timings import Timings


class NotSignedInError(RefusedError):
    """The project does not know this user by this password, or a session of theirs has ended."""


def sign_in(project: Project, user: User, timings: Timings) -> SignedIn:
    """Sign in by password.

    Raises:
        NotSignedInError: e-mail and password are no user's.
        OutsideError: the project cannot be asked.
    """
    with _asked(project, timings) as http:
        return supabase_auth.sign_in(http, project, user)


def renew(project: Project, signed_in: SignedIn, timings: Timings) -> SignedIn:
    """Go on being signed in.

    Raises:
        NotSignedInError: the session has ended.
        OutsideError: the project cannot be asked.
    """
    with _asked(project, timings) as http:
        return supabase_auth.renew(http, project, signed_in)


def sign_out(project: Project, signed_in: SignedIn, timings: Timings) -> None:
    """End a session; one that has ended already is none to end.

    Raises:
        OutsideError: the project cannot be asked.
    """
    with _asked(project, timings) as http:
        supabase_auth.sign_out(http, project, signed_in)


@contextmanager
def _asked(project: Project, timings: Timings) -> Iterator[httpx.Client]:
    """A client whose refusals are errors in plain words."""

    def look(response: httpx.Response) -> None:
        if response.is_success:
            return
        response.read()
        refusal = read_refusal(response, project)
        if response.status_code in {400, 401, 403, 422}:
            raise NotSignedInError(refusal.said, where=project.host)
        raise refusal.explained(project)

    try:
        with httpx.Client(
            timeout=httpx.Timeout(timings.request, connect=timings.connect),
            follow_redirects=False,
            trust_env=not project.on_this_machine,
            event_hooks={"response": [look]},
        ) as http:
            yield http
    except httpx.RequestError as error:
        raise unreachable(error, project) from None
