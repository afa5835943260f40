"""`lepinet test` and `lepinet compare`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import click

from lepinet.cli import options
from lepinet.cli.output import Progress, colour, fetching, say_unlisted, show_document, write_text
from lepinet.evaluation.gates import Decision, State
from lepinet.evaluation.gates.floors import floors
from lepinet.evaluation.metrics import measure
from lepinet.report import junit, terminal
from lepinet.workflow.evaluate import LOOKING, Bench, bench, evaluate
from lepinet.workflow.evaluate import compare as compare_models
from lepinet.workflow.thumbnails import thumbnails_of
from lepinet.workflow.workspace import workspace_here


@click.command(epilog="Examples: lepinet test v1.1.0 · lepinet test --endpoint http://127.0.0.1:8000/predict")
@click.argument("model", required=False, metavar="[VERSION|FOLDER|REPOSITORY@REVISION]")
@click.option("--endpoint", metavar="URL", help="Ask a live endpoint instead of a model's files.")
@options.known_images
@click.option("--fresh", is_flag=True, help="Ask the model again about photos that it has answered before.")
@options.junit
@options.html
@options.as_json
def test(
    *,
    model: str | None,
    endpoint: str | None,
    known_images: str | None,
    fresh: bool,
    junit_file: Path | None,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Test a model on the known images: a version, a folder, org/name@revision on the Hub, or a live endpoint."""
    if (model is None) == (endpoint is None):
        raise click.UsageError("name a version, a folder or a model on the Hub, or give --endpoint URL")
    workspace = workspace_here(needed=known_images is None, fetching=fetching)
    tested = bench(workspace, _path(known_images), cached=not fresh, fetching=fetching)
    say_unlisted(tested.known)
    results = evaluate(model, tested, endpoint=endpoint, counted=Progress(model or str(endpoint)))
    if junit_file:
        write_text(junit_file, junit.test(results))
    if html_file:
        from lepinet.report import page  # noqa: PLC0415 -- its templates take a while, and only a page needs them

        pictures = thumbnails_of(page.pictured(results), tested.known, tested.timings)
        write_text(html_file, page.test(results, pictures))
    if as_json:
        show_document(results)
    else:
        click.echo(terminal.test(results, colour=colour()))
    if workspace is None or known_images is not None:
        return 0 if all(answer.error is None for answer in results.answers().answers) else 1
    judged = floors(measure(results.answers()), workspace.manifest.gates)
    return int(any(one.gate.state is State.FAILED for one in judged))


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
            _path(known_images),
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


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
