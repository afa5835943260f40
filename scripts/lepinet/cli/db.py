"""`lepinet db`."""

from __future__ import annotations

import click

from lepinet.cli import options
from lepinet.cli.output import say
from lepinet.workflow.database import migrate as migrate_databases
from lepinet.workflow.database import migration_script
from lepinet.workflow.workspace import open_workspace


@click.group()
def db() -> None:
    """The registry's database."""


@db.command(epilog="Example: lepinet db migrate")
@options.some_environments
@click.option("--sql", is_flag=True, help="Change nothing; print it all, for the SQL editor of a Supabase project.")
def migrate(*, environment: str | None, sql: bool) -> int:
    """Apply what is missing of the SQL, and bind the environments to this repository; harmless when repeated.

    With --sql and several databases, one environment's at a time: -e ENV.
    """
    if sql:
        click.echo(migration_script(open_workspace(), environment), nl=False)
        return 0
    for line in migrate_databases(open_workspace(), environment):
        say(line)
    return 0
