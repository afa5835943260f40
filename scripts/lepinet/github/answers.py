"""What GitHub answers, as far as it is needed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A part of what GitHub answers."""

    model_config = ConfigDict(frozen=True)


class _User(Answer):
    login: str


class _Owner(Answer):
    full_name: str


class _Head(Answer):
    ref: str
    sha: str
    repo: _Owner | None = None
    """None once a fork is gone."""


class PullRequest(Answer):
    """Open, unless it was asked for otherwise."""

    number: int
    node_id: str
    """What GraphQL calls it."""
    html_url: str
    title: str
    body: str | None = None
    state: str
    """`open` or `closed`."""
    user: _User | None = None
    head: _Head
    created_at: datetime
    merged_at: datetime | None = None
    merge_commit_sha: str | None = None
    """Of main, once it is merged; before, of a trial."""
    mergeable: bool | None = None
    """Whether git can merge it by itself; None in a list, and where GitHub has not found out yet."""
    auto_merge: Any = None
    """Present once it is armed."""

    @property
    def is_open(self) -> bool:
        return self.state == "open"


class Comment(Answer):
    """On a pull request or an issue."""

    id: int
    html_url: str
    body: str = ""
    user: _User | None = None


class Issue(Answer):
    """One for each cause of an alarm."""

    number: int
    html_url: str
    title: str
    body: str | None = None
    pull_request: Any = None
    """Present in lists, where a pull request counts as an issue."""


class _App(Answer):
    slug: str


class _Output(Answer):
    title: str | None = None


class CheckRun(Answer):
    """A check of a commit, a job of a workflow too."""

    id: int
    name: str
    status: str
    """`completed`, or on its way there."""
    conclusion: str | None = None
    """Once it is completed: `success`, `neutral`, `skipped`; anything else is no."""
    output: _Output = _Output()
    app: _App | None = None
    """Who made it."""


class CheckRuns(Answer):
    """The latest of each name."""

    check_runs: tuple[CheckRun, ...]


class WorkflowRuns(Answer):
    """Of one workflow."""

    total_count: int


class _Error(Answer):
    message: str


class Mutated(Answer):
    """GraphQL's answer; there the status is 200 whatever came of it."""

    errors: tuple[_Error, ...] = ()


class GitObject(Answer):
    """Something in git."""

    sha: str


class Deployment(Answer):
    """What GitHub shows of one under Environments."""

    id: int
    payload: Any = None


class DeploymentStatus(Answer):
    """How it goes."""

    state: str
    description: str = ""


class Named(Answer):
    name: str


class _BranchPolicy(Answer):
    protected_branches: bool


class Environment(Named):
    """Of jobs, with what they are told."""

    deployment_branch_policy: _BranchPolicy | None = None
    """Which branches' jobs may use it; None: all of them may."""
    protection_rules: tuple[Any, ...] = ()
    """Such as who must agree."""


class Environments(Answer):
    environments: tuple[Environment, ...] = ()


class Branches(Answer):
    branch_policies: tuple[Named, ...] = ()


class Secrets(Answer):
    secrets: tuple[Named, ...] = ()


class Variable(Named):
    value: str


class Variables(Answer):
    variables: tuple[Variable, ...] = ()


class WorkflowRights(Answer):
    """What the workflows' own token may do in this repository."""

    can_approve_pull_request_reviews: bool
    """And open pull requests: GitHub has one switch for both."""


class Rule(Answer):
    type: str
    parameters: Any = None
