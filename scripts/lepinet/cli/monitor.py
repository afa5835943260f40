"""`lepinet monitor`."""

from __future__ import annotations

import click

from lepinet.cli import NO, OUTSIDE, options
from lepinet.cli.output import Progress, say, show, show_json
from lepinet.monitor import Monitored
from lepinet.report import monitoring as text
from lepinet.workflow.alerts import Told, tell
from lepinet.workflow.monitor import monitor_all
from lepinet.workflow.workspace import open_workspace


@click.command(epilog="Example: lepinet monitor -e production · by the clock: 0 */6 * * *")
@options.some_environments
@options.as_json
def monitor(*, environment: str | None, as_json: bool) -> int:
    """Whether the live endpoint still answers as when it was activated, and all agree. Moves nothing.

    A few known images, once a day up to 100. What was seen is logged; what alarms is told: an issue on GitHub where
    GITHUB_TOKEN is given, the chat at LEPINET_WEBHOOK_URL, exit code 1.
    """
    workspace = open_workspace()
    runs: list[tuple[Monitored, Told]] = []
    try:
        for run in monitor_all(workspace, environment, Progress, say):
            told = tell(workspace, run)
            runs.append((run, told))
            _say(run, told, as_json=as_json)
    finally:
        if as_json:  # what was seen is told, whatever befell the next environment
            show_json([_as_json(run, told) for run, told in runs])
    if any(run.alarms for run, _ in runs):
        return NO
    return OUTSIDE if any(told.failed for _, told in runs) else 0


def _say(run: Monitored, told: Told, *, as_json: bool) -> None:
    if not as_json:
        for line in (*text.lines(run), *told.done):
            show(f"{run.environment}: {line}")
    for failure in told.failed:
        say(f"{run.environment}: could not be told: {failure}")


def _as_json(run: Monitored, told: Told) -> dict[str, object]:
    figures = run.figures
    return {
        "environment": run.environment,
        "looked": run.looked,
        "sentence": run.sentence,
        "whole": run.kept.whole,
        "findings": [
            {"cause": finding.cause, "alarms": finding.alarms, "runs": finding.runs, "sentence": finding.sentence}
            for finding in run.findings
        ],
        "over": run.over,
        "sample_size": figures.sample_size if figures else None,
        "accuracy": figures.accuracy if figures else None,
        "latency_ms": {"p50": run.kept.median_ms, "p95": run.kept.p95_ms},
        "differing": run.kept.differing,
        "told": told.done,
        "not_told": told.failed,
    }
