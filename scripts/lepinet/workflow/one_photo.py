"""What versions say of one photo that somebody has brought, which is kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lepinet.errors import LepinetError
from lepinet.evaluation.answers import ModelIdentity, Score
from lepinet.evaluation.cases import known_images
from lepinet.evaluation.run import answers_of_folder
from lepinet.workflow.workspace import Workspace


@dataclass(frozen=True)
class Opinion:
    """What one version says."""

    version: str
    top: tuple[Score, ...] = ()
    """The five likeliest species, best first; empty where there is no answer."""
    problem: str | None = None
    """Why there is none."""


def opinions(workspace: Workspace, photo: Path, versions: Sequence[str], seconds: float) -> tuple[Opinion, ...]:
    """Ask versions about a photo, one after the other, as `test` does: each in a confined process.

    Args:
        workspace: with the versions' files.
        photo: which nobody has looked at yet.
        versions: of models.yaml.
        seconds: the limit for decoding and answering; loading a model and fetching it may take ten times as long.
    """
    timings = replace(workspace.timings, prediction=seconds, fetch=10 * seconds)
    there = replace(workspace, timings=timings)
    return tuple(_opinion(there, photo, version) for version in versions)


def _opinion(workspace: Workspace, photo: Path, version: str) -> Opinion:
    target = workspace.manifest.target(version)
    try:
        model = workspace.model(target)
        identity = ModelIdentity(name=version, file_path=target.file_path, revision=target.revision)
        # What it shows is what is asked: the truth about it has no say.
        asked = known_images([(photo, "", "")])
        species = workspace.species_of_answers
        (answer,) = answers_of_folder(model.path, identity, asked, species, timings=workspace.timings, jobs=1).answers
    except LepinetError as error:
        return Opinion(version, problem=error.what)
    return Opinion(version, answer.top, answer.error)
