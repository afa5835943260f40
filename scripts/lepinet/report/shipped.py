"""What became of a merge, for its pull request, for the one that undoes it, and for the run's summary; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from lepinet.evaluation.gates import Verdict
from lepinet.registry.records import DeploymentKind, DeploymentRow, DeploymentStatus, PastDeployment
from lepinet.report.escape import for_markdown as text
from lepinet.report.wording import moment, sentence


def plain(row: PastDeployment) -> str:
    """A deployment in a few words without markup; texts of others are in it as they were written."""
    match row.status:
        case DeploymentStatus.SUCCEEDED:
            return f"{row.version} is live"
        case DeploymentStatus.STARTED:
            return f"{row.version} is on its way"
        case DeploymentStatus.SUPERSEDED:
            return f"{row.version} was overtaken"
        case DeploymentStatus.FAILED:
            return f"{row.version} did not ship: {row.error or row.failure}"


def verdict(row: DeploymentRow) -> Verdict | None:
    """What was judged before it began; None where nothing was, or nobody can read it any more."""
    if row.verdict is None:
        return None
    try:
        return Verdict.model_validate({key: value for key, value in row.verdict.items() if key != "override"})
    except ValidationError:
        return None


def override(row: DeploymentRow) -> str | None:
    """Why a person decided that it ships all the same."""
    found = row.verdict.get("override") if row.verdict else None
    return found if isinstance(found, str) else None


def became_of(row: PastDeployment, merged_at: datetime) -> str:
    """One line of Markdown: live since, or refused because.

    Args:
        row: the last deployment of the version that the merge declares.
        merged_at: when it was merged.
    """
    where = f"{text(row.version)}", text(row.environment)
    match row.status:
        case DeploymentStatus.SUCCEEDED:
            ended = row.ended_at or row.begun_at
            proved = next((event.text for event in reversed(row.events) if event.step == "prove"), "")
            after = f"{span(ended - merged_at)} after the merge" if ended >= merged_at else "before the merge"
            told = f"**{where[0]} is live in {where[1]} since {moment(ended)}**, {after}"
            return f"{told}: {text(sentence(proved), 600)}" if proved else f"{told}."
        case DeploymentStatus.STARTED:
            return f"**{where[0]} is on its way to {where[1]}**, and not there yet: the next run goes on."
        case DeploymentStatus.SUPERSEDED:
            return f"**{where[0]} was overtaken in {where[1]}** by an emergency or a later commit."
        case DeploymentStatus.FAILED:
            why = text(sentence(row.error or str(row.failure)), 1000)
            return f"**{where[0]} is not live in {where[1]}**: {why}{_still(row)}"


def stopped(version: str, environment: str, why: str) -> str:
    """One line of Markdown: nothing was begun, and why."""
    return f"**{text(version)} is not live in {text(environment)}**: {text(sentence(why), 1000)}"


def summary(environment: str, told: Sequence[str], row: PastDeployment | None) -> str:
    """The Markdown of a run's summary: one environment, and the steps of its last deployment.

    Args:
        environment: its name.
        told: paragraphs of Markdown.
        row: the deployment.
    """
    lines = [f"### {text(environment)}", *(line for one in told for line in ("", one))]
    if row:
        kind = "emergency" if row.kind is DeploymentKind.EMERGENCY else "deployment"
        last = f"Last {kind}: {plain(row)}, begun {moment(row.begun_at)} by {row.actor}"
        lines += ["", text(sentence(last), 600), "", *_steps(row)]
    return "\n".join([*lines, "", ""])


def evidence(row: PastDeployment, run_url: str) -> str:
    """The text of the pull request that undoes what did not ship."""
    back = f"{text(row.way_back.version or '')} again" if row.way_back else "nothing"
    why = text(sentence(row.error or str(row.failure)), 1000)
    lines = (
        f"**{text(row.version)} did not ship to {text(row.environment)}**: {why}{_still(row)}",
        "",
        f"Merged, this lets models.yaml say {back}, so that git and the world agree.",
        "Closed, it is not opened again: then run *reconcile* with `retry`, or declare another version.",
        f"[What the run says]({run_url})",
        "",
        *_steps(row),
        "",
    )
    return "\n".join(lines)


def needs_no_undoing(row: PastDeployment) -> str:
    """Why the pull request that undoes it is closed."""
    since = moment(row.ended_at or row.begun_at)
    return (
        f"Closed: **{text(row.version)} is live in {text(row.environment)} since {since}** after all,"
        " so there is nothing to undo. To go back all the same, open it again: it then stays open."
    )


def _steps(row: PastDeployment) -> Iterator[str]:
    yield from (f"- {event.at:%H:%M:%S} {text(event.step)}: {text(event.text, 600)}" for event in row.events)


def _still(row: PastDeployment) -> str:
    serves = row.way_back.version if row.way_back else None
    return f" {text(serves)} still serves." if serves else ""


def span(time: timedelta) -> str:
    """`4 min 10 s`."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
