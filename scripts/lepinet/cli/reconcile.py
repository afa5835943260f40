"""`lepinet plan`, `lepinet reconcile`, `lepinet unpin`."""

from __future__ import annotations

from pathlib import Path

import click

from lepinet.cli import NO, OUTSIDE, options
from lepinet.cli.output import Progress, fetching, say, show, show_json, write_text
from lepinet.reconcile.run import Ending, Outcome
from lepinet.timings import Timings
from lepinet.workflow import declared
from lepinet.workflow.workspace import open_workspace

EXIT_CODES = {Ending.DONE: 0, Ending.SUPERSEDED: 0, Ending.REFUSED: NO, Ending.OUTSIDE: OUTSIDE}


@click.command(epilog="Example: lepinet plan -e production")
@options.some_environments
@options.as_json
def plan(*, environment: str | None, as_json: bool) -> int:
    """What reconcile would change now; reads only.

    Exit code 0 whatever it shows; 3 when registry or endpoint cannot be asked.
    """
    plans = list(declared.plan(open_workspace(), environment))
    if as_json:
        show_json(
            [
                {"environment": it.environment, "action": it.action, "aim": it.aim.version, "steps": it.lines()}
                for it in plans
            ]
        )
        return 0
    if not plans:
        click.echo("No environment has an active version yet: lepinet activate VERSION")
    for it in plans:
        for line in it.lines():
            show(f"{it.environment}: {line}")
    return 0


@click.command(epilog="Example: lepinet reconcile -e production")
@options.some_environments
@click.option("--mend", is_flag=True, help="Undo first what somebody changed by hand.")
@click.option("--retry", is_flag=True, help="Try a version again that failed its proof; never passes over a hold.")
@click.option("--accept-history", metavar="REASON", help="Main was rewritten, and that is right.")
@click.option("--reason", metavar="TEXT", help="Why; it stands in the history.")
@click.option(
    "--judge",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Only test what would be judged, and write it; no key is needed.",
)
@click.option(
    "--verdict",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Judge by what --judge wrote elsewhere; no model runs here.",
)
@options.as_json
@click.pass_obj
def reconcile(
    timings: Timings | None,
    *,
    environment: str | None,
    mend: bool,
    retry: bool,
    accept_history: str | None,
    reason: str | None,
    judge: Path | None,
    verdict: Path | None,
    as_json: bool,
) -> int:
    """Make endpoint and database what main declares: move, prove on known images, flip.

    Safe to run again at any time, also after it was killed.
    """
    if accept_history is not None and not accept_history.strip():
        raise click.UsageError("--accept-history needs a reason: the history keeps it")
    from lepinet.workflow import deploy  # noqa: PLC0415 -- `plan` and `unpin` need no model runtime

    asked = deploy.Options(mend=mend, retry=retry, accept_history=accept_history, reason=reason, verdict=verdict)
    if judge is not None:
        if asked != deploy.Options():
            raise click.UsageError("--judge only tests and writes; of the other options it takes -e alone")
        return _judge(judge, environment, as_json=as_json)
    outcomes = []
    try:
        workspace = open_workspace(timings=timings, fetching=fetching)
        for outcome in deploy.reconcile_all(workspace, environment, asked, deploy.Telling(say, Progress)):
            outcomes.append(outcome)
            if not as_json:
                show(f"{outcome.environment}: {outcome.sentence}")
    finally:
        if as_json:  # what was done is told, whatever befell the next environment
            show_json([outcome_json(outcome) for outcome in outcomes])
    return max((EXIT_CODES[outcome.ending] for outcome in outcomes), default=0)


def _judge(file: Path, environment: str | None, *, as_json: bool) -> int:
    from lepinet.workflow.deploy import judge  # noqa: PLC0415 -- as above

    handover = judge(open_workspace(fetching=fetching), environment, Progress)
    write_text(file, handover.model_dump_json() + "\n")
    if as_json:
        names = [judged.environment for judged in handover.environments]
        show_json(handover.grounds.model_dump(mode="json") | {"file": str(file), "environments": names})
        return 0
    for judged in handover.environments:
        tested = judged.target
        said = f"{len(tested.answers.answers)} known images answered" if tested.answers else "no known images"
        click.echo(f"{judged.environment}: {tested.target.version}, {tested.error or said}")
    click.echo(f"Next, where the keys are: lepinet reconcile --verdict {file}")
    return 0


@click.command(epilog="Example: lepinet unpin -e production --reason 'v1.1.1 is merged'")
@options.environment
@options.reason
def unpin(*, environment: str | None, reason: str | None) -> int:
    """Lift the pin of an emergency; the next reconcile ships what main declares."""
    workspace = open_workspace()
    name = workspace.only_environment(environment)
    lifted = declared.unpin(workspace, name, options.ask_for_reason(reason, "unpin"))
    if lifted is None:
        click.echo(f"{name} was not pinned; nothing was changed.")
    else:
        declared_now = workspace.manifest.environments[name].active or "no version"
        click.echo(f"The pin of {name} to {lifted} is lifted; models.yaml declares {declared_now}.")
        click.echo(f"Next: lepinet reconcile -e {name}")
    return 0


def outcome_json(outcome: Outcome) -> dict[str, str]:
    return {"environment": outcome.environment, "ending": outcome.ending.name.lower(), "sentence": outcome.sentence}
