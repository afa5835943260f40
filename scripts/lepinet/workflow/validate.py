"""`validate`: the file by itself, and a change of it against main."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lepinet.manifest.model import Manifest
from lepinet.manifest.problems import ManifestError
from lepinet.workflow.workspace import Workspace

if TYPE_CHECKING:
    from lepinet.changes import Judgement


def validate(workspace: Workspace, base: str | None) -> tuple[Manifest, Judgement | None]:
    """The file, and with a base the change against it.

    Raises:
        ManifestError: with all that is wrong.
    """
    if base is None:
        return workspace.manifest, None
    from lepinet.changes import change_between  # noqa: PLC0415 -- the file by itself needs no history

    judgement = change_between(workspace.git, base)
    if judgement.problems:
        raise ManifestError(list(judgement.problems))
    return judgement.manifest, judgement
