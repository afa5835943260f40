"""What somebody who sends a photo gets back."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from lepinet.evaluation.cases import read_species
from lepinet.evaluation.labels import ModelLabels, SpeciesNames
from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.git import Repository
from lepinet.serving.app import LARGEST_PHOTO
from lepinet.serving.live import AT_MOST, TOGETHER
from serving.local_environment import DEADLINE, KNOWN_IMAGES, LocalEnvironment, make_environment

MORMON = KNOWN_IMAGES / "common_mormon_01.webp"


def png(width: int, height: int) -> bytes:
    """The beginning of an image that claims a size, and no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


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
    ("files", "data", "status", "said"),
    [
        ({"photo": b"x"}, None, 400, "no file in the field image"),
        (None, {"image": "v1.1.0"}, 415, "multipart/form-data"),
        ({"image": b""}, None, 400, "is empty"),
        ({"image": b"#!/bin/sh\necho butterfly\n"}, None, 400, "is no image"),
        ({"image": png(20_000, 20_000)}, None, 400, "million pixels"),
        ({"image": png(64, 64)}, None, 400, "cannot be decoded"),
        ({"image": b"x" * (LARGEST_PHOTO + 1)}, None, 413, "20 MiB"),
        ({"image": b"x", "second": b"y"}, None, 400, "Too many files"),
    ],
    ids=["no image", "no multipart", "empty", "script", "bomb", "truncated", "large", "two files"],
)
def test_what_is_no_photo_gets_a_reason(
    running: LocalEnvironment,
    files: dict[str, bytes] | None,
    data: dict[str, str] | None,
    status: int,
    said: str,
) -> None:
    response = httpx.post(f"{running.url}/predict", files=files, data=data, timeout=DEADLINE, trust_env=False)
    assert response.status_code == status
    assert said in response.json()["error"]


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
        assert response.json()["error"]


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
    assert running.get("/predict").status_code == 405
    assert running.get("/").status_code == 404
    assert running.get("/").json() == {"error": "Not Found"}


def test_when_too_many_photos_wait_the_rest_is_told_to_come_back(
    running: LocalEnvironment, photos: list[bytes]
) -> None:
    sent = AT_MOST + TOGETHER + 6
    with ThreadPoolExecutor(sent) as senders:
        (model,) = running.model_pids()
        with stopped(model):
            waiting = [senders.submit(running.predict, photos[0]) for _ in range(sent)]
            running.wait(lambda: sum(one.done() for one in waiting) >= 6)
            turned_away = [one.result() for one in waiting if one.done()]
        answered = [one.result() for one in waiting]
    assert all(one.status_code == 503 and one.headers["Retry-After"] == "1" for one in turned_away)
    assert sum(one.status_code == 200 for one in answered) >= AT_MOST
    assert {one.status_code for one in answered} == {200, 503}


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
    identity = ["-c", "user.name=Asha", "-c", "user.email=asha@example.org"]
    for command in (["init", "-q", "-b", "main"], [*identity, "commit", "-q", "--allow-empty", "-m", "begin"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    data = tmp_path / "home" / Repository(root).first_commit()
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
