"""A repository on GitHub as its workflows see it: pull requests, queues, events and its API; act runs the jobs here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from actions.triggers import Event, environment_of, goes_on, legs, secrets_of, starts, with_defaults
from actions.workflow_files import ROOT, jobs, parse, parsed
from github_stand_in.gh import write_gh
from github_stand_in.server import TOKEN, StandIn
from workflow.desk import Desk

ACT = shutil.which("act", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
STUBS = Path(__file__).parent / "stubs"
PINS = [line.partition(" ")[0] for line in (STUBS.parent / "pins.txt").read_text().splitlines() if line[0] != "#"]
CANARIES = {name: {"DATABASE_URL": f"canary-of-{name}"} for name in ("staging", "production")}
CRON = "23 */2 * * *"
_NOBODY = "http://127.0.0.1:9"
OURS = f"lepinet/lepinet@{'0' * 40}"


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
    """Results by job, with its leg of a matrix; a job that was skipped is not there."""
    annotations: tuple[Annotation, ...]
    summary: str
    log: str
    artifacts: Path

    def report(self, name: str) -> str:
        return (self.artifacts / "lepinet-report" / name).read_text()

    @property
    def seen(self) -> str:
        """Everything that others may read of it."""
        files = [file.read_text() for file in self.artifacts.rglob("*") if file.is_file()]
        return "\n".join([self.log, self.summary, *(one.text for one in self.annotations), *files])


@dataclass
class GitHub:
    """One repository there, and somebody's clone of it."""

    desk: Desk
    folder: Path
    answers: Path
    """LEPINET_HOME of the runner: a new one is empty."""
    lepinet: Path
    """The command under test."""
    there: StandIn = field(default_factory=StandIn)
    """Its API."""
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: CANARIES)
    """By environment."""
    repository_secrets: Mapping[str, str] = field(default_factory=dict)
    """Every job sees them: what a private repository has to do with where GitHub gives it no environments."""
    variables: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """What this machine has beside that, such as where the Hub is."""
    runner: str = "github-hosted"
    """Whose machine runs the jobs."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "cache").mkdir()
        write_gh(self.folder / "programs")
        self.desk.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self.desk.git("--git-dir", str(self.origin), "config", "uploadpack.allowAnySHA1InWant", "true")
        self.desk.git("remote", "add", "origin", str(self.origin))
        self.there.origin = self.origin
        self.push_main()

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def kept(self) -> Path:
        """What actions/cache keeps, by key."""
        return self.folder / "cache"

    @property
    def published(self) -> set[str]:
        """Names of the files on PyPI."""
        return {file.name for file in (self.folder / "pypi").glob("*")}

    def push_main(self) -> Event:
        """Main as the clone has it."""
        self.desk.git("push", "--quiet", "--force", "origin", "main:main")
        tip = self.desk.git("rev-parse", "main")
        return Event("push", {"ref": "refs/heads/main", "after": tip, **self.base}, "refs/heads/main", tip)

    @property
    def base(self) -> dict[str, Any]:
        return {"repository": self.repository("acme"), "sender": {"login": "asha"}}

    def tag(self, name: str, commit: str = "main") -> Event:
        """Somebody pushes a tag."""
        self.desk.git("push", "--quiet", "origin", f"{commit}:refs/tags/{name}")
        tagged = self.desk.git("rev-parse", commit)
        return Event("push", {"ref": f"refs/tags/{name}", "after": tagged, **self.base}, f"refs/tags/{name}", tagged)

    def pull_request(self, branch: str = "HEAD", *, title: str = "A change", fork: str | None = None) -> Event:
        """One that was opened from the clone's branch, which is in a fork where an owner is named."""
        head, base = self.desk.git("rev-parse", branch), self.desk.git("rev-parse", "main")
        merge = self.combine(base, head, f"Merge {head} into {base}")
        name = self.desk.git("branch", "--show-current")
        number = self.there.open(name, head, title=title, body=title, owner=fork)["number"]
        refs = [f"{head}:refs/pull/{number}/head", f"{merge}:refs/pull/{number}/merge"]
        self.desk.git("push", "--quiet", "origin", *refs, *([] if fork else [f"{head}:refs/heads/{name}"]))
        pull_request = {
            "number": number,
            "state": "open",
            "title": title,
            "body": title,
            "head": {"ref": name, "sha": head, "label": f"{fork or 'acme'}:{name}", "repo": self.repository(fork)},
            "base": {"ref": "main", "sha": base, "label": "acme:main", "repo": self.repository("acme")},
            "user": {"login": fork or "asha"},
        }
        payload = {"action": "opened", "number": number, "pull_request": pull_request, **self.base}
        return Event("pull_request", payload, f"refs/pull/{number}/merge", merge)

    def merge(self, pull_request: Event) -> Event:
        """Somebody merges it; what GitHub tells then."""
        opened = pull_request.payload["pull_request"]
        self.desk.git("switch", "--quiet", "main")
        self.desk.git(
            "merge", "--quiet", "--no-ff", "--message", f"Merge {opened['head']['ref']}", opened["head"]["sha"]
        )
        pushed = self.push_main()
        self.there.merged(opened["number"], pushed.sha)
        return pushed

    def queued(self, head: str, on: str) -> Event:
        """A merge queue asks about a branch's tip on top of a commit: main's tip, or what is queued before it."""
        merge = self.combine(on, self.desk.git("rev-parse", head), "Merge pull request")
        ref = f"refs/heads/gh-readonly-queue/main/pr-{next(self.numbers)}-{on}"
        self.desk.git("push", "--quiet", "origin", f"{merge}:{ref}")
        group = {"head_sha": merge, "head_ref": ref, "base_sha": on, "base_ref": "refs/heads/main"}
        payload = {"action": "checks_requested", "merge_group": group, **self.base}
        return Event("merge_group", payload, ref, merge)

    def dispatched(self, branch: str, workflow: str = "pr.yml", **inputs: str) -> Event:
        """Somebody, or a workflow, ran it on a branch that is pushed."""
        if self.desk.git("branch", "--list", branch):
            self.desk.git("push", "--quiet", "--force", "origin", f"{branch}:{branch}")
        ref = f"refs/heads/{branch}"
        chosen = with_defaults(parsed(ROOT / ".github" / "workflows" / workflow), inputs)
        tip = self.there.git("rev-parse", branch)
        return Event("workflow_dispatch", {"ref": ref, "inputs": chosen, **self.base}, ref, tip)

    def scheduled(self, cron: str = CRON) -> Event:
        """The clock; GitHub does not tell of which repository."""
        return Event("schedule", {"schedule": cron}, "refs/heads/main", self.there.git("rev-parse", "main"))

    def ended(self, ran: Ran, event: Event, workflow: str = "lepinet") -> Event:
        """A run of a workflow that an event had started has ended."""
        opened = event.payload.get("pull_request")
        head = opened["head"] if opened else {"ref": event.ref.removeprefix("refs/heads/"), "sha": event.sha}
        repository = opened["head"]["repo"] if opened else self.repository("acme")
        told: dict[str, Any] = {
            "id": int(ran.artifacts.name),
            "name": workflow,
            "event": event.name,
            "conclusion": "success" if set(ran.jobs.values()) == {"success"} else "failure",
            "head_branch": head["ref"],
            "head_sha": head["sha"],
            "head_repository": repository,
            "pull_requests": [],
            "html_url": f"https://github.com/acme/butterflies/actions/runs/{ran.artifacts.name}",
        }
        payload = {"action": "completed", "workflow_run": told, **self.base}
        return Event("workflow_run", payload, "refs/heads/main", self.there.git("rev-parse", "main"))

    def combine(self, one: str, other: str, message: str) -> str:
        """A commit that merges both, in no branch and no working tree."""
        tree = self.desk.git("merge-tree", "--write-tree", one, other)
        return self.desk.git("commit-tree", tree, "-p", one, "-p", other, "-m", message)

    @staticmethod
    def repository(owner: str | None) -> dict[str, Any]:
        name = f"{owner or 'acme'}/butterflies"
        return {
            "full_name": name,
            "name": "butterflies",
            "owner": {"login": owner or "acme"},
            "default_branch": "main",
            "fork": owner not in {None, "acme"},
            "private": False,
        }

    def run(self, workflow: str, event: Event, change: tuple[str, str] | None = None) -> Ran:
        """Run a workflow on an event that starts it; `change` replaces a text of it, to see what that would do.

        Each job, and each leg of a matrix, is a run of act's with the secrets and the rights of that job alone.
        """
        text = (ROOT / ".github" / "workflows" / workflow).read_text()
        if change:
            assert change[0] in text
            text = text.replace(*change)
        content = parse(text)
        assert starts(content, event)
        number = str(next(self.numbers))
        results: dict[str, str] = {}
        outputs: dict[str, dict[str, str]] = {}
        legs_ran: list[tuple[str, list[dict[str, Any]]]] = []
        for name, job in jobs(content):
            may, results[name] = goes_on(job, results), "skipped"
            if not may:
                continue
            for leg in legs(job, outputs, self.variables):
                contexts = {"matrix": leg, "vars": self.variables, "inputs": event.inputs}
                alone = content | {"jobs": {name: _alone(job, leg, results, outputs)}}
                given = {"GITHUB_TOKEN": TOKEN, **self.repository_secrets} | secrets_of(job, self.secrets, contexts)
                self.there.permissions = job["permissions"]
                lines = self.act(event, number, alone, given)
                called = f"{name} ({environment_of(job, contexts)})" if any(leg.values()) else name
                legs_ran.append((called, lines))
                for line in lines:
                    if "jobResult" in line and results.get(name) != "failure":
                        results[name] = line["jobResult"]
                outputs[name] = _outputs(job, lines)
        self.there.permissions = None
        artifacts = self.folder / "artifacts" / number
        artifacts.mkdir(parents=True, exist_ok=True)
        return _ran(legs_ran, artifacts)

    def act(self, event: Event, number: str, alone: Any, given: Mapping[str, str]) -> list[dict[str, Any]]:
        """Run one job on a machine of its own."""
        place = self.folder / f"machine-{next(self.numbers)}"
        self.desk.git("clone", "--quiet", "--no-checkout", str(self.origin), str(place))
        # HEAD is what act takes for GITHUB_SHA.
        self.desk.git("-C", str(place), "fetch", "--quiet", "origin", event.sha)
        self.desk.git("-C", str(place), "update-ref", "--no-deref", "HEAD", event.sha)
        for name in ("home", "temporary"):
            (place / name).mkdir()
        (self.folder / "artifacts").mkdir(exist_ok=True)
        (place / "workflow.yml").write_text(yaml.safe_dump(alone, sort_keys=False))
        (place / "event.json").write_text(json.dumps(event.payload))
        (place / "secrets").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        done = subprocess.run(
            self.command_line(event, place, number),
            cwd=place,
            env={
                "PATH": f"{self.folder / 'programs'}:{os.environ['PATH']}",
                "HOME": str(place / "home"),
                "GIT_CONFIG_NOSYSTEM": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        shutil.rmtree(place)
        return lines

    def command_line(self, event: Event, place: Path, number: str) -> list[str]:
        """Hermetic: actions from this repository, no network, nothing of this machine's user."""
        assert ACT
        environment = {
            "GITHUB_REF": event.ref,
            "GITHUB_REF_NAME": event.ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
            "GITHUB_REPOSITORY": self.there.repository,
            "GITHUB_RUN_ID": number,
            "GITHUB_ACTOR": "asha",
            "GITHUB_API_URL": self.there.url or _NOBODY,
            "HTTPS_PROXY": _NOBODY,
            "NO_PROXY": "127.0.0.1",
            "RUNNER_ENVIRONMENT": self.runner,
            "LEPINET_HOME": str(self.answers),
            "STUB_ORIGIN": self.origin.as_uri(),
            "STUB_LEPINET": str(self.lepinet),
            "STUB_PYTHON": sys.executable,
            "STUB_PYPI": str(self.folder / "pypi"),
            "STUB_ARTIFACTS": str(self.folder / "artifacts"),
            "STUB_CACHE": str(self.kept),
            "STUB_APP_TOKEN": TOKEN,
            **self.environment,
        }
        actions = {OURS: self.ours()} | {_repository(pin): _stub(pin) for pin in PINS if _stub(pin).is_dir()}
        options = ["--json", "--pull=false", "--action-offline-mode", "--no-cache-server", "--no-skip-checkout"]
        options += ["-P", "ubuntu-latest=-self-hosted", "--action-cache-path", str(place / "cache")]
        options += ["--secret-file", "secrets", "-W", "workflow.yml", "-e", "event.json"]
        options += [part for kind in ("env", "var", "input") for part in (f"--{kind}-file", os.devnull)]
        options += [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        options += [part for name, value in self.variables.items() for part in ("--var", f"{name}={value}")]
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


def _stub(pin: str) -> Path:
    return STUBS / _repository(pin).partition("@")[0].partition("/")[2]


def _repository(pin: str) -> str:
    """Of an action in a folder of it as well: `actions/cache/save@…` is in `actions/cache@…`."""
    name, _, commit = pin.partition("@")
    return f"{'/'.join(name.split('/')[:2])}@{commit}"


def _alone(job: Any, leg: Mapping[str, str], results: Mapping[str, str], outputs: Mapping[str, Any]) -> Any:
    """This one job and leg, with what it knows of the jobs before it, in the words of act 0.2.89."""
    kept = {key: value for key, value in job.items() if key not in {"needs", "environment", "outputs", "permissions"}}
    if job["permissions"].get("id-token") == "write":
        kept["env"] = {"ACTIONS_ID_TOKEN_REQUEST_URL": _NOBODY} | kept.get("env", {})
    if leg:
        kept["strategy"] = {"matrix": {key: [value] for key, value in leg.items()}}
    known = {f"needs.{one}.result": result for one, result in results.items()}
    known |= {f"needs.{one}.outputs.{key}": value for one, told in outputs.items() for key, value in told.items()}
    told = json.dumps(kept)
    for what, value in known.items():
        told = told.replace(what, json.dumps("'" + value.replace("'", "''") + "'")[1:-1])
    owner, _, commit = OURS.partition("@")
    return json.loads(re.sub(r'"\$/([^"]+)"', rf'"{owner}/\1@{commit}"', told))


def _outputs(job: Any, lines: list[dict[str, Any]]) -> dict[str, str]:
    said: dict[tuple[str, ...], str] = {
        (line["stepID"][0], line["name"]): line["arg"] for line in lines if line.get("command") == "set-output"
    }
    found = {}
    for name, value in job.get("outputs", {}).items():
        steps = [re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", one) for one in value[4:-3].split(" || ")]
        assert all(steps)
        found[name] = next((said[step.groups()] for step in steps if step and said.get(step.groups())), "")
    return found


def _ran(legs_ran: list[tuple[str, list[dict[str, Any]]]], artifacts: Path) -> Ran:
    lines = [line for _, leg in legs_ran for line in leg]
    said = [line for line in lines if line.get("command") in {"error", "warning", "notice"}]
    log = "".join(line["msg"] for line in lines if line.get("raw_output"))
    # GitHub's runner obeys these as well, anywhere in a line; act does not know them.
    old = [Annotation(level, text, None, None) for level, text in re.findall(r"##\[(\w[\w-]*)[^]\n]*\](.*)", log)]
    return Ran(
        jobs={name: line["jobResult"] for name, leg in legs_ran for line in leg if "jobResult" in line},
        annotations=(*map(_annotation, said), *old),
        summary="".join(line["content"] for line in lines if line.get("command") == "summary"),
        log=log,
        artifacts=artifacts,
    )


def _annotation(line: dict[str, Any]) -> Annotation:
    """As GitHub's runner reads it, for which the first `::` ends the place; act takes the last one for that.

    `ActionCommand.TryParseV2` in https://github.com/actions/runner
    """
    found = re.match(r"::(\w+)(?: (.*?))?::(.*)", line["raw"], re.DOTALL)
    assert found
    level, told, text = found.groups()
    place = dict(part.split("=", 1) for part in told.split(",")) if told else {}
    for sign, written in (("\n", "%0A"), ("\r", "%0D"), ("%", "%25")):
        text = text.replace(written, sign)
    return Annotation(level, text.rstrip(), place.get("file"), int(place["line"]) if "line" in place else None)
