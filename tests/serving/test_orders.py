"""Orders while photos come in: which model answers when, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from lepinet.endpoints import Order
from lepinet.evaluation.cases import read_species
from lepinet.evaluation.labels import ModelLabels, SpeciesNames
from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.target import Target
from serving.local_environment import DEADLINE, LocalEnvironment


@dataclass
class Sender:
    """Somebody who never stops asking, and what came back."""

    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """The photo's number and the answer."""
    failures: list[str] = field(default_factory=list)

    def send(self, url: str, photos: list[bytes], stop: threading.Event) -> None:
        with httpx.Client(base_url=url, timeout=DEADLINE, trust_env=False) as client:
            while not stop.is_set():
                for number, photo in enumerate(photos):
                    try:
                        response = client.post("/predict", files={"image": photo}).raise_for_status()
                        self.answers.append((number, response.json()))
                    except httpx.HTTPError as error:
                        self.failures.append(repr(error))

    @property
    def versions(self) -> list[str]:
        """Those that answered, one after the other."""
        return [version for version, _ in groupby(answer["model"]["version"] for _, answer in self.answers)]


@contextmanager
def constant_load(url: str, photos: list[bytes]) -> Iterator[list[Sender]]:
    stop, senders = threading.Event(), [Sender() for _ in range(4)]
    threads = [threading.Thread(target=sender.send, args=(url, photos, stop)) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        yield senders
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def offline(environment: LocalEnvironment, version: str, photos: list[bytes]) -> list[str]:
    names = SpeciesNames(read_species(environment.root / "species.csv"))
    with ModelProcess(environment.root / "models" / version) as model:
        labels = ModelLabels(model.labels, names)
        return [labels.named(answer)[0].id for answer in model.answer(photos)]


def test_models_change_under_load_without_one_failure(environment: LocalEnvironment, photos: list[bytes]) -> None:
    """Each answer is that of the model which it names, and nobody hears of the old model after the new one."""
    expected = {version: offline(environment, version, photos) for version in ("v1.0.0", "v1.1.0")}
    assert expected["v1.0.0"] != expected["v1.1.0"]
    changes = ["v1.0.0", "v1.1.0"] * 3
    environment.start()
    environment.serve(changes[0], 1)
    with constant_load(environment.url, photos) as senders:
        for generation, version in enumerate(changes[1:], start=2):
            environment.serve(version, generation)
            environment.wait(lambda heard=changes[:generation]: all(one.versions == heard for one in senders))  # type: ignore[misc]
        environment.wait(lambda: sum(len(one.answers) for one in senders) > 1000)
    assert [one.failures for one in senders] == [[]] * len(senders)
    for sender in senders:
        assert sender.versions == changes
        for number, answer in sender.answers:
            version = answer["model"]["version"]
            assert answer["predicted_id"] == expected[version][number]
            assert answer["model"]["revision"] == environment.target(version).revision
    # The models that were replaced are gone: one process is left.
    environment.wait(lambda: len(environment.model_pids()) == 1)


def test_an_order_is_seen_as_soon_as_it_is_written(environment: LocalEnvironment) -> None:
    environment.start()
    environment.serve("v1.0.0", 1)
    new = environment.move("v1.1.0", 2)
    state = environment.endpoint.observe()
    assert state.target == new
    assert state.detail or state.ready


def test_an_older_generation_is_refused_whoever_wrote_it(environment: LocalEnvironment, photos: list[bytes]) -> None:
    environment.start()
    served = environment.serve("v1.1.0", 7)
    old = Order(environment.target("v1.0.0"), 6)
    environment.files.write_order(old)
    state = environment.until(lambda state: "generation 6" in state.detail)
    assert (state.target, state.ready, state.failed) == (served, True, False)
    assert environment.predict(photos[0]).json()["model"]["version"] == "v1.1.0"
    environment.endpoint.move(replace(old, accept_history=True))
    environment.until(lambda state: state.ready and state.target == old.target)
    assert environment.get("/model").json()["generation"] == 6


def test_an_order_that_cannot_be_read_changes_nothing(environment: LocalEnvironment) -> None:
    environment.start()
    served = environment.serve("v1.1.0", 1)
    order = json.loads(environment.files.order_file.read_text())
    endless = {**order, "target": {**order["target"], "file_path": "a/" * 1000}}
    for written, told in (
        ("v1.0.0", "Invalid JSON"),
        (json.dumps({**order, "generation": 2**63}), "generation: Input should be less"),
        (json.dumps(endless), "target.file_path: String should have at most 500"),
    ):
        environment.files.order_file.write_text(written)
        state = environment.until(lambda state, told=told: told in state.detail)  # type: ignore[misc]
        assert "order.json" in state.detail
        assert (state.target, state.ready) == (served, True)
    environment.serve("v1.0.0", 1)


def test_a_new_generation_of_the_same_model_starts_nothing(environment: LocalEnvironment) -> None:
    environment.start()
    environment.serve("v1.1.0", 1)
    pids = environment.model_pids()
    environment.serve("v1.1.0", 2)
    assert environment.get("/model").json()["generation"] == 2
    assert environment.model_pids() == pids


def changed(folder: Path) -> None:
    (folder / "README.md").write_text("another model's card")


def without_weights(folder: Path) -> None:
    (folder / "onnx/model.onnx").unlink()
    (folder / "model.safetensors").unlink()


def damaged(folder: Path) -> None:
    (folder / "onnx/model.onnx").write_bytes(b"no model")


def pipe(folder: Path) -> None:
    without_weights(folder)
    os.mkfifo(folder / "onnx/model.onnx")


def link(folder: Path) -> None:
    without_weights(folder)
    (folder / "onnx/model.onnx").symlink_to("/etc/hostname")


def linked_folder(folder: Path) -> None:
    folder.rename(folder.parents[2] / folder.name)
    folder.symlink_to(folder.parents[2] / folder.name)


@pytest.mark.parametrize(
    ("harm", "ordered_after", "reason"),
    [
        (changed, False, "are not those of its revision"),
        (without_weights, True, "neither onnx/model.onnx"),
        (damaged, True, "onnxruntime cannot load it"),
        (damaged, False, "are not those of its revision"),
        (pipe, False, "pipe"),
        (link, False, "leads out"),
        (linked_folder, False, "leads out"),
        (shutil.rmtree, False, "is not a folder of this repository"),
    ],
    ids=["changed", "no ONNX", "damaged", "damaged later", "pipe", "link", "linked folder", "removed"],
)
def test_what_is_not_a_model_as_ordered_never_takes_the_old_ones_place(
    running: LocalEnvironment,
    photos: list[bytes],
    harm: Callable[[Path], object],
    ordered_after: bool,  # noqa: FBT001 - a parameter of the table above
    reason: str,
) -> None:
    version = f"v9.0.0-{harm.__name__}-{ordered_after}"
    folder = running.root / "models" / version
    shutil.copytree(running.root / "models/v1.0.0", folder)
    target = running.target(version)
    harm(folder)
    if ordered_after:
        target = running.target(version)
    assert_refused(running, target, reason, photos[0])


@pytest.mark.parametrize("path", ["../outside", "models/../../outside", "Bhanura/lepinet-model", ".", "a" * 300])
def test_only_a_folder_of_the_repository_is_served(running: LocalEnvironment, photos: list[bytes], path: str) -> None:
    outside = running.root.parent / "outside"
    if not outside.exists():
        shutil.copytree(running.root / "models/v1.0.0", outside)
    target = Target(path, running.target("v1.0.0").revision, "v9.0.0")
    assert_refused(running, target, r"leads out|is not a folder|are not those of its revision", photos[0])


def assert_refused(running: LocalEnvironment, target: Target, reason: str, photo: bytes) -> None:
    running.endpoint.move(Order(target, 1))
    state = running.until(lambda state: state.target == target and state.failed)
    assert not state.ready
    assert re.search(reason, state.detail)
    answer = running.predict(photo)
    assert (answer.status_code, answer.json()["model"]["version"]) == (200, "v1.1.0")
    said = running.get("/model").json()
    assert (said["version"], said["ready"], said["pending"]["version"]) == ("v1.1.0", True, target.version)


def test_the_same_order_again_tries_again(environment: LocalEnvironment) -> None:
    environment.start()
    environment.serve("v1.1.0", 1)
    hidden = environment.root / "models/hidden"
    target = environment.target("v1.0.0")
    (environment.root / "models/v1.0.0").rename(hidden)
    environment.endpoint.move(Order(target, 2))
    environment.until(lambda state: state.failed)
    hidden.rename(environment.root / "models/v1.0.0")
    environment.endpoint.move(Order(target, 2))
    assert environment.until(lambda state: state.ready).target == target


def test_back_to_the_old_model_needs_no_loading(environment: LocalEnvironment) -> None:
    """While a new one still loads: the way back must not wait for it."""
    environment.start()
    environment.serve("v1.0.0", 1)
    before = environment.model_pids()
    environment.move("v1.1.0", 2)
    back = environment.move("v1.0.0", 3)
    state = environment.endpoint.observe()
    assert (state.target, state.ready) == (back, True)
    environment.wait(lambda: environment.model_pids() == before)
    assert environment.endpoint.observe().ready
