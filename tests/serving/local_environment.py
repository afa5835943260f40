"""One environment as it is on a machine: a repository with models, a folder for orders, a server process or none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from lepinet.endpoints import EndpointState, Order
from lepinet.endpoints.local import LocalEndpoint
from lepinet.endpoints.local_folder import LocalFolder
from lepinet.model_files import folder_revision
from lepinet.target import Target
from lepinet.timings import Timings

TESTS = Path(__file__).parents[1]
KNOWN_IMAGES = TESTS / "known_images"
DEADLINE = 60
"""Seconds after which a test gives up waiting; what it waits for takes a fraction of one."""

SERVE = """
import json, os, sys
from pathlib import Path
from lepinet.errors import LepinetError
from lepinet.evaluation.cases import read_species
from lepinet.git import Repository
from lepinet.serving.log import Log
from lepinet.serving.server import serve
from lepinet.settings import Settings
from lepinet.timings import Timings
from lepinet.workflow.workspace import Workspace

folder, root, species, port, timings = json.loads(sys.argv[1])
files = Workspace(Repository(Path(root)), Settings(dict(os.environ)), Timings()).files
try:
    serve(folder=Path(folder), files=files, species=read_species(Path(species)), port=port, timings=Timings(**timings),
          on_ready=lambda url: print("ready at", url, flush=True), log=Log(sys.stderr, as_json=True))
except LepinetError as error:
    sys.exit(str(error))
"""


@dataclass
class LocalEnvironment:
    """Starts servers, orders models, waits, asks."""

    root: Path
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """Of the servers' environment, beside this process's own."""
    timings: dict[str, float] = field(default_factory=dict)
    """Of the servers, where they are others than `Timings` has."""

    @property
    def endpoint(self) -> LocalEndpoint:
        return LocalEndpoint(self.folder, "staging", Timings(connect=5, request=10))

    @property
    def files(self) -> LocalFolder:
        return LocalFolder(self.folder)

    @property
    def log(self) -> str:
        return (self.folder.parent / "server.log").read_text()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self.processes[-1]

    @property
    def url(self) -> str:
        listening = self.files.listening()
        assert listening is not None
        return listening.url

    def start(self, port: int | None = None) -> None:
        self.launch(port)
        self.wait(lambda: self.files.listening() is not None)

    def launch(self, port: int | None = None) -> None:
        arguments = json.dumps([str(self.folder), str(self.root), str(self.root / "species.csv"), port, self.timings])
        with (self.folder.parent / "server.log").open("ab") as log:
            command = [sys.executable, "-c", SERVE, arguments]
            variables = os.environ | self.variables
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=variables))

    def target(self, version: str) -> Target:
        path = f"models/{version}"
        return Target(path, folder_revision(self.root / path), version)

    def move(self, version: str, generation: int) -> Target:
        target = self.target(version)
        self.endpoint.move(Order(target, generation))
        return target

    def serve(self, version: str, generation: int) -> Target:
        """Move, and wait until it answers."""
        target = self.move(version, generation)
        self.until(lambda state: state.ready and state.target == target)
        return target

    def until(self, condition: Callable[[EndpointState], bool]) -> EndpointState:
        self.wait(lambda: condition(self.endpoint.observe()))
        return self.endpoint.observe()

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; the server said:\n{self.log}"
            time.sleep(0.02)

    def predict(self, photo: bytes, **headers: str) -> httpx.Response:
        files = {"image": photo}
        return httpx.post(f"{self.url}/predict", files=files, headers=headers, timeout=DEADLINE, trust_env=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=DEADLINE, trust_env=False)

    def model_pids(self) -> list[int]:
        """The processes of the models that answer, are loaded or are about to end."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for children in tasks for pid in children.read_text().split()]

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def make_environment(place: Path) -> LocalEnvironment:
    root = place / "repository"
    root.mkdir(parents=True)
    shutil.copy(TESTS.parent / "species.csv", root)
    for version in ("v1.0.0", "v1.1.0"):
        shutil.copytree(TESTS / "models" / version, root / "models" / version)
    return LocalEnvironment(root, place / "staging")
