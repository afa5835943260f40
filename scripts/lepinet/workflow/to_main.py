"""From an edit of the working tree to main: the git commands that come next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from lepinet.errors import UsageError
from lepinet.workflow.workspace import Workspace


@dataclass(frozen=True)
class Edited:
    """An edit that is on its way to main: proposed by a pull request, or written to the working tree."""

    sentence: str
    next_steps: tuple[str, ...]
    """Shell commands that bring it to main, where it was written; none where nothing was to be changed."""
    pull_request: str | None = None
    """Its address, where it was proposed."""
    warning: str | None = None
    """What stands in its way."""


def steps_to_main(
    workspace: Workspace, branch: str, message: str, *, changed: Sequence[str] = (), added: Sequence[str] = ()
) -> tuple[str, ...]:
    """From the edit to main: by way of origin where there is one.

    Args:
        workspace: with the edit.
        branch: what it should be called; it gets another name when that is taken.
        message: of the commit.
        changed: paths that git knows already.
        added: paths that may be new to it.
    """
    name = workspace.git.free_branch(branch)
    try:
        main = workspace.git.main()
    except UsageError:
        # The repository's first commit is still to come, and with it main.
        return (shlex.join(["git", "add", "--", *changed, *added]), shlex.join(["git", "commit", "--message", message]))
    steps = [["git", "switch", "--create", name]]
    if added:
        steps.append(["git", "add", "--", *added])
    steps.append(["git", "commit", "--message", message, "--", *changed, *added])
    if main.startswith("refs/remotes/"):
        steps.append(["git", "push", "--set-upstream", "origin", name])
    else:
        steps.append(["git", "switch", main.removeprefix("refs/heads/")])
        steps.append(["git", "merge", "--no-ff", "--message", message, name])
    return tuple(shlex.join(step) for step in steps)


def steps_with_main(workspace: Workspace, branch: str) -> tuple[str, ...]:
    """Up to date with main, a branch of this repository."""
    main = workspace.git.main().removeprefix("refs/heads/").removeprefix("refs/remotes/")
    return shlex.join(["git", "switch", branch]), shlex.join(["git", "merge", "--no-edit", main])


def steps_from_branch(workspace: Workspace, branch: str, *, behind: bool) -> tuple[str, ...]:
    """From a branch of this repository that has the change to main: checked, then by way of origin where there is one.

    Args:
        workspace: with the branch.
        branch: its name.
        behind: whether main has what the check needs and the branch has not.
    """
    main = workspace.git.main()
    begin = steps_with_main(workspace, branch) if behind else (shlex.join(["git", "switch", branch]),)
    if main.startswith("refs/remotes/"):
        steps = [["git", "push", "--set-upstream", "origin", branch]]
    else:
        steps = [["git", "switch", main.removeprefix("refs/heads/")], ["git", "merge", "--no-ff", "--no-edit", branch]]
    return (*begin, "lepinet check", *(shlex.join(step) for step in steps))
