"""Fifty runs at once, a fifth of them killed half way, while readers never look away."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from lepinet.registry import Registry
from lepinet.registry.calls import explained
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.records import PerformanceLog
from lepinet.registry.refusals import READ_AGAIN, RegistryRefusal
from lepinet.registry.supabase import SupabaseTransport
from lepinet.timings import Timings

Connect: TypeAlias = Callable[[], psycopg.Connection[tuple[Any, ...]]]
OpenRegistry: TypeAlias = Callable[[], AbstractContextManager[Registry]]

WRITERS, READERS, LOOKS, FLIPS = 50, 4, 10_000, 100
LEASE = 0.3
REPOSITORY = "a" * 40

LOOK = """
    select
      (select array_agg(v.version_name) from public.model_versions v where v.is_active),
      (select array_agg(m.version_name) from public.active_model m where m.environment = 'production'),
      (select e.generation from public.environments e where e.name = 'production')
"""


class OneConnection:
    """A writer's own connection, kept: fifty processes that begin with each call would be all that there is to see."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        connection.execute("set role service_role")

    def call(self, function: str, **arguments: Any) -> Any:
        named = sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in arguments)
        query = sql.SQL("select public.{}({})").format(sql.Identifier(function), named)
        given = {
            name: Jsonb(value) if isinstance(value, list) else list(value) if isinstance(value, tuple) else value
            for name, value in arguments.items()
        }
        try:
            return (self._connection.execute(query, given).fetchone() or (None,))[0]
        except psycopg.Error as error:
            raise explained(error, "the race") from error


class Race:
    """Runs of rising commits, each of which brings the version named after its commit to an environment."""

    def __init__(self, connect: Connect, open_registry: OpenRegistry) -> None:
        self.connect = connect
        self.open_registry = open_registry
        self.over = threading.Event()
        self.flipped: list[tuple[str, UUID]] = []
        """Environment and deployment of each activation that was said to be done."""
        self._commits = count(2)
        self._newest = 1

    @property
    def flips(self) -> int:
        """What readers of production can have seen."""
        return sum(environment == "production" for environment, _ in list(self.flipped))

    def write(self, seed: int) -> Counter[str]:
        """One run after another, most of the newest commit, some of one that is newer still; what came of them."""
        came_of_it: Counter[str] = Counter()
        chance = random.Random(seed)
        environment = "staging" if seed % 5 == 0 else "production"
        with self.open_registry() as registry:
            while not self.over.is_set():
                if chance.random() < 0.15:
                    self._newest = next(self._commits)
                try:
                    outcome = self.run(registry, environment, self._newest, killed=chance.random() < 0.2)
                except RegistryRefusal as refused:
                    outcome = refused.hint or refused.what.partition(":")[0]
                    self.over.wait(chance.random())  # fifty that ask again at once would leave nobody time to look
                came_of_it[outcome] += 1
        return came_of_it

    def run(self, registry: Registry, environment: str, generation: int, *, killed: bool = False) -> str:
        """As reconcile does it: read, register, claim, begin, flip, release."""
        claimant, deployment = uuid4(), uuid4()
        version = f"v1.0.{generation}"
        registry.log_version(version, "models/one", revision="r")
        while not self.claimed(registry, environment, generation, claimant):
            if self.over.wait(0.05):
                return "still waiting at the end"
        registry.begin_deployment(
            deployment,
            environment,
            claimant,
            version_name=version,
            way_back=None,
            actor="run",
            reason=None,
            verdict=None,
            conditions=None,
        )
        if killed:
            return "killed"
        log = PerformanceLog(id=deployment, version_name=version, kind="proof", test_accuracy=1, test_sample_size=9)
        registry.activate(deployment, claimant, [log])
        self.flipped.append((environment, deployment))
        registry.release(environment, claimant)
        return "flipped"

    def claimed(self, registry: Registry, environment: str, generation: int, claimant: UUID) -> bool:
        try:
            return registry.claim(
                environment,
                generation=generation,
                commit=f"{generation:040x}",
                seen_commit=registry.snapshot(environment).environment.commit,
                claimant=claimant,
                claimant_label="run",
                lease_seconds=LEASE,
                declares=f"v1.0.{generation}",
            ).granted
        except RegistryRefusal as refused:
            if refused.hint != READ_AGAIN:
                raise
            return False

    def read(self) -> int:
        """Looks as often as is its share, and on until there was something to see; how often it looked."""
        number, generation = 0, 0
        deadline = time.monotonic() + 1200  # only a hang takes so long
        with self.connect() as connection:
            for look in count():
                enough = look >= LOOKS // READERS and self.flips >= FLIPS
                if enough or time.monotonic() > deadline:
                    return look
                marked, told, recorded = connection.execute(LOOK).fetchone() or (None, None, None)
                assert marked is not None, "no version is active"
                assert len(marked) == 1, f"{len(marked)} versions are active"
                assert marked == told
                now = int(marked[0].rpartition(".")[2])
                assert number <= now <= recorded, "an older version came back"
                assert generation <= recorded, "an older commit came back"
                number, generation = now, recorded
                self.over.wait(0.001)  # or there is no processor left for those who write
        raise AssertionError


@pytest.fixture(params=["PostgreSQL", "Supabase"])
def race(request: pytest.FixtureRequest, server: EmbeddedServer, database: str) -> Race:
    """A race of runs that call directly, or through a project's API."""
    connect = partial(server.connect, database)

    @contextmanager
    def directly() -> Iterator[Registry]:
        with connect() as connection:
            yield Registry(OneConnection(connection), REPOSITORY)

    @contextmanager
    def through_the_api() -> Iterator[Registry]:
        with closing(SupabaseTransport(request.getfixturevalue("project"), Timings())) as transport:
            yield Registry(transport, REPOSITORY)

    return Race(connect, directly if request.param == "PostgreSQL" else through_the_api)


@pytest.mark.slow
def test_readers_see_exactly_one_active_version_whoever_writes(race: Race, capsys: pytest.CaptureFixture[str]) -> None:
    with race.open_registry() as registry:
        race.run(registry, "production", 1)
    with ThreadPoolExecutor(WRITERS + READERS) as pool:
        writers = [pool.submit(race.write, seed) for seed in range(WRITERS)]
        readers = [pool.submit(race.read) for _ in range(READERS)]
        try:
            looks = sum(reader.result() for reader in readers)
        finally:
            race.over.set()
        came_of_it = sum((writer.result() for writer in writers), Counter[str]())
    figures = ", ".join(f"{times} x {outcome}" for outcome, times in sorted(came_of_it.items()))
    with capsys.disabled():
        sys.stdout.write(f"\n{WRITERS} writers, {looks} looks, {race.flips} flips seen by readers; {figures}\n")
    assert looks >= LOOKS
    assert race.flips >= FLIPS
    with race.connect() as connection:
        succeeded = connection.execute(
            "select environment, id from public.model_deployments where status = 'succeeded'"
        )
        assert sorted(succeeded.fetchall()) == sorted(race.flipped), "one for each change"
