"""`lepinet known-images`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from lepinet.cli import options
from lepinet.cli.change import show_edited
from lepinet.cli.output import Progress, colour, show_document
from lepinet.evaluation.paired import POWER
from lepinet.report import survey as shown
from lepinet.workflow import known_images as work
from lepinet.workflow.evaluate import LOOKING, bench
from lepinet.workflow.workspace import open_workspace, workspace_here


class _Share(click.FloatRange):
    """As its parent, which takes `nan` for a number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        share: float = super().convert(value, param, ctx)
        if math.isnan(share):
            self.fail(f"{value} is not a number.", param, ctx)
        return share


@click.group()
def known_images() -> None:
    """The photos whose species is certain: are they fit to judge by, and new ones."""


@known_images.command(epilog="Example: lepinet known-images add ~/Pictures/IMG_2041.jpg --species 'Common Crow'")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...", type=click.Path(path_type=Path))
@click.option("--species", required=True, metavar="ID", help="Of all of them: id or name, as in the list of species.")
@options.as_json
def add(*, photos: tuple[Path, ...], species: str, as_json: bool) -> int:
    """Put photos among the known images: upright, without the place or other notes, and none that is there already.

    The photos themselves stay as they are. All of them are added, or none.
    """
    from lepinet.workflow.adding import add as add_photos  # noqa: PLC0415 -- only this adds

    show_edited(add_photos(open_workspace(), photos, species, Progress), as_json=as_json)
    return 0


@known_images.command(epilog="Example: lepinet known-images check --margin 0.05")
@options.known_images
@click.option(
    "--margin",
    metavar="SHARE",
    type=_Share(0, 1, min_open=True, max_open=True),
    help="How much worse a model may be, over all and in each species; default: as models.yaml has it.",
)
@click.option(
    "--power",
    metavar="SHARE",
    type=_Share(0.5, 1, min_open=True, max_open=True),
    default=POWER,
    show_default=True,
    help="In so many cases shall the photos be enough to show it.",
)
@options.as_json
def check(*, known_images: str | None, margin: float | None, power: float, as_json: bool) -> int:
    """Copies, one photo under two species, photos that tell a place or that a model was trained on, and too few.

    0: nothing must be mended. 1: something must.
    """
    folder = Path(known_images) if known_images else None
    tested = bench(workspace_here(needed=folder is None), folder, looking=Progress(LOOKING))
    found = work.check(tested, margin, power)
    if as_json:
        show_document(found)
    else:
        click.echo(shown.terminal(found, colour=colour()))
    return int(any(finding.mend for finding in found.findings))
