"""A repository whose production is served on this machine, and runs of the command line as processes of their own."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from lepinet.endpoints import EndpointState, Order
from lepinet.endpoints.local import LocalEndpoint
from lepinet.endpoints.local_folder import ORDER, LocalFolder
from lepinet.model_files import folder_revision
from lepinet.registry import Registry
from lepinet.registry.calls import Connection
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER
from lepinet.settings import Settings
from lepinet.target import Target
from lepinet.timings import Timings
from lepinet.workflow import declared
from lepinet.workflow.workspace import Workspace, open_workspace
from reconcile.endpoint_wire import Alter, as_it_is, endpoint_wire
from reconcile.registry_wire import registry_wire
from reconcile.supabase_wire import supabase_wire
from reconcile.watch import DEADLINE, Watch
from serving.local_environment import KNOWN_IMAGES, TESTS
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project

VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0")
PHOTOS = ("blue_tiger_02.jpg", "common_mormon_04.jpg", "common_crow_02.jpg")
"""Few, so that one connection asks about them one after the other, and every one of them can count as a call."""
MANIFEST = """\
schema_version: 1
known_images: photos
environments:
  production:
    active: {active}
    registry: {registry}
    endpoint: {{kind: local}}
gates: {gates}
versions:
"""
LENIENT = {"min_accuracy": None, "min_top3_accuracy": None, "max_negative_flips": None}
STARTED = multiprocessing.get_context("forkserver")
# Half of a command's time goes into imports: a run is the fork of a process that has done them, and calls `main`.
STARTED.set_forkserver_preload(
    [
        "lepinet.cli.reconcile",
        "lepinet.cli.change",
        "lepinet.cli.look",
        "lepinet.endpoints.kinds",
        "lepinet.endpoints.local",
        "lepinet.evaluation.cache",
        "lepinet.evaluation.images",
        "lepinet.registry.embedded",
        "lepinet.registry.kinds",
        "lepinet.registry.supabase",
    ]
)


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    code: int
    """The exit code; the signal's number, negative, where one ended it."""
    out: str
    err: str


@dataclass(frozen=True)
class Running:
    """A run, until it ends."""

    process: multiprocessing.process.BaseProcess
    said: Path

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self) -> Ended:
        self.process.join(4 * DEADLINE)
        code = self.process.exitcode
        assert code is not None, self.said.with_suffix(".err").read_text()
        return Ended(code, self.said.with_suffix(".out").read_text(), self.said.with_suffix(".err").read_text())


@dataclass(frozen=True)
class State:
    """What a world is in: the database's word, the endpoint's, and the newest deployment's."""

    row: str | None
    endpoint: str | None
    """What it is set to."""
    ready: bool
    statuses: tuple[str, ...]
    """Of the deployments, newest first."""


NEVER_DEPLOYED = (
    "delete from public.deployment_events",
    "delete from public.model_deployments",
    "delete from public.model_performance_logs",
    """
    update public.environments set active_version_id = null, generation = null, commit_sha = null,
      claimant = null, claimant_label = null, claimant_commit = null, lease_until = null,
      pinned_version_id = null, pin_reason = null
    """,
)
"""What makes a registry forget all that was ever done in it; it goes on knowing the versions."""


@contextmanager
def night_run(workspace: Workspace, declares: str) -> Iterator[tuple[Registry, UUID]]:
    """The registry, its lease held for main's newest commit by the claimant."""
    claimant = uuid4()
    with workspace.registry("production") as registry:
        registry.claim(
            "production",
            generation=workspace.git.generation("HEAD"),
            commit=workspace.git.head(),
            seen_commit=registry.snapshot("production").environment.commit,
            claimant=claimant,
            claimant_label="the night run",
            lease_seconds=60,
            declares=declares,
        )
        yield registry, claimant


@dataclass(frozen=True)
class World:
    """Everything of one repository. Main goes on from test to test, as mains do."""

    folder: Path
    home: Path
    data: Path
    """What this machine keeps of the repository: registry and endpoints."""
    owner: Connection
    """The database's owner at its SQL editor; no watch hears of it."""
    registry: str
    """Its kind."""
    settings: Mapping[str, str]
    """What models.yaml does not say of the registry: its address and its key."""

    @property
    def endpoint_folder(self) -> Path:
        return self.data / "endpoints" / "production"

    @property
    def endpoint(self) -> LocalEndpoint:
        return LocalEndpoint(self.endpoint_folder, "production", Timings())

    @property
    def variables(self) -> dict[str, str]:
        return {**os.environ, **self.settings, "LEPINET_HOME": str(self.home), "USER": "asha"}

    def start(self, *arguments: str, folder: Path | None = None, **settings: str) -> Running:
        said = self.home.parent / "said"
        process = STARTED.Process(
            target=_command, args=(arguments, str(folder or self.folder), self.variables | settings, str(said))
        )
        process.start()
        return Running(process, said)

    def run(self, *arguments: str, folder: Path | None = None, **settings: str) -> Ended:
        return self.start(*arguments, folder=folder, **settings).end()

    def watched(self, watch: Watch, *arguments: str, folder: Path | None = None, alter: Alter = as_it_is) -> Ended:
        """A run whose every call to registry and endpoint passes by a watch."""
        with self._registry_wire(watch) as settings, endpoint_wire(self.endpoint_folder, watch, alter):
            running = self.start(*arguments, folder=folder, **settings)
            watch.follows(running.pid)
            return running.end()

    @contextmanager
    def _registry_wire(self, watch: Watch) -> Iterator[dict[str, str]]:
        if self.registry == "supabase":
            with supabase_wire(self.settings["SUPABASE_URL"], watch) as url:
                yield {"SUPABASE_URL": url}
        else:
            with registry_wire(self.data / "registry", self.home.parent / "wire", watch):
                yield {}

    def workspace(self, timings: Timings | None = None) -> Workspace:
        """As a command of this process sees it."""
        found = open_workspace(self.folder, timings)
        return Workspace(found.git, Settings(self.variables), found.timings)

    def target(self, version: str) -> Target:
        return _target(self.folder, version)

    def declare(self, active: str, *, override: str | None = None, **gates: Any) -> str:
        """Commit to main, the gates before what they judge; the id of the last commit."""
        file = self.folder / "models.yaml"
        text = MANIFEST.format(active=active, registry=self.registry, gates=json.dumps(LENIENT | gates))
        for name in VERSIONS:
            target = self.target(name)
            text += f"  {name}: {{file_path: {target.file_path}, revision: '{target.revision}'}}\n"
        if file.exists():
            (before,) = re.findall("(?m)^    active: .*", file.read_text())
            file.write_text(text.replace(f"    active: {active}", before))
            commit(self.folder, "Ask otherwise")
        if override:
            shipped = f"override: {{version: {active}, reason: {override}}}"
            text = text.replace("    endpoint:", f"    {shipped}\n    endpoint:")
        file.write_text(text)
        return commit(self.folder, f"Activate {active}")

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        cursor = self.owner.execute(query.encode())
        return cursor.fetchall() if cursor.description else []

    def set_row(self, version: str) -> None:
        """By hand, as the old guide has it."""
        self.sql("update public.model_versions set is_active = false where is_active")
        self.sql(f"update public.model_versions set is_active = true where version_name = '{version}'")  # noqa: S608

    def set_endpoint(self, version: str) -> None:
        """By hand: an order that no run has given."""
        followed = LocalFolder(self.endpoint_folder).followed()
        assert followed is not None
        order = self.endpoint_folder / "order.json"
        by_hand = order.with_suffix(".hand")
        by_hand.write_bytes(ORDER.dump_json(replace(followed.followed, target=self.target(version))))
        by_hand.replace(order)

    def end_leases(self) -> None:
        """What a minute of the database's clock would do."""
        self.sql("update public.environments set lease_until = clock_timestamp() where claimant is not null")

    def claimed(self) -> AbstractContextManager[tuple[Registry, UUID]]:
        return night_run(self.workspace(), "v0.0.0")

    def begin(self, registry: Registry, claimant: UUID, version: str, way_back: str) -> UUID:
        """A deployment as a run of main's newest commit begins it."""
        deployment = uuid4()
        registry.begin_deployment(
            deployment,
            "production",
            claimant,
            version_name=version,
            way_back=self.target(way_back),
            actor="asha",
            reason=None,
            verdict=None,
            conditions=declared.declared(self.workspace(), "production").conditions,
        )
        return deployment

    def move(self, version: str) -> None:
        """Order it, as a run of main's newest commit does."""
        self.endpoint.move(Order(self.target(version), self.workspace().git.generation("HEAD")))

    def start_over(self, version: str) -> None:
        """As if the first deployment ever were that of a version; main goes on."""
        self.declare(version)
        for statement in NEVER_DEPLOYED:
            self.sql(statement)
        with self.claimed() as (registry, claimant):
            registry.activate(self.begin(registry, claimant, version, version), claimant)
            registry.release("production", claimant)
        if (self.state().endpoint, self.state().ready) != (version, True):
            self.move(version)
            self.wait(lambda: self.observe().ready)

    def state(self) -> State:
        rows = self.sql("select version_name from public.model_versions where is_active")
        statuses = self.sql("select status from public.model_deployments order by begun_at desc")
        seen = self.observe()
        return State(
            rows[0][0] if rows else None,
            self.version_of(seen.target),
            seen.ready,
            tuple(status for (status,) in statuses),
        )

    @staticmethod
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)

    def observe(self) -> EndpointState:
        return self.endpoint.observe()

    def version_of(self, target: Target | None) -> str | None:
        return next((name for name in VERSIONS if self.target(name).same_files(target)), None)


def _command(arguments: tuple[str, ...], folder: str, variables: dict[str, str], said: str) -> None:
    """In the new process: what `lepinet` on the PATH does, its output in files."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for number, ending in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{said}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = ["lepinet", *arguments]
    from lepinet.cli import main  # noqa: PLC0415 -- in that process, not in this one

    main()


@contextmanager
def make_world(place: Path, registry: str = "embedded") -> Iterator[World]:
    """A world in which v1.0.0 is live, with a registry of that kind."""
    repository, home = place / "repository", place / "home"
    for name in VERSIONS:
        shutil.copytree(TESTS / "models" / name, repository / "models" / name)
    for photo in PHOTOS:
        species = repository / "photos" / photo[: photo.rindex("_")].replace("_", " ").title()
        species.mkdir(parents=True)
        shutil.copy(KNOWN_IMAGES / photo, species)
    git(place, "init", "--quiet", "--initial-branch=main", str(repository))
    data = home / commit(repository, "Begin")
    with (
        EmbeddedServer(data / "registry") as server,
        server.connect() as owner,
        _registry_settings(registry, server, place, data) as settings,
    ):
        world = World(repository, home, data, owner, registry, settings)
        world.declare("v1.0.0")
        migrated = world.run("db", "migrate")
        assert migrated.code == 0, migrated.err
        with served(world):
            first = world.run("reconcile")
            assert first.code == 0, first.err
            yield world


@contextmanager
def _registry_settings(kind: str, server: EmbeddedServer, place: Path, data: Path) -> Iterator[dict[str, str]]:
    if kind == "embedded":
        yield {}
        return
    # Leads to wherever the embedded registry's own link leads, so that a wire there is on this way too.
    (place / "pg").symlink_to(data / "registry" / "socket")
    database = {"DATABASE_URL": f"postgresql://{OWNER}@/{OWNER}?host={quote(str(place / 'pg'), safe='')}"}
    if kind == "postgres":
        yield database
        return
    project = Project(server.url(user="authenticator"))
    with project_online(project) as url:
        yield database | {"SUPABASE_URL": url, "SUPABASE_SERVICE_KEY": project.secret_key}


@cache
def _target(repository: Path, version: str) -> Target:
    path = f"models/{version}"
    return Target(path, folder_revision(repository / path), version)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Asha", "-c", "user.email=asha@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit all there is; the commit's id."""
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@contextmanager
def served(world: World) -> Iterator[None]:
    """With `lepinet serve`, until it has stopped."""
    command = [sys.executable, "-c", "from lepinet.cli import main; main()", "serve"]
    said = (world.home.parent / "serve.log").open("w")
    with (
        said,
        subprocess.Popen(
            command, cwd=world.folder, env=world.variables, stdout=subprocess.PIPE, stderr=said, text=True
        ) as serving,
    ):
        assert serving.stdout is not None
        assert "listens on" in serving.stdout.readline()
        try:
            yield
        finally:
            serving.terminate()
