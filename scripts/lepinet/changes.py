"""What a commit changes in `models.yaml`, and which commit made each environment what it is: read from git alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest

from lepinet.commit import Commit
from lepinet.errors import UsageError
from lepinet.git import Repository
from lepinet.manifest.history import Activation, ChangeClass, State, activations
from lepinet.manifest.load import FILE, load, locate
from lepinet.manifest.model import Manifest, ModelVersion
from lepinet.manifest.problems import ManifestError, Problem
from lepinet.manifest.rules import Change, Material, findings
from lepinet.manifest.stream import decode


@dataclass(frozen=True)
class History:
    """The states of the file along a first-parent line."""

    states: tuple[State, ...]
    """Those that can be read, oldest first."""
    unreadable: tuple[Commit, ...]
    """Commits that left a file nobody can read, or none; passed over, as if the state before had stayed."""


@dataclass(frozen=True)
class EnvironmentChange:
    """What a change does to one environment of the new state."""

    environment: str
    change: ChangeClass | None
    """Activate, rollback or configure; None when the environment stays as it is."""
    activation: Activation | None
    """The last one, this change included: target, baseline, stack, and the commit that set `active`."""
    altered: tuple[str, ...]
    """Its other settings that are not what they were."""


@dataclass(frozen=True)
class Judgement:
    """A change of the file, held against the rules as if it were merged now."""

    base: Commit
    change: Change
    environments: tuple[EnvironmentChange, ...]
    """In promotion order."""
    problems: tuple[Problem, ...]
    """What the rules forbid, with the lines of the new file; empty when it may be merged."""

    @property
    def manifest(self) -> Manifest:
        return self.change.after


@dataclass(frozen=True)
class Standing:
    """What a commit declares, and how each environment came to it."""

    commit: Commit
    manifest: Manifest
    activations: Mapping[str, Activation]
    """The last activation of each environment that has an active version, in promotion order."""


def history(repository: Repository, tip: str) -> History:
    """All states of the file on the first-parent line that ends in `tip`; each content is read once.

    Raises:
        UsageError: the clone is too shallow to tell.
    """
    changes = repository.file_changes(FILE, tip)
    contents = repository.blobs(change.blob for change in changes if change.blob)
    known: dict[str, ModelVersion] = {}
    read = {blob: _readable(content, known) for blob, content in contents.items()}
    states: list[State] = []
    unreadable: list[Commit] = []
    for change in changes:
        found = read[change.blob] if change.blob else None
        if found is None:
            unreadable.append(change.commit)
        else:
            states.append(State(change.commit, *found))
    return History(tuple(states), tuple(unreadable))


def change_between(repository: Repository, base: str, head: str | None = None) -> Judgement:
    """What `head` changes, judged as if it were merged on top of `base` now.

    Only the outcome counts: squashed, rebased or merged, the same content gets the same answer.

    Args:
        repository: with its whole history.
        base: a commit on main, as a rule its tip; the states before it are those of its first-parent line.
        head: a commit that contains `base`; None for the working tree.

    Raises:
        ManifestError: the file at `head` cannot be read, with all that is wrong in it.
        UsageError: the clone is too shallow to tell, or `head` does not contain `base`, or has no such file.
    """
    repository.require_history()  # else the commit that nobody knows would be to blame
    tip = repository.resolve(head or "HEAD")
    start = repository.commit(base)
    if repository.merge_base(start.id, tip) != start.id:
        raise UsageError(
            f"{head or 'HEAD'} does not contain {base}, so nobody knows what merging it would give",
            todo=f"git merge {base}, or git rebase {base}",
        )
    past = history(repository, start.id).states
    content = _content(repository, tip) if head else _working_tree(repository)
    manifest = load(content)
    commit = repository.commit(tip) if head else Commit("", "", "(not committed)", datetime.now(UTC))
    material = _material(repository, tip, manifest)
    state = State(commit, manifest, _digest(content))
    change = Change(
        past,
        state,
        _material(repository, start.id, past[-1].manifest) if past else Material(),
        material if head else _with_edits(repository, manifest, material),
        _material_then(repository, past, state),
    )
    problems = locate(decode(content), findings(change))
    return Judgement(start, change, _environments(change), tuple(problems))


def standing(repository: Repository, commit: str) -> Standing:
    """What a commit on main declares, and for each environment the last first-parent commit that set `active`.

    Raises:
        ManifestError: the file cannot be read there.
        UsageError: the clone is too shallow to tell, or the commit has no such file.
    """
    repository.require_history()
    here = repository.commit(commit)
    manifest = load(_content(repository, here.id))
    states = history(repository, here.id).states
    found = {name: activations(states, name) for name, settings in manifest.environments.items() if settings.active}
    return Standing(here, manifest, {name: line[-1] for name, line in found.items()})


def _readable(content: bytes, known: dict[str, ModelVersion]) -> tuple[Manifest, str] | None:
    """A state's manifest and digest. Versions that stayed the same are kept once, however many states have them."""
    try:
        manifest = load(content)
    except ManifestError:
        return None
    versions = {
        name: known[name] if known.setdefault(name, version) == version else version
        for name, version in manifest.versions.items()
    }
    return manifest.model_copy(update={"versions": versions}), _digest(content)


def _digest(content: bytes) -> str:
    # A checkout may have changed the line ends (core.autocrlf).
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _content(repository: Repository, commit: str) -> bytes:
    blob = repository.object_id(commit, FILE)
    if blob is None:
        raise UsageError(f"commit {commit[:7]} has no {FILE}", where=str(repository.root))
    return repository.blobs([blob])[blob]


def _working_tree(repository: Repository) -> bytes:
    try:
        return (repository.root / FILE).read_bytes()
    except OSError as error:
        raise UsageError(f"{FILE} cannot be read: {error.strerror}", where=str(repository.root)) from None


def _material(repository: Repository, commit: str, manifest: Manifest) -> Material:
    species = repository.object_id(commit, manifest.species) if manifest.species else None
    return Material(repository.object_id(commit, manifest.known_images), species)


def _material_then(repository: Repository, past: Sequence[State], state: State) -> tuple[Material, ...]:
    """What each state with the same content pointed to when it began, and just before the next one."""
    times: list[str] = []
    for then, following in zip_longest(past, past[1:]):
        if then.digest == state.digest:
            times += [then.commit.id, *([f"{following.commit.id}^"] if following else ())]
    return tuple(_material(repository, each, state.manifest) for each in times)


def _with_edits(repository: Repository, manifest: Manifest, committed: Material) -> Material:
    """The material of the working tree: what is not as committed has an id that equals no other."""
    edited = "edited"
    species = edited if manifest.species and repository.dirty([manifest.species]) else committed.species
    return Material(edited if repository.dirty([manifest.known_images]) else committed.known_images, species)


def _environments(change: Change) -> tuple[EnvironmentChange, ...]:
    altered = {
        name: [path[2] for path in change.altered if path[:2] == ("environments", name) and len(path) == 3]
        for name in change.after.environments
    }
    return tuple(
        EnvironmentChange(name, change.environment_class(name), change.activation(name), tuple(altered[name]))
        for name in change.after.environments
    )
