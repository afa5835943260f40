"""What the monitor found, in words: for the terminal, for the issue of each cause, and for the chat; pure."""

from __future__ import annotations

from lepinet.monitor import Cause, Finding, Looked, Monitored
from lepinet.report.escape import for_markdown, for_terminal

TITLES = {
    Cause.NO_ANSWER: "the endpoint does not answer",
    Cause.BARRED: "the monitor may not ask the endpoint",
    Cause.ANSWERS: "the endpoint answers otherwise than it was tested",
    Cause.ACCURACY: "fewer photos are named right than the floor allows",
    Cause.LATENCY: "a photo takes much longer than usual",
    Cause.DRIFT: "models.yaml, database and endpoint do not agree",
    Cause.BEHIND: "what main declares is not live",
}
_TODO = {
    Cause.NO_ANSWER: "See the endpoint's own log; `lepinet status -e {environment}` tells what should run.",
    Cause.BARRED: "Put the token right as said above; the next run asks again.",
    Cause.ANSWERS: "`lepinet rollback -e {environment} --reason …` returns to the version before. Was the endpoint"
    " changed by hand, put it right and run the monitor again.",
    Cause.ACCURACY: "`lepinet rollback -e {environment} --reason …` returns to the version before.",
    Cause.LATENCY: "See the endpoint's size and load, and whether it is far from where the monitor runs.",
    Cause.DRIFT: "`lepinet status -e {environment}` names it; keep it or undo it as said above.",
    Cause.BEHIND: "`lepinet reconcile -e {environment}`; on GitHub: Actions, reconcile, Run workflow.",
}


def title(environment: str, cause: Cause) -> str:
    """Of the cause's issue, and the head of its message."""
    return f"{environment}: {TITLES[cause]}"


def issue(run: Monitored, finding: Finding, log: str | None, proposed: str | None = None) -> str:
    """The issue's text in Markdown, written anew by each run while the cause lasts.

    Args:
        run: the newest one.
        finding: of that run.
        log: where its log is.
        proposed: what became of the way back, where one was to be proposed.
    """
    photos = ", ".join(for_markdown(name, 80) for name in run.kept.differing[:5])
    more = len(run.kept.differing) - 5
    about_answers = finding.cause in {Cause.ANSWERS, Cause.ACCURACY} and photos
    return "\n\n".join(
        part
        for part in (
            f"**{for_markdown(finding.sentence, 1000)}**",
            _in_a_row(finding),
            f"Answered otherwise: {photos}{f' and {more} more' if more > 0 else ''}." if about_answers else None,
            f"**What to do.** {_TODO[finding.cause].format(environment=run.environment)}",
            for_markdown(proposed, 500) if proposed else None,
            f"The newest run: {log}" if log else None,
            "This issue is kept up to date by the monitor, and closed when it is over.",
        )
        if part
    )


def over(run: Monitored) -> str:
    """The last word in a cause's issue."""
    return f"It is over: {for_markdown(run.sentence, 500)}"


def begun_message(run: Monitored, finding: Finding) -> str:
    """For the chat, when an alarm begins."""
    return f"{title(run.environment, finding.cause)}. {for_terminal(finding.sentence, 800)}"


def over_message(run: Monitored, cause: Cause) -> str:
    """For the chat, when an alarm is over."""
    return f"Over: {title(run.environment, cause)}. {for_terminal(run.sentence, 500)}"


def lines(run: Monitored) -> tuple[str, ...]:
    """For the terminal: the answer first, then each cause."""
    asked = f"tested {'the whole sample' if run.kept.whole else 'a few photos'}: " if run.looked is Looked.ASKED else ""
    found = [
        f"{'ALARM' if finding.alarms else 'seen once, alarms the second time'}: {TITLES[finding.cause]}: "
        f"{finding.sentence}"
        for finding in run.findings
    ]
    return (f"{asked}{run.sentence}", *found, *(f"over: {TITLES[cause]}" for cause in run.over))


def _in_a_row(finding: Finding) -> str | None:
    return f"In {finding.runs} runs in a row." if finding.runs > 1 else None
