"""A server that is ordered to serve a model from the Hub: it fetches, answers, and keeps the old one until then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hf_stand_in import faults
from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online
from lepinet.endpoints import Order
from lepinet.target import Target
from serving.local_environment import LocalEnvironment

NAME = "asha/butterflies"


@pytest.fixture
def hub(environment: LocalEnvironment, tmp_path: Path) -> Iterator[StandIn]:
    with hub_online(tmp_path / "hub") as hub:
        hub.create(NAME, files_of(environment.root / "models" / "v1.1.0"))
        environment.variables = {"HF_ENDPOINT": hub.url, "LEPINET_HOME": str(tmp_path / "home")}
        yield hub


def on_hub(hub: StandIn, revision: str | None = None) -> Target:
    return Target(NAME, revision or hub.repositories[NAME].references("heads")["main"], "v2.0.0")


def order(environment: LocalEnvironment, target: Target, generation: int) -> None:
    environment.endpoint.move(Order(target, generation))


def test_it_is_fetched_and_answers_as_the_same_files_in_a_folder(
    environment: LocalEnvironment, hub: StandIn, photos: list[bytes]
) -> None:
    environment.start()
    environment.serve("v1.1.0", 1)
    here = environment.predict(photos[0]).json()
    target = on_hub(hub)
    order(environment, target, 2)
    environment.until(lambda state: state.ready and state.target == target)
    there = environment.predict(photos[0]).json()
    assert there.pop("model") == {"version": "v2.0.0", "file_path": NAME, "revision": target.revision}
    assert {**there, "model": here["model"]} == here


def test_one_that_cannot_be_had_leaves_the_old_one_answering(
    environment: LocalEnvironment, hub: StandIn, photos: list[bytes]
) -> None:
    environment.start()
    environment.serve("v1.0.0", 1)
    order(environment, on_hub(hub, "0" * 40), 2)
    state = environment.until(lambda state: state.failed)
    assert "has no commit 0000000" in state.detail
    assert environment.predict(photos[0]).json()["model"]["version"] == "v1.0.0"


def test_started_again_without_the_hub_it_serves_what_is_here(
    environment: LocalEnvironment, hub: StandIn, photos: list[bytes]
) -> None:
    environment.start()
    target = on_hub(hub)
    order(environment, target, 1)
    environment.until(lambda state: state.ready)
    environment.process.terminate()
    environment.process.wait()
    hub.order(faults.hang_up, times=99)
    environment.start()
    environment.until(lambda state: state.ready and state.target == target)
    assert environment.predict(photos[0]).status_code == 200
