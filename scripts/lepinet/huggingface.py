"""What the services of Hugging Face are asked with: the official client, a token, time limits and patience."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TypeVar

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, OIDCError
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # they are loaded when they are asked for
    build_hf_headers,
    parse_ratelimit_headers,
)
from huggingface_hub.utils._http import default_client_factory

from lepinet import __version__
from lepinet.errors import LepinetError, OutsideError, UsageError
from lepinet.timings import Timings

HUB = "https://huggingface.co"
"""Where it is when nothing else is set; the client takes even a blank HF_ENDPOINT for an address."""
BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 -- the Hub's words
_LONGEST_PAUSE = 300.0
"""Seconds; requests are counted in windows of five minutes."""
A_FILE = "lepinet_a_file"
"""Among a request's extensions: whoever asks limits the body, which may be large."""
_LARGEST_ANSWER = 16 << 20
"""Bytes; a repository with tens of thousands of files is listed in less."""
_ONE_AT_A_TIME = threading.Lock()
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
T = TypeVar("T")


class NoAnswerError(Exception):
    """There was no answer this time, but there may be one when it is asked for again."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause
        """Seconds that the service asks for."""


@dataclass(frozen=True)
class Service:
    """One of their services, as errors call it."""

    name: str
    url: str
    todo: str
    """When it fails for long."""
    setting: str
    """Of the environment, which may name another address."""

    def strange(self) -> OutsideError:
        """What answers is something else."""
        return OutsideError(
            f"what answers there does not answer as {self.name}",
            where=self.url,
            todo=f"look at {self.setting}, and at proxies that ask somebody to sign in",
        )


class Patience:
    """How often something is tried again, and until when; pauses double, and differ between those who wait."""

    def __init__(self, timings: Timings, service: Service, seconds: float, late: str) -> None:
        """The time begins now.

        Args:
            timings: how often, and the first pause.
            service: what is asked.
            seconds: for all of it.
            late: what was not done, when all of it takes longer.
        """
        self._timings = timings
        self._service = service
        self._seconds = seconds
        self._late = late
        self._end = time.monotonic() + seconds
        self.renew()

    def renew(self) -> None:
        """It went on meanwhile: what fails next fails for the first time."""
        self._left = self._timings.retries
        self._pause = self._timings.retry

    def ask(self, call: Callable[[], T]) -> T:
        """What the call answers, which is tried again as long as there is no answer. Raises OutsideError as `wait`."""
        while True:
            try:
                return call()
            except NoAnswerError as error:
                self.wait(error)

    def check(self) -> None:
        """Raises OutsideError when all of it takes too long."""
        if time.monotonic() >= self._end:
            raise self._failed(f"{self._late} within {self._seconds:g} s")

    def wait(self, error: NoAnswerError) -> None:
        """Before another try. Raises OutsideError when there is none left."""
        if not self._left:
            often = f", {self._timings.retries + 1} times in a row" if self._timings.retries else ""
            raise self._failed(f"{self._service.name} fails{often}: {error}")
        self._left -= 1
        own = self._pause * random.uniform(0.5, 1.5)  # noqa: S311 -- spreads requests, hides nothing
        self._pause *= 2
        wanted = own if error.pause is None else min(error.pause, _LONGEST_PAUSE) + own
        time.sleep(min(wanted, max(self._end - time.monotonic(), 0)))
        self.check()

    def _failed(self, what: str) -> OutsideError:
        return OutsideError(what, where=self._service.url, todo=self._service.todo)


def headers(token: str | None) -> dict[str, str]:
    """Those of each request, with the token that is given, else the one that the client finds, if any.

    Raises:
        UsageError: a keyless token is asked for and cannot be had.
    """
    try:
        return build_hf_headers(token=token, library_name="lepinet", library_version=__version__)
    except (OIDCError, httpx2.HTTPError) as error:
        # Only the client's own words: the text of a request may hold a token.
        said = f": {' '.join(str(error).split())}" if isinstance(error, OIDCError) else ""
        what = f"HF_OIDC_RESOURCE asks for a token without a secret, and none can be had{said}"
        raise UsageError(what, todo="docs/huggingface.md has the set-up; or unset it") from None


def limit_client(timings: Timings) -> None:
    """Give the official client limits, which it has none of: in time, and in what one answer may be.

    A limit of ours that has passed leaves a thread to itself (`within`); these limits end that one, too.
    """
    with _ONE_AT_A_TIME:
        _limit_client(timings.request)


@contextmanager
def explained(
    service: Service, refusal: Callable[[HfHubHTTPError], Exception], offline: LepinetError
) -> Iterator[None]:
    """Errors of the client as errors of ours. Texts of requests stay out: a token stands in their headers.

    Args:
        service: what is asked.
        refusal: what an answer means that asking again does not change.
        offline: what it means that HF_HUB_OFFLINE forbids to ask.

    Raises:
        NoAnswerError: asking again may help.
        OutsideError: something else answers.
    """
    try:
        yield
    except (httpx2.TimeoutException, TimeoutError):
        raise NoAnswerError("no answer in time") from None
    except OfflineModeIsEnabled:
        raise offline from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoAnswerError(f"HTTP {status}", _pause(error.response)) from None
        raise refusal(error) from None
    except httpx2.HTTPError as error:
        raise NoAnswerError(f"no connection ({type(error).__name__})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # The client reads what comes without looking whether it has the right form. (pydantic's are ValueErrors.)
        raise service.strange() from None


def said(error: HfHubHTTPError) -> str:
    """What the service said, in a few words; the end of a sentence."""
    words = " ".join((error.server_message or "").split())[:200]
    return words and f": {words}"


def _pause(response: httpx2.Response) -> float | None:
    """Seconds that are asked for: until the window of the limit ends, or `Retry-After`; a date counts as none."""
    limit = parse_ratelimit_headers(response.headers)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and limit is not None and not limit.remaining:
        return limit.reset_in_seconds
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


@lru_cache(maxsize=1)
def _limit_client(seconds: float) -> None:
    # Only where they change: the client that others may be asking with at this moment is closed.
    set_client_factory(partial(_limited_client, seconds))


def _limited_client(seconds: float) -> httpx2.Client:
    def limit(response: httpx2.Response) -> None:
        if response.is_success and A_FILE in response.request.extensions:
            return
        if encoding := response.headers.get("Content-Encoding"):
            # A small body may be unpacked to a large one.
            raise NoAnswerError(f"it answers in {encoding}, which nobody asked for")
        # A time limit of the client holds for each read; an answer that comes in drops would never meet it.
        assert isinstance(response.stream, httpx2.SyncByteStream)  # noqa: S101 -- of a client that does not await
        response.stream = _Limited(response.stream, time.monotonic() + seconds)

    client = default_client_factory()
    client.timeout = httpx2.Timeout(seconds)
    client.headers["Accept-Encoding"] = "identity"
    client.event_hooks = {**client.event_hooks, "response": [limit]}
    return client


class _Limited(httpx2.SyncByteStream):
    """A body that must be there by a time, and small."""

    def __init__(self, stream: httpx2.SyncByteStream, end: float) -> None:
        self._stream = stream
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if time.monotonic() > self._end:
                raise httpx2.ReadTimeout("all of the answer takes too long")
            if size > _LARGEST_ANSWER:
                raise httpx2.ReadError("an answer that does not end")
            yield chunk

    def close(self) -> None:
        self._stream.close()
