"""Asking GitHub's REST API, with time limits; a request is repeated where that may help and does no harm.

https://docs.github.com/rest
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from lepinet.deadline import within
from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.github.answers import Answer
from lepinet.timings import Timings

_VERSION = "2022-11-28"
_LARGEST = 16 << 20
_SECONDARY_PAUSE = 60.0
"""Seconds to wait after a secondary rate limit that names none."""

Thing = TypeVar("Thing", bound=Answer)


class _NoAnswerError(Exception):
    """GitHub said nothing of use; a write may have been carried out or not."""


class Asking:
    """One repository there, as one token sees it. The token is in no text and no error."""

    def __init__(self, repository: str, token: str, timings: Timings, api: str) -> None:
        """Nothing is sent yet; `repository` is `owner/name`."""
        self.repository = repository
        self.api = api
        self._timings = timings
        self._client = httpx.Client(
            timeout=timings.request,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "User-Agent": "lepinet",
                "X-GitHub-Api-Version": _VERSION,
            },
        )

    def close(self) -> None:
        self._client.close()

    def once(self, find: Callable[[], Thing | None], kind: type[Thing], path: str, wanted: Any) -> Thing:
        """What is found, else what is made; after a request without an answer it is looked for again first."""
        pause, reason = self._timings.retry, ""
        for _ in range(self._timings.retries + 1):
            if (found := find()) is not None:
                return found
            try:
                return self.read(self._attempt("POST", path, wanted), kind, path)
            except _NoAnswerError as error:
                reason = str(error)
            time.sleep(pause)
            pause *= 2
        if (found := find()) is not None:
            return found
        raise self._silent(path, reason)

    def make(self, found: Thing, kind: type[Thing], path: str, wanted: Mapping[str, Any]) -> Thing:
        """What was found, with the values that it should have."""
        if all(getattr(found, name) == value for name, value in wanted.items()):
            return found
        return self.read(self.send("PATCH", path, wanted), kind, path)

    def listed(self, path: str, kind: type[Thing], query: Mapping[str, str] | None = None) -> Iterator[Thing]:
        """All pages, each asked for when it is needed."""
        page: str | None = f"{path}?{httpx.QueryParams({**(query or {}), 'per_page': '100'})}"
        while page:
            response = self.send("GET", page)
            listed = _json(response, path)
            if not isinstance(listed, list):
                raise OutsideError("GitHub's answer is no list", where=path)
            yield from (_thing(item, kind, path) for item in listed)
            page = response.links.get("next", {}).get("url")

    def get(self, path: str, kind: type[Thing]) -> Thing:
        return self.read(self.send("GET", path), kind, path)

    def made(self, path: str, kind: type[Thing], wanted: Any) -> Thing:
        """What may be made again without harm: nothing of it is to be seen until something points to it."""
        return self.read(self.send("POST", path, wanted), kind, path)

    def read(self, response: httpx.Response, kind: type[Thing], path: str) -> Thing:
        return _thing(_json(response, path), kind, path)

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A request that may be repeated without harm."""
        pause, reason = self._timings.retry, ""
        for _ in range(self._timings.retries + 1):
            try:
                return self._attempt(method, path, body)
            except _NoAnswerError as error:
                reason = str(error)
            time.sleep(pause)
            pause *= 2
        raise self._silent(path, reason)

    def _attempt(self, method: str, path: str, body: Any) -> httpx.Response:
        """One request, sent again only when GitHub says that it came too soon and was not carried out.

        Raises:
            _NoAnswerError: no answer, or a server's error.
        """
        end = time.monotonic() + self._timings.github
        url = self._url(path)
        while True:
            try:
                response = within(self._timings.request, lambda: self._client.request(method, url, json=body))
            except TimeoutError:
                raise _NoAnswerError("no answer in time") from None
            except httpx.HTTPError as error:
                raise _NoAnswerError(f"no connection ({type(error).__name__})") from None
            if response.is_server_error:
                raise _NoAnswerError(f"HTTP {response.status_code}")
            pause = _too_soon(response)
            if pause is None:
                break
            if time.monotonic() + pause > end:
                raise OutsideError(
                    f"GitHub takes no more calls for {pause:.0f} s", where=self.repository, todo="run it again then"
                )
            time.sleep(pause)
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _url(self, path: str) -> str:
        """Of a path in this repository, or of a list's next page, which GitHub names whole."""
        if path.startswith("/"):
            return f"{self.api}/repos/{self.repository}{path}"
        if not path.startswith(f"{self.api}/"):
            raise OutsideError("the next page of GitHub's list leads elsewhere", where=path[:200])
        return path

    def _refusal(self, response: httpx.Response) -> LepinetError:
        said = _said(response)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return OutsideError(
                "GitHub does not know this token", where=self.repository, todo="GITHUB_TOKEN, or gh auth login"
            )
        if response.status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
            return OutsideError(
                f"GitHub says {said}",
                where=self.repository,
                todo="is it there, and may this token do that? (the job's permissions; gh auth status)",
            )
        if response.is_redirect:
            return OutsideError("the repository has another name now", where=self.repository, todo="git remote set-url")
        return RefusedError(f"GitHub says {said}", where=self.repository)

    def _silent(self, path: str, reason: str) -> OutsideError:
        return OutsideError(f"GitHub does not answer: {reason}", where=f"{self.repository}{path}", todo="run it again")


def _too_soon(response: httpx.Response) -> float | None:
    """Seconds to wait after a rate limit, primary or secondary; None for any other answer.

    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """
    if response.status_code not in {httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS}:
        return None
    wanted = response.headers.get("retry-after", "")
    if wanted.isdecimal():
        return float(wanted)
    if response.headers.get("x-ratelimit-remaining") == "0":
        with suppress(KeyError, ValueError):
            now = parsedate_to_datetime(response.headers["date"]).timestamp()
            return max(1.0, int(response.headers["x-ratelimit-reset"]) - now + 1)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or "secondary rate limit" in response.text[:2000]:
        return _SECONDARY_PAUSE
    return None


def _json(response: httpx.Response, path: str) -> Any:
    if len(response.content) > _LARGEST:
        raise OutsideError("GitHub's answer does not end", where=path)
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise OutsideError("GitHub's answer is no JSON", where=path) from None


def _thing(value: Any, kind: type[Thing], path: str) -> Thing:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise OutsideError(f"GitHub's answer has no usable {place}", where=path) from None


def _said(response: httpx.Response) -> str:
    """GitHub's message and the first of its reasons, in one line."""
    try:
        body = json.loads(response.content[:_LARGEST])
        reasons = [error.get("message") for error in body.get("errors", ()) if isinstance(error, dict)]
        parts = [str(part) for part in (body.get("message"), *reasons) if part]
    except (ValueError, AttributeError, TypeError, RecursionError):
        parts = []
    return f"{response.status_code}: {'; '.join(parts)[:300]}" if parts else f"HTTP {response.status_code}"
