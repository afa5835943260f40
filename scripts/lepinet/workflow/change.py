"""`activate`, `rollback`, `register`: edits of models.yaml, and the git commands that come next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from lepinet.endpoints import EndpointState
from lepinet.errors import LepinetError, RefusedError, UsageError
from lepinet.files import inside, replace_file
from lepinet.manifest import edit
from lepinet.manifest.command import moment_of_main
from lepinet.manifest.explain import finding
from lepinet.manifest.fields import REVISION
from lepinet.manifest.load import FILE
from lepinet.manifest.model import ModelVersion
from lepinet.report.escape import for_markdown
from lepinet.target import HUB_REPOSITORY, Target
from lepinet.workflow.declared import earlier_version, earlier_versions
from lepinet.workflow.propose import Proposal, branch_name, of_manifest, propose, repository_at
from lepinet.workflow.to_main import Edited, steps_to_main
from lepinet.workflow.workspace import Workspace

_FIXED = re.compile(REVISION)
"""A revision already; anything else is the name of a branch or tag."""
_OPTIONS = {"training_image_count": "images", "accuracy_score": "accuracy", "links": "link"}
"""Fields that their options call otherwise."""

_ACTIVATION = re.compile(r"Activate (?P<version>\S+) in (?P<environment>\S+)")
_ROLLBACK = re.compile(r"Roll (?P<environment>\S+) back to (?P<version>[^\s:]+)(?::.*)?")


@dataclass(frozen=True)
class Aim:
    """What a change makes active, and where."""

    environment: str
    version: str


@dataclass(frozen=True)
class Evidence:
    """One line of the old guide's rollback checklist, and what shows that it holds or will."""

    item: str
    shown: str


def activate(
    workspace: Workspace, environment: str, version: str, override: str | None, *, local: bool = False
) -> Edited:
    """Declare another active version.

    Args:
        workspace: where.
        environment: of models.yaml.
        version: of models.yaml.
        override: the reason to ship it although it is held.
        local: write the file here, and open no pull request where origin is GitHub.

    Raises:
        UsageError: models.yaml has no such version.
    """
    wanted = activation_proposal(environment, version, override)
    return brought(workspace, wanted, local=local, model=version)


def activation_proposal(environment: str, version: str, override: str | None) -> Proposal:
    """A version, to be declared active."""
    return Proposal(
        edit=of_manifest(partial(edit.activate, environment=environment, version=version, override=override)),
        sentence=f"{FILE} declares {version} active in {environment}",
        branch=branch_name(f"activate-{environment}-{version}"),
        message=f"Activate {version} in {environment}" + (f"\n\nOverride: {override}" if override else ""),
    )


def rollback(
    workspace: Workspace,
    environment: str,
    version: str,
    reason: str,
    evidence: Sequence[Evidence],
    *,
    local: bool = False,
) -> Edited:
    """Declare an earlier version again; the pull request shows the evidence. Other arguments as of `activate`."""
    wanted = rollback_proposal(environment, version, reason, f"rollback-{environment}-{version}")
    listed = "\n".join(f"1. {line.item}: {for_markdown(line.shown, 1000)}" for line in evidence)
    return brought(workspace, replace(wanted, body=f"{wanted.sentence}.\n\n{listed}"), local=local)


def rollback_proposal(environment: str, version: str, reason: str | None, branch: str) -> Proposal:
    """An earlier version, to be declared again; with a reason in the commit's first line."""
    why = f": {' '.join(reason.split())}" if reason else ""
    return Proposal(
        edit=of_manifest(partial(edit.activate, environment=environment, version=version)),
        sentence=f"{FILE} declares {version} active in {environment}",
        branch=branch_name(branch),
        message=f"Roll {environment} back to {version}{why}",
    )


def aim_of(title: str) -> Aim | None:
    """What a change that was proposed here makes active, by its title; None of any other change."""
    found = _ACTIVATION.fullmatch(title) or _ROLLBACK.fullmatch(title)
    return Aim(found["environment"], found["version"]) if found else None


def previous_version(workspace: Workspace, environment: str) -> str:
    """What was active before, by the stack of activations on main.

    Raises:
        UsageError: nothing was.
    """
    earlier = earlier_version(workspace, environment)
    if earlier is None:
        raise UsageError(
            f"{environment} has no earlier version to return to: nothing was active before, or it was rolled back",
            todo=f"name the version: lepinet rollback VERSION -e {environment} --reason …",
        )
    return earlier


def checklist(
    workspace: Workspace, environment: str, version: str, reason: str, *, tested: bool = True
) -> tuple[Evidence, ...]:
    """The old guide's six lines, each with what is known of it now; nothing is changed.

    `tested`: the model is run here; else the check of the pull request does it.
    """
    if version not in workspace.manifest.versions:
        known = ", ".join(workspace.manifest.versions)
        raise UsageError(f"{FILE} has no version {version}", todo=f"it has {known}")
    target = workspace.manifest.target(version)
    if workspace.manifest.environments[environment].endpoint.kind == "none":
        endpoint, monitoring = "there is none to move", "there is no live endpoint to ask: see what the app answers"
    else:
        endpoint = _moves(workspace, _served(workspace, environment), target)
        monitoring = "reconcile asks the live endpoint about all known images before it flips"
    shown = _tested(workspace, version) if tested else "the check of the pull request runs it"
    return (
        Evidence("Database", _flips(_active(workspace, environment), version)),
        Evidence("Endpoint", endpoint),
        Evidence("Mobile app", "answers and GET /model name the version; an app that has one built in needs an update"),
        Evidence("Testing", f"{shown}{_counted_as(workspace, environment, version)}"),
        Evidence("Monitoring", monitoring),
        Evidence("Documentation", f"the reason stands in the commit and in lepinet history: {reason}"),
    )


def register(
    workspace: Workspace,
    version: str,
    *,
    file_path: str,
    revision: str | None,
    training_image_count: int | None,
    accuracy_score: float | None,
    created_at: datetime | str | None,
    notes: str | None,
    links: Mapping[str, str],
    local: bool = False,
) -> Edited:
    """Append a version. A folder of this repository needs no revision: it is what its files are.

    Of a branch or tag of a Hub repository the commit is written that it is now, of `main@TIME` the one it was then.

    Raises:
        UsageError: a model of the Hub without a revision, or a value that models.yaml does not take.
        RefusedError: the name is taken, or the Hub has no such branch or tag, or had no commit then.
        OutsideError: the Hub does not answer.
    """
    if revision is None or (not _FIXED.fullmatch(revision) and inside(workspace.root, file_path).is_dir()):
        revision = _revision_of(workspace, file_path)
    elif HUB_REPOSITORY.fullmatch(file_path) and not _FIXED.fullmatch(revision):
        revision = _commit_of(workspace, file_path, revision)
    given = {
        "file_path": file_path,
        "revision": revision,
        "training_image_count": training_image_count,
        "accuracy_score": accuracy_score,
        "created_at": created_at,
        "notes": notes,
        "links": dict(links),
    }
    try:
        wanted = ModelVersion.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        found = finding(error.errors(include_url=False)[0])
        option = _OPTIONS.get(found.path[0], found.path[0].replace("_", "-"))
        what = f"--{option}{found.message.removeprefix(found.path[0])}"
        raise UsageError(what, todo=found.hint or "see lepinet register --help") from None
    proposal = Proposal(
        edit=of_manifest(partial(edit.register, name=version, version=wanted)),
        sentence=f"{FILE} has {Target(file_path, revision, version)}",
        branch=branch_name(f"register-{version}"),
        message=f"Register {version}",
        folders=_uncommitted(workspace, file_path),
    )
    edited = brought(workspace, proposal, local=local)
    return replace(edited, warning=_warning(workspace, Target(file_path, revision, version)))


def _warning(workspace: Workspace, target: Target) -> str | None:
    """What is going to be said of a version that can never be tested; it is registered all the same, its check says no.

    The Hub is asked once: nobody waits here for one that cannot be reached.
    """
    from lepinet.workflow.testable import must_be_testable, why_untested  # noqa: PLC0415 -- other edits look at none

    version = target.version or ""
    try:
        must_be_testable(replace(workspace, timings=replace(workspace.timings, retries=0)), target)
    except RefusedError as refused:
        return f"{version} cannot be tested: {why_untested(version, refused)}"
    except LepinetError as error:
        return f"nobody has looked whether {version} can be tested: {error.in_one_line()}"
    return None


def brought(workspace: Workspace, wanted: Proposal, *, local: bool, model: str | None = None) -> Edited:
    """On its way to main by a pull request where origin is GitHub, else written here.

    `model` is a version whose files go into the commit, where git has not got them.
    """
    repository = None if local else repository_at(workspace.git.origin() or "")
    if repository:
        return Edited(wanted.sentence, (), propose(workspace, repository, wanted))
    # Only photos are ever taken away, and they have a command of their own.
    content = wanted.edit({FILE: workspace.content}.get)[FILE] or b""
    if content == workspace.content and not workspace.git.dirty([FILE]):
        return Edited(f"{wanted.sentence} already", ())
    replace_file(workspace.root / FILE, content)
    folders = wanted.folders or (_uncommitted(workspace, _path(workspace, model)) if model else ())
    steps = steps_to_main(workspace, wanted.branch, wanted.message, changed=[FILE], added=folders)
    return Edited(wanted.sentence, steps)


def _revision_of(workspace: Workspace, file_path: str) -> str:
    from lepinet.model_files import folder_revision  # noqa: PLC0415 -- only a folder needs reading

    folder = inside(workspace.root, file_path)
    named = workspace.root / file_path
    if any(part.is_symlink() for part in (named, *named.parents) if part.is_relative_to(workspace.root)):
        raise RefusedError(f"{file_path} is a link: git would commit where it leads to, and no model")
    if not folder.is_dir():
        raise UsageError(
            f"{file_path} is no folder of this repository, so its revision cannot be told",
            todo="of a model on the Hub, name a branch, a tag or a commit, such as --revision main",
        )
    return folder_revision(folder)


def _commit_of(workspace: Workspace, repository: str, revision: str) -> str:
    moment = moment_of_main(revision)
    if moment is None:
        return workspace.hub.commit(repository, revision)
    if commit := workspace.hub.commit_at(repository, moment):
        return commit
    raise RefusedError(f"{repository} has no commit from before {moment:%Y-%m-%d %H:%M} UTC")


def _tested(workspace: Workspace, version: str) -> str:
    from lepinet.workflow.evaluate import bench, evaluate  # noqa: PLC0415 -- an edit needs no model runtime

    try:
        results = evaluate(version, bench(workspace, None), endpoint=None)
    except LepinetError as error:
        return f"not tested: {error.what}"
    right = sum(answer.correct for answer in results.answers().answers)
    return f"{version} names {right} of {results.sample_size} known images right"


def _counted_as(workspace: Workspace, environment: str, version: str) -> str:
    active = workspace.manifest.environments[environment].active
    if active is None or version in {active, *earlier_versions(workspace, environment)}:
        return ""
    return (
        f"; it is not among those that were active before {active}, so this counts as an activation: "
        f"it is compared with {active}, and may be held"
    )


def _active(workspace: Workspace, environment: str) -> str:
    try:
        with workspace.registry(environment) as registry:
            return registry.snapshot(environment).environment.active or "nothing"
    except LepinetError as error:
        return f"nothing that can be read ({error.what})"


def _served(workspace: Workspace, environment: str) -> str:
    try:
        endpoint = workspace.endpoint(environment)
        state: EndpointState | None = endpoint.observe() if endpoint else None
    except LepinetError as error:
        return f"cannot be asked ({error.what})"
    return f"serves {state.target}" if state and state.target else "serves nothing"


def _moves(workspace: Workspace, served: str, target: Target) -> str:
    if served == f"serves {target}":
        return f"{served} already"
    try:
        workspace.seek(target)
    except LepinetError as error:
        return f"{served}; could not move to {target} now: {error.what}"
    return f"{served}; moves to {target}"


def _flips(active: str, version: str) -> str:
    if active == version:
        return f"says {version} already"
    return f"says {active} now; flips when reconcile has proved {version}"


def _path(workspace: Workspace, version: str) -> str:
    return workspace.manifest.versions[version].file_path


def _uncommitted(workspace: Workspace, file_path: str) -> tuple[str, ...]:
    """The model's folder, where git has not got all of it yet."""
    return (file_path,) if (workspace.root / file_path).is_dir() and workspace.git.dirty([file_path]) else ()
