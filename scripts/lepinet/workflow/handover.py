"""What a job without secrets hands to reconcile: the offline answers of all that it may have to judge or prove."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal, Protocol

from pydantic import ValidationError

from lepinet import __version__
from lepinet.changes import Standing
from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Answers, Value
from lepinet.evaluation.speed import Speed
from lepinet.files import read_small
from lepinet.manifest.history import Activation, ChangeClass
from lepinet.manifest.model import Manifest
from lepinet.target import Target
from lepinet.workflow.workspace import Workspace


class Offline(Protocol):
    """What versions say and how long they take, without any endpoint."""

    def answers(self, target: Target) -> Answers | None:
        """A version's own answers on the known images; None without known images.

        Raises:
            RefusedError: nobody can tell them.
        """

    def speed(self, old: Target, new: Target) -> Speed | None:
        """Both models' times; None where nobody ran them side by side."""


_LARGEST = 256 << 20


class Tested(Value):
    """One version's files and what came of testing them."""

    target: Target
    answers: Answers | None
    """None without known images, and when there is an error."""
    error: str | None = None
    """Why the version could not be tested."""


class Judged(Value):
    """One environment's last activation, as git tells it."""

    environment: str
    change: ChangeClass
    """Activate or rollback, by the stack of activations."""
    commit: str
    """The last one on main's first-parent line that set `active`."""
    target: Tested
    baseline: Tested | None
    """What was active before that commit; None when nothing was."""
    reference: Tested | None
    """The environment's reference, where it has one."""
    speed: Speed | None = None
    """Of baseline and target, where they were run side by side."""

    @property
    def tested(self) -> tuple[Tested, ...]:
        return tuple(one for one in (self.target, self.baseline, self.reference) if one)


class Grounds(Value):
    """All that the answers and the verdict stand on, beside the models themselves."""

    tool_version: str
    commit: str
    """Main's commit that was checked out."""
    known_images: str | None
    """Digest over the sorted (file name, content, species) of the known images; None without any."""
    species: str
    """SHA-256 of the list of species, as it is read."""
    gates: str
    """SHA-256 of the gates with their defaults, as JSON."""


class Handover(Value):
    """The whole file that `reconcile --judge` writes and `reconcile --verdict` reads."""

    schema_version: Literal[1] = 1
    grounds: Grounds
    environments: tuple[Judged, ...]

    def answers(self, target: Target) -> Answers | None:
        """The answers of a version that was tested; no model is run for one that was not.

        Raises:
            RefusedError: it could not be tested, or was not asked for.
        """
        tested = [one for judged in self.environments for one in judged.tested]
        found = next((one for one in tested if target.same_files(one.target)), None)
        if found is None:
            raise RefusedError(f"{target} is not among the versions that were tested beforehand")
        if found.error is not None:
            raise RefusedError(found.error)
        return found.answers

    def speed(self, old: Target, new: Target) -> Speed | None:
        """Of two versions that were tested as an environment's baseline and target."""
        for judged in self.environments:
            if judged.baseline and judged.baseline.target.same_files(old) and judged.target.target.same_files(new):
                return judged.speed
        return None


def grounds_of(workspace: Workspace) -> Grounds:
    """The grounds of the checked-out commit."""
    known = workspace.known_images
    return Grounds(
        tool_version=__version__,
        commit=workspace.git.head(),
        known_images=known.sha256 if known else None,
        species=_digest([[one.id, one.name, one.scientific_name] for one in workspace.species]),
        gates=_digest(workspace.manifest.gates.model_dump(mode="json")),
    )


def make_handover(
    workspace: Workspace, standing: Standing, environments: tuple[str, ...], offline: Offline
) -> Handover:
    """Test target and baseline of each environment, as git tells them; neither registry nor endpoint is asked."""

    def tested(target: Target) -> Tested:
        try:
            return Tested(target=target, answers=offline.answers(target))
        except RefusedError as error:
            return Tested(target=target, answers=None, error=error.in_one_line())

    def judged(activation: Activation) -> Judged:
        target, best = tested(activation.target), _reference(standing.manifest, activation.environment)
        baseline = tested(activation.baseline) if activation.baseline else None
        compared = activation.change is ChangeClass.ACTIVATE and baseline and baseline.answers and target.answers
        return Judged(
            environment=activation.environment,
            change=activation.change,
            commit=activation.state.commit.id,
            target=target,
            baseline=baseline,
            reference=tested(best) if best else None,
            speed=offline.speed(baseline.target, target.target) if baseline and compared else None,
        )

    return Handover(
        grounds=grounds_of(workspace),
        environments=tuple(judged(standing.activations[name]) for name in environments),
    )


def read_handover(file: Path, grounds: Grounds, manifest: Manifest) -> Handover:
    """Read a handed-over file and hold it against the checked-out commit.

    Raises:
        RefusedError: it is no such file, it stands on other grounds, or it is about other files of a version.
    """
    try:
        handover = Handover.model_validate_json(read_small(file, at_most=_LARGEST))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RefusedError(
            f"is not what lepinet reconcile --judge writes: {place + ': ' if place else ''}{first['msg']}",
            where=str(file),
        ) from None
    ours, theirs = grounds.model_dump(), handover.grounds.model_dump()
    other = [f"{key} {_short(theirs[key])}, here {_short(ours[key])}" for key in ours if ours[key] != theirs[key]]
    other += [
        f"{judged.environment} with {judged.target.target}"
        for judged in handover.environments
        if not _is_declared(judged, manifest)
    ]
    other += [
        f"answers of {tested.target} on other images or files"
        for judged in handover.environments
        for tested in judged.tested
        if tested.answers and not _is_about(tested.answers, tested.target, grounds)
    ]
    if other:
        raise RefusedError(
            f"was judged on other grounds: {'; '.join(other)}",
            where=str(file),
            todo="judge this commit: lepinet reconcile --judge FILE",
        )
    return handover


def _reference(manifest: Manifest, environment: str) -> Target | None:
    name = manifest.environments[environment].reference
    return manifest.target(name) if name else None


def _is_declared(judged: Judged, manifest: Manifest) -> bool:
    environment = manifest.environments.get(judged.environment)
    active = environment.active if environment else None
    return active is not None and manifest.target(active).same_files(judged.target.target)


def _is_about(answers: Answers, target: Target, grounds: Grounds) -> bool:
    model = answers.model
    files = (model.file_path, model.revision) == (target.file_path, target.revision)
    return files and answers.known_images_sha256 == grounds.known_images


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _short(value: object) -> str:
    return str(value)[:12]
