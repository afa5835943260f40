"""The processes behind the endpoints: each serves one commit of one repository with a real model."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from hf_stand_in.answers import Reply

TOKEN = "hf_of_the_endpoints"  # noqa: S105 -- nobody's
PATIENCE = 60


@dataclass(frozen=True)
class Served:
    """What a replica serves, and how."""

    repository: str
    revision: str
    custom: str | None = None
    """With an image of the team's own, `lepinet serve`: what its variable says."""


@dataclass
class Replica:
    """One process, from its start on."""

    process: subprocess.Popen[str]
    port: int | None = None
    """None where it could not start, and while it has not said which one it found."""
    started: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> bool:
        return self.started.is_set() and self.port is None

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        assert self.port is not None
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            kept = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
            return Reply(answer.status, answer.read(), kept)
        finally:
            connection.close()


@dataclass
class Replicas:
    """All of them; what was started once goes on, so that a model is loaded once for many moves."""

    hub: str
    """The Hub's URL, where they fetch models."""
    folder: Path
    broken: str | None = None
    """A revision that no endpoint can start."""
    running: dict[Served, Replica] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, served: Served) -> Replica:
        """The process, started where there is none; it may be still starting."""
        with self._lock:
            if served not in self.running:
                replica = self.running[served] = self._start(served)
                threading.Thread(target=_follow, args=(replica,), daemon=True).start()
            return self.running[served]

    def ready(self, served: Served) -> Replica:
        """The process, once it answers."""
        replica = self.of(served)
        assert replica.started.wait(PATIENCE)
        assert not replica.failed, f"{served} does not start"
        return replica

    def end(self) -> None:
        for replica in self.running.values():
            replica.process.kill()
            replica.process.wait()
            assert replica.process.stdout is not None
            replica.process.stdout.close()

    def _start(self, served: Served) -> Replica:
        place = tempfile.mkdtemp(dir=self.folder)
        plain = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "LEPINET_"))},
            **plain,
            "HF_ENDPOINT": self.hub,
            "HF_HOME": place,
            "HF_TOKEN": TOKEN,
            "LEPINET_HOME": place,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        command = [sys.executable, "-m", "hf_stand_in.toolkit", served.repository, served.revision, f"{place}/model"]
        port = None
        if served.custom is not None:
            # It is told its port, as containers are; the toolkit's process says the one that it found.
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            lepinet = [sys.executable, "-c", "from lepinet.cli import main; main()"]
            command = [*lepinet, "serve", "--model", served.custom, "--port", str(port)]
        with (Path(place) / "errors").open("w") as errors:
            process = subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=errors, text=True)
        return Replica(process, port)


def _follow(replica: Replica) -> None:
    assert replica.process.stdout is not None
    if replica.port is None:
        said = replica.process.stdout.readline().strip()
        replica.port = int(said) if said.isdecimal() else None
    while replica.port is not None and replica.process.poll() is None:
        with contextlib.suppress(OSError, HTTPException):  # as it says nothing yet, or was ended while it spoke
            if replica.ask("GET", "/health", b"", {}).status == HTTPStatus.OK:
                break
        time.sleep(0.02)
    else:
        replica.port = None
    replica.started.set()
