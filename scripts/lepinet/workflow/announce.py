"""After reconcile, on GitHub: the deployment under Environments, the merged pull request's comment, and the revert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from lepinet.changes import standing
from lepinet.errors import LepinetError, UsageError
from lepinet.files import read_small
from lepinet.github import GitHub, State
from lepinet.manifest.history import Activation
from lepinet.registry.records import DeploymentStatus, PastDeployment
from lepinet.report import shipped
from lepinet.report.escape import for_markdown, for_terminal
from lepinet.report.wording import sentence
from lepinet.workflow.propose import branch_name, open_github, propose_revert, start_check
from lepinet.workflow.workspace import Workspace

COMMENT = "check"
"""The key of the one comment that a pull request gets."""
_STATES: dict[DeploymentStatus, State] = {
    DeploymentStatus.STARTED: "in_progress",
    DeploymentStatus.SUCCEEDED: "success",
    DeploymentStatus.FAILED: "failure",
    DeploymentStatus.SUPERSEDED: "inactive",
}


class Told(BaseModel):
    """What `reconcile --json` says of one environment."""

    environment: str
    ending: str
    sentence: str


_TOLD = TypeAdapter(tuple[Told, ...])
_HISTORY = TypeAdapter(tuple[PastDeployment, ...])
_Read = TypeVar("_Read")


def announce(workspace: Workspace, environment: str, outcome: Path, history: Path) -> str:
    """Tell GitHub what became of an environment; the Markdown for the run's summary. Told again, nothing changes there.

    Args:
        workspace: at the commit that was reconciled, in a job of GitHub Actions.
        environment: of models.yaml.
        outcome: what `reconcile --json` wrote.
        history: what `history --json` wrote, newest first.

    Raises:
        UsageError: this is no job of GitHub Actions, or a file is another one.
        OutsideError: GitHub does not take it.
    """
    told = _read(outcome, _TOLD)
    rows = _read(history, _HISTORY)
    environ = workspace.settings.environ
    try:
        repository = environ["GITHUB_REPOSITORY"]
        run_url = f"{environ['GITHUB_SERVER_URL']}/{repository}/actions/runs/{environ['GITHUB_RUN_ID']}"
    except KeyError as missing:
        raise UsageError(f"no {missing.args[0]} here", todo="this is for a job of GitHub Actions") from None
    activation = standing(workspace.git, workspace.git.head()).activations.get(environment)
    ending = next((one for one in told if one.environment == environment), None)
    with open_github(workspace, repository) as github:
        announcing = _Announcing(workspace, github, rows, ending, run_url)
        announcing.deployments(environment)
        merged = announcing.merged(activation) if activation else None
    said = ending.sentence if ending else "Not finished: the run's log tells why, and the next run goes on."
    lines = [] if merged and ending and ending.ending == "done" else [for_markdown(sentence(said), 1000)]
    lines += [merged] if merged else []
    return shipped.summary(environment, lines, rows[0] if rows else None)


@dataclass(frozen=True)
class _Announcing:
    """One environment after a run."""

    workspace: Workspace
    github: GitHub
    rows: Sequence[PastDeployment]
    ending: Told | None
    """None when the run ended with an error."""
    run_url: str

    def deployments(self, environment: str) -> None:
        """Those of this commit, and the last one, which an earlier run may have had no time to tell of."""
        head = self.workspace.git.head()
        for row in reversed([row for row in self.rows if row.commit == head or row is self.rows[0]]):
            made = self.github.deployment(
                id_=str(row.id),
                environment=environment,
                commit=row.commit or head,
                description=for_terminal(row.version),
            )
            self.github.deployment_status(made, _STATES[row.status], for_terminal(shipped.plain(row)), self.run_url)

    def merged(self, activation: Activation) -> str | None:
        """What became of the commit that set the active version; None where there is nothing to say."""
        commit = activation.state.commit
        row = self.rows[0] if self.rows else None
        if row and self._is_about(row, activation):
            line = shipped.became_of(row, commit.at)
            if row.status is DeploymentStatus.FAILED:
                line = f"{line} {self._undone(activation, row)}"
            elif row.status is DeploymentStatus.SUCCEEDED:
                self._needs_no_undoing(activation, row)
        elif self.ending and self.ending.ending == "refused":
            line = shipped.stopped(activation.target.version or "", activation.environment, self.ending.sentence)
        else:
            return None
        if pull_request := self.github.merged_by(commit.id):
            # No link to this run: the next one, which finds the same, would have another to tell.
            self.github.amend(pull_request.number, COMMENT, f"became-{activation.environment}", line)
            line = f"{line} [Its pull request]({pull_request.html_url})."
        return line

    def _is_about(self, row: PastDeployment, activation: Activation) -> bool:
        """Whether a deployment is of what the activation declares, and begun at its commit or a later one."""
        same = row.target is not None and row.target.same_files(activation.target)
        git = self.workspace.git
        return same and row.commit is not None and git.on_first_parent_line(activation.state.commit.id, row.commit)

    def _undone(self, activation: Activation, row: PastDeployment) -> str:
        """The pull request that reverts the commit, opened once: who closes it has decided."""
        git, commit = self.workspace.git, activation.state.commit.id
        if activation.baseline is None:
            return "There is nothing to go back to: it is the first version here."
        latest = standing(git, git.fetch_main()).activations.get(activation.environment)
        if latest is None or latest.state.commit.id != commit:
            return "main declares another version by now."
        branch = _revert_branch(activation, row)
        if before := self.github.proposed(branch):
            if before.is_open:
                start_check(self.workspace, self.github, before)
                return f"[This undoes it]({before.html_url})."
            return f"[What undoes it]({before.html_url}) was closed: open it again, or declare another version."
        try:
            url = propose_revert(self.workspace, self.github, commit, branch, shipped.evidence(row, self.run_url))
        except LepinetError as error:
            return f"No pull request could be opened that undoes it: {for_markdown(error.in_one_line())}"
        if url is None:
            return "What was merged after it stands in the way of undoing it: declare in models.yaml what is right."
        return f"[This undoes it]({url})."

    def _needs_no_undoing(self, activation: Activation, row: PastDeployment) -> None:
        """The pull request that an earlier failure has opened is closed, for the version is live after all."""
        if before := self.github.proposed(_revert_branch(activation, row)):
            self.github.close_once(before, f"live-{activation.environment}", shipped.needs_no_undoing(row))


def _revert_branch(activation: Activation, row: PastDeployment) -> str:
    """Of the pull request that reverts the commit which set the active version."""
    return branch_name(f"revert-{activation.environment}-{row.version}-{activation.state.commit.id[:7]}")


def _read(file: Path, kind: TypeAdapter[_Read]) -> _Read:
    try:
        return kind.validate_json(read_small(file))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"is another file: {first['msg']}", where=str(file)) from None
