"""A repository on GitHub as its workflows see it: pull requests, queues and events; act runs the jobs here."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from actions.triggers import Event, secrets_of, starts
from actions.workflow_files import ROOT, jobs, parsed
from workflow.desk import Desk

ACT = shutil.which("act", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
STUBS = Path(__file__).parent / "stubs"
PINS = [line.partition(" ")[0] for line in (STUBS.parent / "pins.txt").read_text().splitlines() if line[0] != "#"]
TOKEN = "canary-of-the-jobs-own-token"  # noqa: S105 -- no secret: the stories look for it where it must not be
CANARIES = {name: {"DATABASE_URL": f"canary-of-{name}"} for name in ("staging", "production")}
_NOBODY = "http://127.0.0.1:9"
_OURS = f"lepinet/lepinet@{'0' * 40}"


@dataclass(frozen=True)
class Annotation:
    """What GitHub shows beside a line."""

    level: str
    text: str
    file: str | None
    line: int | None


@dataclass(frozen=True)
class Ran:
    """A workflow's run that has ended."""

    jobs: dict[str, str]
    """Results by job; a job that was skipped is not there."""
    annotations: tuple[Annotation, ...]
    summary: str
    log: str
    artifacts: Path

    def report(self, name: str) -> str:
        return (self.artifacts / "lepinet-report" / name).read_text()


@dataclass
class GitHub:
    """One repository there, and somebody's clone of it."""

    desk: Desk
    folder: Path
    answers: Path
    """LEPINET_HOME of the runner: a new one is empty."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.desk.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self.desk.git("--git-dir", str(self.origin), "config", "uploadpack.allowAnySHA1InWant", "true")
        self.desk.git("remote", "add", "origin", str(self.origin))
        self.push_main()

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def push_main(self) -> None:
        self.desk.git("push", "--quiet", "origin", "main:main")

    def pull_request(self, branch: str = "HEAD", *, title: str = "A change", fork: str | None = None) -> Event:
        """One that was opened from the clone's branch, which is in a fork where an owner is named."""
        number = next(self.numbers)
        head, base = self.desk.git("rev-parse", branch), self.desk.git("rev-parse", "main")
        merge = self.merge(base, head, f"Merge {head} into {base}")
        name = self.desk.git("branch", "--show-current")
        refs = [f"{head}:refs/pull/{number}/head", f"{merge}:refs/pull/{number}/merge"]
        self.desk.git("push", "--quiet", "origin", *refs, *([] if fork else [f"{head}:refs/heads/{name}"]))
        repository = self.repository("acme")
        pull_request = {
            "number": number,
            "state": "open",
            "title": title,
            "body": title,
            "head": {"ref": name, "sha": head, "label": f"{fork or 'acme'}:{name}", "repo": self.repository(fork)},
            "base": {"ref": "main", "sha": base, "label": "acme:main", "repo": repository},
            "user": {"login": fork or "asha"},
        }
        payload = {"action": "opened", "number": number, "pull_request": pull_request, "repository": repository}
        return Event("pull_request", payload, f"refs/pull/{number}/merge", merge)

    def queued(self, head: str, on: str) -> Event:
        """A merge queue asks about a branch's tip on top of a commit: main's tip, or what is queued before it."""
        merge = self.merge(on, self.desk.git("rev-parse", head), "Merge pull request")
        ref = f"refs/heads/gh-readonly-queue/main/pr-{next(self.numbers)}-{on}"
        self.desk.git("push", "--quiet", "origin", f"{merge}:{ref}")
        group = {"head_sha": merge, "head_ref": ref, "base_sha": on, "base_ref": "refs/heads/main"}
        payload = {"action": "checks_requested", "merge_group": group, "repository": self.repository("acme")}
        return Event("merge_group", payload, ref, merge)

    def dispatched(self, branch: str) -> Event:
        """Somebody, or a workflow, ran it on a branch that is pushed."""
        self.desk.git("push", "--quiet", "--force", "origin", f"{branch}:{branch}")
        ref = f"refs/heads/{branch}"
        payload = {"ref": ref, "inputs": {}, "repository": self.repository("acme")}
        return Event("workflow_dispatch", payload, ref, self.desk.git("rev-parse", branch))

    def merge(self, one: str, other: str, message: str) -> str:
        """A commit that merges both, in no branch and no working tree."""
        tree = self.desk.git("merge-tree", "--write-tree", one, other)
        return self.desk.git("commit-tree", tree, "-p", one, "-p", other, "-m", message)

    @staticmethod
    def repository(owner: str | None) -> dict[str, Any]:
        name = f"{owner or 'acme'}/butterflies"
        return {"full_name": name, "default_branch": "main", "fork": owner not in {None, "acme"}, "private": False}

    def run(self, workflow: str, event: Event, change: tuple[str, str] | None = None) -> Ran:
        """Run a workflow on an event that starts it; `change` replaces a text of it, to see what that would do."""
        content = parsed(ROOT / ".github" / "workflows" / workflow)
        assert starts(content, event)
        given = {"GITHUB_TOKEN": TOKEN}
        for _, job in jobs(content):
            given |= secrets_of(job, CANARIES)
        place = self.folder / f"run-{next(self.numbers)}"
        self.desk.git("clone", "--quiet", "--no-checkout", str(self.origin), str(place))
        # HEAD is what act takes for GITHUB_SHA.
        self.desk.git("-C", str(place), "fetch", "--quiet", "origin", event.sha)
        self.desk.git("-C", str(place), "update-ref", "--no-deref", "HEAD", event.sha)
        for name in ("artifacts", "home"):
            (place / name).mkdir()
        text = (ROOT / ".github" / "workflows" / workflow).read_text()
        if change:
            assert change[0] in text
            text = text.replace(*change)
        (place / workflow).write_text(_for_act(text))
        (place / "event.json").write_text(json.dumps(event.payload))
        (place / "secrets").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        done = subprocess.run(
            self.act(event, place, workflow),
            cwd=place,
            env={"PATH": os.environ["PATH"], "HOME": str(place / "home"), "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return _ran([json.loads(line) for line in done.stdout.splitlines()], place / "artifacts")

    def act(self, event: Event, place: Path, workflow: str) -> list[str]:
        """Hermetic: actions from this repository, no network, nothing of this machine's user."""
        assert ACT
        environment = {
            "GITHUB_REF": event.ref,
            "GITHUB_API_URL": _NOBODY,
            "HTTPS_PROXY": _NOBODY,
            "LEPINET_HOME": str(self.answers),
            "STUB_ORIGIN": self.origin.as_uri(),
            "STUB_LEPINET": str(self.command()),
            "STUB_ARTIFACTS": str(place / "artifacts"),
        }
        actions = {_OURS: self.ours()} | {
            pin: STUBS / pin.partition("@")[0].partition("/")[2]
            for pin in PINS
            if (STUBS / pin.partition("@")[0].partition("/")[2]).is_dir()
        }
        options = ["--json", "--pull=false", "--action-offline-mode", "--no-cache-server", "--no-skip-checkout"]
        options += ["-P", "ubuntu-latest=-self-hosted", "--action-cache-path", str(place / "cache")]
        options += ["--secret-file", "secrets", "-W", workflow, "-e", "event.json"]
        options += [part for kind in ("env", "var", "input") for part in (f"--{kind}-file", os.devnull)]
        options += [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        options += [part for name, path in actions.items() for part in ("--local-repository", f"{name}={path}")]
        return [ACT, event.name, *options]

    def ours(self) -> Path:
        """This repository, as GitHub hands it to a workflow that uses an action of it."""
        folder = self.folder / "ours"
        if not folder.exists():
            shutil.copytree(ROOT / ".github", folder / ".github")
            for name in ("pyproject.toml", "requirements-evaluate.lock", "requirements-transformers.lock"):
                shutil.copy(ROOT / name, folder)
        return folder

    def command(self) -> Path:
        """The `lepinet` under test."""
        file = self.folder / "lepinet"
        code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); from lepinet.cli import main; main()"
        file.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-c", code])} "$@"\n')
        file.chmod(0o755)
        return file


def _for_act(text: str) -> str:
    """What act 0.2.89 knows instead of `$/`: this workflow's own repository at its own commit."""
    owner, _, commit = _OURS.partition("@")
    lines = (f"{line.replace('$/', f'{owner}/')}@{commit}" if "uses: $/" in line else line for line in text.split("\n"))
    return "\n".join(lines)


def _ran(lines: list[dict[str, Any]], artifacts: Path) -> Ran:
    said = [line for line in lines if line.get("command") in {"error", "warning", "notice"}]
    log = "".join(line["msg"] for line in lines if line.get("raw_output"))
    # GitHub's runner obeys these as well, anywhere in a line; act does not know them.
    old = [Annotation(level, text, None, None) for level, text in re.findall(r"##\[(\w[\w-]*)[^]\n]*\](.*)", log)]
    return Ran(
        jobs={line["jobID"]: line["jobResult"] for line in lines if "jobResult" in line},
        annotations=(*map(_annotation, said), *old),
        summary="".join(line["content"] for line in lines if line.get("command") == "summary"),
        log=log,
        artifacts=artifacts,
    )


def _annotation(line: dict[str, Any]) -> Annotation:
    place = line.get("kvPairs") or {}
    return Annotation(line["command"], line["arg"], place.get("file"), int(place["line"]) if "line" in place else None)
