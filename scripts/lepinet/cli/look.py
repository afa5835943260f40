"""`lepinet status`, `lepinet versions`, `lepinet history`."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import click

from lepinet.cli import NO, options
from lepinet.cli.output import show_json
from lepinet.report import status as text
from lepinet.workflow import look
from lepinet.workflow.listed_changes import waiting_here
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet status -e production")
@options.some_environments
@options.as_json
def status(*, environment: str | None, as_json: bool) -> int:
    """What is live, and whether git, database and endpoint agree. Exit code 1 when a person is needed.

    Changes that wait on branches here are named; GitHub is not asked for pull requests.
    """
    workspace = open_workspace()
    found = list(look.status(workspace, environment))
    if as_json:
        show_json([_status_json(one) for one in found])
    else:
        waiting = [
            f"{one.title}, commit {one.head[:7]}"
            for one in waiting_here(workspace)
            if environment is None or one.aim is None or one.aim.environment == environment
        ]
        click.echo(text.status(found, datetime.now(UTC), waiting))
    return NO if any(one.needs_a_person for one in found) else 0


@click.command(epilog="Example: lepinet versions --json")
@options.some_environments
@options.as_json
def versions(*, environment: str | None, as_json: bool) -> int:
    """Every version of models.yaml, and what trainers have logged beside it."""
    found = look.versions(open_workspace(), environment)
    if as_json:
        show_json([{**vars(one), "created_at": one.created_at and one.created_at.isoformat()} for one in found])
    else:
        click.echo(text.versions(found))
    return 0


@click.command(epilog="Examples: lepinet history --at 2026-11-20 · lepinet history --version v1.1.0 --steps")
@options.some_environments
@click.option("--at", "day", metavar="DAY", type=click.DateTime(["%Y-%m-%d"]), help="What began or ended on that day.")
@click.option("--version", metavar="V", help="Only deployments of this version.")
@click.option("--steps", is_flag=True, help="Each deployment's steps as well.")
@click.option(
    "--most", default=50, show_default=True, metavar="N", type=click.IntRange(1, 100_000), help="So many at the most."
)
@options.as_json
def history(
    *, environment: str | None, day: datetime | None, version: str | None, steps: bool, most: int, as_json: bool
) -> int:
    """Who moved what, when and why; newest first."""
    found = look.history(open_workspace(), environment, version=version, day=day.date() if day else None)
    shown = list(islice(found, most))
    if as_json:
        show_json([row.model_dump(mode="json") for row in shown])
    else:
        click.echo(text.history(shown, steps=steps))
    return 0


def _status_json(one: text.EnvironmentStatus) -> dict[str, object]:
    endpoint = one.endpoint.target if one.endpoint else None
    return {
        "environment": one.environment,
        "declared": one.declared.version if one.declared else None,
        "active": one.snapshot.environment.active if one.snapshot else None,
        "endpoint": {"file_path": endpoint.file_path, "revision": endpoint.revision} if endpoint else None,
        "pinned": one.snapshot.environment.pinned if one.snapshot else None,
        "in_step": one.in_step,
        "needs_a_person": one.needs_a_person,
        "why": one.trouble or one.superseded or (one.plan.stop if one.plan else None),
        "plan": one.plan.lines() if one.plan else None,
        "monitored": {
            "seconds_ago": one.monitored.seconds_ago,
            "sentence": one.monitored.notes,
            "alarms": one.alarms,
            "missed": one.missed,
        }
        if one.monitored
        else None,
        "live_since": one.live.ended_at.isoformat() if one.live and one.live.ended_at else None,
    }
