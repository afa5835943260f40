"""`lepinet doctor`."""

from __future__ import annotations

import click

from lepinet.cli import NO, options
from lepinet.cli.output import show_json
from lepinet.report.needs import needs_text
from lepinet.workflow.doctor import needs
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet doctor -e production")
@options.some_environments
@options.as_json
def doctor(*, environment: str | None, as_json: bool) -> int:
    """What is missing in the set-up, and what mends it; changes nothing. Exit code 1 when something is missing."""
    found = list(needs(open_workspace(), environment))
    if as_json:
        show_json([vars(need) for need in found])
    else:
        click.echo(needs_text(found))
    return NO if any(need.mend for need in found) else 0
