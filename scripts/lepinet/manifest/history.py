"""What an environment's activations were, state after state of `models.yaml` on main's first-parent line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

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


Number: TypeAlias = Callable[[str, Target | None, Target], int]
"""As `Tries.number`."""


@dataclass(frozen=True)
class Tries:
    """What was registered when, to count the versions that were tried on the same photos. From git alone."""

    states: tuple[State, ...]
    """Of main's file, oldest first, and of a change as if it were merged."""
    photos_since: int = 0
    """So many of the states were there when the known images last started anew."""

    def number(self, environment: str, baseline: Target | None, target: Target) -> int:
        """The target's place among the revisions registered since a baseline became active on the same photos.

        What was registered by then is no try, and the same revision again is no new one. Whether a version that was
        tried in between became active is no matter: one that was refused was tried too.

        Args:
            environment: where one would take the place of the other.
            baseline: what the target is compared with.
            target: what is judged.

        Returns:
            1 for the first one, and where the baseline never became active there.
        """
        pushed = [
            each.state
            for each in activations(self.states, environment)
            if each.change is ChangeClass.ACTIVATE and each.target.same_files(baseline)
        ]
        if not pushed:
            return 1
        place = next(place for place, state in enumerate(self.states) if state is pushed[-1])
        begin = max(1 + place, self.photos_since)
        known = {version.revision for state in self.states[:begin] for version in state.manifest.versions.values()}
        tried: list[str] = []
        for state in self.states[begin:]:
            for version in state.manifest.versions.values():
                if version.revision not in known:
                    known.add(version.revision)
                    tried.append(version.revision)
        return tried.index(target.revision) + 1 if target.revision in tried else 1


def last_active(states: Sequence[State]) -> dict[str, State]:
    """The state that ended each version's last active day, in whatever environment; the last one for active ones."""
    ended: dict[str, State] = {}
    standing: set[str] = set()
    for state in states:
        now = {environment.active for environment in state.manifest.environments.values() if environment.active}
        ended |= dict.fromkeys(now | standing, state)
        standing = now
    return ended
