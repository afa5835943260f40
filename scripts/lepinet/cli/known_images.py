"""`lepinet known-images` and `lepinet fingerprint`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from lepinet.cli import options
from lepinet.cli.change import show_edited
from lepinet.cli.output import Progress, colour, say, show_document, write_text
from lepinet.evaluation.fingerprints import fingerprints_text
from lepinet.evaluation.paired import POWER
from lepinet.model_files import TRAINING
from lepinet.report import survey as shown
from lepinet.workflow import known_images as work
from lepinet.workflow.evaluate import LOOKING, bench
from lepinet.workflow.training_photos import look_below
from lepinet.workflow.workspace import open_workspace, workspace_here

_SHOWN = 5
"""So many photos that cannot be read are named."""


class _Share(click.FloatRange):
    """As its parent, which takes `nan` for a number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        share: float = super().convert(value, param, ctx)
        if math.isnan(share):
            self.fail(f"{value} is not a number.", param, ctx)
        return share


@click.command(epilog="Example: lepinet fingerprint ~/training/photos -o my-model/training_fingerprints.txt")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=TRAINING,
    show_default=True,
    help="Where to write them.",
)
def fingerprint(*, folder: Path, output: Path) -> int:
    """Write down what all photos below DIR show, for the folder of the model that is trained on them.

    Known images that the model has learned from are then found, and left out of its verdict. The file holds 64 hex
    digits for each photo, neither photos nor names.
    """
    found = look_below(folder, Progress("looking at the training photos"))
    write_text(output, fingerprints_text(found.fingerprints), whole=True)
    for name, problem in found.unreadable[:_SHOWN]:
        say(f"{name} {problem}")
    if len(found.unreadable) > _SHOWN:
        say(f"… and {len(found.unreadable) - _SHOWN} more that cannot be read")
    say(f"{output} has the fingerprints of {len(found.fingerprints):,} photos")
    say(f"It belongs into the model's folder, as {TRAINING}, before the version is registered.")
    return 0


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
    """Whether they are fit to judge by: copies, two species, places told, training photos, and how many more.

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
