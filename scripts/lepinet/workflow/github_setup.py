"""What a repository on GitHub needs for its workflows, what of it is missing, and the `gh` commands that make it."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lepinet.errors import OutsideError, UsageError
from lepinet.github import GitHub
from lepinet.github.answers import Environment as Made
from lepinet.manifest.model import Environment
from lepinet.workflow.callers import MONITOR, ROLLBACK, TRUSTED, TRUSTED_CHECK, check_name, has
from lepinet.workflow.propose import open_github, repository_at
from lepinet.workflow.workspace import Workspace

_READABLE: Final = frozenset({"SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"})
"""Settings that are no secrets; on GitHub they are variables."""
_MONITOR_USER: Final = ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_USER_EMAIL", "SUPABASE_USER_PASSWORD")
"""Of a user who may read and log, and nothing else."""
_CLOCK: Final = "LEPINET_MONITOR"
"""The variable without which the clock starts neither the monitor nor register."""
_APART: Final = "LEPINET_APART"
"""The variable that lists the environments which these two look at one by one, each with keys of its own."""
_TRUSTED_STARTS: Final = "LEPINET_TRUSTED_CHECK"
"""The variable with which the trusted check starts by itself."""
_ACTIONS: Final = 15368
"""The number of GitHub Actions among GitHub's apps: nobody else's check of that name counts."""


@dataclass(frozen=True)
class Step:
    """One thing that is missing, and how it is made."""

    what: str
    command: tuple[str, ...]
    given: str = field(repr=False)
    """On standard input."""
    secret: bool = False
    """What is given is shown to nobody."""

    @property
    def shown(self) -> str:
        """The command, for a person to read or to copy."""
        given = "its value on standard input" if self.secret else self.given
        return f"{shlex.join(self.command)}  ← {given}"


@dataclass(frozen=True)
class Left:
    """One thing that is missing and cannot be made now."""

    what: str
    first: str
    """What a person does first."""


def settings_of(environment: Environment) -> tuple[str, ...]:
    """What an environment's jobs need to be told, by the names of the settings."""
    return _settings(environment, "SUPABASE_SERVICE_KEY")


def settings_of_monitor(environment: Environment) -> tuple[str, ...]:
    """What the monitor's jobs need to be told to look at an environment."""
    return _settings(environment, *_MONITOR_USER)


@dataclass(frozen=True)
class Needed:
    """All that a repository's workflows need to be told on GitHub."""

    environments: Mapping[str, Mapping[str, str]]
    """By the environments' names there: the settings of their jobs, each with the one of models.yaml that it is of."""
    readers: frozenset[str] = frozenset()
    """Those among them whose jobs the clock starts, and whose keys read."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The repository's own, by which the clock starts them."""


def needed(workspace: Workspace, variables: Mapping[str, str]) -> Needed:
    """By the environments of models.yaml and the workflows that are there; `variables` as the repository has them."""
    declared = workspace.manifest.environments
    reached = {name: one for name, one in declared.items() if not one.on_one_machine}
    found = {name: dict.fromkeys(settings_of(one), name) for name, one in reached.items()}
    if has(workspace.root, ROLLBACK):
        # Keys of their own place, so that who must agree to an emergency is a choice of its own.
        found |= {f"{name}-emergency": settings for name, settings in found.items()}
    if not reached or not has(workspace.root, MONITOR):
        return Needed(found)
    clock = {_CLOCK: "on"}
    each = {name: dict.fromkeys(settings_of_monitor(one), name) for name, one in reached.items()}
    if _APART in variables or _are_apart(workspace, each):
        clock = {_APART: json.dumps(list(each))} | clock
        readers = {f"monitor-{name}": settings for name, settings in each.items()}
    else:
        readers = {"monitor": {setting: name for name, settings in each.items() for setting in settings}}
    return Needed(found | readers, frozenset(readers), clock)


def _are_apart(workspace: Workspace, each: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether environments have registries of their own: other addresses in models.yaml, or settings of their own."""
    values: dict[str, set[str | None]] = {}
    for name, settings in each.items():
        values.setdefault("url", set()).add(workspace.manifest.environments[name].registry.url)
        for setting in settings:
            values.setdefault(setting, set()).add(workspace.settings.get(setting, name))
    return any(len(different) > 1 for different in values.values())


def _settings(environment: Environment, *keys: str) -> tuple[str, ...]:
    """Of one environment; `keys` open a Supabase project."""
    registry, needed = environment.registry, []
    if registry.kind == "supabase":
        needed += [*([] if registry.url else ["SUPABASE_URL"]), *keys]
    if registry.kind == "postgres":
        needed.append("DATABASE_URL")
    if environment.endpoint.kind in {"inference-endpoint", "space"}:
        needed.append("HF_TOKEN")
    return tuple(needed)


def left_here(workspace: Workspace) -> Iterator[str]:
    """A sentence for each environment that GitHub's runners cannot reach."""
    for name, environment in workspace.manifest.environments.items():
        if here := environment.on_one_machine:
            yield (
                f"{name} has {' and '.join(here)}, on one machine alone: reconcile on GitHub's runners refuses it;"
                f" after a merge, on that machine: lepinet reconcile -e {name}"
            )


def has_code_owners(root: Path) -> bool:
    """Whether somebody owns models.yaml and the workflows; without that the rule for main asks nobody for a review.

    GitHub reads the first of these files that there is. https://docs.github.com/articles/about-code-owners
    """
    found = (root / folder / "CODEOWNERS" for folder in (".github", "", "docs"))
    file = next((file for file in found if file.is_file()), None)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file else []
    words = [line.partition("#")[0].split() for line in lines]
    owned = {pattern.strip("/*") for pattern, *owners in filter(None, words) if owners}
    return "" in owned or {"models.yaml", ".github"} <= owned


def repository_on_github(workspace: Workspace) -> str:
    """`owner/name`.

    Raises:
        UsageError: origin is not on GitHub.
    """
    repository = repository_at(workspace.git.origin() or "")
    if repository is None:
        raise UsageError(
            "origin is not on GitHub", todo="gh repo create --source . --push, or git remote add origin URL"
        )
    return repository


def missing_there(workspace: Workspace) -> Iterator[Step | Left]:
    """What is missing, each looked for as it is asked for; what is there already is left as it is.

    Raises:
        UsageError: there is no token, or origin is not on GitHub.
        OutsideError: GitHub does not tell.
    """
    with open_github(workspace, repository_on_github(workspace)) as github:
        made, variables = github.environments(), github.variables()
        wanted = needed(workspace, variables)
        without_keys = False
        for name, settings in wanted.environments.items():
            for one in of_environment(workspace, github, name, settings, made):
                without_keys |= name in wanted.readers and isinstance(one, Left)
                yield one
        for step in of_variables(github, wanted, variables):
            yield Left(step.what, "what is missing of the monitor") if without_keys else step
        yield from of_rights(github)
        yield from of_rules(workspace, github, variables)


def of_environment(
    workspace: Workspace, github: GitHub, name: str, settings: Mapping[str, str], made: Mapping[str, Made]
) -> Iterator[Step | Left]:
    """The environment itself, which branch may use it, and what its jobs are told.

    Args:
        workspace: with the settings' values.
        github: asked.
        name: of the environment there.
        settings: that its jobs need, each with the environment of models.yaml that it is of.
        made: the environments that are there.
    """
    yield from _branches(github, name, made.get(name), workspace.git.main_branch())
    known = github.settings(name) if name in made else frozenset()
    for setting, of in settings.items():
        if setting not in known:
            yield _setting(workspace, github.repository, name, setting, of)


def _branches(github: GitHub, name: str, made: Made | None, main: str) -> Iterator[Step | Left]:
    """That only main's jobs may use an environment; GitHub lets every branch use one that it made for a job."""
    path, policy = f"environments/{name}", made.deployment_branch_policy if made else None
    if policy is not None and (policy.protected_branches or main in github.deploying_branches(name)):
        return
    if made and policy is None and made.protection_rules:
        # Making it anew would take away who must agree.
        yield Left(f"only {main} may use {name}", f"Settings, Environments, {name}: Deployment branches, add {main}")
        return
    if policy is None:
        wanted = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
        yield _api(github.repository, f"the environment {name}", "PUT", path, wanted)
    branch = {"name": main, "type": "branch"}
    what = f"only jobs of {main} may use {name}"
    yield _api(github.repository, what, "POST", f"{path}/deployment-branch-policies", branch)


def of_variables(github: GitHub, wanted: Needed, variables: Mapping[str, str]) -> Iterator[Step]:
    """The repository's variables; a clock that somebody has switched off stays off."""
    for name, value in wanted.variables.items():
        if name not in variables or (name == _APART and variables[name] != value):
            command = ("gh", "variable", "set", name, "--repo", github.repository)
            yield Step(f"the variable {name} of the repository", command, value)


def of_rights(github: GitHub) -> Iterator[Step]:
    """What the workflows' own token may do."""
    if not github.workflow_rights().can_approve_pull_request_reviews:
        wanted = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True}
        what = "workflows may open pull requests, and read by default"
        yield _api(github.repository, what, "PUT", "actions/permissions/workflow", wanted)


def of_rules(workspace: Workspace, github: GitHub, variables: Mapping[str, str]) -> Iterator[Step | Left]:
    """That main changes only by what has passed its check; a check that nothing makes would be waited for for ever.

    Of private models it is the trusted one: the other has no token, and cannot read them.
    """
    public, main = check_name(workspace.root), workspace.git.main_branch()
    check = TRUSTED if variables.get(_TRUSTED_STARTS) and has(workspace.root, TRUSTED_CHECK) else public
    if check is None:
        yield Left(f"{main} changes by what has passed a check", "a pr.yml that calls LepiNet's: lepinet init")
        return
    required = github.required_checks(main, _ACTIONS)
    if check in required:
        return
    what = f"{main} changes by pull requests alone, and each must pass {check}"
    if public in required:
        yield Left(what, f"Settings, Rules: require {check} in place of {public}")
    elif not workspace.git.is_pushed(main):
        yield Left(what, f"push {main}, which the rule would refuse")
    else:
        yield _api(github.repository, what, "POST", "rulesets", _ruleset(check))


def carry_out(step: Step, workspace: Workspace) -> None:
    """Make it.

    Raises:
        UsageError: `gh` is not installed.
        OutsideError: GitHub does not take it; what was made before stays.
    """
    try:
        done = subprocess.run(
            step.command,
            input=step.given,
            capture_output=True,
            text=True,
            check=False,
            timeout=workspace.timings.github,
        )
    except FileNotFoundError:
        raise UsageError("gh is not installed", todo="https://cli.github.com, then gh auth login") from None
    except subprocess.TimeoutExpired:
        raise OutsideError("gh gives no answer", todo="run it again: what is made stays") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        said = said.replace(step.given, "***") if step.secret else said
        todo = "are you an administrator of it? Private repositories need a paid plan for environments and rules"
        raise OutsideError(f"GitHub does not take it: {said[:300]}", where=step.what, todo=todo)


def _setting(workspace: Workspace, repository: str, environment: str, name: str, of: str) -> Step | Left:
    value = workspace.settings.get(name, of)
    if value is None:
        return Left(f"{name} of {environment}", "put it into .env")
    kind = "variable" if name in _READABLE else "secret"
    command = ("gh", kind, "set", name, "--env", environment, "--repo", repository)
    return Step(f"the {kind} {name} of {environment}", command, value, secret=kind == "secret")


def _api(repository: str, what: str, method: str, path: str, body: Any) -> Step:
    command = ("gh", "api", "--silent", "--method", method, f"repos/{repository}/{path}", "--input", "-")
    return Step(what, command, json.dumps(body))


def _ruleset(check: str) -> Any:
    """https://docs.github.com/rest/repos/rules"""  # noqa: D415 -- an address
    reviewed = {
        "required_approving_review_count": 0,
        "require_code_owner_review": True,
        "dismiss_stale_reviews_on_push": True,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
        # A rebase brings each commit to main as a change of its own: loosened gates before what they let through.
        "allowed_merge_methods": ["merge", "squash"],
    }
    passed = {
        "strict_required_status_checks_policy": False,
        "required_status_checks": [{"context": check, "integration_id": _ACTIONS}],
    }
    return {
        "name": "lepinet",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [
            {"type": "deletion"},
            {"type": "non_fast_forward"},
            {"type": "pull_request", "parameters": reviewed},
            {"type": "required_status_checks", "parameters": passed},
        ],
    }
