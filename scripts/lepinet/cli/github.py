"""`lepinet github`: what the workflows in .github tell GitHub."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli import OUTSIDE, options
from lepinet.cli.output import show, show_document, warn, write_text
from lepinet.errors import RefusedError
from lepinet.workflow.workspace import open_workspace

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def github() -> None:
    """What the workflows in .github tell GitHub. Each may be told again: nothing is there twice."""


@github.command(epilog="Example: lepinet github announce -e production outcome.json history.json")
@options.environment
@click.argument("outcome", type=_file)
@click.argument("history", type=_file)
def announce(*, environment: str | None, outcome: Path, history: Path) -> int:
    """What became of a merge: the deployment, a line on its pull request, and the revert of what did not ship.

    OUTCOME is what `reconcile --json` wrote, HISTORY what `history --json` wrote; Markdown for the summary comes out.
    """
    from lepinet.workflow import announce as announcing  # noqa: PLC0415 -- the other commands need none of it

    workspace = open_workspace()
    click.echo(announcing.announce(workspace, workspace.only_environment(environment), outcome, history))
    return 0


@github.command(
    epilog="Example: lepinet github comment report.json --head mallory:work --commit 9f3c… --result success"
)
@click.argument("report", type=_file)
@click.option("--head", required=True, metavar="OWNER:BRANCH", help="Whose branch was checked.")
@click.option("--commit", required=True, metavar="COMMIT", help="The branch's commit that was checked, all 40 digits.")
@click.option("--result", required=True, type=click.Choice(["success", "failure"]), help="How the check ended.")
@click.option("--trusted", is_flag=True, help="Main's code made the report, as trusted-check.yml lets it.")
def comment(*, report: Path, head: str, commit: str, result: str, trusted: bool) -> int:
    """The report of a check as the one comment on its pull request.

    REPORT is what `check --json` wrote. It may be a stranger's: only what such a report can say is shown, as text.
    """
    from lepinet.workflow import comment as commenting  # noqa: PLC0415 -- as above

    owner, separator, branch = head.partition(":")
    if not separator:
        raise click.UsageError("--head is OWNER:BRANCH")
    checked = commenting.CheckedHead(owner, branch, commit, succeeded=result == "success", trusted=trusted)
    show(commenting.comment(open_workspace(), report, checked))
    return 0


@github.command(epilog="Example: lepinet github take 9f3c… --allow 'acme/moths acme/bees'")
@click.argument("commit")
@click.option("--allow", default="", metavar="NAMES", help="Repositories of the Hub that may be read too.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write a refusal there, as JSON.")
def take(*, commit: str, allow: str, report: Path | None) -> int:
    """Put a pull request's models.yaml into this checkout of main, if nothing but trusted models is in it.

    What `check` would have against its other files is said here, for they are not taken.
    """
    from lepinet.workflow import trusted  # noqa: PLC0415 -- as above

    workspace = open_workspace()
    try:
        show(trusted.take_manifest(workspace, commit, allow.split()))
    except RefusedError as error:
        if report:
            write_text(report, trusted.refusal(workspace, error).model_dump_json(indent=2))
        raise
    return 0


@github.command(epilog="Example: lepinet github logged -e production > production.json")
@options.some_environments
def logged(*, environment: str | None) -> int:
    """What trainers have logged and no models.yaml of main explains, oldest first, for `github register`."""
    from lepinet.workflow.logged import what_waits  # noqa: PLC0415 -- as above

    show_document(what_waits(open_workspace(), environment, warn))
    return 0


@github.command(epilog="Example: lepinet github register staging.json production.json")
@click.argument("logged", type=_file, nargs=-1, required=True)
def register(*, logged: tuple[Path, ...]) -> int:
    """A pull request for each version that a trainer has logged and no models.yaml of main ever had.

    LOGGED is what `github logged` wrote, a file for each registry. What cannot be registered is reported once, as
    an issue.
    """
    from lepinet.workflow.proposals import register_logged  # noqa: PLC0415 -- as above

    done = True
    for one in register_logged(open_workspace(), logged):
        show(f"{one.name}: {one.sentence}")
        done = done and one.done
    return 0 if done else OUTSIDE
