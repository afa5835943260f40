"""What somebody who sends a photo gets back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from begun import begin
from lepinet.evaluation.cases import read_species
from lepinet.evaluation.labels import ModelLabels, SpeciesNames
from lepinet.evaluation.photos import MAX_PIXELS
from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.serving.live import AT_MOST, TOGETHER, BusyError, LiveModel
from lepinet.serving.photo import ALL_PHOTOS, LARGEST_PHOTO
from serving.local_environment import DEADLINE, KNOWN_IMAGES, LocalEnvironment, make_environment

MORMON = KNOWN_IMAGES / "common_mormon_01.webp"


def png(width: int, height: int) -> bytes:
    """The beginning of an image that claims a size, and no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


START = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'


def head(length: int) -> bytes:
    """Of a request with a body of so many bytes, which begins with `START`."""
    form = "Content-Type: multipart/form-data; boundary=b"
    return f"POST /predict HTTP/1.1\r\nHost: localhost\r\n{form}\r\nContent-Length: {length}\r\n\r\n".encode()


def connected(environment: LocalEnvironment) -> socket.socket:
    return socket.create_connection(("127.0.0.1", httpx.URL(environment.url).port or 0), timeout=DEADLINE)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_the_answer_is_what_the_model_says_offline(running: LocalEnvironment, photos: list[bytes]) -> None:
    names = SpeciesNames(read_species(running.root / "species.csv"))
    with ModelProcess(running.root / "models/v1.1.0") as offline:
        labels = ModelLabels(offline.labels, names)
        expected = [labels.named(answer) for answer in offline.answer(photos)]
    with ThreadPoolExecutor(12) as senders:
        answers = [response.json() for response in senders.map(running.predict, photos)]
    target = running.target("v1.1.0")
    for answer, top in zip(answers, expected, strict=True):
        assert answer["predicted_id"] == top[0].id
        assert answer["predicted_name"] == top[0].name
        assert answer["confidence"] == pytest.approx(top[0].confidence, abs=1e-6)
        assert [one["id"] for one in answer["top"]] == [score.id for score in top]
        assert len(answer["top"]) == 5
        assert answer["model"] == {"version": "v1.1.0", "file_path": target.file_path, "revision": target.revision}
    assert len({answer["predicted_id"] for answer in answers}) > 6


def test_an_answer_is_not_held_back_by_the_network(running: LocalEnvironment, photos: list[bytes]) -> None:
    """Nagle's algorithm beside delayed acknowledgements would cost each answer 40 ms."""
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        fastest = min(client.get("/health").elapsed.total_seconds() for _ in range(20))
        photo = min(client.post("/predict", files={"image": photos[0]}).elapsed.total_seconds() for _ in range(20))
    assert fastest < 0.03
    assert photo < 0.035


@pytest.mark.parametrize(
    ("files", "data", "status", "kind", "said"),
    [
        ({"photo": b"x"}, None, 400, "broken_form", "no file in the field image"),
        (None, {"image": "v1.1.0"}, 415, "no_form", "multipart/form-data"),
        ({"image": b""}, None, 400, "bad_photo", "This photo is empty."),
        (
            {"image": b"#!/bin/sh\necho butterfly\n"},
            None,
            400,
            "bad_photo",
            "This file is no photo that can be read: it must be JPEG, PNG",
        ),
        ({"image": png(20_000, 20_000)}, None, 400, "bad_photo", "This photo has more than 128 million pixels."),
        (
            {"image": png(64, 64)},
            None,
            400,
            "bad_photo",
            "This photo is damaged and cannot be read. Send it again, or another one.",
        ),
        (
            {"image": b"x" * (LARGEST_PHOTO + 1)},
            None,
            413,
            "too_large",
            "This photo is too large: it may have at most 20 MiB.",
        ),
        ({"image": b"x", "second": b"y"}, None, 400, "broken_form", "Too many files"),
    ],
    ids=["no image", "no multipart", "empty", "script", "bomb", "truncated", "large", "two files"],
)
def test_what_is_no_photo_gets_a_reason(  # noqa: PLR0917 -- the columns of the table above
    running: LocalEnvironment,
    files: dict[str, bytes] | None,
    data: dict[str, str] | None,
    status: int,
    kind: str,
    said: str,
) -> None:
    response = httpx.post(f"{running.url}/predict", files=files, data=data, timeout=DEADLINE, trust_env=False)
    assert response.status_code == status
    assert response.json()["kind"] == kind
    assert said in response.json()["error"]
    assert response.json()["request_id"] == response.headers["X-Request-ID"]


def test_a_text_in_the_place_of_the_photo_is_no_photo(running: LocalEnvironment) -> None:
    text = [("image", (None, "v1.1.0"))]
    response = httpx.post(f"{running.url}/predict", files=text, timeout=DEADLINE, trust_env=False)
    assert response.status_code == 400
    assert "no file in the field image" in response.json()["error"]


def test_a_body_without_end_is_cut_off(running: LocalEnvironment) -> None:
    """Nothing announces its length; the server stops keeping it at its limit and says so."""

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(LARGEST_PHOTO // 2**18 + 2):
            yield b"x" * 2**18

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = httpx.post(f"{running.url}/predict", content=body(), headers=headers, timeout=DEADLINE, trust_env=False)
    assert response.status_code == 413


def test_a_form_that_is_broken_is_the_senders_mistake(running: LocalEnvironment) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for body in (b"", b"--b\r\nnonsense", b"--c--\r\n"):
        response = httpx.post(
            f"{running.url}/predict", content=body, headers=headers, timeout=DEADLINE, trust_env=False
        )
        assert response.status_code == 400
        assert response.json()["kind"] == "broken_form"


def test_a_charset_that_decodes_nothing_is_the_senders_mistake(running: LocalEnvironment) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b; charset=undefined"}
    form = START + b"x\r\n--b--\r\n"
    response = httpx.post(f"{running.url}/predict", content=form, headers=headers, timeout=DEADLINE, trust_env=False)
    assert (response.status_code, response.json()["kind"]) == (400, "broken_form")


def test_a_sender_who_hangs_up_disturbs_nobody(running: LocalEnvironment, photos: list[bytes]) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        raise ConnectionAbortedError

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with pytest.raises(ConnectionAbortedError):
        httpx.post(f"{running.url}/predict", content=body(), headers=headers, trust_env=False)
    assert running.predict(photos[0]).status_code == 200
    assert "Traceback" not in running.log


def test_wrong_addresses_and_methods_are_said_in_json(running: LocalEnvironment) -> None:
    wrong_method, nowhere = running.get("/predict"), running.get("/butterflies")
    assert (wrong_method.status_code, wrong_method.headers["Allow"]) == (405, "POST")
    assert wrong_method.json()["kind"] == "wrong_method"
    assert wrong_method.json()["error"] == "This address answers POST requests alone."
    assert nowhere.json()["error"].startswith("There is no such address; ")
    assert (nowhere.status_code, nowhere.json()["kind"]) == (404, "not_found")


def test_a_slash_too_many_leads_nowhere_else(running: LocalEnvironment) -> None:
    for path in ("/health/", "/predict/"):
        answer = running.get(path, Host="evil.example")
        assert (answer.status_code, answer.json()["kind"]) == (404, "not_found")


def test_a_body_that_is_announced_too_large_is_not_waited_for(running: LocalEnvironment) -> None:
    with connected(running) as client, client.makefile("rb") as answer:
        client.sendall(head(LARGEST_PHOTO * 2))
        assert answer.readline().startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_come_is_not_waited_for(environment: LocalEnvironment, photos: list[bytes]) -> None:
    environment.timings["prediction"] = 1
    environment.start()
    environment.serve("v1.1.0", 1)
    with connected(environment) as client, client.makefile("rb") as answer:
        client.sendall(head(len(photos[0])) + START + photos[0][:10])
        assert answer.readline().startswith(b"HTTP/1.1 408 ")
        assert b'"kind":"too_slow"' in answer.read()


def test_photos_that_fill_the_memory_together_are_refused(running: LocalEnvironment, photos: list[bytes]) -> None:
    """Each is small enough, none is complete; and the room is there again as soon as their senders are gone."""
    each = LARGEST_PHOTO - (1 << 20)
    one_more = bytes(ALL_PHOTOS % each + (1 << 20))
    with ExitStack() as senders:
        for _ in range(ALL_PHOTOS // each):
            senders.enter_context(connected(running)).sendall(head(each + 1000) + START + bytes(each))
        running.wait(lambda: running.predict(one_more).json()["kind"] == "busy")
        turned_away = running.predict(one_more)
        assert f"photos of {ALL_PHOTOS >> 20} MiB" in turned_away.json()["error"]
        assert turned_away.headers["Retry-After"] == "1"
    running.wait(lambda: running.predict(one_more).json()["kind"] == "bad_photo")
    assert running.predict(photos[0]).status_code == 200


def test_when_too_many_photos_wait_the_rest_is_told_when_to_come_back(
    running: LocalEnvironment, photos: list[bytes]
) -> None:
    """When those before them are answered, if each takes as long as photos took lately."""
    large = MORMON.read_bytes()
    slow = running.predict(large).elapsed.total_seconds()
    sent = AT_MOST + TOGETHER + 6
    with ThreadPoolExecutor(sent) as senders:
        (model,) = running.model_pids()
        with stopped(model):
            waiting = [senders.submit(running.predict, photos[0]) for _ in range(sent)]
            running.wait(lambda: sum(one.done() for one in waiting) >= 6)
            turned_away = [one.result() for one in waiting if one.done()]
        answered = [one.result() for one in waiting]
    assert {one.json()["kind"] for one in turned_away} == {"busy"}
    assert all(1 < int(one.headers["Retry-After"]) <= 1 + AT_MOST * slow for one in turned_away)
    assert sum(one.status_code == 200 for one in answered) >= AT_MOST
    assert {one.status_code for one in answered} == {200, 503}


def test_a_photo_waits_for_its_turn_for_a_while_and_one_that_the_model_has_as_long_as_the_model_takes(
    running: LocalEnvironment, photos: list[bytes]
) -> None:
    process = ModelProcess(running.root / "models/v1.1.0")

    async def ask() -> None:
        names = SpeciesNames(read_species(running.root / "species.csv"))
        model = LiveModel(running.target("v1.1.0"), lambda: process, names, patience=1)
        await model.load()
        with stopped(process.pid):
            sent = [asyncio.create_task(model.answer(photos[0])) for _ in range(TOGETHER + 1)]
            await asyncio.wait(sent, timeout=DEADLINE, return_when=asyncio.FIRST_EXCEPTION)
        ended = await asyncio.gather(*sent, return_exceptions=True)
        refused = [one for one in ended if isinstance(one, BusyError)]
        assert {one.what for one in refused} == {"the photos before this one take too long"}
        assert 1 <= len(refused) <= TOGETHER
        assert all(isinstance(one, tuple) and one for one in ended if not isinstance(one, BusyError))
        await model.finish()

    asyncio.run(ask())


def test_who_asks_for_the_model_again_is_told_only_what_is_new(running: LocalEnvironment) -> None:
    first = running.get("/model")
    assert first.json()["version"] == "v1.1.0"
    assert first.json()["pending"] is None
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = running.get("/model", **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    assert running.get("/model", **{"If-None-Match": '"other"'}).status_code == 200
    assert running.get("/health").json()["status"] == "ok"


def test_an_app_is_told_all_that_it_has_to_know(running: LocalEnvironment) -> None:
    told = running.get("/model").json()
    assert told["top"] == 5
    assert told["photo"]["field"] == "image"
    assert told["photo"]["max_bytes"] == LARGEST_PHOTO
    assert told["photo"]["max_pixels"] == MAX_PIXELS
    assert told["photo"]["lower_max_pixels"] == {"image/webp": 80_000_000}
    assert {"image/jpeg", "image/png", "image/webp"} <= set(told["photo"]["formats"])
    listed = running.get(told["species"])
    assert listed.json()["model"] == {key: told[key] for key in ("version", "file_path", "revision")}
    species = {one["id"]: (one["name"], one["scientific_name"]) for one in listed.json()["species"]}
    assert species["045"] == ("Blue Tiger", "Tirumala limniace")
    assert len(species) == 12
    assert running.get(told["species"], **{"If-None-Match": listed.headers["ETag"]}).status_code == 304


def test_the_mover_reads_what_the_app_reads(running: LocalEnvironment) -> None:
    state = running.endpoint.observe()
    assert (state.target, state.ready) == (running.target("v1.1.0"), True)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[LocalEnvironment]:
    """One with known images and without a list of species, served by `lepinet serve`."""
    root = make_environment(tmp_path).root
    known = root / "tests" / "known_images"
    known.mkdir(parents=True)
    shutil.copy(MORMON, known)
    (known / "metadata.csv").write_text(f"file_name,species_id,species_name\n{MORMON.name},001,Common Mormon\n")
    (root / "models.yaml").write_text(
        "schema_version: 1\nenvironments: {staging: {registry: embedded, endpoint: local}}\nversions: {}\n"
    )
    data = tmp_path / "home" / begin(root)
    (data / "endpoints").mkdir(parents=True)
    with closing(LocalEnvironment(root, data / "endpoints" / "staging")) as environment:
        command = [sys.executable, "-c", "from lepinet.cli import main; main()", "serve"]
        variables = os.environ | {"LEPINET_HOME": str(tmp_path / "home")}
        environment.processes.append(subprocess.Popen(command, cwd=root, env=variables))
        environment.wait(lambda: environment.files.listening() is not None)
        yield environment


def test_without_a_list_an_answer_names_species_as_the_known_images_do(repository: LocalEnvironment) -> None:
    """Whatever the models call them: v1.0.0 says common_mormon, v1.1.0 Common Mormon."""
    for generation, version in enumerate(("v1.0.0", "v1.1.0"), start=1):
        repository.serve(version, generation)
        top = repository.predict(MORMON.read_bytes()).json()["top"]
        assert ("001", "Common Mormon") in {(one["id"], one["name"]) for one in top}
