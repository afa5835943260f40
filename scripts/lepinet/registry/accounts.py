"""A Supabase project's users, for whoever is signed in elsewhere than in a call: a page's visitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from lepinet.errors import RefusedError
from lepinet.registry import sign_in as supabase_auth
from lepinet.registry.api import read_refusal, unreachable
from lepinet.registry.project import Project, User
from lepinet.registry.refusals import unreadable
from lepinet.registry.sign_in import SignedIn
from lepinet.timings import Timings

_PAGE: Final = 1000
"""Users in one answer, at most."""


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


class Member(BaseModel):
    """A user as the project's owner sees it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: UUID
    email: str = ""
    app_metadata: dict[str, Any] = {}

    @property
    def role(self) -> str | None:
        role = self.app_metadata.get("role")
        return role if isinstance(role, str) else None


class _Page(BaseModel):
    users: tuple[Member, ...]


def members(project: Project, timings: Timings, *, like: str = "") -> Iterator[Member]:
    """The project's users, asked for page by page with its secret key.

    https://github.com/supabase/auth/blob/master/openapi.yaml

    Args:
        project: with the secret key.
        timings: each call's limits.
        like: a part of the e-mail; empty for all.

    Raises:
        OutsideError: the project cannot be asked, or does not take the key.
    """
    with _asked(project, timings) as http:
        for page in count(1):
            asked = {"page": str(page), "per_page": str(_PAGE), **({"filter": like} if like else {})}
            answer = http.get(_users(project), params=asked, headers=_owner(project))
            try:
                found = _Page.model_validate_json(answer.content).users
            except ValidationError:
                raise unreadable(project.host) from None
            yield from found
            if len(found) < _PAGE:
                return


def set_role(project: Project, member: Member, role: str | None, timings: Timings) -> None:
    """Give a user a role, or take it; whatever else stands in `app_metadata` stays. Errors as `members`."""
    with _asked(project, timings) as http:
        http.put(f"{_users(project)}/{member.id}", json={"app_metadata": {"role": role}}, headers=_owner(project))


def _users(project: Project) -> str:
    return f"{project.url.rstrip('/')}/auth/v1/admin/users"


def _owner(project: Project) -> dict[str, str]:
    return {"apikey": project.key, "Authorization": f"Bearer {project.key}"}


@contextmanager
def _asked(project: Project, timings: Timings) -> Iterator[httpx.Client]:
    """A client whose refusals are errors in plain words."""

    def look(response: httpx.Response) -> None:
        if response.is_success:
            return
        response.read()
        refusal = read_refusal(response, project)
        if project.user and response.status_code in {400, 401, 403, 422}:
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
