"""Whatever runs and people do, in whichever order: what always holds of the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lepinet.registry import Registry, Transport, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.postgres import PostgresTransport
from lepinet.registry.records import DeploymentStatus, Failure
from lepinet.registry.refusals import RegistryRefusal
from lepinet.registry.supabase import SupabaseTransport
from lepinet.timings import Timings

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

ENVIRONMENTS = ("staging", "production")
VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0")
RUNS = (UUID(int=1), UUID(int=2))
ACTS = (
    *("claim", "claim", "accept history", "begin", "begin", "activate", "activate", "fail", "renew", "release"),
    *("emergency", "SQL emergency", "unpin", "bind"),
)
REPOSITORY = "a" * 40

EVERYTHING = """
    select
      (select jsonb_agg(to_jsonb(t) order by t.version_name) from public.model_versions t),
      (select jsonb_agg(to_jsonb(t) - 'lease_until' order by t.name) from public.environments t),
      (select jsonb_agg(to_jsonb(t) order by t.id) from public.model_deployments t),
      (select jsonb_agg(to_jsonb(t) order by t.id) from public.deployment_events t)
"""


@dataclass(frozen=True)
class Step:
    """Something that somebody does; each kind reads the fields it needs."""

    act: str
    run: UUID
    environment: str
    generation: int
    version: str
    yes: bool


STEPS = st.builds(
    Step,
    act=st.sampled_from(ACTS),
    run=st.sampled_from(RUNS),
    environment=st.sampled_from(ENVIRONMENTS),
    generation=st.integers(1, 5),
    version=st.sampled_from(VERSIONS),
    yes=st.booleans(),
)


@dataclass
class World:
    """A registry, its owner, and which deployment each run has begun last."""

    registry: Registry
    owner: Rows
    begun: dict[tuple[UUID, str], UUID] = field(default_factory=dict)

    def everything(self) -> Any:
        return self.owner.execute(EVERYTHING).fetchone()

    def call(self, step: Step) -> Callable[[], object]:
        """A call that may be repeated: its ids and what it has read do not change any more."""
        last = self.begun.get((step.run, step.environment), step.run)
        match step.act:
            case "claim" | "accept history":
                return self._claim(step)
            case "begin":
                return self._begin(step)
            case "activate":
                return lambda: self.registry.activate(last, step.run, proved=step.yes)
            case "fail":
                return lambda: self.registry.fail_deployment(last, step.run, Failure.PROOF, "no")
            case "renew":
                return lambda: self.registry.renew(step.environment, step.run, 60)
            case "release":
                return lambda: self.registry.release(step.environment, step.run)
            case "emergency":
                return self._emergency(step)
            case "SQL emergency":
                sql = "select public.emergency_activate(%s, 'crashes', %s)"
                return lambda: self.owner.execute(sql, [step.version, step.environment])
            case "unpin":
                return lambda: self.registry.unpin(step.environment, "innocent")
            case _:
                names = ENVIRONMENTS if step.yes else ENVIRONMENTS[::-1]
                return lambda: migrate.bind(self.owner, REPOSITORY, names[: step.generation])

    def _claim(self, step: Step) -> Callable[[], object]:
        seen = self.registry.snapshot(step.environment).environment.commit
        return lambda: self.registry.claim(
            step.environment,
            generation=step.generation,
            commit=f"{step.generation:040x}",
            seen_commit=seen,
            claimant=step.run,
            claimant_label="run",
            lease_seconds=60 if step.yes else 0,
            declares=step.version,
            accept_history="main was rewritten" if step.act == "accept history" else None,
        )

    def _begin(self, step: Step) -> Callable[[], object]:
        deployment = self.begun[step.run, step.environment] = uuid4()
        active = self.registry.snapshot(step.environment).environment.recorded
        back = {version.version_name: version.target for version in self.registry.snapshot(step.environment).versions}
        return lambda: self.registry.begin_deployment(
            deployment,
            step.environment,
            step.run,
            version_name=step.version,
            way_back=back.get(active or ""),
            actor="run",
            reason=None,
            verdict=None,
            conditions=None,
        )

    def _emergency(self, step: Step) -> Callable[[], object]:
        deployment = self.begun[step.run, step.environment] = uuid4()
        return lambda: self.registry.begin_emergency(
            deployment,
            step.environment,
            version_name=step.version,
            reason="crashes",
            actor="asha",
            claimant=step.run,
            claimant_label="asha",
            lease_seconds=60 if step.yes else 0,
            way_back=None,
        )


@pytest.fixture(params=["postgres", "supabase"])
def transport(request: pytest.FixtureRequest, server: EmbeddedServer, migrated: str) -> Iterator[Transport]:
    """The embedded kind calls as the first one does."""
    if request.param == "postgres":
        yield PostgresTransport(server.url(migrated), Timings())
    else:
        with closing(SupabaseTransport(request.getfixturevalue("project"), Timings())) as supabase:
            yield supabase


@given(steps=st.lists(STEPS, min_size=5, max_size=20))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_rules_hold_in_every_order(
    transport: Transport, server: EmbeddedServer, migrated: str, start_over: Callable[[], None], steps: list[Step]
) -> None:
    start_over()
    with server.connect(migrated) as owner:
        world = World(Registry(transport, REPOSITORY), owner)
        for version in VERSIONS:
            world.registry.log_version(version, f"models/{version}", revision=version)
        for step in steps:
            take(world, step)


def take(world: World, step: Step) -> None:
    before = world.registry.snapshot(step.environment)
    all_before = world.everything()
    call = world.call(step)
    try:
        call()
    except RegistryRefusal:
        assert world.everything() == all_before, "a refusal changes nothing"
        return
    all_after = world.everything()
    after = world.registry.snapshot(step.environment)
    if step.act != "SQL emergency":  # typed twice, it is two
        try:
            call()
        except RegistryRefusal:
            assert step.act in {"claim", "accept history"}, "what was done may be asked for again"
        assert world.everything() == all_after, "and then changes nothing"
    generations = (before.environment.generation or 0, after.environment.generation or 0)
    assert generations[0] <= generations[1] or step.act == "accept history", "no generation is lowered by itself"
    if before.environment.recorded != after.environment.recorded:
        moved_rightly(world, step, before.environment.pinned)
    told_rightly(world)


def moved_rightly(world: World, step: Step, pinned: str | None) -> None:
    """A pinned environment moves for an emergency alone, and any other for the commit that it follows."""
    if step.act == "SQL emergency":
        return
    now = world.registry.snapshot(step.environment)
    deployment = next(row for row in now.deployments if row.id == world.begun[step.run, step.environment])
    if deployment.kind == "emergency":
        return
    assert pinned is None
    assert deployment.commit == now.environment.commit
    if deployment.status is DeploymentStatus.FAILED:
        assert deployment.way_back is not None
        assert now.environment.recorded == deployment.way_back.version
    else:
        assert now.environment.recorded == deployment.version


def told_rightly(world: World) -> None:
    """Readers of `is_active` are told the last environment in promotion order that has an active version."""
    marked = world.owner.execute("select version_name from public.model_versions where is_active").fetchall()
    last = world.owner.execute(
        "select v.version_name from public.environments e join public.model_versions v on v.id = e.active_version_id"
        " where e.place is not null order by e.place desc limit 1"
    ).fetchall()
    assert not last or marked == last
