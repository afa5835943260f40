"""The Hub on loopback with a model, and this machine that fetches from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from hf_stand_in.repository import Repository, files_of
from hf_stand_in.server import StandIn, hub_online
from lepinet.hub import Hub, Kept
from lepinet.model_files import wanted_files
from lepinet.settings import Settings
from lepinet.timings import Timings

MODEL = Path(__file__).parents[1] / "models" / "v1.1.0"
WANTED = ("README.md", "config.json", "onnx/model.onnx", "preprocessor_config.json")
NAME = "asha/butterflies"
SHORT = Timings(request=0.4, retry=0.01, fetch=30)


@dataclass
class Machine:
    """One machine with its cache, and what it was told while it fetched."""

    folder: Path
    url: str
    told: list[tuple[str, int]] = field(default_factory=list)
    """What was going to be fetched, and its bytes."""
    counted: list[int] = field(default_factory=list)

    def hub(self, token: str | None = None, timings: Timings = SHORT) -> Hub:
        environ = {"HF_ENDPOINT": self.url, **({"HF_TOKEN": token} if token else {})}
        return Hub(self.folder, Settings(environ), timings, self._fetching)

    def fetch(self, repository: str, revision: str, token: str | None = None, timings: Timings = SHORT) -> Kept:
        return self.hub(token, timings).fetch(repository, revision, partial(wanted_files, where=repository))

    def kept(self) -> list[str]:
        """Commits that are here whole, as whoever looks for them finds them."""
        return [folder.name for folder in self.folder.glob("*/*/*") if not folder.suffix]

    def _fetching(self, what: str, total: int) -> Callable[[int], None]:
        self.told.append((what, total))
        return self.counted.append


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with hub_online(tmp_path_factory.mktemp("hub")) as online:
        online.create(NAME, files_of(MODEL))
        yield online


@pytest.fixture
def hub(online: StandIn) -> StandIn:
    """Nothing is ordered, nothing was asked yet."""
    online.forget()
    return online


@pytest.fixture
def model(hub: StandIn) -> Repository:
    return hub.repositories[NAME]


@pytest.fixture
def commit(model: Repository) -> str:
    return model.references("heads")["main"]


@pytest.fixture
def machine(hub: StandIn, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "cache", hub.url)
