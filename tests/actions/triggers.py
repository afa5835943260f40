"""Which workflows an event starts, and with which secrets: GitHub's rules, which act does not know.

https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

_ACTIVITY = {"pull_request": ("opened", "synchronize", "reopened"), "merge_group": ("checks_requested",)}
"""What starts a workflow that names no types; other events have none, or are started by all of theirs."""


@dataclass(frozen=True)
class Event:
    """Something that happened in a repository, as GitHub tells its workflows."""

    name: str
    payload: Mapping[str, Any]
    ref: str
    """GITHUB_REF: what is checked out when nothing else is said."""
    sha: str


def starts(workflow: Any, event: Event) -> bool:
    """Whether the event starts the workflow; filters by paths are not known here, no workflow of ours may have one."""
    if event.name not in workflow["on"]:
        return False
    wanted = workflow["on"][event.name] or {}
    assert wanted.keys() <= {"types", "branches", "inputs"}, "teach this function what that means"
    types = wanted.get("types", _ACTIVITY.get(event.name))
    if types is not None and event.payload.get("action") not in types:
        return False
    branch = event.payload["pull_request"]["base"]["ref"] if event.name == "pull_request" else event.ref
    patterns = wanted.get("branches")
    return patterns is None or any(fnmatchcase(branch.removeprefix("refs/heads/"), pattern) for pattern in patterns)


def secrets_of(job: Any, environments: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The secrets a job gets besides its token: those of the environment that it names; the repository has none."""
    named = job.get("environment")
    return dict(environments[named["name"] if isinstance(named, dict) else named]) if named else {}
