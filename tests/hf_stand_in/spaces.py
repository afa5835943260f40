"""Spaces on the Hub: a container each, here a real `lepinet serve`, started again as the variables change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hf_stand_in.answers import Reply
from hf_stand_in.replicas import Replicas, Served

SPACES = "/api/spaces/"
_MODEL = "LEPINET_MODEL"


@dataclass
class Space:
    """One Space, and how far its start has come."""

    name: str
    replicas: Replicas
    writers: set[str]
    """Tokens that may write its settings."""
    private: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    stage: str = "RUNNING"
    error: str | None = None
    broken: str | None = None
    """A version with which it ends as soon as it is started."""
    stuck: int = 0
    """So many starts, from the first one on, come to nothing and say nothing."""
    answers: Served | None = None
    """What its container was started with last; the host is that process."""
    starts: int = 0
    host: str | None = None
    """What the Hub says its address is, where that is not its server's."""

    @property
    def wanted_model(self) -> str:
        return self.variables.get(_MODEL, "")

    @property
    def wanted(self) -> Served:
        return Served("", "", self.wanted_model)

    def start(self) -> None:
        self.stage, self.starts, self.answers = "APP_STARTING", self.starts + 1, None

    def look(self) -> None:
        """It runs as soon as its server listens; whether that has a model is the server's word."""
        if self.stage != "APP_STARTING" or self.starts <= self.stuck:
            return
        if self.broken and self.broken in self.wanted_model:
            self.stage, self.error = "RUNTIME_ERROR", "Exit code: 137. Reason: out of memory"
        elif self.replicas.of(self.wanted).port is not None:
            self.stage, self.error, self.answers = "RUNNING", None, self.wanted

    def description(self) -> dict[str, Any]:
        self.look()
        runtime: dict[str, Any] = {"stage": self.stage, "hardware": {"current": "cpu-basic", "requested": "cpu-basic"}}
        if self.error:
            runtime["errorMessage"] = self.error
        said: dict[str, Any] = {"id": self.name, "private": self.private, "sdk": "docker", "runtime": runtime}
        if self.host is not None:
            said["host"] = self.host
        elif self.answers:
            said["host"] = f"http://127.0.0.1:{self.replicas.of(self.answers).port}"
        return said


def answer_of_space(
    method: str, path: str, token: str | None, body: Mapping[str, Any], spaces: Mapping[str, Space]
) -> Reply:
    """What the Hub says of a Space, or does to it."""
    owner, name, *action = path.removeprefix(SPACES).split("/")
    space = spaces.get(f"{owner}/{name}")
    if space is None or (space.private and token not in space.writers):
        return _said({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
    if not action:
        return _said(space.description())
    if token not in space.writers:
        return _said({"error": "You need write access to this Space."}, 403)
    match method, action:
        case "POST", ["variables"]:
            space.variables[body["key"]] = body["value"]
            space.start()  # a change of the settings starts the container again
        case "POST", ["restart"]:
            space.start()
            return _said(space.description()["runtime"])
    return _said({key: {"key": key, "value": value} for key, value in space.variables.items()})


def _said(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})
