"""What is live, what there is and who moved what: the values, and their text for a terminal; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lepinet.endpoints import EndpointState
from lepinet.monitor import AS_ACTIVATED, MISSED, Cause, missed, standing
from lepinet.reconcile.plan import Action, Plan
from lepinet.registry.records import DeploymentRow, DeploymentStatus, Failure, MonitorRow, PastDeployment, Snapshot
from lepinet.report.escape import columns_for_terminal as shown
from lepinet.report.escape import one_line
from lepinet.report.monitoring import TITLES
from lepinet.target import Target

_WAITING = "waiting: "
NOT_ANSWERING = "should be live; nothing answers"
"""Of a version that git and database name, where the endpoint does not run."""


@dataclass(frozen=True)
class EnvironmentStatus:
    """One environment, as git, database and endpoint say it."""

    environment: str
    declared: Target | None
    snapshot: Snapshot | None = None
    endpoint: EndpointState | None = None
    """None also for a kind that cannot be asked."""
    plan: Plan | None = None
    trouble: str | None = None
    """Why something could not be asked."""
    silent: bool = False
    """What could not be asked is the endpoint: it does not answer."""
    way_back: str | None = None
    """The version that `lepinet rollback` returns to."""
    unmerged: str | None = None
    """Why reconcile would not take what is declared here."""

    @property
    def live(self) -> DeploymentRow | None:
        """The deployment that made the active version active."""
        rows = self.snapshot.deployments if self.snapshot else ()
        return next((row for row in rows if row.status is DeploymentStatus.SUCCEEDED), None)

    @property
    def answers(self) -> bool:
        """False where it is known that no photo is answered: the endpoint does not run, or somebody has paused it."""
        return not self.silent and not (self.endpoint and self.endpoint.stopped)

    @property
    def in_step(self) -> bool:
        if self.trouble is not None or self.superseded:
            return False
        return self.plan is None or (self.plan.empty and self.plan.stop is None)

    @property
    def moving(self) -> bool:
        """Whether reconcile is at work on it: its newest deployment goes on, and somebody holds the lease."""
        if self.snapshot is None or not self.snapshot.deployments:
            return False
        newest = self.snapshot.deployments[0]
        return newest.status is DeploymentStatus.STARTED and self.snapshot.environment.lease_seconds > 0

    @property
    def superseded(self) -> str | None:
        """Why this checkout cannot tell: it is older than what was reconciled last."""
        return self.plan.superseded if self.plan else None

    @property
    def monitored(self) -> MonitorRow | None:
        """The monitor's last run; None where it was never switched on."""
        return self.snapshot.monitored if self.snapshot else None

    @property
    def alarms(self) -> tuple[Cause, ...]:
        """Those that stood after the monitor's last run; a disagreement that is seen to be over is none."""
        over = {Cause.DRIFT, Cause.BEHIND} if self.in_step else set()
        return tuple(cause for cause in standing(self.monitored) if cause not in over)

    @property
    def missed(self) -> int:
        """Runs of the monitor that did not come."""
        return missed(self.monitored) if self.monitored else 0

    @property
    def needs_a_person(self) -> bool:
        """Drift, a pin, a refused version, something that could not be asked; an alarm, or a monitor that stopped."""
        stopped = self.plan is not None and self.plan.stop is not None
        return self.trouble is not None or stopped or bool(self.alarms) or self.missed >= MISSED


@dataclass(frozen=True)
class KnownVersion:
    """A version that models.yaml or a registry knows."""

    name: str
    in_manifest: bool
    """False: logged by a trainer, or taken out of models.yaml."""
    file_path: str
    revision: str | None
    training_image_count: int | None
    accuracy_score: float | None
    created_at: datetime | None
    notes: str | None
    active_in: tuple[str, ...]
    differences: tuple[str, ...] = ()
    """Figures that models.yaml and a registry say differently, a sentence each."""
    register: str | None = None
    """The command that takes it into models.yaml; None unless it waits for that."""


def status(environments: Sequence[EnvironmentStatus], now: datetime, changes: Sequence[str] = ()) -> str:
    """All environments, newest trouble first to be seen: a block each, and whether a person is needed.

    Args:
        environments: all that is looked at.
        now: by the clock here.
        changes: those that are known to wait for somebody.
    """
    width = max((len(one.environment) for one in environments), default=0) + 2
    blocks = [_block(one, width, now) for one in environments]
    blocks += [shown(f"{'waiting':<{width}}{note}") for note in waiting(environments)]
    blocks += [shown(f"on its way: {change}") for change in changes]
    return "\n".join((*blocks, conclusion(environments, len(changes))))


def waiting(environments: Sequence[EnvironmentStatus]) -> tuple[str, ...]:
    """What trainers have logged and models.yaml does not have, a sentence each."""
    notes = {note for one in environments if one.plan for note in one.plan.notes if note.startswith(_WAITING)}
    return tuple(note.removeprefix(_WAITING) for note in sorted(notes))


def conclusion(environments: Sequence[EnvironmentStatus], changes: int = 0) -> str:
    """Whether anybody has to do something, and what.

    Args:
        environments: all that is looked at.
        changes: so many are known to wait for somebody to merge them, or to settle what holds them.
    """
    needed = [one.environment for one in environments if one.needs_a_person]
    older = [one.environment for one in environments if one.superseded]
    moving = [one.environment for one in environments if one.moving]
    open_ = [one.environment for one in environments if not one.in_step and not one.needs_a_person]
    if needed:
        return f"{', '.join(needed)}: a person is needed."
    if older:
        return f"This checkout is too old to tell: {', '.join(older)}. Next: git pull"
    if moving:
        return f"Reconcile is at work on {', '.join(moving)}."
    if open_:
        return f"Not in step yet: {', '.join(open_)}. Next: lepinet reconcile"
    if changes:
        return "A change waits for a person." if changes == 1 else f"{changes} changes wait for a person."
    return "Nothing needs you."


def active_version(snapshot: Snapshot) -> str:
    """An environment's active version, and whether a deployment ever made it so."""
    active = snapshot.environment.active
    if snapshot.ever_deployed:
        return active or "nothing"
    return f"{active}, as marked by hand; nothing deployed yet" if active else "nothing is live yet"


def _block(one: EnvironmentStatus, width: int, now: datetime) -> str:
    commands = (f"{line} · lepinet rollback {one.way_back} -e {one.environment} --reason …" for line in way_back(one))
    head, *rest = map(shown, (headline(one, now), *agreement(one), *commands, *watched(one, now)))
    return "\n".join([f"{one.environment:<{width}}{head}", *(" " * width + line for line in rest)])


def headline(one: EnvironmentStatus, now: datetime) -> str:
    """What is live, since when, and by whom."""
    if one.snapshot is None:
        return f"{_name(one.declared)} is declared; the database cannot be asked"
    active, live = active_version(one.snapshot), one.live
    if not one.snapshot.ever_deployed:
        marked = one.snapshot.environment.active is not None
        return f"{active}: lepinet reconcile" if marked else f"{active}; git declares {_name(one.declared)}"
    if live is None or live.ended_at is None or live.version != active:
        return f"{active}  not by a deployment"
    because = f' · "{one_line(live.reason)}"' if live.reason else ""
    since = f"since {live.ended_at.astimezone():%d %b %H:%M %z}"
    kind = " · EMERGENCY" if live.kind == "emergency" else ""
    lives = f"live {_ago(now - live.ended_at)} ({since})" if one.answers else f"{NOT_ANSWERING} ({since})"
    return f"{active}  {lives} · moved by {live.actor}{because}{kind}"


def agreement(one: EnvironmentStatus) -> list[str]:
    """Whether git, database and endpoint say the same."""
    if one.trouble:
        return one.trouble.splitlines()
    if one.snapshot is None:
        return []
    active = one.snapshot.environment.active or "nothing"
    lines = [_compared(one, active)]
    if one.superseded:
        return [*lines, one.superseded]
    if one.plan and one.plan.stop:
        lines.append(one.plan.stop)
    if one.plan and one.plan.register and one.plan.action is Action.NOTHING:
        lines.append(f"missing in the database: {', '.join(one.plan.register)}")
    if one.unmerged:
        lines.append(one.unmerged)
    return lines


def way_back(one: EnvironmentStatus) -> list[str]:
    """Where a rollback returns to; empty where it leads nowhere, or nobody can tell."""
    if one.trouble or one.snapshot is None or one.superseded:
        return []
    elsewhere = one.way_back and one.way_back != (one.snapshot.environment.active or "nothing")
    return [f"way back: {one.way_back}"] if elsewhere else []


def _compared(one: EnvironmentStatus, active: str) -> str:
    endpoint = one.endpoint.target if one.endpoint else None
    served = "no endpoint" if one.endpoint is None else f"endpoint {_name(endpoint)}"
    if one.endpoint and one.endpoint.follows_registry:
        served = "endpoint follows it"
    if one.declared is None:
        return f"git declares no version · database {active} · {served}"
    if one.superseded:
        return f"git here {_name(one.declared)} · database {active} · {served}"
    if one.in_step:
        same = "git = database" + (" = endpoint" if endpoint else "")
        return f"{same}  {one.declared}  in step"
    if one.snapshot and one.snapshot.environment.pinned:
        return f"git {_name(one.declared)} · database {active} · {served}  PINNED"
    state = "DRIFT" if one.plan and one.plan.stop and "by hand" in one.plan.stop else "not in step"
    return f"git {_name(one.declared)} · database {active} · {served}  {state}"


def watched(one: EnvironmentStatus, now: datetime) -> list[str]:
    """What the monitor found last, and whether that was before what is live became so; empty where it never ran."""
    if one.monitored is None:
        return []
    span = timedelta(seconds=one.monitored.seconds_ago)
    found = one.monitored.notes or "looked"
    if one.live and one.live.ended_at and now - span < one.live.ended_at:
        found = f"{found.removesuffix(AS_ACTIVATED)}, before this activation"
    lines = [f"monitor {_ago(span)} ago: {found}"]
    lines += [f"ALARM: {TITLES[cause]}" for cause in one.alarms]
    if one.missed >= MISSED:
        lines.append(f"the monitor has missed {one.missed} runs: is its schedule still on? docs/monitoring.md")
    return lines


def versions(known: Sequence[KnownVersion]) -> str:
    """A table, a version a line."""
    rows = [("version", "active in", "accuracy", "images", "created", "files")]
    rows += [
        (
            one.name,
            ", ".join(one.active_in) or ("waiting" if one.register else ""),
            "" if one.accuracy_score is None else f"{one.accuracy_score:.2%}",
            "" if one.training_image_count is None else f"{one.training_image_count:,}",
            f"{one.created_at:%Y-%m-%d}" if one.created_at else "",
            str(Target(one.file_path, one.revision)) if one.revision else one.file_path,
        )
        for one in known
    ]
    differences = (shown(f"{one.name}: {difference}") for one in known for difference in one.differences)
    waits = (shown(f"{one.name} waits: {one.register}") for one in known if one.register)
    return "\n".join((table(rows), *differences, *waits))


def history(deployments: Iterable[PastDeployment], *, steps: bool) -> str:
    """A deployment a line, newest first; with steps, what each of them did."""
    lines = []
    for row in deployments:
        commit = f" · {row.commit[:7]}" if row.commit else ""
        because = f' · "{one_line(row.reason)}"' if row.reason else ""
        kind = " EMERGENCY" if row.kind == "emergency" else ""
        when = f"{row.begun_at.astimezone():%Y-%m-%d %H:%M:%S}"
        lines.append(
            f"{when}  {row.environment}  {row.version}  {outcome(row)}{kind} · moved by {row.actor}{commit}{because}"
        )
        if row.error:
            lines.append(f"    {row.error}")
        if row.unreadable:
            lines.append(f"    unreadable, written by hand: {', '.join(row.unreadable)} of deployment {row.id}")
        if steps:
            lines += [f"    {event.at.astimezone():%H:%M:%S} {event.step}: {event.text}" for event in row.events]
    return "\n".join(map(shown, lines)) or "no deployment to show"


def outcome(row: DeploymentRow) -> str:
    """What came of a deployment, in a word."""
    return "held" if row.failure is Failure.VERDICT else row.status.value


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be, two spaces apart."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        shown("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()) for row in rows
    )


def _name(target: Target | None) -> str:
    return (target.version or str(target)) if target else "nothing"


def _ago(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
