"""What may change between two states of `models.yaml`, and how much a change weighs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import pairwise

from lepinet.manifest.history import Activation, ChangeClass, State, activations, active, last_active
from lepinet.manifest.model import Manifest, ModelVersion
from lepinet.manifest.problems import Finding

Path = tuple[str, ...]

_SETTINGS = ("known_images", "species", "gates", "retention")
_ENVIRONMENT_SETTINGS = ("registry", "endpoint", "reference", "override", "frozen", "auto_rollback")
_MAY_GROW = ("notes", "links")
# What a verdict and a deployment stand on: these and `active` are two changes.
_GROUND = ("known_images", "species", "gates", "environments", "registry", "endpoint", "reference")


@dataclass(frozen=True)
class Material:
    """Ids of the files that a manifest only points to: equal ids, equal files. None where there are none."""

    known_images: str | None = None
    species: str | None = None


@dataclass(frozen=True)
class Change:
    """A new state of the file, and all that it had been on main."""

    past: Sequence[State]
    """Readable states, oldest first; the change starts from the last one. Empty: the file is new."""
    state: State
    material_before: Material
    material: Material
    material_then: Sequence[Material] = ()
    """Where the file is what it once was: what it pointed to in those days."""
    once: Change | None = None
    """The same: the change that made it so for the first time."""
    swapped: Sequence[str] = ()
    """Versions in folders whose files become others than those that were merged, under the same name and revision."""

    @property
    def before(self) -> Manifest | None:
        return self.past[-1].manifest if self.past else None

    @property
    def after(self) -> Manifest:
        return self.state.manifest

    @property
    def registered(self) -> tuple[str, ...]:
        """Versions that the file did not have."""
        return tuple(name for name in self.after.versions if not self.before or name not in self.before.versions)

    @property
    def retired(self) -> tuple[str, ...]:
        """Versions that the file no longer has."""
        return tuple(name for name in self.before.versions if name not in self.after.versions) if self.before else ()

    @cached_property
    def altered(self) -> tuple[Path, ...]:
        """Where the file says something else, `active` and whole versions aside; photos and species list included."""
        return tuple(_altered(self))

    def activation(self, environment: str) -> Activation | None:
        """The last activation of an environment, this change included."""
        return (activations((*self.past, self.state), environment) or (None,))[-1]

    def environment_class(self, environment: str) -> ChangeClass | None:
        """What the change does to one environment; None when it leaves it as it is."""
        activation = self.activation(environment)
        if activation is not None and activation.state is self.state:
            return activation.change
        there = [bool(manifest and environment in manifest.environments) for manifest in (self.before, self.after)]
        touched = there[0] != there[1] or active(self.before, environment) != active(self.after, environment)
        touched |= any(path[:2] == ("environments", environment) for path in self.altered)
        return ChangeClass.CONFIGURE if touched else None

    @property
    def change(self) -> ChangeClass | None:
        """The severest of all that it does; None when it only touches comments, or nothing."""
        environments = dict.fromkeys((*(self.before.environments if self.before else ()), *self.after.environments))
        found = [self.environment_class(name) for name in environments]
        found.append(ChangeClass.REGISTER if self.registered else None)
        found.append(ChangeClass.RETIRE if self.retired else None)
        found.append(ChangeClass.CONFIGURE if self.altered else None)
        return max((one for one in found if one), key=lambda one: one.severity, default=None)


def findings(change: Change) -> list[Finding]:
    """What the rules have against a change; the first state of a file has none against it."""
    before = change.before
    if before is None:
        return []
    moved = [name for name in before.environments if name in change.after.environments]
    moved = [name for name in moved if active(before, name) != active(change.after, name)]
    together = list(_together(change, moved))
    if change.once and not findings(change.once):
        # What the file once was by right is right again, so every revert is; photos need not come back with the file.
        back = change.material in change.material_then
        photos = [finding for finding in together if finding.path in (("known_images",), ("species",))]
        return [*_swapped(change), *([] if back else photos)]
    return [
        *_swapped(change),
        *_imported(change),
        *_rewritten(change),
        *_frozen(change, before),
        *_promoted(change, before),
        *together,
        *_retired(change),
    ]


def _altered(change: Change) -> Iterator[Path]:
    before, after = change.before, change.after
    if before is None:
        return
    for key in _SETTINGS:
        files = (getattr(material, key, None) for material in (change.material_before, change.material))
        if getattr(before, key) != getattr(after, key) or len(set(files)) > 1:
            yield (key,)
    if tuple(before.environments) != tuple(after.environments):
        yield ("environments",)
    for name, environment in after.environments.items():
        old = before.environments.get(name)
        for key in _ENVIRONMENT_SETTINGS if old else ():
            if getattr(old, key) != getattr(environment, key):
                yield ("environments", name, key)
    for name, version in after.versions.items():
        if name in before.versions and before.versions[name] != version:
            yield ("versions", name)


def _together(change: Change, moved: Sequence[str]) -> Iterator[Finding]:
    """A change that loosens what it is judged by is two changes."""
    for path in change.altered if moved else ():
        if path[-1] in _GROUND:
            what = ".".join(path[1:] or path)
            if path in (("known_images",), ("species",)):
                what += " (or its files)"
            message = f"{what} and {moved[0]}.active must not change together"
            yield Finding(path, message, "make it two changes, each reviewed on its own", at_key=True)


def _imported(change: Change) -> Iterator[Finding]:
    """Old names and guessed revisions come with the file's first state, or come back."""
    known = {name for state in change.past for name in state.manifest.versions}
    for name in change.registered:
        version = change.after.versions[name]
        for key in ("legacy", "revision_guessed"):
            if getattr(version, key) and name not in known:
                message = f"{name} says {key}, and that is for what `lepinet import` found before this file was there"
                yield Finding(("versions", name, key), message, "register it under a new name: lepinet register")


def _rewritten(change: Change) -> Iterator[Finding]:
    known: dict[str, list[ModelVersion]] = {}
    for state in change.past:
        for name, version in state.manifest.versions.items():
            merged = known.setdefault(name, [])
            if not merged or merged[-1] is not version:
                merged.append(version)
    for name, version in change.after.versions.items():
        merged = known.get(name, [])
        # Where somebody rewrote it all the same, what it was before may come back.
        if not merged or any(_rewritten_keys(one, version) == [] for one in merged):
            continue
        for key in _rewritten_keys(merged[-1], version):
            message = f"{name} was merged with {key} {getattr(merged[-1], key)}; a version never changes"
            yield Finding(("versions", name, key), message, "give the new one a new name")


def _swapped(change: Change) -> Iterator[Finding]:
    for name in change.swapped:
        message = f"the files of {name} in {change.after.versions[name].file_path} change; a version never does"
        yield Finding(("versions", name, "file_path"), message, "put them back, and give the new ones a new name")


def _rewritten_keys(merged: ModelVersion, version: ModelVersion) -> list[str]:
    fixed = [key for key in ModelVersion.model_fields if key not in _MAY_GROW]
    return [key for key in fixed if getattr(merged, key) != getattr(version, key)]


def _frozen(change: Change, before: Manifest) -> Iterator[Finding]:
    for name, environment in before.environments.items():
        if environment.frozen and environment.active != active(change.after, name):
            message = f"{name} is frozen: {environment.frozen}"
            yield Finding(("environments", name, "active"), message, "take `frozen` out in a change of its own first")


def _promoted(change: Change, before: Manifest) -> Iterator[Finding]:
    """Only what was tried in the environment before may come, or what had been here already."""
    for previous, name in pairwise(change.after.environments):
        version = active(change.after, name)
        been = {active(state.manifest, place) for state in change.past for place in (previous, name)}
        ever = any(active(state.manifest, name) for state in change.past)
        first = name not in before.environments and not ever
        if version is None or version == active(before, name) or version in been or first:
            continue
        message = f"{version} has not been active in {previous}, and that comes before {name}"
        yield Finding(("environments", name, "active"), message, f"merge it into {previous} first, on its own")


def _retired(change: Change) -> Iterator[Finding]:
    """Versions that were once active stay a while; retention is read where the change starts."""
    ended = last_active((*change.past, change.state))
    gone = [name for name in change.retired if name in ended and name not in _taken_back(change)]
    if not gone:
        return
    rule = change.past[-1].manifest.retention
    now = max(change.state.commit.at, change.past[-1].commit.at)
    for name in gone:
        last = ended[name].commit.at
        until = last + timedelta(days=rule.min_age_days)
        if now < until:
            message = f"{name} was active until {last:%d %b %Y}; retention keeps it {rule.min_age_days} days longer"
            yield Finding(("versions",), message, f"it may go from {until:%d %b %Y} on", at_key=True)
    left = sum(name in change.after.versions for name in ended)
    if left < rule.min_versions:
        message = f"{left} versions that were ever active would stay; retention keeps {rule.min_versions}"
        yield Finding(("versions",), message, f"keep {', '.join(gone)}", at_key=True)


def _taken_back(change: Change) -> set[str]:
    """Versions whose one commit both added and activated them, where this change undoes the activation too."""
    found: set[str] = set()
    for earlier, later in pairwise(change.past):
        for name in set(change.retired) & (later.manifest.versions.keys() - earlier.manifest.versions.keys()):
            places = [place for place in later.manifest.environments if active(later.manifest, place) == name]
            undone = [
                active(change.before, place) == name and active(change.after, place) == active(earlier.manifest, place)
                for place in places
            ]
            if places and all(undone):
                found.add(name)
    return found
