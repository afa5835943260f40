"""What must happen so that an environment serves what it should: declared and observed in, a plan out, nothing done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from enum import StrEnum

from lepinet.endpoints import EndpointState
from lepinet.manifest.history import EverDeclared
from lepinet.manifest.model import ModelVersion
from lepinet.manifest.problems import spaces_seen
from lepinet.registry.records import (
    NEWEST,
    DeploymentKind,
    DeploymentRow,
    DeploymentStatus,
    Failure,
    Snapshot,
    VersionRow,
)
from lepinet.target import Target

_SHOWN = 5


@dataclass(frozen=True)
class Declared:
    """What a commit of main wants of one environment."""

    environment: str
    target: Target
    """The version in `active`, with its name."""
    versions: Mapping[str, ModelVersion]
    """Every version of the manifest by name, all to be known to the registry."""
    conditions: str
    """Digest of the active version, its override, the gates, the known images and the endpoint's configuration."""
    ever: EverDeclared = field(default_factory=EverDeclared)
    """What main once had waits for nobody."""

    @property
    def version(self) -> str:
        return self.target.version or ""


class Action(StrEnum):
    """What the plan comes to."""

    NOTHING = "nothing"
    DEPLOY = "deploy"
    """Move, prove, flip, as a new deployment."""
    PUT_BACK = "put back"
    """Return the endpoint to the way back of a deployment that failed."""
    REFUSE = "refuse"
    """Record that the verdict said no, and undo what an unfinished deployment left."""
    FOLLOW = "follow"
    """Bring the endpoint to the version that an emergency pinned in the database."""


@dataclass(frozen=True)
class Plan:
    """One environment's way from what is to what should be."""

    environment: str
    action: Action
    aim: Target
    """What the environment serves when the plan is done."""
    register: tuple[str, ...] = ()
    """Versions whose row is missing, or has no revision yet."""
    restore: tuple[str, ...] = ()
    """Versions whose row a hand gave other files; they get back what models.yaml says."""
    move: bool = False
    """The endpoint is not set to the aim, or does not answer with it yet."""
    flip: bool = False
    """The registry does not say the aim, or has not recorded how it came to it."""
    flip_first: bool = False
    """The endpoint follows the registry: it flips before the proof."""
    prove: bool = True
    """There is an endpoint to ask."""
    way_back: Target | None = None
    deployment: DeploymentRow | None = None
    """The deployment that is put back or followed."""
    stop: str | None = None
    """Why the environment does not serve what main declares, and the ways out; said after the action, exit 1."""
    superseded: str | None = None
    """That a newer commit was reconciled already: from here nothing is done, and nobody is needed for that."""
    notes: tuple[str, ...] = ()
    reason: str | None = None
    """Why, where that is not what the commit says."""

    @property
    def empty(self) -> bool:
        return self.action is Action.NOTHING and not self.register and not self.restore

    def steps(self) -> tuple[str, ...]:
        """What would be done, in its order."""
        steps = [f"restore the row of {name} as models.yaml has it" for name in self.restore]
        steps += [f"register {name}" for name in self.register]
        if self.action is Action.REFUSE:
            steps.append("record the refusal")
        flip = f"flip the registry to {self.aim.version}"
        if self.flip and self.flip_first:
            unproved = f"{flip}, which the endpoint follows: {self.aim.version} may answer before it is proved"
            return (*steps, unproved, "prove the endpoint on the known images, else flip back")
        if self.move:
            steps += [f"move the endpoint to {self.aim}", "prove it on the known images"]
        elif self.flip and self.prove:
            steps.append("prove the endpoint on the known images")
        if self.flip:
            steps.append(flip)
        return tuple(steps)

    def lines(self) -> tuple[str, ...]:
        """The plan as people read it, a line a step, then what else to know."""
        if self.superseded:
            return (self.superseded,)
        steps = self.steps() or (() if self.stop else ("nothing to change",))
        return (*steps, *self.notes, *((self.stop,) if self.stop else ()))


def make_plan(
    declared: Declared,
    snapshot: Snapshot,
    endpoint: EndpointState | None,
    *,
    held: bool = False,
    mend: bool = False,
    retry: bool = False,
) -> Plan:
    """Plan one environment.

    Args:
        declared: what main's commit wants.
        snapshot: what the registry holds.
        endpoint: one look at the endpoint; None for the kind that cannot be moved or asked.
        held: the verdict forbids the declared version.
        mend: what a hand did is undone first: rows are restored from models.yaml, then the last succeeded version is.
        retry: a failed proof is tried again; a hold is never passed over.
    """
    seen = _Seen(declared, snapshot, endpoint)
    if taken := seen.taken():
        if mend:
            undone = tuple(f"undoing what a hand did: {seen.other_files(row)}" for row in taken)
            plan = seen.plan(Action.NOTHING, declared.target)
            return replace(plan, restore=tuple(row.version_name for row in taken), notes=(*plan.notes, *undone))
        return seen.plan(Action.NOTHING, declared.target, stop=_both_origins(seen, taken[0]))
    if snapshot.environment.pinned is not None:
        return _pinned(seen)
    drift = seen.drift()
    if drift and not mend:
        return seen.plan(Action.NOTHING, declared.target, stop=_both_ways_out(seen, drift))
    if drift:
        return _mend(seen, drift)
    if earlier := _refused_earlier(seen, retry=retry):
        return _not_again(seen, earlier)
    way_back = _way_back(seen)
    if held:
        aim = way_back or declared.target
        move, flip = way_back is not None and seen.must_move(aim), way_back is not None and seen.flipped_unproved(aim)
        return seen.plan(Action.REFUSE, aim, move=move, flip=flip, way_back=way_back)
    return _deploy(seen, declared.target, way_back)


def unfinished_deployment(snapshot: Snapshot) -> DeploymentRow | None:
    """The deployment that a killed run left, or an emergency that the endpoint has not followed yet."""
    return next((row for row in snapshot.deployments if row.status is DeploymentStatus.STARTED), None)


@dataclass(frozen=True)
class _Seen:
    """Declared and observed, and the questions that the rules ask of them."""

    declared: Declared
    snapshot: Snapshot
    endpoint: EndpointState | None

    def plan(
        self,
        action: Action,
        aim: Target,
        *,
        move: bool = False,
        flip: bool = False,
        way_back: Target | None = None,
        deployment: DeploymentRow | None = None,
        stop: str | None = None,
    ) -> Plan:
        registered = {row.version_name for row in self.snapshot.versions if row.revision}
        missing = tuple(name for name in self.declared.versions if name not in registered)
        return Plan(
            self.declared.environment,
            action,
            aim,
            register=() if self.taken() else missing,
            move=move,
            flip=flip,
            flip_first=self._follows_registry,
            prove=self.endpoint is not None,
            way_back=way_back,
            deployment=deployment,
            stop=stop,
            notes=(*self._waiting(), *self._taken_over()),
        )

    def must_move(self, aim: Target) -> bool:
        """The endpoint is set to something else, or does not answer with the aim yet."""
        if self.endpoint is None or self.endpoint.follows_registry:
            return False
        return not (aim.same_files(self.endpoint.target) and self.endpoint.ready)

    def flipped_unproved(self, way_back: Target) -> bool:
        """A killed run has flipped the registry for an endpoint that follows it, and nobody has proved that."""
        return self._follows_registry and self.snapshot.environment.active != way_back.version

    @property
    def _follows_registry(self) -> bool:
        return self.endpoint is not None and self.endpoint.follows_registry

    def target_of(self, version: str | None) -> Target | None:
        """A version by name: as the manifest has it, else as its row does."""
        if version is not None and (found := self.declared.versions.get(version)):
            return Target(found.file_path, found.revision, version)
        return next((row.target for row in self.snapshot.versions if row.version_name == version), None)

    def taken(self) -> tuple[VersionRow, ...]:
        """Rows that have a version's name and other files."""
        versions = self.declared.versions
        return tuple(
            row
            for row in self.snapshot.versions
            if (version := versions.get(row.version_name))
            and (row.file_path != version.file_path or row.revision not in {None, version.revision})
        )

    def other_files(self, row: VersionRow) -> str:
        version = self.declared.versions[row.version_name]
        return (
            f"{row.version_name} in the registry is other files ({row.target or row.file_path}) than in "
            f"models.yaml ({Target(version.file_path, version.revision)})"
        )

    def drift(self) -> str | None:
        """What a hand did, in words: not declared, and no deployment explains it."""
        if not self.snapshot.ever_deployed:
            return None
        found = []
        if self._row_by_hand():
            found.append(f"the database says {self.snapshot.environment.active or 'no version'} by hand")
        if target := self._endpoint_by_hand():
            found.append(f"the endpoint is set to {self._named(target)} by hand")
        return " and ".join(found) or None

    def version_by_hand(self) -> str | None:
        """What would have to be declared so that it stays; None when nobody knows its name."""
        if self._row_by_hand():
            return self.snapshot.environment.active
        target = self._endpoint_by_hand()
        return self._named(target).version if target else None

    def _row_by_hand(self) -> bool:
        active, recorded = self.snapshot.environment.active, self.snapshot.environment.recorded
        # Where nothing was recorded yet, a hand that marked a version was there before git.
        return active != self.declared.version and not self._row_explained(active) and recorded is not None

    def _endpoint_by_hand(self) -> Target | None:
        target = self.endpoint.target if self.endpoint else None
        by_hand = target and not self.declared.target.same_files(target) and not self._endpoint_explained(target)
        return target if by_hand else None

    def _taken_over(self) -> tuple[str, ...]:
        """What a hand did and the manifest declares: accepted, and said."""
        if not self.snapshot.ever_deployed:
            return ()
        version = self.declared.version
        found = []
        if self.snapshot.environment.active == version and not self._row_explained(version):
            found.append(f"taken over: the database already says {version}, as models.yaml does")
        target = self.endpoint.target if self.endpoint else None
        if self.declared.target.same_files(target) and not self._endpoint_explained(self.declared.target):
            found.append(f"taken over: the endpoint is already set to {version}, as models.yaml says")
        return tuple(found)

    def _explained(self) -> tuple[tuple[str | None, Target | None], ...]:
        """What deployments account for, by name and files: versions; the way back of those that did not succeed."""
        rows = self.snapshot.deployments
        undone = (row.way_back for row in rows if row.way_back and row.status is not DeploymentStatus.SUCCEEDED)
        # By name: a row that a hand changed since does not tell what was deployed.
        done = ((row.version, self.target_of(row.version) or row.target) for row in rows)
        return (*done, *((way.version, way.target) for way in undone))

    def _row_explained(self, version: str | None) -> bool:
        return any(version == name for name, _ in self._explained())

    def _endpoint_explained(self, target: Target) -> bool:
        return any(target.same_files(files) for _, files in self._explained())

    def _named(self, target: Target) -> Target:
        names = (*self.declared.versions, *(row.version_name for row in self.snapshot.versions))
        known = (self.target_of(name) for name in names)
        return next((it for it in known if it and it.same_files(target)), target)

    def _waiting(self) -> tuple[str, ...]:
        """The rows that no manifest has known yet."""
        notes = []
        left_out = []
        unknown = 0
        for row in self.snapshot.versions:
            if row.version_name in self.declared.versions:
                continue
            if self.declared.ever.has(row.version_name, row.file_path, row.revision):
                continue
            unknown += 1
            if row.activated_at is not None or row.version_name == self.snapshot.environment.active:
                continue  # it was retired
            name = spaces_seen(row.version_name)
            if self.declared.ever.left_out(row.file_path, row.created_at):
                left_out.append(name)
            else:
                notes.append(f"waiting: {name}, logged and not in models.yaml: {_takes_in(row)}")
        if left_out:
            notes.append(f"waiting: not for {_in_short(sorted(left_out))} (docs/supabase.md, Old rows)")
        if unknown >= NEWEST:
            notes.append("waiting: … and perhaps more: lepinet versions lists them all")
        return tuple(notes)


def _in_short(left_out: Sequence[str]) -> str:
    more = ", …" if len(left_out) > _SHOWN else ""
    return f"{len(left_out)} old row{'s' if len(left_out) > 1 else ''}: {', '.join(left_out[:_SHOWN])}{more}"


def _takes_in(row: VersionRow) -> str:
    """The command, with what fits a line."""
    return row.model_copy(update={"notes": None, "links": None}).register_command()


def _deploy(seen: _Seen, aim: Target, way_back: Target | None) -> Plan:
    environment = seen.snapshot.environment
    move = seen.must_move(aim)
    agreed = (environment.active, environment.recorded) == (aim.version, aim.version)
    if agreed and not move and not unfinished_deployment(seen.snapshot) and seen.snapshot.ever_deployed:
        return seen.plan(Action.NOTHING, aim)
    # Whatever is done ends in a succeeded deployment, which explains what stands: hence flip, even to what is active.
    return seen.plan(Action.DEPLOY, aim, move=move, flip=True, way_back=way_back)


def _mend(seen: _Seen, drift: str) -> Plan:
    """Undo what a hand did. The next plan goes on from there."""
    succeeded = (row for row in seen.snapshot.deployments if row.status is DeploymentStatus.SUCCEEDED)
    restored = next((seen.target_of(row.version) or row.target for row in succeeded), None)
    if restored is None:
        stop = f"{drift}; no deployment has succeeded yet that could be restored: declare in models.yaml what is right"
        return seen.plan(Action.NOTHING, seen.declared.target, stop=stop)
    plan = _deploy(seen, restored, restored)
    undone = f"undoing what a hand did: {drift}"
    return replace(plan, notes=(*plan.notes, undone), reason=undone)


def _way_back(seen: _Seen) -> Target | None:
    """Where a failure returns to: what a killed run stored, else the active version, else what the endpoint serves."""
    unfinished = unfinished_deployment(seen.snapshot)
    if unfinished and unfinished.kind is DeploymentKind.MERGE and unfinished.way_back:
        return unfinished.way_back.target
    return seen.target_of(seen.snapshot.environment.active) or (seen.endpoint.target if seen.endpoint else None)


def _refused_earlier(seen: _Seen, *, retry: bool) -> DeploymentRow | None:
    """The last attempt at this target under these conditions, if it was refused or failed its proof."""
    standing = {Failure.VERDICT} if retry else {Failure.VERDICT, Failure.PROOF}
    for row in seen.snapshot.deployments:
        if row.version != seen.declared.version:
            continue
        if row.status is DeploymentStatus.SUCCEEDED:
            return None
        if row.conditions != seen.declared.conditions:
            continue
        if row.status is DeploymentStatus.STARTED:
            return None  # somebody asked for another try, and that run was killed
        if row.failure in standing:
            return row
    return None


def _not_again(seen: _Seen, earlier: DeploymentRow) -> Plan:
    """While an earlier refusal or failed proof stands, the environment belongs on that deployment's way back."""
    back = earlier.way_back.target if earlier.way_back else None
    why = "its verdict was hold"
    if earlier.failure is Failure.PROOF:
        why = f"it failed its proof (try it again: lepinet reconcile -e {seen.declared.environment} --retry)"
    stop = f"{seen.declared.version} is declared and not tried again: {why}. {earlier.error or ''}".rstrip()
    if back is None:
        return seen.plan(Action.NOTHING, seen.declared.target, stop=stop)
    # What a killed run left under other conditions is closed by a deployment of the way back.
    if seen.snapshot.environment.active != back.version or unfinished_deployment(seen.snapshot):
        return replace(_deploy(seen, back, back), stop=stop)
    if seen.must_move(back):
        return seen.plan(Action.PUT_BACK, back, move=True, way_back=back, deployment=earlier, stop=stop)
    return seen.plan(Action.NOTHING, back, stop=stop)


def _pinned(seen: _Seen) -> Plan:
    """An emergency has set the environment by hand: the endpoint follows it, and nothing else moves."""
    environment = seen.snapshot.environment
    name, pinned = environment.name, environment.pinned
    git = f"Make git agree: lepinet rollback {pinned} -e {name} --reason …"
    if pinned == seen.declared.version:
        git = "Git declares it: the pin ends with the next reconcile"
    by = f" by {environment.pinned_by}" if environment.pinned_by else ""
    since = f" since {environment.pinned_at.astimezone(UTC):%d %b %Y %H:%M} UTC" if environment.pinned_at else ""
    ways = (
        f"pinned to {pinned}{by}{since}: {environment.pin_reason or 'nobody said why'}. "
        f"{git} · or lift the pin: lepinet unpin -e {name} --reason …"
    )
    emergency = unfinished_deployment(seen.snapshot)
    if emergency is None or emergency.kind is not DeploymentKind.EMERGENCY:
        return seen.plan(Action.NOTHING, seen.target_of(pinned) or seen.declared.target, stop=ways)
    aim = seen.target_of(pinned)
    if aim is None:
        stop = f"{ways} The endpoint cannot follow: nobody knows the revision of {pinned}."
        return seen.plan(Action.NOTHING, seen.declared.target, stop=stop)
    way_back = emergency.way_back.target if emergency.way_back else None
    move = seen.must_move(aim)
    return seen.plan(Action.FOLLOW, aim, move=move, flip=True, way_back=way_back, deployment=emergency, stop=ways)


def _both_origins(seen: _Seen, row: VersionRow) -> str:
    return (
        f"{seen.other_files(row)}, and a version never changes. "
        f"Was the row changed by hand: lepinet reconcile -e {seen.declared.environment} --mend · "
        "is the name new in models.yaml: register these files under the next free one"
    )


def _both_ways_out(seen: _Seen, drift: str) -> str:
    name = seen.declared.environment
    hand = seen.version_by_hand()
    keep = f"lepinet rollback {hand} -e {name} --reason …" if hand else "declare it in models.yaml"
    return f"{drift}. Keep it: {keep} · undo it: lepinet reconcile -e {name} --mend"
