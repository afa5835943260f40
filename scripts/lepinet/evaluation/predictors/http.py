"""A live endpoint as a predictor: photos are posted, and what comes back is checked before it is believed."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import httpx

from lepinet.errors import LepinetError, MayNotAskError, OutsideError, UsageError
from lepinet.evaluation.answers import ModelIdentity
from lepinet.evaluation.predictors import RawAnswer
from lepinet.evaluation.predictors.contracts import CLASSIFICATION, PREDICT, Contract
from lepinet.files import open_regular
from lepinet.timings import Timings

_LARGEST_ANSWER = 1 << 20
_LONGEST_PAUSE = 60.0
"""Seconds; a server may ask for a longer one, and is asked again after this."""
_RIGHTS = (
    "let LEPINET_ENDPOINT_TOKEN in lepinet test, HF_TOKEN elsewhere, hold a token with the right Make calls to "
    "Inference Endpoints, or that may read the private Space (docs/huggingface.md)"
)
_SILENT_IN_A_ROW = 3
"""After so many photos, one after the other, without any answer the endpoint is down."""


class _NoAnswerError(Exception):
    """The endpoint gave no answer this time, but may give one when asked again."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause
        """Seconds that the server asks for."""


class _StartingError(_NoAnswerError):
    """An Inference Endpoint that was scaled to zero starts: asked again until it does, however often that is."""


class _Reply(NamedTuple):
    """A whole answer to one request."""

    status: int
    answer: RawAnswer


_ASKED_WRONGLY = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY}
"""What an endpoint says that does not know the contract; of a photo that it cannot read some say so, too."""


class EndpointPredictor:
    """Posts each photo, by the contract that the first answers show; several threads may ask at the same time."""

    def __init__(self, url: str, timings: Timings, token: str | None = None, *, asleep: bool = True) -> None:
        """Nothing is sent yet.

        Args:
            url: where photos are posted; a redirection is not followed.
            timings: limits for each photo and for all.
            token: sent with each photo.
            asleep: an Inference Endpoint may be scaled to zero, and is given the time to start.

        Raises:
            UsageError: no http or https URL.
        """
        self._url = _checked(url)
        self.name = str(self._url.copy_with(userinfo=b""))
        """The URL, without a password that may stand in it."""
        self._timings = timings
        self._end = time.monotonic() + timings.known_images
        self._start_end = time.monotonic() + (timings.start if asleep else 0)
        # An endpoint that keeps answers may hold some of the model before.
        self._headers = {"x-use-cache": "false", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._contract: Contract | None = None
        self._tls = httpx.create_ssl_context()
        self._models: set[tuple[str | None, str | None]] = set()
        self._silent = 0
        self._closed = False
        self._cancel: set[Callable[[], object]] = set()

    def identity(self) -> ModelIdentity:
        """The endpoint by its URL, with path and revision when every answer so far named the same ones."""
        file_path, revision = next(iter(self._models)) if len(self._models) == 1 else (None, None)
        contract = self._contract.name if self._contract else None
        return ModelIdentity(name=self.name, file_path=file_path, revision=revision, contract=contract)

    def answer(self, images: Sequence[Path | bytes]) -> list[RawAnswer]:
        """One answer for each image, one request after the other; a refused photo or a wrong answer is its error.

        Raises:
            MayNotAskError: the endpoint does not take the token, or wants one (401, or 403 before any answer).
            OutsideError: it gave no answer to several photos in a row, or all photos took too long.
        """
        # A loop of its own, because only asynchronous requests can be given a time limit that holds for the whole.
        return asyncio.run(self._answer_all(images))

    def close(self) -> None:
        """End what other threads are asking; they get a cancellation. Harmless when repeated."""
        self._closed = True
        for cancel in tuple(self._cancel):
            with contextlib.suppress(RuntimeError):  # that thread is done already
                cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _answer_all(self, images: Sequence[Path | bytes]) -> list[RawAnswer]:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        cancel = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
        self._cancel.add(cancel)
        try:
            # A proxy of the environment knows nothing of this machine's own ports.
            async with httpx.AsyncClient(
                verify=self._tls,
                trust_env=not _is_loopback(self._url.host),
                timeout=self._timings.prediction,
                headers=self._headers,
            ) as client:
                return [await self._answer(client, image) for image in images]
        finally:
            self._cancel.discard(cancel)

    async def _answer(self, client: httpx.AsyncClient, image: Path | bytes) -> RawAnswer:
        try:
            name, data = _named_content(image)
        except LepinetError as error:
            return RawAnswer(error=error.what)
        try:
            answer = await self._ask_until_answered(client, name, data)
        except _NoAnswerError as error:
            return self._gave_up(str(error))
        except TimeoutError:
            return self._gave_up("no answer in time")
        self._silent = 0
        return answer

    async def _ask_until_answered(self, client: httpx.AsyncClient, name: str, data: bytes) -> RawAnswer:
        """Ask again after growing pauses, or those that the server names, as often as `Timings` allows."""
        pause, left = self._timings.retry, self._timings.retries
        while True:
            self._check_time()
            try:
                return await self._ask(client, name, data)
            except _StartingError as error:
                if time.monotonic() >= self._start_end:
                    raise _NoAnswerError(str(error)) from None
                wanted = self._timings.poll
            except _NoAnswerError as error:
                if not left:
                    raise
                wanted = pause if error.pause is None else error.pause
                pause, left = 2 * pause, left - 1
            await asyncio.sleep(min(wanted, max(self._end - time.monotonic(), 0)))

    def _check_time(self) -> None:
        if self._closed or time.monotonic() >= self._end:
            limit = f"not all photos were answered within {self._timings.known_images:g} s"
            raise OutsideError(limit, where=self.name)

    def _gave_up(self, reason: str) -> RawAnswer:
        self._silent += 1
        if self._silent >= _SILENT_IN_A_ROW:
            raise OutsideError(f"the endpoint does not answer: {reason}", where=self.name)
        return RawAnswer(error=reason)

    async def _ask(self, client: httpx.AsyncClient, name: str, data: bytes) -> RawAnswer:
        """By the contract that is known; while none is, by both, until one is answered."""
        if self._contract:
            return (await self._ask_by(self._contract, client, name, data)).answer
        first = await self._ask_by(PREDICT, client, name, data)
        if first.answer.top:
            self._contract = PREDICT
        if first.status not in _ASKED_WRONGLY:
            return first.answer
        second = await self._ask_by(CLASSIFICATION, client, name, data)
        if second.answer.top:
            self._contract = CLASSIFICATION
        # Who does not take the second kind of request has said of the first what is wrong with the photo.
        return first.answer if second.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE else second.answer

    async def _ask_by(self, contract: Contract, client: httpx.AsyncClient, name: str, data: bytes) -> _Reply:
        """One request, of which a whole answer comes in time."""
        begun = time.perf_counter()
        try:
            async with (
                asyncio.timeout(self._timings.prediction),
                client.stream("POST", self._url, **contract.request(name, data)) as response,
            ):
                body = await _body(response)
        except httpx.LocalProtocolError:
            # Its text quotes the header that cannot be sent, which may be the token.
            raise _NoAnswerError("the request cannot be sent") from None
        except httpx.HTTPError as error:
            raise _NoAnswerError(f"no connection ({error or type(error).__name__})") from None
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and _starts(body):
            raise _StartingError("none of its replicas runs")
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or response.is_server_error:
            raise _NoAnswerError(f"HTTP {response.status_code}{_said(body)}", _retry_after(response))
        # After an answered photo a 403 may be a firewall's, of this photo alone.
        barred = {HTTPStatus.UNAUTHORIZED} if self._contract else {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        if response.status_code in barred:
            # It says nothing of the photo: every other one would be told the same.
            how = "with this token" if "Authorization" in self._headers else "without a token"
            what = f"it may not be asked {how} (HTTP {response.status_code}{_said(body)})"
            raise MayNotAskError(what, where=self.name, todo=_RIGHTS)
        if response.status_code != HTTPStatus.OK:
            return _Reply(response.status_code, RawAnswer(error=f"HTTP {response.status_code}{_said(body)}"))
        milliseconds = (time.perf_counter() - begun) * 1000
        try:
            value = json.loads(body)
            top = contract.guesses(value)
        except (ValueError, RecursionError) as error:
            wrong = f"the endpoint's answer makes no sense: {str(error)[:200]}"
            return _Reply(response.status_code, RawAnswer(error=wrong))
        self._models.add(_model(value))
        return _Reply(response.status_code, RawAnswer(top, latency_ms=milliseconds))


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"is no URL: {error}", where=url) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise UsageError("should be an address that begins with http:// or https://", where=url)
    return parsed


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _named_content(image: Path | bytes) -> tuple[str, bytes]:
    if isinstance(image, bytes):
        return "image", image
    with open_regular(image) as file:
        return image.name, file.read()


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise _NoAnswerError("an answer that does not end")
    return bytes(body)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds; a date, which servers of models do not send, counts as none."""
    value = response.headers.get("retry-after", "")
    return min(float(value), _LONGEST_PAUSE) if value.isdecimal() else None


def _starts(body: bytes) -> bool:
    """What the proxy before an Inference Endpoint says while no replica runs yet."""
    try:
        match json.loads(body):
            case {"code": "SERVICE_UNAVAILABLE"}:
                return True
    except (ValueError, RecursionError):
        pass
    return False


def _said(body: bytes) -> str:
    """What an error's body says, in a few words."""
    text = " ".join(body[:200].decode(errors="replace").split())
    return f": {text}" if text else ""


def _model(value: Any) -> tuple[str | None, str | None]:
    """Path and revision of the model that answered, where the endpoint says them."""
    match value:
        case {"model": {"file_path": str(file_path), "revision": str(revision)}}:
            return file_path, revision
    return None, None
