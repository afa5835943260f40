"""`lepinet test`."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli import options
from lepinet.cli.output import Progress, colour, fetching, say_unlisted, show_document, write_text
from lepinet.evaluation.gates import State
from lepinet.evaluation.gates.floors import floors
from lepinet.evaluation.metrics import measure
from lepinet.workflow.evaluate import bench, evaluate
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
    tested = bench(workspace, Path(known_images) if known_images else None, cached=not fresh, fetching=fetching)
    say_unlisted(tested.known)
    results = evaluate(model, tested, endpoint=endpoint, counted=Progress(model or str(endpoint)))
    if junit_file:
        from lepinet.report import junit  # noqa: PLC0415 -- what is read by people takes a while to import

        write_text(junit_file, junit.test(results))
    if html_file:
        from lepinet.report import page  # noqa: PLC0415 -- as above
        from lepinet.workflow.thumbnails import thumbnails_of  # noqa: PLC0415 -- as above

        pictures = thumbnails_of(page.pictured(results), tested.known, tested.timings)
        write_text(html_file, page.test(results, pictures))
    if as_json:
        show_document(results)
    else:
        from lepinet.report import terminal  # noqa: PLC0415 -- as above

        click.echo(terminal.test(results, colour=colour()))
    if workspace is None or known_images is not None:
        return 0 if all(answer.error is None for answer in results.answers().answers) else 1
    judged = floors(measure(results.answers()), workspace.manifest.gates)
    return int(any(one.gate.state is State.FAILED for one in judged))
