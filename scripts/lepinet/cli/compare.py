"""`lepinet compare`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import click

from lepinet.cli import options
from lepinet.cli.output import Progress, colour, fetching, say_unlisted, show_document, write_text
from lepinet.evaluation.gates import Decision
from lepinet.report import junit, terminal
from lepinet.workflow.compare import compare as compare_models
from lepinet.workflow.evaluate import LOOKING, Bench, bench
from lepinet.workflow.thumbnails import thumbnails_of
from lepinet.workflow.workspace import workspace_here


@click.command(epilog="Example: lepinet compare --old v1.0.0 --new v1.1.0 --known-images photos/")
@click.option(
    "--old", required=True, metavar="X", help="A version, a folder, org/name@revision, or `test --json`'s file."
)
@click.option("--new", required=True, metavar="X", help="As --old: the one that would replace it.")
@options.known_images
@options.junit
@options.html
@options.as_json
def compare(
    *,
    old: str,
    new: str,
    known_images: str | None,
    junit_file: Path | None,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Compare two models on the same photos, with the verdict. Exit code 0 only for promote."""

    @lru_cache(maxsize=1)
    def asked() -> Bench:
        tested = bench(
            workspace_here(needed=known_images is None, fetching=fetching),
            Path(known_images) if known_images else None,
            looking=Progress(LOOKING),
            fetching=fetching,
        )
        say_unlisted(tested.known)
        return tested

    compared = compare_models(old, new, asked, Progress)
    document = compared.document
    if junit_file:
        write_text(junit_file, junit.comparison(document, undecided_blocks=compared.undecided_blocks))
    if html_file:
        from lepinet.report import page  # noqa: PLC0415 -- its templates take a while, and only a page needs them

        tested = asked() if known_images or workspace_here(needed=False, fetching=fetching) else None
        same = tested and tested.known and tested.known.sha256 == document.new.known_images.sha256
        pictures = thumbnails_of(page.pictured(document), tested.known, tested.timings) if tested and same else {}
        write_text(html_file, page.comparison(document, pictures))
    if as_json:
        show_document(document)
    else:
        click.echo(terminal.comparison(document, colour=colour()))
    return 0 if document.verdict is Decision.PROMOTE else 1
