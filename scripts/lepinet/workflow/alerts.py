"""Who is told what the monitor found: an issue for each cause, the chat, and the way back as a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lepinet.changes import standing
from lepinet.errors import LepinetError
from lepinet.github import BOT, GitHub
from lepinet.monitor import Cause, Finding, Monitored
from lepinet.report import monitoring as text
from lepinet.webhook import SETTING, Message, Webhook
from lepinet.workflow.change import rollback_proposal
from lepinet.workflow.propose import open_github, propose, repository_at, start_check
from lepinet.workflow.workspace import Workspace

_OF_THE_MODEL = frozenset({Cause.ANSWERS, Cause.ACCURACY})
"""The version before helps against these, and a person is not needed to tell what is right."""
_IN_STEP = frozenset({Cause.DRIFT, Cause.BEHIND})
"""Looked at and in order, these say that the active version is the one that main declares."""


@dataclass(frozen=True)
class Told:
    """What became of the telling, a line each."""

    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def tell(workspace: Workspace, run: Monitored) -> Told:
    """Open, update and close the issues; tell the chat what began and what is over; propose the way back.

    Told again, nothing is there twice. One that cannot be told does not keep the others from it.
    """
    done: list[str] = []
    failed: list[str] = []
    links: dict[Cause, str] = {}
    with _failing_into(failed), _github_of(workspace) as github:
        if github is not None:
            proposed = _way_back(workspace, github, run)
            done += [proposed] if proposed else []
            for finding in run.alarms:
                body = text.issue(run, finding, log_url(workspace), proposed if _is_of_the_model(finding) else None)
                about = text.title(run.environment, finding.cause)
                links[finding.cause] = github.alarm(_key(run, finding.cause), about, body).html_url
                done.append(f"issue: {links[finding.cause]}")
            for cause in sorted(run.fine):
                if closed := github.all_clear(_key(run, cause), text.over(run)):
                    links[cause] = closed.html_url
                    done.append(f"closed: {closed.html_url}")
    messages = [
        Message(text.begun_message(run, finding), links.get(finding.cause)) for finding in run.alarms if finding.begins
    ]
    messages += [Message(text.over_message(run, cause), links.get(cause)) for cause in run.over]
    for message in messages:
        with _failing_into(failed):
            send(workspace, run.environment, message)
    return Told(tuple(done), tuple(failed))


def send(workspace: Workspace, environment: str, message: Message) -> None:
    """Tell the chat, where there is one.

    Raises:
        UsageError: the setting is no address.
        OutsideError: the message was not taken.
    """
    if url := workspace.settings.get(SETTING, environment):
        Webhook(url, workspace.timings).send(message)


def log_url(workspace: Workspace) -> str | None:
    """Of this run, in GitHub Actions."""
    environ = workspace.settings.environ
    server, repository, run = (environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None


@contextmanager
def _failing_into(failed: list[str]) -> Iterator[None]:
    try:
        yield
    except LepinetError as error:
        failed.append(error.in_one_line())


@contextmanager
def _github_of(workspace: Workspace) -> Iterator[GitHub | None]:
    """Where a token was given for it: who only looks from a laptop opens no issues."""
    settings = workspace.settings
    repository = settings.environ.get("GITHUB_REPOSITORY") or repository_at(workspace.git.origin() or "")
    if repository and (settings.get("GITHUB_TOKEN") or settings.get("GH_TOKEN")):
        with open_github(workspace, repository) as github:
            yield github
    else:
        yield None


def _way_back(workspace: Workspace, github: GitHub, run: Monitored) -> str | None:
    """What became of the pull request that returns to the version before; None where it is not asked for."""
    about = [finding for finding in run.alarms if _is_of_the_model(finding)]
    wanted = workspace.manifest.environments[run.environment].auto_rollback
    if not about or not wanted or not run.fine >= _IN_STEP:
        return None
    activation = standing(workspace.git, "HEAD").activations[run.environment]
    if len(activation.stack) < 2:
        return "auto_rollback: there is no version before this one"
    version, back = activation.stack[-1], activation.stack[-2]
    branch = f"way-back-{run.environment}-{version}-{activation.state.commit.id[:7]}"
    proposal = rollback_proposal(run.environment, back, f"{version}: {about[0].sentence}", branch)
    # Opened once for each activation: who closes it has decided.
    try:
        if before := github.proposed(proposal.branch):
            start_check(workspace, github, before)
        else:
            propose(workspace, github.repository, proposal)
    except LepinetError as error:
        return f"auto_rollback: no pull request could be opened and checked: {error.what}"
    return _waits(github, proposal.branch, back)


def _waits(github: GitHub, branch: str, back: str) -> str | None:
    """For what the pull request waits."""
    opened = github.proposed(branch)
    if opened is None:
        return None
    if opened.merged_at:
        return f"the way back to {back} is merged: {opened.html_url}"
    if opened.state != "open":
        return f"the way back to {back} was closed by a person: {opened.html_url}"
    author = opened.user.login if opened.user else BOT
    if author == BOT or not author.endswith("[bot]"):
        why = "only a GitHub App's merge, or a person's, starts what ships it"
    else:
        try:
            github.merge_when_ready(opened)
        except LepinetError as error:
            why = error.what
        else:
            return f"the way back to {back} is merged by GitHub once its checks pass: {opened.html_url}"
    return f"the way back to {back} waits for a person to merge it ({why}): {opened.html_url}"


def _is_of_the_model(finding: Finding) -> bool:
    return finding.cause in _OF_THE_MODEL


def _key(run: Monitored, cause: Cause) -> str:
    return f"monitor-{run.environment}-{cause}"
