"""Workflows of ten lines that call this repository's own, for a repository of somebody else's."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import yaml

from lepinet.errors import LepinetError, UsageError
from lepinet.git import Repository
from lepinet.manifest.model import Manifest
from lepinet.timings import Timings
from lepinet.workflow.propose import repository_at

TRUSTED: Final = "lepinet trusted"
"""The check of private models, which main's code makes."""
MONITOR: Final = "monitor.yml"
ROLLBACK: Final = "rollback.yml"
TRUSTED_CHECK: Final = "trusted-check.yml"
CALLED: Final = {
    "pr.yml": "The check of every pull request: is models.yaml right, and should the change ship?",
    "comment.yml": "What the check found, as one comment on the pull request.",
    "reconcile.yml": "After the merge: endpoint and database are made what models.yaml declares.",
    ROLLBACK: "An emergency: back to an earlier version at once, and the pull request that makes git agree.",
    "register.yml": "By the clock, once LEPINET_MONITOR is on: a pull request for each version that was logged.",
    MONITOR: "By the clock: does the live endpoint still answer as when it was activated?",
    TRUSTED_CHECK: "The check of private and gated models: a token that reads the Hub, and none of the branch's code.",
}
"""The workflows that others call, each with what its caller says of itself. To call one more is a line here."""
_ON_REQUEST: Final = frozenset({MONITOR, TRUSTED_CHECK})
"""Those that need more than what every repository has, so that they are written only when somebody asks."""
_SHIP: Final = frozenset({"reconcile.yml", ROLLBACK})
"""Those that move what is live."""
WORKFLOWS: Final = ".github/workflows"
_CHECK: Final = "pr.yml"
_HERE: Final = Path(__file__).parent
_SOURCE: Final = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{40})")
_EXPLAINED: Final = re.compile(r"^\s+(?P<right>[\w-]+: (?:read|write)) # (?P<why>.+)$", re.MULTILINE)
_JOB: Final = "lepinet"
_USES: Final = re.compile(r"^[\s-]*uses:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_OWN_ACTION: Final = "$/.github/actions/lepinet"
"""What the workflows of this repository, or of a copy of it, are made of."""


@dataclass(frozen=True)
class Source:
    """Where the called workflows are, and in which state of theirs."""

    repository: str
    """`owner/name` on GitHub."""
    commit: str
    """40 hex digits: a tag could be moved."""


def source_of(text: str) -> Source:
    """From `OWNER/REPOSITORY@COMMIT`.

    Raises:
        UsageError: it is something else.
    """
    found = _SOURCE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text} is no OWNER/REPOSITORY@COMMIT", todo="the commit with all of its 40 digits")
    return Source(found["repository"], found["commit"])


def installed_from(timings: Timings) -> Source | None:
    """The repository and commit that this LepiNet was installed from, where pip noted one on GitHub.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        noted = json.loads(distribution("lepinet").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    url, commit = str(noted.get("url", "")), noted.get("vcs_info", {}).get("commit_id")
    if url.startswith("file://"):
        try:
            clone = Repository.containing(Path(unquote(urlsplit(url).path)), timings)
            url, commit = clone.origin() or "", clone.head()
        except LepinetError:
            return None
    repository = repository_at(url)
    return Source(repository, commit) if repository and commit else None


def needed(manifest: Manifest, asked: Collection[str] = ()) -> tuple[str, ...]:
    """Names of the workflows for a repository; none that ships where all of it lives on machines of its own.

    Args:
        manifest: of the repository.
        asked: those that are wanted of `MONITOR` and `TRUSTED_CHECK`.
    """
    left_out = set(_ON_REQUEST.difference(asked))
    if all(environment.on_one_machine for environment in manifest.environments.values()):
        left_out |= _SHIP
    return tuple(name for name in CALLED if name not in left_out)


def callers(source: Source, names: Collection[str], main: str) -> dict[str, str]:
    """The callers' texts by their paths in a repository; each is called as what it calls, for commands start it so."""
    return {f"{WORKFLOWS}/{name}": caller(name, CALLED[name], _text(name), source, main) for name in names}


def check_name(root: Path) -> str | None:
    """What GitHub calls the check that a pull request must pass; None where no workflow of the repository makes it."""
    used = _uses(root, _CHECK)
    if not has(root, _CHECK):
        return None
    (job,) = yaml.safe_load(_text(_CHECK))["jobs"].values()
    return str(job["name"]) if _OWN_ACTION in used else f"{_JOB} / {job['name']}"


def missing(root: Path, names: Collection[str]) -> tuple[str, ...]:
    """Those of the workflows that a repository has neither itself nor by a caller."""
    return tuple(name for name in names if not has(root, name))


def strange(root: Path, names: Collection[str]) -> tuple[str, ...]:
    """Those of the missing ones under whose name something else is there."""
    return tuple(name for name in missing(root, names) if os.path.lexists(root / WORKFLOWS / name))


def has(root: Path, name: str) -> bool:
    """Whether a repository has the workflow, itself or by a caller; another's of that name is none."""
    return any(used == _OWN_ACTION or f"/{WORKFLOWS}/{name}@" in used for used in _uses(root, name))


def _uses(root: Path, name: str) -> tuple[str, ...]:
    """The actions and workflows that a workflow uses; none where there is no such file."""
    file = root / WORKFLOWS / name
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return tuple(_USES.findall(text))


def caller(name: str, about: str, text: str, source: Source, main: str) -> str:
    """A workflow that starts when the called one would, may do what that one needs, and does nothing itself.

    Args:
        name: of the called one's file.
        about: what it is for.
        text: of the called one.
        source: where it is.
        main: the branch whose pushes ship.
    """
    called = yaml.safe_load(text)  # which reads the key `on` as YAML 1.1 does: true
    lines = [
        f"# {about}",
        f"name: {called['name']}",
        *_triggers(text.replace("branches: [main]", f"branches: {json.dumps([main])}")),
        "permissions: {}",
        "jobs:",
        f"  {_JOB}:",
        f"    name: {_JOB}",
        "    permissions:",
        *(f"      {line}" for line in _permissions(called, text)),
        # A run of another workflow may have been a stranger's; its caches are none of ours.
        *(["    cache-mode: none"] if "workflow_run" in called[True] else []),
        f"    uses: {source.repository}/.github/workflows/{name}@{source.commit}",
    ]
    asked = called[True]["workflow_call"] or {}
    if inputs := asked.get("inputs"):
        lines += ["    with:", *(f"      {key}: ${{{{ inputs.{key} }}}}" for key in inputs)]
    if secrets := asked.get("secrets"):
        # Empty here: the called job has them of its own environment, but only those that the caller names.
        lines += ["    secrets:", *(f"      {key}: ${{{{ secrets.{key} }}}}" for key in secrets)]
    return "\n".join(lines) + "\n"


def _text(name: str) -> str:
    """Of a workflow of ours: the wheel's copy, in a checkout the file itself."""
    packaged = _HERE / "github"
    folder = packaged if packaged.is_dir() else _HERE.parents[2] / WORKFLOWS
    return (folder / name).read_text(encoding="utf-8")


def _triggers(text: str) -> Iterator[str]:
    """The lines of `on` but for `workflow_call`, with their comments."""
    comments: list[str] = []
    calling = False
    for line in text[text.index("\non:") + 1 : text.index("\npermissions:")].splitlines():
        if re.match(r" {0,2}#", line):
            comments.append(line)
            continue
        if re.match(r" {0,2}\S", line):
            calling = line.strip() == "workflow_call:"
        if not calling:
            yield from [*comments, line]
        comments = []


def _permissions(called: Any, text: str) -> Iterator[str]:
    """What the called jobs may do, all together, and why where they say it."""
    why = {found["right"]: found["why"] for found in _EXPLAINED.finditer(text)}
    rights: dict[str, str] = {}
    for job in called["jobs"].values():
        for name, right in job["permissions"].items():
            rights[name] = "write" if "write" in {right, rights.get(name)} else right
    for right in (f"{name}: {right}" for name, right in rights.items()):
        yield f"{right} # {why[right]}" if right in why else right
