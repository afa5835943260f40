"""`lepinet export`."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli import options
from lepinet.cli.output import Progress, fetching, show_json
from lepinet.workflow import export as exporting
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Examples: lepinet export v1.2.0 --to models/v1.2.1 · lepinet export v1.2.0 --pull-request")
@click.argument("version")
@click.option("--to", metavar="FOLDER", type=click.Path(path_type=Path), help="A new folder, for all of its files.")
@click.option("--pull-request", is_flag=True, help="Propose the file to the model's repository on the Hub.")
@options.as_json
def export(*, version: str, to: Path | None, pull_request: bool, as_json: bool) -> int:
    """Make the ONNX file of a version that has safetensors alone, and see that both answer alike.

    The version stays what it is: new files are a new version.
    """
    if (to is None) != pull_request:
        raise click.UsageError("where to? --to FOLDER, or --pull-request")
    exported = exporting.export(open_workspace(fetching=fetching), version, to, Progress)
    first = "Merge it on the Hub, then register" if pull_request else "Register"
    if as_json:
        show_json(
            {
                "version": version,
                "photos": exported.photos,
                "largest_difference": exported.largest_difference,
                "place": exported.place,
                "next": exported.next_step,
            }
        )
        return 0
    click.echo(exported.sentence)
    click.echo(f"{exported.place}")
    click.echo(f"{first} the new files as a version of their own:\n  {exported.next_step}")
    return 0
