"""Options that several commands share, each said in one place."""

from __future__ import annotations

import sys
from pathlib import Path

import click

environment = click.option(
    "-e", "--environment", metavar="ENV", help="The environment; may be left out where there is only one."
)
some_environments = click.option("-e", "--environment", metavar="ENV", help="Only this environment.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
base = click.option("--base", metavar="REF", help="The commit of main that the change starts from.")
known_images = click.option(
    "--known-images",
    metavar="DIR",
    type=click.Path(exists=True, path_type=str),
    help="Photos whose species is certain; default: those of models.yaml.",
)
junit = click.option(
    "--junit",
    "junit_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write JUnit XML there, for CI systems.",
)
html = click.option(
    "--html",
    "html_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with pictures there: one file, to be sent by mail.",
)
reason = click.option("--reason", metavar="TEXT", help="Why; it stands in the history. Asked for on a terminal.")


def ask_for_reason(given: str | None, what: str) -> str:
    """The reason that was given, or that a person on the terminal gives.

    Raises:
        click.UsageError: there is none, and nobody to ask.
    """
    if given and given.strip():
        return given.strip()
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what} needs a reason: --reason TEXT")
    answer: str = click.prompt("Why", type=str)
    return answer.strip()
