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
from lepinet.workflow.propose import Proposal, of_manifest, repository_at
from lepinet.workflow.to_main import Edited
from lepinet.workflow.workspace import Workspace

_SUBJECT = 60
"""Characters of names that a commit's first line has room for."""


@dataclass(frozen=True)
class Retirement:
    """What the rules let go."""

    versions: tuple[str, ...]
    """Empty: none."""
    unnamed: tuple[Target, ...]
    """Their files, where no version that stays has the same."""

    @property
    def proposal(self) -> Proposal:
        """To take them out; there are some."""
        named = ", ".join(self.versions)
        return Proposal(
            edit=of_manifest(partial(edit.retire, names=self.versions)),
            sentence=f"{FILE} no longer has {named}",
            branch="retire",
            message=f"Retire {named}" if len(named) <= _SUBJECT else f"Retire {len(self.versions)} versions",
        )


@dataclass(frozen=True)
class Retired(Retirement):
    """What came of it."""

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
    found = retirement(workspace, now, git.fetch_main() if proposed else "HEAD")
    edited = brought(workspace, found.proposal, local=local) if found.versions else None
    return Retired(found.versions, found.unnamed, edited)


def retirement(workspace: Workspace, now: datetime, tip: str) -> Retirement:
    """What may go of the versions at a commit of main; arguments and errors as of `retire`."""
    states = history(workspace.git, tip).states
    if not states:
        raise UsageError(f"there is no {FILE} on main yet")
    manifest = states[-1].manifest
    going = may_go(states, now)
    stay = [manifest.target(name) for name in manifest.versions if name not in going]
    gone = [manifest.target(name) for name in going]
    return Retirement(going, tuple(target for target in gone if not any(target.same_files(one) for one in stay)))
