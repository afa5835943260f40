"""The workflows and actions of this repository, as text and as GitHub parses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))


def parsed(file: Path) -> Any:
    return parse(file.read_text(encoding="utf-8"))


def parse(text: str) -> Any:
    """With YAML 1.2's keys: PyYAML takes `on` for true."""
    content = yaml.safe_load(text)
    return {("on" if key is True else key): value for key, value in content.items()}


def jobs(workflow: Any) -> Iterator[tuple[str, Any]]:
    yield from workflow["jobs"].items()


def steps(content: Any) -> Iterator[Any]:
    """Of all of a workflow's jobs, or of an action."""
    for job in content.get("jobs", {}).values():
        yield from job.get("steps", ())
    yield from content.get("runs", {}).get("steps", ())
