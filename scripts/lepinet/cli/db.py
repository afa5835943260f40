"""`lepinet db`."""

from __future__ import annotations

import click

from lepinet.cli import options
from lepinet.cli.output import say
from lepinet.workflow.database import migrate as migrate_databases
from lepinet.workflow.workspace import open_workspace


@click.group()
def db() -> None:
    """The registry's database."""


@db.command(epilog="Example: lepinet db migrate")
@options.some_environments
def migrate(*, environment: str | None) -> int:
    """Apply what is missing of the SQL, and bind the environments to this repository; harmless when repeated."""
    for line in migrate_databases(open_workspace(), environment):
        say(line)
    return 0
