"""What an environment's activations were, state after state of `models.yaml` on main's first-parent line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lepinet.commit import Commit
from lepinet.manifest.fields import PATH, REVISION
from lepinet.manifest.model import Manifest
from lepinet.target import Target


class ChangeClass(StrEnum):
    """What a change does, mildest first; the severest part decides what must be checked.

    A rollback comes before an activation: its checks are fewer, and a change that is both must pass the gates.
    """

    CONFIGURE = "configure"
    RETIRE = "retire"
    REGISTER = "register"
    ROLLBACK = "rollback"
    ACTIVATE = "activate"

    @property
    def severity(self) -> int:
        return list(ChangeClass).index(self)


@dataclass(frozen=True)
class State:
    """The file as one commit left it."""

    commit: Commit
    manifest: Manifest
    digest: str
    """Of the file's bytes, whatever its line ends."""


@dataclass(frozen=True)
class Activation:
    """An environment's `active` came to be another version."""

    environment: str
    state: State
    """The first one that says so."""
    target: Target
    baseline: Target | None
    """What was active before; None when nothing ever was."""
    change: ChangeClass
    """Rollback when the version was still on the stack, else activate: the way forward again too."""
    stack: tuple[str, ...]
    """Versions from the first activation to this one, without those that a rollback took down; the last is active."""


@dataclass(frozen=True)
class EverDeclared:
    """Every version that main's file ever had: one that a revert took out was somebody's decision."""

    names: frozenset[str] = frozenset()
    files: frozenset[tuple[str, str | None]] = frozenset()
    """Path and revision."""
    since: datetime | None = None
    """When the file began; None where it has not."""

    def left_out(self, file_path: str, logged_at: datetime | None) -> bool:
        """Whether a version that the file never had stays out: no file can have its path, or it was there before."""
        before = self.since is not None and logged_at is not None and logged_at < self.since
        return before or not re.fullmatch(PATH, file_path)

    def has(self, name: str, file_path: str, revision: str | None) -> bool:
        """Whether it had a version of that name, or of those files under another one."""
        return name in self.names or (file_path, revision) in self.files

    def has_other_files(self, name: str, file_path: str, revision: str | None) -> bool:
        """Whether it had a version of that name, and never these files; what is no revision may be any of a path's."""
        if re.fullmatch(REVISION, revision or ""):
            return name in self.names and (file_path, revision) not in self.files
        return name in self.names and all(path != file_path for path, _ in self.files)


def ever_declared(states: Sequence[State]) -> EverDeclared:
    versions = [state.manifest.versions for state in states]
    return EverDeclared(
        frozenset(name for each in versions for name in each),
        frozenset((one.file_path, one.revision) for each in versions for one in each.values()),
        states[0].commit.at if states else None,
    )


def active(manifest: Manifest | None, environment: str) -> str | None:
    """The version a manifest declares for an environment; None where there is neither."""
    found = manifest.environments.get(environment) if manifest else None
    return found.active if found else None


def activations(states: Sequence[State], environment: str) -> tuple[Activation, ...]:
    """All activations of an environment, oldest first.

    An activation pushes its version on the stack, a rollback takes down all that lies above its target. While the
    environment is out of the file, or declares nothing, the stack stays.
    """
    found: list[Activation] = []
    stack: tuple[str, ...] = ()
    for state in states:
        version = active(state.manifest, environment)
        if version is None or version == (stack[-1] if stack else None):
            continue
        back = version in stack
        stack = (*stack[: stack.index(version)], version) if back else (*stack, version)
        change = ChangeClass.ROLLBACK if back else ChangeClass.ACTIVATE
        baseline = found[-1].target if found else None
        found.append(Activation(environment, state, state.manifest.target(version), baseline, change, stack))
    return tuple(found)


def try_number(states: Sequence[State], activation: Activation, photos_since: int = 0) -> int:
    """The target's place among the revisions registered since its baseline became active on the same photos.

    What was registered by then is no try, and the same revision again is no new one. Read from git alone, so that a
    pull request and main count the same.

    Args:
        states: up to the activation's, at least.
        activation: the one that is judged.
        photos_since: so many of the states were there when the known images last started anew.

    Returns:
        1 for the first one, and where there is no baseline.
    """
    past = states[: 1 + next(place for place, state in enumerate(states) if state is activation.state)]
    pushed = 0
    for each in activations(past, activation.environment)[:-1]:
        if each.change is ChangeClass.ACTIVATE and each.target.same_files(activation.baseline):
            pushed = 1 + next(place for place, state in enumerate(past) if state is each.state)
    begin = max(pushed, photos_since)
    if activation.baseline is None or begin >= len(past):
        return 1
    known = {version.revision for state in past[:begin] for version in state.manifest.versions.values()}
    tried: list[str] = []
    for state in past[begin:]:
        for version in state.manifest.versions.values():
            if version.revision not in known:
                known.add(version.revision)
                tried.append(version.revision)
    revision = activation.target.revision
    return tried.index(revision) + 1 if revision in tried else 1


def tries_over(
    old: str, new: str, environment: str, *, states: Sequence[State], manifest: Manifest, photos_since: int
) -> int | None:
    """The `try_number` of a version that would come now directly after another one in an environment, or came so last.

    Args:
        old: the version before.
        new: the one after it.
        environment: its name.
        states: all so far, oldest first.
        manifest: that is to be the next one, whatever it has active.
        photos_since: as of `try_number`.

    Returns:
        None where `new` would not come after `old`, and never has.
    """
    settings = manifest.environments.get(environment)
    if states and settings and new in manifest.versions:
        places = {**manifest.environments, environment: settings.model_copy(update={"active": new})}
        states = (*states, replace(states[-1], manifest=manifest.model_copy(update={"environments": places})))
    came = (
        one
        for one in reversed(activations(states, environment))
        if one.target.version == new and one.baseline and one.baseline.version == old
    )
    return next((try_number(states, one, photos_since) for one in came), None)


def last_active(states: Sequence[State]) -> dict[str, State]:
    """The state that ended each version's last active day, in whatever environment; the last one for active ones."""
    ended: dict[str, State] = {}
    standing: set[str] = set()
    for state in states:
        now = {environment.active for environment in state.manifest.environments.values() if environment.active}
        ended |= dict.fromkeys(now | standing, state)
        standing = now
    return ended
