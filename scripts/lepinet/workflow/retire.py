"""`retire`: out of models.yaml what the rules let go; what could then go elsewhere is named, and not touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from lepinet.changes import history
from lepinet.errors import UsageError
from lepinet.manifest import edit
from lepinet.manifest.load import FILE
from lepinet.manifest.retention import may_go
from lepinet.target import Target
from lepinet.workflow.change import brought
from lepinet.workflow.propose import Proposal, repository_at
from lepinet.workflow.to_main import Edited
from lepinet.workflow.workspace import Workspace

_SUBJECT = 60
"""Characters of names that a commit's first line has room for."""


@dataclass(frozen=True)
class Retired:
    """What came of it."""

    versions: tuple[str, ...]
    """Those that go; empty: the rules let none go."""
    unnamed: tuple[Target, ...]
    """Their files, where no version that stays has the same."""
    edited: Edited | None
    """None where nothing goes."""


def retire(workspace: Workspace, now: datetime, *, local: bool = False) -> Retired:
    """Take out what may go, by a pull request where origin is GitHub.

    Args:
        workspace: where.
        now: the day that ages are counted to.
        local: write the file here, and open no pull request.

    Raises:
        UsageError: main has no models.yaml yet, or the clone is too shallow to tell.
        RefusedError: the file cannot be edited safely.
    """
    git = workspace.git
    proposed = not local and repository_at(git.origin() or "") is not None
    states = history(git, git.fetch_main() if proposed else "HEAD").states
    if not states:
        raise UsageError(f"there is no {FILE} on main yet")
    manifest = states[-1].manifest
    going = may_go(states, now)
    if not going:
        return Retired((), (), None)
    stay = [manifest.target(name) for name in manifest.versions if name not in going]
    gone = [manifest.target(name) for name in going]
    unnamed = tuple(target for target in gone if not any(target.same_files(other) for other in stay))
    named = ", ".join(going)
    wanted = Proposal(
        edit=partial(edit.retire, names=going),
        sentence=f"{FILE} no longer has {named}",
        branch="retire",
        message=f"Retire {named}" if len(named) <= _SUBJECT else f"Retire {len(going)} versions",
    )
    return Retired(going, unnamed, brought(workspace, wanted, local=local))
