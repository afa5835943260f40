"""`lepinet doctor`."""

from __future__ import annotations

import click

from lepinet.cli import NO, options
from lepinet.cli.output import show_json
from lepinet.report.needs import needs_text
from lepinet.workflow.doctor import needs, packages
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet doctor -e production")
@options.some_environments
@click.option("--packages", "packages_only", is_flag=True, help="Only the packages; no registry is asked.")
@options.as_json
def doctor(*, environment: str | None, packages_only: bool, as_json: bool) -> int:
    """What is missing in the set-up, and what mends it; changes nothing. Exit code 1 when something is missing."""
    workspace = open_workspace()
    found = list(packages(workspace) if packages_only else needs(workspace, environment))
    if as_json:
        show_json([vars(need) for need in found])
    else:
        click.echo(needs_text(found))
    return NO if any(need.mend for need in found) else 0
