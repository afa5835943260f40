"""The registry behind a Supabase project's API, asked by the part of Supabase's own client that calls functions.

https://github.com/supabase/supabase/tree/main/src/postgrest
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx
from postgrest import SyncPostgrestClient

from lepinet.deadline import within
from lepinet.errors import LepinetError, RefusedError
from lepinet.registry.api import Refusal, connection_refused, no_answer_in_time, no_json, read_refusal, unreachable
from lepinet.registry.project import Project
from lepinet.registry.refusals import no_answer, unreadable
from lepinet.registry.sign_in import SignedIn, is_sign_in, sign_in
from lepinet.timings import Timings

_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class SupabaseTransport:
    """Calls SQL functions as the project's `service_role`, or as one of its users, over connections that are kept.

    A call that got lost is repeated, after longer and longer pauses: the registry's functions may be called again with
    the same ids. One whose answer did not come in time is not: that is for the caller to decide.
    """

    def __init__(self, project: Project, timings: Timings) -> None:
        self._project = project
        self._timings = timings
        self._http = httpx.Client(
            timeout=httpx.Timeout(timings.request, connect=timings.connect),
            follow_redirects=False,
            trust_env=not project.on_this_machine,  # a proxy to the world outside does not lead back here
            event_hooks={"response": [self._look]},
        )
        self._client = SyncPostgrestClient(
            f"{project.url.rstrip('/')}/rest/v1",
            headers={"apikey": project.key, "Authorization": f"Bearer {project.bearer}"},
            http_client=self._http,
            retry_enabled=False,
        )
        self._session: SignedIn | None = None

    def call(self, function: str, **arguments: Any) -> Any:
        given = {name: _as_json(value) for name, value in arguments.items()}
        return self._answer(lambda client: client.rpc(function, given).execute(), function)

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Every row of a table with an `id`, in its order, however few of them one answer may have."""
        last: list[str] = []

        def ask(client: SyncPostgrestClient) -> Any:
            asked = client.from_(table).select("*").order("id")
            for identity in last:
                asked = asked.gt("id", identity)
            return asked.execute()

        while page := self._answer(ask):
            yield from page
            last = [str(page[-1]["id"])]

    def _answer(self, ask: Callable[[SyncPostgrestClient], Any], function: str | None = None) -> Any:
        """The data of an answer to a request that may be repeated: a function's, else one that only reads."""
        pause = self._timings.retry
        maybe_done = False
        repeats = self._timings.retries
        while True:
            try:
                return self._asked(ask)
            except _RefusedError as error:
                failure = _refused(error.refusal, self._project)
            except httpx.RequestError as error:
                failure = _lost(error, self._project)
            except TimeoutError:
                failure = _Failure(no_answer_in_time(self._project), maybe_done=True, passing=False)
            except (ValueError, RecursionError):
                raise unreadable(self._project.host) from None
            maybe_done = maybe_done or failure.maybe_done
            wait = max(pause, failure.asks_for)
            if not failure.passing or not repeats or wait > self._timings.request:
                break
            time.sleep(wait)
            pause *= 2
            repeats -= 1
        # A refusal is an answer, to all attempts: what an earlier one had done, the last one would have been told.
        if function and maybe_done and not isinstance(failure.said, RefusedError):
            raise no_answer(function, self._project.host)
        raise failure.said

    def _asked(self, ask: Callable[[SyncPostgrestClient], Any]) -> Any:
        self._sign_in()
        try:
            data = within(self._timings.request, lambda: ask(self._client)).data
        except UnicodeDecodeError:
            raise no_json(self._project) from None
        if isinstance(data, str):  # the client hands on as text what is no JSON
            raise no_json(self._project)
        return data

    def close(self) -> None:
        self._http.close()

    def _sign_in(self) -> None:
        user = self._project.user
        if user and user.password and (self._session is None or self._session.over):
            try:
                self._session = within(self._timings.request, lambda: sign_in(self._http, self._project, user))
            except TimeoutError:
                raise no_answer_in_time(self._project) from None
            self._client.auth(self._session.token)

    def _look(self, response: httpx.Response) -> None:
        """Before the client reads an answer: its status, which the client does not keep, and whether it is one."""
        response.stream = _InTime(cast("httpx.SyncByteStream", response.stream), self._timings.request)
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        if response.is_success and (is_json or response.status_code == httpx.codes.NO_CONTENT):
            return
        response.read()
        raise _RefusedError(read_refusal(response, self._project))


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


@dataclass(frozen=True)
class _Failure:
    """One attempt that came to nothing, as far as this side can tell."""

    said: LepinetError
    maybe_done: bool
    passing: bool
    """Another attempt may do."""
    asks_for: float = 0
    """Seconds to be left alone."""


def _refused(refusal: Refusal, project: Project) -> _Failure:
    return _Failure(refusal.explained(project), refusal.maybe_done, refusal.passing, refusal.retry_after)


def _lost(error: httpx.RequestError, project: Project) -> _Failure:
    sent = not isinstance(error, _NOT_SENT)
    passing = not isinstance(error, httpx.TimeoutException) if sent else connection_refused(error)
    return _Failure(unreachable(error, project), sent and not is_sign_in(error.request), passing)


class _InTime(httpx.SyncByteStream):
    """A body that must come to its end in time, also where nobody waits for it any more."""

    def __init__(self, pieces: httpx.SyncByteStream, seconds: float) -> None:
        self._pieces = pieces
        self._deadline = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the answer does not end")
            yield piece

    def close(self) -> None:
        self._pieces.close()


def _as_json(value: Any) -> Any:
    """JSON has no NaN and no infinity; PostgreSQL reads them as text, and the registry's rules then refuse them."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
