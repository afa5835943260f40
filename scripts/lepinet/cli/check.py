"""`lepinet check`."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli import options
from lepinet.cli.output import (
    Progress,
    annotate_problems,
    colour,
    fetching,
    files_on_github,
    on_github,
    say_unlisted,
    show_document,
    write_text,
)
from lepinet.manifest.stream import decode
from lepinet.report import junit, markdown, terminal
from lepinet.report.annotations import blocking, undecided
from lepinet.report.documents import CheckAnswer
from lepinet.workflow import check as checking
from lepinet.workflow.thumbnails import thumbnails_of
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet check --base origin/main --markdown report.md")
@click.option("--base", metavar="REF", help="A commit of main; default: where this branch left main.")
@click.option("--markdown", "report", metavar="FILE", type=click.Path(path_type=Path), help="Write the report there.")
@options.junit
@options.html
@options.as_json
def check(
    *, base: str | None, report: Path | None, junit_file: Path | None, html_file: Path | None, as_json: bool
) -> int:
    """All that a pull request needs: validate, test, compare, plan; the verdict is the exit code.

    0: fine, or undecided where a person decides (it says so). 1: invalid, or held.
    """
    workspace = open_workspace(fetching=fetching)
    document = checking.check(workspace, base, Progress)
    if not document.problems:
        say_unlisted(workspace.known_images)
    if report:
        write_text(report, markdown.check(document, files_on_github()))
    if junit_file:
        write_text(junit_file, junit.check(document))
    if html_file:
        from lepinet.report import page  # noqa: PLC0415 -- its templates take a while, and only a page needs them

        known = None if document.problems else workspace.known_images
        write_text(html_file, page.check(document, thumbnails_of(page.pictured(document), known, workspace.timings)))
    if on_github():
        text = decode(workspace.content) if document.environments or document.registered else ""
        annotate_problems(blocking(document, text))
        annotate_problems(undecided(document, text), "warning")
    if as_json:
        show_document(document)
    else:
        click.echo(terminal.check(document, colour=colour()).rstrip())
    blocked = any(one.blocks for one in document.environments) or any(one.error for one in document.registered)
    return int(document.answer is CheckAnswer.INVALID or blocked)
