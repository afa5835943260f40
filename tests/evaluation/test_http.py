"""Live endpoints that answer, are busy, hang or talk nonsense: what is believed, asked again and given up."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.colour_model import photo
from evaluation.misbehaving_endpoint import (
    Deed,
    Endpoint,
    Handler,
    drip,
    flood,
    hang,
    misbehaving_endpoint,
    raw,
    right,
    status,
)
from lepinet.errors import MayNotAskError, OutsideError, UsageError
from lepinet.evaluation.cases import KnownImages, read_known_images
from lepinet.evaluation.labels import Species
from lepinet.evaluation.predictors import Guess, RawAnswer
from lepinet.evaluation.predictors.http import EndpointPredictor
from lepinet.evaluation.run import answers_of_endpoint
from lepinet.timings import Timings

TIMINGS = Timings(prediction=10, retry=0.01, retries=3, known_images=60)
BRIEF = replace(TIMINGS, prediction=0.3)
PHOTO = photo("red")
MODEL = {"file_path": "models/v1.0.0", "revision": "sha256:1"}
SPECIES = (Species("001", "Common Mormon"), Species("012", "Ceylon Birdwing"))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with misbehaving_endpoint() as endpoint:
        yield endpoint


def ask(endpoint: Endpoint, *deeds: Deed, photos: int = 1, timings: Timings = TIMINGS) -> list[RawAnswer]:
    endpoint.deeds = list(deeds)
    with EndpointPredictor(endpoint.url, timings) as predictor:
        return predictor.answer([PHOTO] * photos)


def error(endpoint: Endpoint, *deeds: Deed, timings: Timings = TIMINGS) -> str:
    (answer,) = ask(endpoint, *deeds, timings=timings)
    assert answer.top == ()
    assert answer.error
    return answer.error


def test_a_photo_is_posted_as_the_file_that_it_is(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "Blue Tiger é.png").write_bytes(PHOTO)
    endpoint.deeds = [right("001", "Common Mormon", 0.75)]
    with EndpointPredictor(endpoint.url, TIMINGS) as predictor:
        named, bare = predictor.answer([tmp_path / "Blue Tiger é.png", PHOTO])
    assert named.top == bare.top == (Guess("001", 0.75, "Common Mormon"),)
    assert named.error is None
    assert named.latency_ms
    assert 0 < named.latency_ms < 10_000
    first, second = endpoint.requests
    assert first.path == "/predict"
    assert first.photo == second.photo == PHOTO
    assert first.parts[0].get_param("name", header="content-disposition") == "image"
    assert first.parts[0].get_filename()
    assert first.parts[0].get_content_type() == "image/png"


def test_more_than_the_first_species_is_believed_where_it_is_said(endpoint: Endpoint) -> None:
    listed = [{"id": str(number), "name": f"Species {number}", "confidence": 0.5 - number / 20} for number in range(8)]
    (answer,) = ask(endpoint, right("0", "Species 0", 0.5, top=listed, extra="ignored"))
    assert [guess.label for guess in answer.top] == ["0", "1", "2", "3", "4"]
    (answer,) = ask(endpoint, right("0", "Species 0", 1, top=[]))
    assert answer.top == (Guess("0", 1.0, "Species 0"),)


def test_the_model_is_the_one_that_every_answer_names(endpoint: Endpoint) -> None:
    def identity(*deeds: Deed) -> tuple[str | None, str | None]:
        endpoint.deeds = list(deeds)
        with EndpointPredictor(endpoint.url, TIMINGS) as predictor:
            predictor.answer([PHOTO] * len(deeds))
            found = predictor.identity()
        assert found.name == endpoint.url
        return found.file_path, found.revision

    one, other = right(model=MODEL), right(model=MODEL | {"revision": "sha256:2"})
    assert identity(one, one) == ("models/v1.0.0", "sha256:1")
    assert identity(one, other) == (None, None)
    assert identity(one, right()) == (None, None)
    assert identity(right(model="v1.0.0")) == (None, None)


def test_twice_wrong_then_right_is_right(endpoint: Endpoint) -> None:
    failures = [*(status(code) for code in (500, 502, 503, 504, 429)), raw(b"")]
    deeds = [deed for failure in failures for deed in (failure, failure, right())]
    answers = ask(endpoint, *deeds, photos=len(failures))
    assert all(answer.top for answer in answers)
    assert len(endpoint.requests) == len(deeds)
    assert {request.photo for request in endpoint.requests} == {PHOTO}


def test_pauses_grow(endpoint: Endpoint) -> None:
    ask(endpoint, status(500), status(500), status(500), right(), timings=replace(TIMINGS, retry=0.05))
    first, second, third = endpoint.pauses()
    assert first >= 0.05
    assert second >= 0.1
    assert third >= 0.2


def test_the_server_says_when_to_come_back(endpoint: Endpoint) -> None:
    """Sooner or later than of one's own accord, and later than one photo may take."""
    ask(endpoint, status(429, Retry_After="0"), right(), timings=replace(TIMINGS, retry=1000))
    assert len(endpoint.requests) == 2
    endpoint.requests.clear()
    (answer,) = ask(endpoint, status(429, Retry_After="1"), right(), timings=BRIEF)
    assert answer.top
    assert endpoint.pauses()[0] >= 1


def test_a_moment_that_is_not_understood_is_none(endpoint: Endpoint) -> None:
    moments = ["Wed, 25 Nov 2026 07:28:00 GMT", "soon", "-5", "1e9", "0.5", ""]
    deeds = [deed for moment in moments for deed in (status(503, Retry_After=moment), right())]
    assert all(answer.top for answer in ask(endpoint, *deeds, photos=len(moments)))


def test_a_failure_that_lasts_is_told_after_as_many_tries_as_allowed(endpoint: Endpoint) -> None:
    assert error(endpoint, status(500, b"out of\n memory")) == "HTTP 500: out of memory"
    assert len(endpoint.requests) == 1 + TIMINGS.retries


def test_an_endpoint_that_answers_no_photo_is_down(endpoint: Endpoint) -> None:
    with pytest.raises(OutsideError, match="the endpoint does not answer: HTTP 503: loading") as down:
        ask(endpoint, status(503, b"loading"), photos=100, timings=replace(TIMINGS, retries=0))
    assert down.value.where == endpoint.url
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("code", [401, 403])
def test_who_does_not_let_us_ask_is_asked_once_and_no_photo_is_wrong(endpoint: Endpoint, code: int) -> None:
    with pytest.raises(MayNotAskError, match=rf"without a token \(HTTP {code}: who are you\)") as refused:
        ask(endpoint, status(code, b"who are you"), photos=100)
    assert refused.value.todo
    assert "LEPINET_ENDPOINT_TOKEN" in refused.value.todo
    assert len(endpoint.requests) == 1


def test_one_photo_that_is_forbidden_among_answered_ones_is_its_own_error(endpoint: Endpoint) -> None:
    answers = ask(endpoint, right(), status(403, b"blocked"), right(), photos=3)
    assert [answer.error for answer in answers] == [None, "HTTP 403: blocked", None]
    with pytest.raises(MayNotAskError, match="HTTP 401"):
        ask(endpoint, right(), status(401), photos=2)


def test_now_and_then_a_failure_is_no_end(endpoint: Endpoint) -> None:
    deeds = [status(500), status(500), right()] * 4
    answers = ask(endpoint, *deeds, photos=12, timings=replace(TIMINGS, retries=0))
    assert [bool(answer.top) for answer in answers] == [False, False, True] * 4


def test_what_asking_again_does_not_change_is_asked_once(endpoint: Endpoint) -> None:
    """And a photo goes to no other place than the one that the user named."""
    codes = [301, 302, 307, 308, 400, 404, 413]
    deeds = [status(code, b"no", Location="/elsewhere") for code in codes]
    _, *answers = ask(endpoint, right(), *deeds, photos=1 + len(codes))
    assert [answer.error for answer in answers] == [f"HTTP {code}: no" for code in codes]
    assert [request.path for request in endpoint.requests] == ["/predict"] * (1 + len(codes))


GOOD: dict[str, Any] = {"predicted_id": "001", "predicted_name": "Common Mormon", "confidence": 0.5}


WRONG: list[Any] = [
    *(None, [], "001", 1, {}, [GOOD]),
    *({key: value for key, value in GOOD.items() if key != missing} for missing in GOOD),
    *(GOOD | {"predicted_id": value} for value in (1, None, ["001"])),
    *(GOOD | {"predicted_name": value} for value in (1, None)),
    *(GOOD | {"confidence": value} for value in ("0.5", None, -0.1, 1.5, 50, float("nan"), float("inf"))),
    *(GOOD | {"top": value} for value in ("001", {"0": "001"}, [1], [{"id": "001"}])),
    GOOD | {"top": [{"id": "012", "name": "Ceylon Birdwing", "confidence": 0.5}]},
    GOOD | {"top": [{"id": id_, "name": id_, "confidence": value} for id_, value in (("001", 0.2), ("012", 0.5))]},
]
RUBBISH = [
    b"<!DOCTYPE html><html><title>Sign in</title></html>",
    b"",
    b"\xff\xfe\x00",
    b"{" * 100,
    b"[" * 100_000,
    b'{"confidence": ' + b"1" * 10_000 + b"}",
]


def test_what_is_no_answer_is_not_believed(endpoint: Endpoint) -> None:
    """Nor asked for again, nor taken for a sign that the endpoint is down: it does answer."""
    bodies = [*(json.dumps(value).encode() for value in WRONG), *RUBBISH]
    answers = ask(endpoint, *(status(200, body) for body in bodies), photos=len(bodies))
    errors = [answer.error or "none" for answer in answers]
    believed = [
        body
        for body, error in zip(bodies, errors, strict=True)
        if not error.startswith("the endpoint's answer makes no sense: ")
    ]
    assert believed == []
    assert len(endpoint.requests) == len(bodies)
    assert max(map(len, errors)) < 300


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1\2\3" * 100,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
    ],
    ids=["bytes", "cut off", "headers", "no gzip"],
)
def test_what_is_no_http_is_no_answer(endpoint: Endpoint, data: bytes) -> None:
    assert error(endpoint, raw(data)).startswith("no connection (")
    assert len(endpoint.requests) == 1 + TIMINGS.retries


def squeezed(handler: Handler) -> None:
    handler.say(200, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")


@pytest.mark.parametrize("deed", [flood, squeezed])
def test_an_answer_that_does_not_end_is_cut_off(endpoint: Endpoint, deed: Deed) -> None:
    assert error(endpoint, deed, timings=replace(TIMINGS, retries=0)) == "an answer that does not end"


@pytest.mark.parametrize("deed", [hang, drip])
def test_who_does_not_answer_in_time_is_not_waited_for(endpoint: Endpoint, deed: Deed) -> None:
    """A byte now and then is no answer either."""
    begun = time.monotonic()
    assert error(endpoint, deed, timings=BRIEF) == "no answer in time"
    assert BRIEF.prediction <= time.monotonic() - begun < 5
    assert len(endpoint.requests) == 1


def test_one_slow_answer_leaves_the_others(endpoint: Endpoint) -> None:
    answers = ask(endpoint, right(), hang, right(), photos=3, timings=BRIEF)
    assert [answer.error for answer in answers] == [None, "no answer in time", None]


def test_all_photos_have_a_deadline(endpoint: Endpoint) -> None:
    with pytest.raises(OutsideError, match=r"not all photos were answered within 0\.2 s"):
        ask(endpoint, right(), photos=100_000, timings=replace(TIMINGS, known_images=0.2))
    assert len(endpoint.requests) < 10_000


def test_a_pause_does_not_outlast_the_deadline(endpoint: Endpoint) -> None:
    begun = time.monotonic()
    with pytest.raises(OutsideError, match=r"not all photos were answered within 0\.2 s"):
        ask(endpoint, status(429, Retry_After="60"), timings=replace(TIMINGS, known_images=0.2))
    assert time.monotonic() - begun < 10


def test_nobody_there() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/predict"
        with (
            EndpointPredictor(url, TIMINGS) as predictor,
            pytest.raises(OutsideError, match="the endpoint does not answer: no connection"),
        ):
            predictor.answer([PHOTO] * 10)


@pytest.mark.parametrize("url", ["", "predict", "ftp://127.0.0.1/", "http://", "file:///etc/passwd", "http://[::1"])
def test_what_is_no_address_is_the_users_mistake(url: str) -> None:
    with pytest.raises(UsageError):
        EndpointPredictor(url, TIMINGS)


def test_a_password_is_sent_and_never_told(endpoint: Endpoint) -> None:
    url = endpoint.url.replace("http://", "http://bhanura:tiger-secret@")
    endpoint.deeds = [right(), status(500)]
    with EndpointPredictor(url, replace(TIMINGS, retries=0)) as predictor:
        predictor.answer([PHOTO])
        assert predictor.identity().name == endpoint.url
        with pytest.raises(OutsideError) as down:
            predictor.answer([PHOTO] * 3)
    assert endpoint.requests[0].authorization == "Basic " + base64.b64encode(b"bhanura:tiger-secret").decode()
    assert "tiger-secret" not in str(down.value)


def test_a_proxy_is_not_asked_for_this_machine(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (answer,) = ask(endpoint, right())
    assert answer.top


def test_a_photo_that_cannot_be_read_is_not_sent(endpoint: Endpoint, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    endpoint.deeds = [right()]
    with EndpointPredictor(endpoint.url, TIMINGS) as predictor:
        answers = predictor.answer([tmp_path / "pipe.jpg", tmp_path / "missing.jpg", tmp_path, PHOTO])
    assert [answer.error for answer in answers] == [
        "is a pipe or a device",
        "there is no such file",
        "is a folder",
        None,
    ]
    assert len(endpoint.requests) == 1


def test_closing_ends_whoever_waits(endpoint: Endpoint) -> None:
    endpoint.deeds = [hang]
    with ThreadPoolExecutor(1) as other:
        predictor = EndpointPredictor(endpoint.url, replace(TIMINGS, prediction=1000))
        waiting = other.submit(predictor.answer, [PHOTO])
        endpoint.wait_for(1)
        predictor.close()
        assert isinstance(waiting.exception(20), asyncio.CancelledError)
    predictor.close()


def photos(folder: Path, count: int) -> KnownImages:
    for number in range(count):
        (folder / f"{number:02}.png").write_bytes(photo((number, 0, 0)))
    lines = [f"{number:02}.png,{'001' if number % 2 else '012'}" for number in range(count)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,species_id", *lines]))
    return read_known_images(folder, SPECIES)


def test_all_known_images_are_asked_about_a_few_at_a_time(endpoint: Endpoint, tmp_path: Path) -> None:
    def together(handler: Handler) -> None:
        endpoint.wait_for(4)
        right("common_mormon", "x", 0.5, model=MODEL)(handler)

    known = photos(tmp_path, 32)
    endpoint.deeds = [together]
    heard: list[tuple[int, int]] = []
    answers = answers_of_endpoint(
        endpoint.url, known, SPECIES, timings=TIMINGS, progress=lambda done, total: heard.append((done, total))
    )
    assert endpoint.at_once == 4
    assert sorted(request.photo for request in endpoint.requests) == sorted(
        image.path.read_bytes() for image in known.images
    )
    assert [answer.file_name for answer in answers.answers] == [image.file_name for image in known.images]
    assert [answer.correct for answer in answers.answers] == [False, True] * 16
    assert {(score.id, score.name) for answer in answers.answers for score in answer.top} == {("001", "Common Mormon")}
    assert answers.nameable is None
    assert (answers.model.name, answers.model.file_path, answers.model.sha256) == (endpoint.url, "models/v1.0.0", None)
    assert heard[-1] == (32, 32)


def test_the_same_photo_is_sent_once_and_one_that_cannot_be_read_never(endpoint: Endpoint, tmp_path: Path) -> None:
    photos(tmp_path, 2)
    (tmp_path / "01.png").write_bytes((tmp_path / "00.png").read_bytes())
    with (tmp_path / "metadata.csv").open("a") as file:
        file.write("\nmissing.png,001")
    endpoint.deeds = [right()]
    answers = answers_of_endpoint(endpoint.url, read_known_images(tmp_path, SPECIES), SPECIES, timings=TIMINGS).answers
    assert len(endpoint.requests) == 1
    assert [answer.correct for answer in answers] == [False, True, False]
    assert answers[2].error == "there is no such file"


def test_an_endpoint_that_fails_ends_the_whole_run_soon(endpoint: Endpoint, tmp_path: Path) -> None:
    """No more photos are sent, and a request that hangs is waited for no longer than one photo may take."""
    endpoint.deeds = [*[status(500)] * 3, hang, status(500)]
    begun = time.monotonic()
    with pytest.raises(OutsideError, match="does not answer"):
        answers_of_endpoint(endpoint.url, photos(tmp_path, 40), SPECIES, timings=replace(BRIEF, retries=0))
    assert time.monotonic() - begun < 10
    assert len(endpoint.requests) < 20
