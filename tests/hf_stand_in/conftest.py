"""The Hub on loopback with one real model, for tests that leave its files as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online

MODELS = Path(__file__).parents[1] / "models"
MODEL = "asha/butterflies"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with hub_online(tmp_path_factory.mktemp("hub")) as hub:
        repository = hub.create(MODEL, files_of(MODELS / "v1.0.0"))
        repository.tag("v1.0.0", "main")
        repository.tag("best", "main", annotated=True)
        repository.commit(files_of(MODELS / "v1.1.0"), "Add the wet season")
        yield hub


@pytest.fixture
def hub(served: StandIn) -> StandIn:
    """Nothing is ordered, nothing was asked yet."""
    served.forget()
    return served
