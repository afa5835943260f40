"""The container of a Space: the command of its Dockerfile, run here as it stands there."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online
from serving.local_environment import KNOWN_IMAGES, TESTS

ROOT = Path(__file__).parents[2]
NAME = "asha/butterflies"
PHOTO = (KNOWN_IMAGES / "blue_tiger_01.webp").read_bytes()
PATIENCE = 60


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with hub_online(tmp_path_factory.mktemp("hub")) as hub:
        hub.create(NAME, files_of(TESTS / "models" / "v1.1.0"))
        yield hub


class Container(NamedTuple):
    """What the Dockerfile starts."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def container(hub: StandIn, folder: Path, model: str | None) -> Iterator[Container]:
    """In a folder with a list of species."""
    (command,) = re.findall(r"^CMD (.*)$", (ROOT / "spaces" / "Dockerfile").read_text(), re.MULTILINE)
    (folder / "species.csv").write_bytes((ROOT / "species.csv").read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(folder), "HF_ENDPOINT": hub.url, "PORT": str(port)}
    if model is not None:
        env["LEPINET_MODEL"] = model
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(json.loads(command), cwd=folder, env=env, stdout=said, stderr=said, text=True)
    try:
        yield Container(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()


def until(url: str, status: int) -> httpx.Response:
    """What it says as soon as it answers with that status."""
    deadline = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < deadline, f"{url} never answers with {status}"
        try:
            answer = httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == status:
            return answer


def test_it_answers_with_the_model_that_the_variable_names(hub: StandIn, tmp_path: Path) -> None:
    commit = hub.repositories[NAME].references("heads")["main"]
    with container(hub, tmp_path, f"{NAME}@{commit} v1.1.0") as (url, _):
        until(f"{url}/health", 200)
        said = httpx.post(f"{url}/predict", files={"image": PHOTO}, trust_env=False).json()
    assert said["model"] == {"version": "v1.1.0", "file_path": NAME, "revision": commit}
    assert (said["predicted_id"], said["predicted_name"]) == ("045", "Blue Tiger")


def test_told_to_stop_it_says_so_before_it_ends(hub: StandIn, tmp_path: Path) -> None:
    """Whoever spreads the photos has time to turn to others; until then each is answered."""
    commit = hub.repositories[NAME].references("heads")["main"]
    with container(hub, tmp_path, f"{NAME}@{commit} v1.1.0") as (url, process):
        until(f"{url}/health", 200)
        process.terminate()
        assert until(f"{url}/health", 503).json()["kind"] == "stopping"
        assert httpx.post(f"{url}/predict", files={"image": PHOTO}, trust_env=False).status_code == 200
        assert process.wait(timeout=PATIENCE) == 0
    lines = [json.loads(line) for line in (tmp_path / "said").read_text().splitlines()]
    assert [line["message"] for line in lines if "message" in line][-1].endswith("answers")


def test_before_anybody_has_named_a_model_it_says_so(hub: StandIn, tmp_path: Path) -> None:
    with container(hub, tmp_path, None) as (url, _):
        told = until(f"{url}/health", 503).json()
    assert (told["error"], told["kind"]) == ("no model answers yet", "no_model")


def test_what_the_variable_says_is_text(hub: StandIn, tmp_path: Path) -> None:
    with container(hub, tmp_path, f'{NAME}@main"; touch "{tmp_path}/pwned'):
        deadline = time.monotonic() + PATIENCE
        while "names no commit of a model" not in (tmp_path / "said").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert not (tmp_path / "pwned").exists()


def test_the_space_expects_it_where_it_listens() -> None:
    (port,) = re.findall(r"^app_port: (\d+)$", (ROOT / "spaces" / "README.md").read_text(), re.MULTILINE)
    dockerfile = (ROOT / "spaces" / "Dockerfile").read_text()
    assert f"${{PORT:-{port}}}" in dockerfile
    assert f"EXPOSE {port}\n" in dockerfile
