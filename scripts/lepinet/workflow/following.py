"""Where changes are on their way to main, and from there to what is live."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from lepinet.errors import LepinetError, UsageError
from lepinet.evaluation.gates import Decision
from lepinet.git import Repository
from lepinet.github import GitHub
from lepinet.github.answers import CheckRun, PullRequest
from lepinet.manifest.history import Activation, ChangeClass, activations
from lepinet.manifest.load import FILE, load
from lepinet.manifest.model import Environment, Override
from lepinet.registry import Registry
from lepinet.registry.records import DeploymentStatus, PastDeployment
from lepinet.report import headline, markdown, shipped
from lepinet.report.documents import ComparisonDocument
from lepinet.report.escape import for_terminal
from lepinet.report.headline import Headline
from lepinet.report.wording import BY_DECISION, DECISIONS, moment
from lepinet.target import Target
from lepinet.workflow.announce import COMMENT
from lepinet.workflow.change import Aim
from lepinet.workflow.changed_photos import beyond_main
from lepinet.workflow.declared import earlier_versions
from lepinet.workflow.kept import Pair, answers_here, compared
from lepinet.workflow.listed_changes import Change, is_needless, proposed_here
from lepinet.workflow.propose import is_ours, open_github, repository_at
from lepinet.workflow.to_main import steps_from_branch, steps_with_main
from lepinet.workflow.workspace import Workspace

_TO_MAIN = "To bring it to main, in the repository:"
_WHO_MERGES = 'git does not know who merges: git config --global user.name "Your name", then the same with user.email.'
_TO_LIVE = "To bring it live, in the repository:"
_TO_SETTLE = "To settle what conflicts, in the repository; then git commit, and git switch back to main:"
_TO_KNOW = "To ask what is active about these photos, where this dashboard runs:"
_UNCHECKED = "comes when lepinet check, on its branch, has tested it on the known images"
_OTHER_PHOTOS = "main has other known images since its branch began: merge main into it, then check it"
_AS_NOW = "Counted with main's known images and labels of now, which are others than when its branch began."
_NAMED = 3
"""So many of the files that conflict are named."""
_GONE = "its branch is gone, or holds another change by now: nothing more becomes of this one"
_FINE = {"success", "neutral", "skipped"}
_NUMBER, _COMMIT = re.compile(r"[1-9][0-9]{0,8}"), re.compile(r"[0-9a-f]{40}")

Comparing: TypeAlias = Callable[[Workspace, Registry, Pair], ComparisonDocument | None]
"""As `kept.compared`."""


class State(StrEnum):
    """How far a step is."""

    WAITING = "waiting"
    """For a person, or for what comes before it."""
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """The answer was no."""
    UNDECIDED = "undecided"
    """The answer was neither yes nor no."""
    DECIDED = "decided"
    """It ships by a person's decision, whatever the answer was."""


@dataclass(frozen=True)
class Step:
    """One of those that a change takes; texts of others are in it as they were written."""

    name: str
    state: State
    sentence: str
    at: datetime | None = None

    @property
    def lies_ahead(self) -> bool:
        """Something is still to come of it."""
        return self.state in {State.RUNNING, State.WAITING}


_JUDGED = {Decision.PROMOTE: State.DONE, Decision.HOLD: State.STOPPED, Decision.UNDECIDED: State.UNDECIDED}
_HELD = {
    State.WAITING: "waits for its verdict",
    State.STOPPED: "its verdict is hold",
    State.UNDECIDED: DECISIONS[Decision.UNDECIDED],
    State.DECIDED: f"{BY_DECISION}, waits for a merge",
}
"""What an open change waits for, by the state of its verdict."""
_WAY_BACK = Step("Verdict", State.DONE, "none is needed: no comparison stops the way back")


@dataclass(frozen=True)
class Progress:
    """How far a change is."""

    change: Change
    steps: tuple[Step, ...]
    commands: tuple[str, ...] = ()
    """That come next, for whoever has the repository."""
    purpose: str = ""
    """What they are for."""
    withdrawn_by: str | None = None
    """The command that takes it back, where there is no pull request to close."""
    between: tuple[str, str] | None = None
    """What it changes lies between these two commits; None where this server has not got them."""

    @property
    def is_moving(self) -> bool:
        """Whether something is at work on it; else it waits for a person, or is where it goes."""
        return any(step.state is State.RUNNING for step in self.steps)

    @property
    def is_over(self) -> bool:
        """Nothing more becomes of it."""
        return not self.change.is_open and not any(step.lies_ahead for step in self.steps)


def became(workspace: Workspace, listed: Sequence[Change]) -> Mapping[str, tuple[Step, ...]]:
    """What became of the newest merged change of each environment's active version, by its key.

    Args:
        workspace: the repository, with registries as somebody may read them.
        listed: changes, newest first.
    """
    git = workspace.git
    merged = [(one.aim.environment, one.key, one.merge) for one in reversed(listed) if one.aim and one.merge]
    # A pull request that was opened later may have been merged earlier; what is not here yet was merged last.
    line = {commit: place for place, commit in enumerate(git.first_parent_line(git.main()))} if merged else {}
    merged.sort(key=lambda one: line.get(one[2], len(line)))
    newest = {environment: (key, merge) for environment, key, merge in merged}
    return {key: tuple(_shipped(workspace, merge)) for key, merge in newest.values()}


def conflicting(workspace: Workspace, listed: Sequence[Change]) -> frozenset[str]:
    """The keys of open changes that git cannot merge by itself, of those whose commits are here."""
    return frozenset(one.key for one in listed if one.is_open and _conflicts(workspace, one))


def held_by(workspace: Workspace, change: Change, *, conflicts: bool, comparing: Comparing = compared) -> str:
    """What holds an open change, in a few words, as far as it is known without asking GitHub.

    Args:
        workspace: the repository, with registries as somebody may read them.
        change: that is open.
        conflicts: whether `conflicting` names it.
        comparing: as of `progress`.
    """
    if is_needless(workspace, change):
        return "main says so already"
    if conflicts:
        return "conflicts with main"
    known = () if change.url else _known_so_far(workspace, change, comparing, behind=False)
    return next((_HELD[step.state] for step in known if step.state in _HELD), "waits for a merge")


def _conflicts(workspace: Workspace, change: Change) -> tuple[str, ...]:
    git = workspace.git
    try:
        return git.conflicts(git.main(), change.head)
    except UsageError:
        return ()  # of a pull request whose commit was not fetched


def progress(workspace: Workspace, key: str, comparing: Comparing = compared) -> Progress:
    """How far a change is.

    Args:
        workspace: the repository, with registries as somebody may read them.
        key: of the change.
        comparing: tells how two versions compare; who looks again and again may remember it.

    Raises:
        UsageError: there is no such change, or no token for GitHub.
        OutsideError: GitHub or git does not answer.
    """
    repository = repository_at(workspace.git.origin() or "")
    if repository and _NUMBER.fullmatch(key):
        with open_github(workspace, repository) as github:
            return _of_pull_request(workspace, github, int(key))
    if repository is None and _COMMIT.fullmatch(key) and _is_proposal(workspace, key):
        return _of_commit(workspace, key, comparing)
    raise UsageError(f"there is no change {for_terminal(key, 50)}")


def _of_pull_request(workspace: Workspace, github: GitHub, number: int) -> Progress:
    found = github.pull_request(number)
    change = Change.of_pull_request(found)
    checks = github.checks(found.head.sha)
    steps = [
        Step("Proposed", State.DONE, f"by {change.by}", found.created_at),
        *([_checked(checks)] if checks or found.is_open else ()),
        *_judged(github.said(number, COMMENT), found),
        (found.is_open and _needless(workspace, change)) or _merged(workspace, change, found),
    ]
    if found.merged_at and (merged := found.merge_commit_sha):
        steps += _shipped(workspace, merged)
        if workspace.git.brought_by(merged, workspace.git.main()) is None:
            return Progress(change, tuple(steps))
        return Progress(change, tuple(steps), *_asking(workspace, merged), between=(f"{merged}^", merged))
    return Progress(change, tuple(steps), between=beyond_main(workspace, found.head.sha))


def _checked(checks: Sequence[CheckRun]) -> Step:
    running = [check.name for check in checks if check.status != "completed"]
    failed = [check.name for check in checks if check.status == "completed" and check.conclusion not in _FINE]
    if failed:
        return Step("Checks", State.STOPPED, f"{', '.join(failed)} says no")
    if running:
        return Step("Checks", State.RUNNING, f"{', '.join(running)} is running")
    if checks:
        return Step("Checks", State.DONE, f"{len(checks)} passed")
    return Step("Checks", State.WAITING, "none has begun yet")


def _judged(comment: str | None, found: PullRequest) -> Iterator[Step]:
    told = markdown.answers(comment or "")
    yield from map(_verdict, told)
    if not told and found.is_open:
        yield Step("Verdict", State.WAITING, "comes when the check has tested it on the known images")


def _merged(workspace: Workspace, change: Change, found: PullRequest) -> Step:
    if found.merged_at:
        return Step("Merged", State.DONE, "it is on main", found.merged_at)
    if not found.is_open:
        return Step("Merged", State.STOPPED, "the pull request was closed without it")
    files = _conflicts(workspace, change)
    if files or found.mergeable is False:
        return Step("Merged", State.WAITING, _conflict(workspace, change, files))
    return Step("Merged", State.WAITING, "a person looks at the pull request and merges it")


def _conflict(workspace: Workspace, change: Change, files: Sequence[str]) -> str:
    """Why git cannot merge a change; the files are those in which it conflicts, as far as they are known here."""
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    where = f" in {', '.join(files[:_NAMED])}{more}" if files else ""
    aim = change.aim
    environment = workspace.manifest.environments.get(aim.environment) if aim else None
    said = (
        f"; main has {environment.active} active in {aim.environment} now, this change wants {aim.version}"
        if aim and environment
        else ""
    )
    return (
        f"main has changed the same since{where}{said}. git cannot merge it by itself: settle what conflicts "
        "on its branch, or withdraw it and ask anew"
    )


def _of_commit(workspace: Workspace, commit: str, comparing: Comparing) -> Progress:
    git = workspace.git
    brought = git.brought_by(commit, git.main())
    branch = (
        None if brought else next((name for name, key in proposed_here(git, commit).items() if key == commit), None)
    )
    tip = git.resolve(branch) if branch else None
    change = Change.of_commit(git.commit(commit), git.message(commit), tip=tip, merge=brought)
    steps = [Step("Proposed", State.DONE, f"by {change.by}", change.at)]
    if brought:
        steps += _known_at_the_merge(workspace, change, brought, comparing)
        steps.append(Step("Merged", State.DONE, "it is on main", git.commit(brought).at))
        shipped_so_far = tuple(_shipped(workspace, brought))
        if any(step.state is State.WAITING for step in shipped_so_far):
            return Progress(change, (*steps, *shipped_so_far), ("lepinet reconcile",), _TO_LIVE)
        on_main = f"{brought}^", brought
        return Progress(change, (*steps, *shipped_so_far), *_asking(workspace, brought), between=on_main)
    between = beyond_main(workspace, commit)
    if branch is None:
        was = f", which was to make {change.aim.version} active in {change.aim.environment}" if change.aim else ""
        return Progress(change, (*steps, Step("Withdrawn", State.STOPPED, f"{_GONE}{was}")), between=between)
    withdraw = shlex.join(("git", "branch", "-D", branch))
    if needless := _needless(workspace, change):
        return Progress(change, (*steps, needless), withdrawn_by=withdraw)
    behind = change.aim is not None and _lacks_photos(workspace, branch)
    steps += _known_so_far(workspace, change, comparing, behind=behind)
    hint = "" if git.knows_committer() else f"{_WHO_MERGES} "
    if files := _conflicts(workspace, change):
        steps.append(Step("Merged", State.WAITING, _conflict(workspace, change, files)))
        return Progress(change, tuple(steps), steps_with_main(workspace, branch), hint + _TO_SETTLE, withdraw, between)
    steps.append(Step("Merged", State.WAITING, f"a person merges the branch {branch}"))
    commands = steps_from_branch(workspace, branch, behind=behind)
    return Progress(change, tuple(steps), commands, hint + _TO_MAIN, withdraw, between)


def _lacks_photos(workspace: Workspace, branch: str) -> bool:
    """Whether main has other known images or labels since a branch parted: a check there tells nothing of them."""
    git, folder = workspace.git, workspace.manifest.known_images
    base = git.merge_base(branch, git.main())
    return bool(base and folder and git.files_between(base, git.main(), [folder]))


def _known_so_far(workspace: Workspace, change: Change, comparing: Comparing, *, behind: bool) -> Iterator[Step]:
    """What answers that are here show of an activation that waits for its merge, whoever asked for them.

    Judged is what would be merged, so main's photos and labels of now count, not those of the branch.
    """
    aim = change.aim
    environment = workspace.manifest.environments.get(aim.environment) if aim else None
    if aim is None or environment is None or environment.active is None:
        return
    if aim.version in earlier_versions(workspace, aim.environment):
        yield _WAY_BACK
    else:
        active = workspace.manifest.target(environment.active)
        found = _compared(workspace, aim, active, environment.reference, comparing)
        if found is None:
            yield Step("Verdict", State.WAITING, _OTHER_PHOTOS if behind else _UNCHECKED)
        else:
            if behind and not found.lies_ahead:
                found = replace(found, sentence=f"{found.sentence} {_AS_NOW}")
            yield _overridden(found, _override(workspace.git, change.head, aim.environment))


def _known_at_the_merge(workspace: Workspace, change: Change, merge: str, comparing: Comparing) -> Iterator[Step]:
    """What a check here had found, held against what was active then; nothing where that could say otherwise today."""
    aim = change.aim
    made = activations(workspace.states, aim.environment) if aim else ()
    activation = next((one for one in made if one.state.commit.id == merge), None)
    if aim is None or activation is None or activation.baseline is None:
        return
    then = activation.state.manifest.environments[aim.environment]
    if activation.change is ChangeClass.ROLLBACK:
        yield _WAY_BACK
    elif _judges_as_then(workspace, activation) and (
        found := _compared(workspace, aim, activation.baseline, then.reference, comparing)
    ):
        yield _overridden(found, then.override)


def _judges_as_then(workspace: Workspace, activation: Activation) -> bool:
    """Whether photos, species and gates are today what they were when a version became active."""
    git, state, now = workspace.git, activation.state, workspace.manifest
    then = state.manifest
    if (then.known_images, then.species, then.gates) != (now.known_images, now.species, now.gates):
        return False
    return not git.files_between(state.commit.id, git.main(), [now.known_images, *filter(None, [now.species])])


def _compared(
    workspace: Workspace, aim: Aim, baseline: Target, reference: str | None, comparing: Comparing
) -> Step | None:
    """The verdict by answers that are here; None where a check has to ask the models first."""
    if aim.version not in workspace.manifest.versions:
        return None
    try:
        with workspace.registry(aim.environment) as registry:
            tries = workspace.number(aim.environment, baseline, workspace.manifest.target(aim.version))
            pair = Pair(baseline.version or "", aim.version, tries, reference)
            document = comparing(workspace, registry, pair)
    except LepinetError as error:
        return Step("Verdict", State.WAITING, f"cannot be told here: {error.what}")
    if document is None:
        return None
    return _verdict(headline.of_comparison(document))


def _verdict(told: Headline) -> Step:
    state = State.DECIDED if told.word == BY_DECISION else _JUDGED[told.decision]
    return Step("Verdict", state, f"{told.title}: {told.word}. {told.sentence}")


def _overridden(verdict: Step, override: Override | None) -> Step:
    """The verdict of a change that says that the version ships all the same."""
    if override is None or verdict.state not in {State.STOPPED, State.UNDECIDED}:
        return verdict
    return replace(
        verdict, state=State.DECIDED, sentence=f"{BY_DECISION} ({override.reason}), though {verdict.sentence}"
    )


def _override(git: Repository, commit: str, environment: str) -> Override | None:
    """What a commit says of an environment; None where its file cannot be read."""
    try:
        found = _environments_at(git, commit).get(environment)
    except LepinetError:
        return None
    return found.override if found else None


@lru_cache(maxsize=256)
def _environments_at(git: Repository, commit: str) -> Mapping[str, Environment]:
    return load(git.content(commit, FILE) or b"").environments


def _asking(workspace: Workspace, commit: str) -> tuple[tuple[str, ...], str]:
    """The commands that ask active versions about the photos that a commit of main has changed, and what they do."""
    git, manifest = workspace.git, workspace.manifest
    if not manifest.known_images or not git.files_between(f"{commit}^", commit, [manifest.known_images]):
        return (), ""
    lacking = dict.fromkeys(
        environment.active
        for name, environment in manifest.environments.items()
        if environment.active and not _is_asked(workspace, name, environment.active)
    )
    return tuple(shlex.join(("lepinet", "test", version)) for version in lacking), _TO_KNOW


def _is_asked(workspace: Workspace, environment: str, version: str) -> bool:
    try:
        with workspace.registry(environment) as registry:
            return answers_here(workspace, registry, version, judged=False) is not None
    except LepinetError:
        return False


def _needless(workspace: Workspace, change: Change) -> Step | None:
    aim = change.aim
    if aim is None or not is_needless(workspace, change):
        return None
    done = f"main declares {aim.version} active in {aim.environment} already: nothing is left to merge"
    return Step("Merged", State.STOPPED, done)


def _shipped(workspace: Workspace, commit: str) -> Iterator[Step]:
    """What becomes of a commit of main, in each environment that it gives another version."""
    git = workspace.git
    brought = git.brought_by(commit, git.main())
    if brought is None:
        yield Step("Live", State.WAITING, "this server has not fetched that commit yet")
        return
    line = git.first_parent_line(git.main())
    later = frozenset(line[line.index(brought) :])
    for environment, version in _activated(workspace, commit).items():
        name = f"Live in {environment}"
        try:
            with workspace.registry(environment) as registry:
                rows = registry.history(environment)
                recorded = registry.essentials(environment).environment.commit
        except LepinetError as error:
            yield Step(name, State.WAITING, f"the registry does not tell: {error.what}")
        else:
            yield _outcome(name, version, rows, later, seen=recorded in later)


def _outcome(name: str, version: str, rows: Sequence[PastDeployment], later: frozenset[str], *, seen: bool) -> Step:
    """What became of a version that main declares.

    Args:
        name: of the step.
        version: its name.
        rows: the environment's deployments, newest first.
        later: the commit that declares it, and those after it.
        seen: a run has looked at one of them.
    """
    since = [row for row in rows if row.commit in later]
    row = next((row for row in since if row.version == version), None)
    if row is not None:
        state = {DeploymentStatus.SUCCEEDED: State.DONE, DeploymentStatus.STARTED: State.RUNNING}
        last = f": {row.events[-1].text}" if row.status is DeploymentStatus.STARTED and row.events else ""
        sentence = _was_live(row, rows) or f"{shipped.plain(row)}{last}"
        return Step(name, state.get(row.status, State.STOPPED), sentence, row.ended_at)
    if since:
        return Step(name, State.STOPPED, f"main went on to {since[-1].version} before it was begun")
    if seen:
        return Step(name, State.DONE, f"reconcile has seen it, and found nothing to move for {version}")
    return Step(name, State.WAITING, "reconcile has not begun yet")


def _was_live(row: PastDeployment, rows: Sequence[PastDeployment]) -> str | None:
    """From when, and what took its place; None where nothing has, or it never was.

    Args:
        row: the version's newest deployment.
        rows: with all that came after it, newest first.
    """
    after = [one for one in rows[: rows.index(row)] if one.status is DeploymentStatus.SUCCEEDED]
    if row.status is not DeploymentStatus.SUCCEEDED or not after or after[0].version == row.version:
        return None
    then = next(one for one in reversed(after) if one.version != row.version)
    began, ended = (moment(one.ended_at or one.begun_at) for one in (row, then))
    return f"{row.version} was live from {began}; then {then.version} from {ended}"


def _activated(workspace: Workspace, commit: str) -> Mapping[str, str]:
    """The environments that a commit of main gives another version, with that version."""
    before, after = (workspace.git.content(one, FILE) for one in (f"{commit}^", commit))
    try:
        was = load(before).environments if before else {}
        now = load(after).environments if after else {}
    except LepinetError:
        return {}
    return {
        name: environment.active
        for name, environment in now.items()
        if environment.active and (name not in was or was[name].active != environment.active)
    }


def _is_proposal(workspace: Workspace, commit: str) -> bool:
    try:
        return is_ours([workspace.git.message(commit)])
    except UsageError:
        return False
