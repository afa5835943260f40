"""What a commit changes in `models.yaml`, and which commit made each environment what it is: read from git alone."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise, zip_longest

from lepinet.commit import Commit
from lepinet.errors import UsageError
from lepinet.files import read_small
from lepinet.git import Repository
from lepinet.manifest.history import Activation, ChangeClass, State, Tries, activations
from lepinet.manifest.load import FILE, load, locate
from lepinet.manifest.model import Gates, Manifest, ModelVersion
from lepinet.manifest.problems import ManifestError, Problem
from lepinet.manifest.rules import Change, Material, findings
from lepinet.manifest.stream import decode
from lepinet.target import Target


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
    tries: int = 1
    """The target's place among the versions tried against its baseline on the same photos."""


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
    tries: Tries


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
    state = State(commit, manifest, _digest(content))
    change = _on_top(repository, past, state, before=start.id, after=tip, edited=head is None)
    problems = locate(decode(content), findings(change))
    states = (*past, change.state)
    tries = Tries(states, _photos_since(repository, start.id, states))
    return Judgement(start, change, _environments(change, tries), tuple(problems))


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
    last = {name: line[-1] for name, line in found.items()}
    return Standing(here, manifest, last, Tries(states, _photos_since(repository, here.id, states)))


def tries_with(repository: Repository, manifest: Manifest) -> Tries:
    """As `change_between` counts for the working tree, wherever the branch that it is of began.

    Args:
        repository: with its whole history.
        manifest: the working tree's.

    Raises:
        UsageError: the clone is too shallow to tell, there is no main, or it has nothing in common with HEAD.
    """
    repository.require_history()
    base = repository.merge_base("HEAD", repository.main())
    if base is None:
        raise UsageError("HEAD has nothing in common with main, so nobody knows what merging it would give")
    states = (*history(repository, base).states, State(repository.commit("HEAD"), manifest, ""))
    return Tries(states, _photos_since(repository, base, states))


def forbidden(repository: Repository, states: Sequence[State], environment: str) -> tuple[str, ...]:
    """What the rules have against the commit of main that set an environment's active version, as a sentence each.

    A check that somebody forged lets such a commit through.

    Args:
        repository: with its whole history.
        states: of the file on main, oldest first.
        environment: of the file.
    """
    line = activations(states, environment)
    if not line:
        return ()
    change = _merged(repository, states, line[-1].state)
    # What another environment's version may not be is held there.
    others = {("environments", name, "active") for name in change.after.environments if name != environment}
    return tuple(finding.message for finding in findings(change) if finding.path not in others)


def _merged(repository: Repository, states: Sequence[State], state: State) -> Change:
    """What the commit of main that left one of its states changed."""
    past = states[: next(place for place, each in enumerate(states) if each is state)]
    return _on_top(repository, past, state, before=f"{state.commit.id}^", after=state.commit.id)


def _on_top(
    repository: Repository, past: Sequence[State], state: State, *, before: str, after: str, edited: bool = False
) -> Change:
    """A state as a change of main.

    Args:
        repository: with its whole history.
        past: main's states.
        state: the new one.
        before: main's tip.
        after: the commit with the new state's other files.
        edited: they are those of the working tree, which began as that commit.
    """
    if not past:
        return Change(past, state, Material(), Material())
    material = _material(repository, after, state.manifest)
    once = next((each for each in past if each.digest == state.digest), None)
    return Change(
        past,
        state,
        _material(repository, before, past[-1].manifest),
        _with_edits(repository, state.manifest, material) if edited else material,
        _material_then(repository, past, state),
        _merged(repository, past, once) if once else None,
        tuple(_swapped(repository, past, state, before, after, edited=edited)),
    )


def _swapped(
    repository: Repository, past: Sequence[State], state: State, before: str, after: str, *, edited: bool
) -> Iterator[str]:
    """Versions in folders whose files become others, and are not those that were merged with them either."""
    versions = state.manifest.versions
    kept = [name for name, version in past[-1].manifest.versions.items() if _in_folder(versions.get(name), version)]
    folders = [versions[name].file_path for name in kept]
    if not folders:
        return
    edits = repository.dirty(folders) if edited else ()
    changed = (*repository.files_between(before, after, folders), *edits)
    for name, folder in zip(kept, folders, strict=True):
        if not _of_model(changed, folder):
            continue
        first = next(each for each in past if _in_folder(each.manifest.versions.get(name), versions[name]))
        others = (*repository.files_between(first.commit.id, after, [folder]), *edits)
        if _of_model(others, folder):
            yield name


def _in_folder(version: ModelVersion | None, other: ModelVersion) -> bool:
    """Whether two are the same folder of the repository with the same files, as far as the manifest says."""
    target = Target(other.file_path, other.revision)
    return version is not None and not target.on_hub and target.same_files(Target(version.file_path, version.revision))


def _of_model(files: Iterable[str], folder: str) -> bool:
    """Whether one of them is of the model in a folder: hidden ones are not."""
    inside = (file.removeprefix(f"{folder}/").split("/") for file in files if file.startswith(f"{folder}/"))
    return any(not any(part.startswith(".") for part in parts) for parts in inside)


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
    return read_small(repository.root / FILE)


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


def _photos_since(repository: Repository, tip: str, states: Sequence[State]) -> int:
    """How many of the states were there when the known images last started anew; 0 when they never did.

    They do where at least half of the photos are new by their content, and so many that they could show something:
    fewer would let a fresh handful of photos forget all tries.
    """
    folders = list(dict.fromkeys(state.manifest.known_images for state in states))
    if not folders:
        return 0
    places = {commit: place for place, commit in enumerate(repository.first_parent_line(tip))}
    mine = [places.get(state.commit.id, len(places)) for state in states]
    moved = {state.commit.id for before, state in pairwise(states) if _moved(before, state)}
    touched = {*repository.commits_that_touched(tip, folders), *(moved & places.keys())}
    before: frozenset[str] = frozenset()
    since = 0
    for commit in sorted(touched, key=places.__getitem__):
        there = bisect_right(mine, places[commit])
        manifest = states[max(there - 1, 0)].manifest
        now = _photos(repository, commit, manifest.known_images)
        fresh = len(now - before)
        if before and now and 2 * fresh >= len(now) and fresh >= _enough(manifest.gates):
            since = there
        before = now or before
    return since


def _moved(before: State, state: State) -> bool:
    return before.manifest.known_images != state.manifest.known_images


def _photos(repository: Repository, commit: str, folder: str) -> frozenset[str]:
    below = repository.blobs_below(commit, folder)
    return frozenset(blob for name, blob in below.items() if not name.endswith((".csv", ".md", ".txt", ".json")))


def _enough(gates: Gates) -> int:
    """So many equal answers show that a model is inside the margin (see the verdict's rule)."""
    margin = gates.non_inferiority_margin
    return 1 if margin is None else math.ceil(math.log(1 - gates.confidence) / math.log1p(-float(margin)))


def _environments(change: Change, tries: Tries) -> tuple[EnvironmentChange, ...]:
    altered = {
        name: [path[2] for path in change.altered if path[:2] == ("environments", name) and len(path) == 3]
        for name in change.after.environments
    }
    return tuple(
        EnvironmentChange(
            name,
            change.environment_class(name),
            activation := change.activation(name),
            tuple(altered[name]),
            tries.number(name, activation.baseline, activation.target) if activation else 1,
        )
        for name in change.after.environments
    )
