"""`lepinet activate`, `lepinet rollback`, `lepinet register`, `lepinet retire`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from lepinet.cli import NO, options
from lepinet.cli.output import Progress, fetching, on_github, say, show, show_json
from lepinet.workflow import change
from lepinet.workflow.to_main import Edited
from lepinet.workflow.workspace import open_workspace

_local = click.option("--local", is_flag=True, help="Write models.yaml here; open no pull request on GitHub.")


@click.command(epilog="Example: lepinet activate v1.1.0 -e production")
@click.argument("version")
@options.environment
@click.option("--override", metavar="REASON", help="Ship it although it is held; the history keeps the reason.")
@_local
@options.as_json
def activate(*, version: str, environment: str | None, override: str | None, local: bool, as_json: bool) -> int:
    """Make a version active in models.yaml, by a pull request where origin is GitHub.

    What is live changes when that is merged and reconciled.
    """
    workspace = open_workspace()
    name = workspace.only_environment(environment)
    show_edited(change.activate(workspace, name, version, override, local=local), as_json=as_json)
    return 0


@click.command(epilog="Examples: lepinet rollback --reason 'wrong names' · lepinet rollback v1.0.0 --now --reason …")
@click.argument("version", required=False)
@options.environment
@options.reason
@click.option("--now", is_flag=True, help="An emergency: endpoint and database move at once, and are pinned.")
@_local
@options.as_json
def rollback(
    *, version: str | None, environment: str | None, reason: str | None, now: bool, local: bool, as_json: bool
) -> int:
    """Return to an earlier version (default: the one before), by models.yaml or, with --now, at once.

    models.yaml changes by a pull request where origin is GitHub. No comparison stops the way back to a version that
    was active before the one of today; any other, also one that was rolled back, counts as an activation.
    """
    workspace = open_workspace(fetching=fetching)
    name = workspace.only_environment(environment)
    target = version or change.previous_version(workspace, name)
    why = options.ask_for_reason(reason, "a rollback")
    if now:
        return _at_once(name, target, why, as_json=as_json)
    # In a workflow the check of the pull request runs the model, in a job where there is nothing to take.
    evidence = change.checklist(workspace, name, target, why, tested=not on_github())
    edited = change.rollback(workspace, name, target, why, evidence, local=local)
    if not as_json:
        for number, line in enumerate(evidence, 1):
            click.echo(f"{number}. {line.item}: {line.shown}")
    show_edited(edited, as_json=as_json, checklist={line.item: line.shown for line in evidence})
    return 0


def _at_once(environment: str, version: str, reason: str, *, as_json: bool) -> int:
    from lepinet.cli.reconcile import EXIT_CODES, outcome_json  # noqa: PLC0415 -- an edit needs no registry client
    from lepinet.reconcile.run import Ending  # noqa: PLC0415 -- as above
    from lepinet.workflow.deploy import Telling, emergency  # noqa: PLC0415 -- as above

    workspace = open_workspace(fetching=fetching)
    outcome = emergency(workspace, environment, version, reason, Telling(say, Progress))
    if as_json:
        show_json(outcome_json(outcome))
    else:
        click.echo(f"{environment}: {outcome.sentence}")
        if outcome.ending is Ending.DONE:
            if workspace.manifest.environments[environment].active == version:
                click.echo("Git declares it already: the pin ends with the next reconcile.")
            else:
                click.echo(f"Make git agree: lepinet rollback {version} -e {environment} --reason …")
    return EXIT_CODES.get(outcome.ending, NO)


@click.command(
    epilog="Examples: lepinet register v1.2.0 --file-path Bhanura/lepinet-model --revision main --images 5400"
    " · lepinet register v1.2.0 --file-path models/v1.2.0"
)
@click.argument("version")
@click.option("--file-path", required=True, metavar="PATH", help="Hub repository (org/name), or a folder of this one.")
@click.option(
    "--revision",
    metavar="REVISION",
    help="The Hub's commit, or a branch or tag, whose commit is written; main@TIME: what main was then. "
    "A folder tells its own.",
)
@click.option("--images", type=int, metavar="N", help="How many images it was trained on.")
@click.option("--accuracy", type=float, metavar="SHARE", help="As the trainer measured it, 0 to 1.")
@click.option("--created-at", metavar="TIME", help="When it was trained, as 2026-11-20T10:00:00Z; default: now.")
@click.option("--notes", metavar="TEXT", help="What changed since the version before.")
@click.option("--link", "links", multiple=True, metavar="NAME=URL", help="Where to read on; may be repeated.")
@_local
@options.as_json
def register(
    *,
    version: str,
    file_path: str,
    revision: str | None,
    images: int | None,
    accuracy: float | None,
    created_at: str | None,
    notes: str | None,
    links: tuple[str, ...],
    local: bool,
    as_json: bool,
) -> int:
    """Add a version to models.yaml, by a pull request where origin is GitHub.

    Its small files are looked at: what check is going to refuse is said now.
    """
    for link in links:
        if "=" not in link:
            raise click.UsageError(f"--link {link} is not NAME=URL")
    edited = change.register(
        open_workspace(),
        version,
        file_path=file_path,
        revision=revision,
        training_image_count=images,
        accuracy_score=accuracy,
        created_at=created_at or datetime.now(UTC).replace(microsecond=0),
        notes=notes,
        links=dict(link.split("=", 1) for link in links),
        local=local,
    )
    show_edited(edited, as_json=as_json)
    return 0


@click.command(epilog="Example: lepinet retire --local")
@_local
@options.as_json
def retire(*, local: bool, as_json: bool) -> int:
    """Take versions out of models.yaml that its retention lets go, by a pull request where origin is GitHub.

    Neither an active one, nor one that a rollback would return to. No model's files are deleted: they are named.
    """
    from lepinet.workflow.retire import retire as retiring  # noqa: PLC0415 -- the others need no history of the file

    done = retiring(open_workspace(), datetime.now(UTC), local=local)
    if done.edited is None:
        if as_json:
            show_json({"versions": [], "unnamed": []})
        else:
            click.echo("Nothing may go: see retention in models.yaml (docs/models-yaml.md).")
        return 0
    if as_json:
        unnamed = [{"file_path": target.file_path, "revision": target.revision} for target in done.unnamed]
        pull_request = done.edited.pull_request
        show_json({"versions": done.versions, "unnamed": unnamed, "pull_request": pull_request})
        return 0
    show_edited(done.edited, as_json=False)
    for target in done.unnamed:
        where = "of the Hub" if target.on_hub else "of this repository"
        show(f"Could go then, by your hand: {target.file_path} {where} at {target.revision}, once {target.version}")
    return 0


def show_edited(edited: Edited, *, as_json: bool, checklist: dict[str, str] | None = None) -> None:
    if as_json:
        shown = {"done": edited.sentence, "next": edited.next_steps, "pull_request": edited.pull_request}
        warned = {"warning": edited.warning} if edited.warning else {}
        show_json(shown | warned | ({"checklist": checklist} if checklist else {}))
        return
    if edited.warning:
        say(edited.warning)
    if edited.pull_request:
        show(f"{edited.pull_request}: when it is merged, {edited.sentence}")
        return
    show(edited.sentence)
    if not edited.next_steps:
        return
    click.echo("Next, from a branch of its own to main (lepinet check says what would come of it):")
    for step in edited.next_steps:
        click.echo(f"  {step}")
