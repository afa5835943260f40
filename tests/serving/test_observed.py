"""What the server tells of its requests: an id for each, a line in the log, and numbers for Prometheus."""

from __future__ import annotations

import asyncio
import io
import json
import re
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.endpoints.local_folder import LocalFolder
from lepinet.serving.app import failed
from lepinet.serving.follower import Follower
from lepinet.serving.live import LiveModel
from lepinet.serving.log import Handling, Log
from lepinet.serving.metrics import Metrics
from lepinet.serving.observed import Observed
from lepinet.target import Target
from lepinet.timings import Timings
from serving.local_environment import DEADLINE, LocalEnvironment


def logged(environment: LocalEnvironment, request_id: str) -> dict[str, Any]:
    """The one line about a request, which is written after its answer; the test's own program writes `ready at`."""

    def found() -> list[dict[str, Any]]:
        told = [json.loads(line) for line in environment.log.splitlines() if not line.startswith("ready at ")]
        return [line for line in told if line.get("request_id") == request_id]

    environment.wait(lambda: bool(found()))
    (line,) = found()
    return line


def samples(environment: LocalEnvironment) -> dict[tuple[str, tuple[str, ...]], float]:
    """The numbers of now, by name and the labels' values."""
    families = text_string_to_metric_families(environment.get("/metrics").text)
    return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}


def test_an_answer_and_the_log_carry_the_senders_id(running: LocalEnvironment, photos: list[bytes]) -> None:
    answer = running.predict(photos[0], **{"X-Request-ID": "phone-7.a_1"})
    assert answer.headers["X-Request-ID"] == "phone-7.a_1"
    line = logged(running, "phone-7.a_1")
    target = running.target("v1.1.0")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/predict", 200)
    assert (line["version"], line["revision"]) == ("v1.1.0", target.revision)
    assert line["milliseconds"] > 0


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b'{"a":1}', "a\u2028".encode(), b"\x1b[31m"])
def test_an_id_that_could_write_something_else_is_not_taken(running: LocalEnvironment, given: bytes) -> None:
    answer = httpx.get(f"{running.url}/butterflies", headers=[(b"X-Request-ID", given)], trust_env=False)
    made = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert answer.json()["request_id"] == made
    assert logged(running, made)["error"] == "not_found"


def test_the_log_keeps_neither_photos_nor_who_sent_them(running: LocalEnvironment) -> None:
    secrets = {"Authorization": "Bearer hf_secret", "User-Agent": "Agent 007", "Cookie": "a=b", "X-Request-ID": "quiet"}
    files = {"image": ("holiday in Kandy.jpg", b"no photo at all")}
    url = f"{running.url}/predict?token=hf_secret"
    assert httpx.post(url, files=files, headers=secrets, timeout=DEADLINE, trust_env=False).status_code == 400
    line = logged(running, "quiet")
    assert set(line) == {"time", "request_id", "method", "path", "status", "milliseconds", "error"}
    assert line["path"] == "/predict"
    for kept in ("hf_secret", "Agent", "Kandy", "no photo at all"):
        assert kept not in running.log


def test_nobody_writes_lines_of_their_own_into_the_log(running: LocalEnvironment) -> None:
    path = '/%0A%7B"status":200%7D%1B[31m' + 500 * "x"
    answer = httpx.get(f"{running.url}{path}", headers={"X-Request-ID": "forger"}, trust_env=False)
    assert answer.status_code == 404
    line = logged(running, "forger")
    assert "\n" not in line["path"]
    assert "\x1b" not in line["path"]
    assert len(line["path"]) == 200


def test_on_a_terminal_a_person_reads_the_lines() -> None:
    stream = io.StringIO()
    log = Log(stream, as_json=False)
    target = Target("models/v1.1.0", "sha256:" + 64 * "0", "v1.1.0")
    log.say("v1.1.0: answers")
    log.request(Handling("abc", "POST", "/predict\x1b[2J", status=200, seconds=0.0412, model=target))
    said, asked = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d v1\.1\.0: answers", said)
    assert re.fullmatch(r"\d\d:\d\d:\d\d 200 POST /predict\ufffd\[2J 41\.2 ms v1\.1\.0 \(abc\)", asked)


def test_what_nobody_foresaw_is_answered_and_written_down(running: LocalEnvironment) -> None:
    """The sender hears no more of it than where to look."""

    async def fails(_: Request) -> Response:
        raise RuntimeError("a secret of the server")

    async def asked() -> httpx.Response:
        app = Starlette(routes=[Route("/", fails)], exception_handlers={Exception: failed})
        model = LocalFolder(running.folder)
        metrics = Metrics(Follower(model, refused, Timings(), log.say))
        transport = httpx.ASGITransport(Observed(app, {"/"}, log, metrics))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/")

    def refused(_: Target) -> LiveModel:
        raise AssertionError("nobody orders a model")

    stream = io.StringIO()
    log = Log(stream, as_json=True)
    answer = asyncio.run(asked())
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "the server failed; its log says why",
        "kind": "internal",
        "request_id": answer.headers["X-Request-ID"],
    }
    why, line = map(json.loads, stream.getvalue().splitlines())
    assert why["request_id"] == line["request_id"] == answer.headers["X-Request-ID"]
    assert "RuntimeError: a secret of the server" in why["traceback"]
    assert (line["status"], line["error"]) == (500, "internal")


def test_prometheus_sees_requests_errors_times_and_confidences(
    environment: LocalEnvironment, photos: list[bytes]
) -> None:
    environment.start()
    environment.serve("v1.1.0", 1)
    answers = [environment.predict(photo).json() for photo in photos[:5]]
    assert environment.predict(b"no photo").status_code == 400
    for number in range(3):
        environment.get(f"/butterflies/{number}")
    seen = samples(environment)
    assert seen["lepinet_requests_total", ("/predict", "200")] == 5
    assert seen["lepinet_requests_total", ("/predict", "400")] == 1
    assert seen["lepinet_requests_total", ("other", "404")] == 3
    assert seen["lepinet_errors_total", ("bad_photo",)] == 1
    assert seen["lepinet_errors_total", ("not_found",)] == 3
    assert seen["lepinet_request_seconds_count", ("/predict",)] == 6
    assert seen["lepinet_confidence_count", ("v1.1.0",)] == 5
    total = sum(answer["confidence"] for answer in answers)
    assert seen["lepinet_confidence_sum", ("v1.1.0",)] == pytest.approx(total)
    assert seen["lepinet_photos_waiting", ()] == 0
    assert seen["lepinet_ready", ()] == 1


def test_prometheus_sees_which_model_answers_and_each_swap(environment: LocalEnvironment) -> None:
    environment.start()
    assert samples(environment)["lepinet_ready", ()] == 0
    for generation, version in enumerate(("v1.0.0", "v1.1.0", "v1.0.0"), start=1):
        target = environment.serve(version, generation)
        seen = samples(environment)
        assert seen["lepinet_swaps_total", ()] == generation - 1
        active = [labels for name, labels in seen if name == "lepinet_active_model_info"]
        assert active == [(target.file_path, target.revision, target.version)]
