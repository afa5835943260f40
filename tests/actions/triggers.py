"""What GitHub does before a job runs: which event starts what, who gets which secret, who waits and who is cancelled.

act knows none of it. https://docs.github.com/actions/reference/workflows-and-actions
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

_ACTIVITY = {"pull_request": ("opened", "synchronize", "reopened"), "merge_group": ("checks_requested",)}
"""What starts a workflow that names no types; other events have none, or are started by all of theirs."""
_KNOWN = {"types", "branches", "inputs", "workflows", "tags"}
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_FORMAT = re.compile(r"(?:([\w.-]+) && )?format\('([^']*)', ([\w.-]+)\)(?: \|\| '([^']*)')?")


@dataclass(frozen=True)
class Event:
    """Something that happened in a repository, as GitHub tells its workflows."""

    name: str
    payload: Mapping[str, Any]
    ref: str
    """GITHUB_REF: what is checked out when nothing else is said."""
    sha: str

    @property
    def inputs(self) -> Mapping[str, str]:
        return self.payload.get("inputs") or {}


def starts(workflow: Any, event: Event) -> bool:
    """Whether the event starts the workflow; filters by paths are not known here, no workflow of ours may have one."""
    if event.name not in workflow["on"]:
        return False
    wanted = workflow["on"][event.name] or {}
    if event.name == "schedule":
        return any(one["cron"] == event.payload["schedule"] for one in wanted)
    assert wanted.keys() <= _KNOWN, "teach this function what that means"
    types = wanted.get("types", _ACTIVITY.get(event.name))
    if types is not None and event.payload.get("action") not in types:
        return False
    if event.name == "workflow_run" and event.payload["workflow_run"]["name"] not in wanted["workflows"]:
        return False
    if event.name == "push" and wanted.keys() & {"branches", "tags"}:
        kind, name = ("tags", "refs/tags/") if event.ref.startswith("refs/tags/") else ("branches", "refs/heads/")
        return any(fnmatchcase(event.ref.removeprefix(name), pattern) for pattern in wanted.get(kind, ()))
    branch = event.payload["pull_request"]["base"]["ref"] if event.name == "pull_request" else event.ref
    patterns = wanted.get("branches")
    return patterns is None or any(fnmatchcase(branch.removeprefix("refs/heads/"), pattern) for pattern in patterns)


def with_defaults(workflow: Any, inputs: Mapping[str, str]) -> dict[str, str]:
    """What a person chose on *Run workflow*, and the defaults of what they left alone.

    A choice is one of its options, and what is required is there: GitHub sees to it.
    """
    known = (workflow["on"]["workflow_dispatch"] or {}).get("inputs", {})
    assert inputs.keys() <= known.keys()
    for name, one in known.items():
        assert one["type"] != "choice" or inputs.get(name, one.get("default")) in one["options"]
        assert inputs.get(name) or not one.get("required"), name
    return {name: inputs.get(name, one.get("default", "")) for name, one in known.items()}


def value_of(text: str, contexts: Mapping[str, Mapping[str, str]]) -> str:
    """A text with its expressions replaced, of the kinds that names of environments and groups have here."""

    def look_up(name: str) -> str:
        context, _, key = name.partition(".")
        return contexts[context].get(key, "")

    def replaced(found: re.Match[str]) -> str:
        if put_together := _FORMAT.fullmatch(found[1]):
            condition, text, name, otherwise = put_together.groups()
            return text.replace("{0}", look_up(name)) if not condition or look_up(condition) else otherwise
        assert re.fullmatch(r"\w+\.[\w.-]+", found[1]), f"teach this function {found[1]}"
        return look_up(found[1])

    return _EXPRESSION.sub(replaced, text)


def environment_of(job: Any, contexts: Mapping[str, Mapping[str, str]]) -> str | None:
    """The name of the environment that a job names; none when the name is empty."""
    named = job.get("environment")
    return value_of(named["name"] if isinstance(named, dict) else named, contexts) or None if named else None


def secrets_of(
    job: Any, environments: Mapping[str, Mapping[str, str]], contexts: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, str]:
    """The secrets a job gets besides its token: those of the environment that it names; the repository has none.

    GitHub makes an environment that nobody has made, without any secret.
    """
    named = environment_of(job, contexts or {})
    return dict(environments.get(named, {})) if named else {}


def legs(job: Any, outputs: Mapping[str, Mapping[str, str]], variables: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The values of a job's matrix, in the order in which `max-parallel: 1` takes them; without a matrix one empty."""
    matrix = job.get("strategy", {}).get("matrix")
    if matrix is None:
        yield {}
        return
    columns = []
    for values in matrix.values():
        if isinstance(values, str):
            columns.append(json.loads(_listed(values, outputs, variables)))
        else:
            columns.append(values)
    for chosen in itertools.product(*columns):
        yield dict(zip(matrix, chosen, strict=True))


def _listed(expression: str, outputs: Mapping[str, Mapping[str, str]], variables: Mapping[str, str]) -> str:
    """The JSON that a matrix names: an earlier job's, or a variable's with what stands for it where there is none."""
    if found := re.fullmatch(r"\$\{\{ fromJSON\(needs\.(\w+)\.outputs\.(\w+)\) \}\}", expression):
        return outputs[found[1]][found[2]]
    found = re.fullmatch(r"\$\{\{ fromJSON\(vars\.(\w+) \|\| '(.*)'\) \}\}", expression)
    assert found, f"teach this function {expression}"
    return variables.get(found[1]) or found[2]


def goes_on(job: Any, results: Mapping[str, str]) -> bool:
    """Whether a job may begin after those that it needs: all have succeeded, or it says that it takes no notice."""
    needs = job.get("needs", [])
    needs = [needs] if isinstance(needs, str) else needs
    careless = re.search(r"\b(always|cancelled|failure)\(\)", str(job.get("if", "")))
    return bool(careless) or all(results.get(name) == "success" for name in needs)


def queue(waiting: list[Any], groups: Mapping[int, str]) -> list[Any]:
    """Which of the runs that wait go on: in each group GitHub keeps the newest one and cancels the rest.

    Args:
        waiting: runs, oldest first, while another one of their group is running.
        groups: the group of each by its place.
    """
    newest = {group: place for place, group in groups.items()}
    return [run for place, run in enumerate(waiting) if newest[groups[place]] == place]
