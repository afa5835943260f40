"""What models.yaml wants of an environment, and what would have to happen for it; neither needs a model runtime."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

from lepinet.endpoints import EndpointState
from lepinet.errors import LepinetError, RefusedError
from lepinet.manifest.history import Number
from lepinet.manifest.load import FILE
from lepinet.manifest.model import Manifest
from lepinet.reconcile.plan import Action, Declared, Plan, make_plan
from lepinet.registry.records import Snapshot
from lepinet.workflow.workspace import Workspace


def plan(workspace: Workspace, environment: str | None) -> Iterator[Plan]:
    """What reconcile would do, environment after environment; reads only."""
    for name in declaring(workspace, environment):
        with workspace.registry(name) as registry:
            endpoint = workspace.endpoint(name)
            state = endpoint.observe() if endpoint else None
            snapshot = registry.snapshot(name, workspace.manifest.versions)
            made = plan_of(workspace, name, snapshot, state)
            notes = [unmerged(workspace)] if made.steps() else []
            if made.action is Action.DEPLOY and made.aim.version not in snapshot.succeeded:
                notes.append(f"before that reconcile judges {made.aim.version}, which this does not: lepinet check")
            yield replace(made, notes=(*filter(None, notes), *made.notes, *_not_there(workspace, made)))


def unmerged(workspace: Workspace) -> str | None:
    """Why reconcile would refuse this checkout's models.yaml; None where it is main's."""
    git = workspace.git
    if git.dirty():
        return "not committed yet: reconcile takes what main has, and refuses a working tree with changes"
    if not git.on_first_parent_line("HEAD", git.main()):
        return "not merged yet: reconcile takes what main has"
    return None


def plan_of(workspace: Workspace, environment: str, snapshot: Snapshot, state: EndpointState | None) -> Plan:
    """One environment's plan, for reading only; where this checkout is not what was reconciled last, it says so."""
    made = make_plan(declared(workspace, environment), snapshot, state)
    recorded = snapshot.environment.commit
    if recorded is None or workspace.git.on_first_parent_line(recorded, "HEAD"):
        return made
    if workspace.git.on_first_parent_line("HEAD", recorded):
        older = f"this checkout is older than {recorded[:7]}, which was reconciled last: git pull"
        return Plan(environment, Action.NOTHING, made.aim, superseded=older)
    unknown = (
        f"{recorded[:7]}, which was reconciled last, is not in this checkout's history: git pull; "
        f"was main rewritten: lepinet reconcile -e {environment} --accept-history REASON"
    )
    return replace(made, stop=f"{unknown}. {made.stop}" if made.stop else unknown)


def _not_there(workspace: Workspace, made: Plan) -> Iterator[str]:
    """What the Hub does not give, of what the endpoint moves to and would return to: better known before than after."""
    for target, what in ((made.aim if made.move else None, "it cannot move there"), (made.way_back, "no way back")):
        try:
            if target:
                workspace.seek(target)
        except RefusedError as error:
            yield f"{what}: {error.what}"
        except LepinetError as error:
            yield f"whether {target} is still on the Hub is not known: {error.what}"


def declaring(workspace: Workspace, environment: str | None) -> tuple[str, ...]:
    """The environments that have an active version."""
    names = workspace.environments(environment)
    return tuple(name for name in names if workspace.manifest.environments[name].active)


def declared(workspace: Workspace, environment: str) -> Declared:
    manifest = workspace.manifest
    active = manifest.environments[environment].active or ""
    conditions = _conditions(workspace, environment)
    return Declared(environment, manifest.target(active), manifest.versions, conditions, workspace.ever_declared)


def must_outlive_the_job(workspace: Workspace, environment: str) -> None:
    """A machine of GitHub's is thrown away after each job, and with it what lives on it.

    Raises:
        RefusedError: the environment lives on one machine, and this is a job on one of GitHub's.
    """
    if workspace.settings.environ.get("RUNNER_ENVIRONMENT") != "github-hosted":
        return
    if here := workspace.manifest.environments[environment].on_one_machine:
        raise RefusedError(
            f"{environment} has {' and '.join(here)}: that lives on one machine, and GitHub's runner is gone "
            "after the job",
            where=FILE,
            todo="take kinds that others can reach, or run this on a runner of your own",
        )


def _conditions(workspace: Workspace, environment: str) -> str:
    """Digest of all that a refusal or a failed proof depends on; while it is equal, trying again gives the same."""
    manifest = workspace.manifest
    declared = manifest.environments[environment]
    known = workspace.known_images
    parts = [
        manifest.target(declared.active or "").revision,
        declared.active,
        declared.override.model_dump(mode="json") if declared.override else None,
        manifest.gates.model_dump(mode="json"),
        known.sha256 if known else None,
        declared.endpoint.model_dump(mode="json"),
        # The same settings, merged as the rules want it, are another question.
        *workspace.forbidden(environment),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def unpin(workspace: Workspace, environment: str, reason: str) -> str | None:
    """Lift an emergency's pin; the version that it held, None where there was none."""
    with workspace.registry(environment) as registry:
        pinned = registry.essentials(environment).environment.pinned
        registry.unpin(environment, reason)
    return pinned


def earlier_versions(workspace: Workspace, environment: str) -> tuple[str, ...]:
    """What a rollback can return to, the nearest first: active before, by the stack of activations on main.

    Any other version, one that a rollback took down too, is activated, whatever the change that names it is called.
    """
    activation = workspace.standing.activations.get(environment)
    return activation.stack[-2::-1] if activation else ()


def earlier_version(workspace: Workspace, environment: str) -> str | None:
    """What a rollback returns to where no version is named; None when nothing was active before."""
    return next(iter(earlier_versions(workspace, environment)), None)


def most_tries(manifest: Manifest, number: Number, old: str, new: str) -> int:
    """A version's place among those tried against another one on the same photos, where it was tried most.

    Args:
        manifest: with the environments.
        number: counts the tries.
        old: the name of the one that it would take the place of.
        new: its own name.

    Returns:
        1 where `old` was active in no environment, and where a version is not in the manifest.
    """
    if not manifest.versions.keys() >= {old, new}:
        return 1
    return max(number(name, manifest.target(old), manifest.target(new)) for name in manifest.environments)
