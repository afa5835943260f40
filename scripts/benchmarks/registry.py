"""A registry's answers to what commands ask of it, young and after many years, over each way to it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from benchmarks.race import Cost
from lepinet.registry import Registry, migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER, SUPERUSER
from lepinet.registry.postgres import PostgresTransport
from lepinet.registry.project import Project
from lepinet.registry.supabase import SupabaseTransport
from lepinet.timings import Timings
from registry.filled import fill, names
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project as HostedProject

_PAGE = 5
"""Deployments; the young registry has no more than that before its middle one."""
_CALLS = 20
"""Timed together: one takes milliseconds."""


@contextmanager
def filled(folder: Path, *sizes: tuple[int, int]) -> Iterator[list[dict[str, Registry]]]:
    """Of each size, so many versions and rows of performance, the registry by the way that leads to it."""
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer(folder))
        found = []
        for versions, performances in sizes:
            name = f"with_{versions}"
            with server.connect("postgres", SUPERUSER) as superuser:
                superuser.execute(f"create database {name} owner {OWNER}".encode())
            with server.connect(name) as owner:
                migrate.apply(owner)
                migrate.bind(owner, "a" * 40, ["staging", "production"])
                fill(owner, versions, performances)
            hosted = HostedProject(server.url(name, "authenticator"))
            project = Project(stack.enter_context(project_online(hosted)), hosted.secret_key)
            supabase = stack.enter_context(closing(SupabaseTransport(project, Timings())))
            postgres = PostgresTransport(server.url(name), Timings())
            found.append({"postgres": Registry(postgres), "supabase": Registry(supabase)})
        yield found
    with (folder / "keeper.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the server's keeper has it until the folder can go


def planned(registry: Registry, versions: int) -> Callable[[], Cost]:
    """What `plan` and `status` ask, once for each environment."""
    asked = names(versions)
    return _timed(lambda: registry.snapshot("production", asked))


def told(registry: Registry, versions: int) -> Callable[[], Cost]:
    """A page of `history`, from the middle of it."""
    middle = registry.history("production", version_name=f"v1.{versions // 2 + 1}.0")[0]
    return _timed(lambda: registry.history("production", before=middle.id, page=_PAGE))


def _timed(call: Callable[[], object]) -> Callable[[], Cost]:
    def several() -> Cost:
        begun = time.perf_counter()
        for _ in range(_CALLS):
            call()
        return Cost(time.perf_counter() - begun, 0, 0)

    return several
