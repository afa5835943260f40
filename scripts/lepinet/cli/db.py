"""`lepinet db`."""

from __future__ import annotations

import sys

import click

from lepinet.cli import options
from lepinet.cli.output import say
from lepinet.errors import UsageError
from lepinet.registry.adopt import Adoption
from lepinet.report.adoption import adoption_lines
from lepinet.workflow.database import migrate as migrate_databases
from lepinet.workflow.database import migration_script
from lepinet.workflow.workspace import open_workspace


@click.group()
def db() -> None:
    """The registry's database."""


@db.command(epilog="Example: lepinet db migrate")
@options.some_environments
@click.option("--yes", is_flag=True, help="Take over tables that were made by hand without asking.")
@click.option("--again", is_flag=True, help="Apply all of it, also what is recorded as applied and was dropped since.")
@click.option("--sql", is_flag=True, help="Change nothing; print it all, for the SQL editor of a Supabase project.")
def migrate(*, environment: str | None, yes: bool, again: bool, sql: bool) -> int:
    """Apply what is missing of the SQL, and bind the environments to this repository; harmless when repeated.

    Tables that were made by hand are taken over as they are, after saying who may do what with them then.
    With --sql and several databases, one environment's at a time: -e ENV.
    """
    if sql:
        click.echo(migration_script(open_workspace(), environment), nl=False)
        return 0

    def agree(by_hand: Adoption, environment: str) -> bool:
        for line in adoption_lines(by_hand, environment):
            say(line)
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("nobody is here to agree", todo="lepinet db migrate --yes")
        return click.confirm("Take them over", err=True)

    for line in migrate_databases(open_workspace(), environment, agree, again=again):
        say(line)
    return 0
