"""What a Supabase project's API answers when it does not answer a call, in plain words.

Codes and statuses: https://docs.postgrest.org/en/v14/references/errors.html and
https://supabase.com/docs/guides/platform/http-status-codes
"""

from __future__ import annotations

import html
import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx

from lepinet.errors import LepinetError, OutsideError
from lepinet.registry import refusals
from lepinet.registry.project import Project
from lepinet.registry.refusals import UnreachableError
from lepinet.registry.sign_in import is_sign_in

_OF_THE_DATABASE: Final = re.compile(r"[0-9A-Z]{5}")
_UNKNOWN_FUNCTION: Final = frozenset({"PGRST202", "PGRST205"})
_PASSING: Final = frozenset(
    {"40001", "40P01", "57P01", "57P02", "57P03", "PGRST000", "PGRST001", "PGRST002", "PGRST003"}
)
_PASSING_STATUS: Final = frozenset({429, 500, 502, 503, 520, 521, 522, 523})
_LOST_ON_THE_WAY: Final = frozenset({500, 502, 504, 520, 524, 544})
"""Statuses of what stands before the API: the API itself may have carried the call out."""
_CONNECTION_LOST: Final = frozenset({"57P01", "57P02", "57P03", "PGRST001"})
_PAUSED: Final = "a free project without visitors is paused after a week: restore it in its dashboard"
_SIGN_IN: Final = "set SUPABASE_USER_EMAIL and SUPABASE_USER_PASSWORD in its place: then LepiNet signs in by itself"
_AGAIN: Final = f"{refusals.AGAIN}, and at https://status.supabase.com"
_NO_API: Final = f"is SUPABASE_URL the project's, and no sign-in page of this network in between? Else {_PAUSED}"
_WORDS: Final = {
    402: ("Supabase has restricted the project: {}", "in its dashboard: Organization, Billing"),
    403: ("something before the project refuses the call: {}", "does a proxy or a firewall stand there?"),
    404: ("nothing of Supabase's API is at this address: {}", "is SUPABASE_URL the project's?"),
    429: ("the project has had too many calls", "wait a minute, then run the same command again"),
    540: ("the project is paused", _PAUSED),
    544: ("the project took too long", _AGAIN),
}
_RIGHTS: Final = "is SUPABASE_SERVICE_KEY the secret key? Else: lepinet db migrate, which grants what is needed"
_USERS_RIGHTS: Final = "use the service key; what users may do is in docs/access.md"
_RIGHT_USER: Final = (
    "are SUPABASE_USER_EMAIL and SUPABASE_USER_PASSWORD those of a user of this project (in its dashboard: "
    "Authentication, Users)?"
)
_ENDED_KEYS: Final = "Legacy API keys are disabled"
"""The gateway's words, where a project has switched the keys of the old kind off."""
_SHOWN: Final = 200


@dataclass(frozen=True)
class Refusal:
    """An answer that is no result."""

    status: int
    code: str
    """PostgreSQL's state or PostgREST's own code; empty where neither of them was reached."""
    said: str
    hint: str | None
    detail: str | None
    retry_after: float
    """Seconds that it asks to be left alone."""
    signing_in: bool
    """It refuses to sign somebody in; nothing was asked of the registry yet."""

    @property
    def passing(self) -> bool:
        """Another attempt may do."""
        return self.code in _PASSING or (not self.code and self.status in _PASSING_STATUS)

    @property
    def maybe_done(self) -> bool:
        """The call may have been carried out all the same."""
        lost = self.code in _CONNECTION_LOST or (not self.code and self.status in _LOST_ON_THE_WAY)
        return lost and not self.signing_in

    def explained(self, project: Project) -> LepinetError:
        where, said = project.host, self.said
        if _OF_THE_DATABASE.fullmatch(self.code):
            if self.code == "42501" and project.user:
                return refusals.RegistryRefusal(403, "no user may do this", hint=_USERS_RIGHTS, where=where)
            return refusals.explained(self.code, said, where, rights=_RIGHTS, hint=self.hint, detail=self.detail)
        if self.code in _UNKNOWN_FUNCTION:
            return refusals.not_migrated(said, where)
        what, todo = self._in_words(project, said)
        failed = UnreachableError if self.status >= 500 else OutsideError
        return failed(what, where=where, todo=todo)

    def _in_words(self, project: Project, said: str) -> tuple[str, str]:
        if self.signing_in and project.user and self.status in {400, 403, 422}:
            return f"the project does not sign in {project.user.email}: {said}", _RIGHT_USER
        if self.status == 401 and self.code and project.user:
            return self._about_the_token(project, said)
        if self.status == 401:
            return self._about_the_key(project, said)
        if self.status in _WORDS:
            what, todo = _WORDS[self.status]
            return what.format(said), todo
        if self.status < 400:
            return f"a web page came instead of an answer (HTTP {self.status})", _NO_API
        return f"the project's API failed (HTTP {self.status}): {said}", _AGAIN

    def _about_the_key(self, project: Project, said: str) -> tuple[str, str]:
        kind = "publishable" if project.user else "secret"
        place = f"(in its dashboard: Settings, API Keys) to {project.key_setting}"
        copy = f"copy the project's {kind} key again {place}"
        new = f"copy the project's {kind} key of the new kind, sb_{kind}_…, {place}"
        if ended := project.key_ended:
            return f"the project's key expired on {ended:%Y-%m-%d}", copy
        if _ENDED_KEYS in self.said:
            return f"the project takes no keys of the old kind any more: {self.said}", new
        if self.code == "PGRST303":
            return f"the project's key does not count now: {said}", f"is this machine's clock right? Else {copy}"
        return f"the project does not take the key: {said}", f"{copy}; is it another project's, or was it deleted?"

    def _about_the_token(self, project: Project, said: str) -> tuple[str, str]:
        if ended := project.token_ended:
            return f"SUPABASE_USER_TOKEN expired at {ended:%Y-%m-%d %H:%M} UTC", f"sign in again, or {_SIGN_IN}"
        otherwise = _SIGN_IN if project.user and project.user.token else _AGAIN
        return f"the project does not take the user's token: {said}", f"is this machine's clock right? Else {otherwise}"


def read_refusal(response: httpx.Response, project: Project) -> Refusal:
    """An answer, already read, that is an error or no JSON; without what opens the project, should it quote that."""
    try:
        body: Any = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    fields = body if isinstance(body, dict) else {}
    # What a signed-in user's calls carry is known to nobody else here.
    token = response.request.headers.get("Authorization", "").removeprefix("Bearer ")

    def text(name: str) -> str | None:
        value = fields.get(name)
        return project.hidden(value, token) if isinstance(value, str) and value else None

    return Refusal(
        response.status_code,
        text("code") or "",
        text("message") or text("msg") or text("error") or _page(response, project, token),
        text("hint"),
        text("details"),
        _seconds(response.headers.get("Retry-After", "")),
        is_sign_in(response.request),
    )


def no_json(project: Project) -> OutsideError:
    """Something answers that calls itself JSON."""
    return OutsideError("what came is no answer of Supabase's API", where=project.host, todo=_NO_API)


def unreachable(error: httpx.RequestError, project: Project) -> UnreachableError:
    """Why there was no connection at all."""
    causes = list(_causes(error))
    said = project.hidden(str(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnreachableError(
            "no project has this address", where=project.host, todo=f"is SUPABASE_URL right? Else {_PAUSED}"
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return UnreachableError(
            f"no secure connection: {said}",
            where=project.host,
            todo="does a proxy stand in between (SSL_CERT_FILE names its certificate), is this machine's clock right?",
        )
    if isinstance(error, httpx.TimeoutException):
        return no_answer_in_time(project)
    return _out_of_reach(project, said)


def no_answer_in_time(project: Project) -> UnreachableError:
    """There was a connection, and no whole answer."""
    return _out_of_reach(project, "no answer in time")


def _out_of_reach(project: Project, why: str) -> UnreachableError:
    return UnreachableError(
        f"the project cannot be reached: {why}", where=project.host, todo="may this machine reach it? Then try again"
    )


def connection_refused(error: httpx.RequestError) -> bool:
    """Whether there is a machine and nobody on it to answer, as while a server is started again."""
    return any(isinstance(cause, ConnectionError) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _page(response: httpx.Response, project: Project, token: str) -> str:
    """What a page is about: its title, else its first words; nothing of one that quotes what opens the project."""
    text = response.text
    bare = re.sub(r"<[^>]*>|\s", "", html.unescape(text))
    if project.hidden(bare, token) != bare:
        return response.reason_phrase or f"HTTP {response.status_code}"
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    words = " ".join((title[1] if title else re.sub(r"<[^>]*>", " ", text)).split())
    return words[:_SHOWN] or response.reason_phrase or f"HTTP {response.status_code}"


def _seconds(retry_after: str) -> float:
    """Only the form in seconds: the other one needs both clocks to agree."""
    return float(retry_after) if re.fullmatch(r"\d{1,6}", retry_after, re.ASCII) else 0.0
