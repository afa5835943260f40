"""`lepinet github`: what the workflows in .github tell GitHub."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli import options
from lepinet.workflow.workspace import open_workspace

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def github() -> None:
    """What the workflows in .github tell GitHub. Each may be told again: nothing is there twice."""


@github.command(epilog="Example: lepinet github announce -e production outcome.json history.json")
@options.environment
@click.argument("outcome", type=_file)
@click.argument("history", type=_file)
def announce(*, environment: str | None, outcome: Path, history: Path) -> int:
    """What became of a merge: the deployment, a line on its pull request, and the revert of what did not ship.

    OUTCOME is what `reconcile --json` wrote, HISTORY what `history --json` wrote; Markdown for the summary comes out.
    """
    from lepinet.workflow import announce as announcing  # noqa: PLC0415 -- the other commands need none of it

    workspace = open_workspace()
    click.echo(announcing.announce(workspace, workspace.only_environment(environment), outcome, history))
    return 0
