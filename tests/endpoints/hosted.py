"""A repository whose production runs on Hugging Face: on stand-ins for the Hub, and for what serves its models."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants

from hf_stand_in.endpoints_api import MACHINE, Endpoint, Endpoints, endpoints_online
from hf_stand_in.replicas import TOKEN
from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online
from lepinet import cli
from lepinet.cli.reconcile import EXIT_CODES
from lepinet.errors import LepinetError
from lepinet.registry.calls import Connection
from lepinet.registry.embedded import EmbeddedServer
from lepinet.settings import Settings
from lepinet.target import Target
from lepinet.timings import Timings
from lepinet.workflow.database import migrate
from lepinet.workflow.deploy import Options, Telling, reconcile_all
from lepinet.workflow.workspace import Workspace, open_workspace
from reconcile.registry_wire import registry_wire
from reconcile.watch import DEADLINE, Watch
from reconcile.world import LENIENT, NEVER_DEPLOYED, PHOTOS, STARTED, commit, git
from serving.local_environment import KNOWN_IMAGES, TESTS
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project

VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0")
REPOSITORY = "asha/butterflies"
NAMESPACE, NAME = "asha", "butterflies"
ENDPOINT = f"{{kind: inference-endpoint, namespace: {NAMESPACE}, name: {NAME}}}"
MANIFEST = """\
schema_version: 1
known_images: photos
environments:
  production:
    active: {active}
    registry: {registry}
    endpoint: {endpoint}
gates: {gates}
versions:
"""
TIMINGS = Timings(
    request=3,
    retry=0.01,
    retries=2,
    poll=0.01,
    move=60,
    start=60,
    follow=60,
    managing=20,
    prediction=10,
    known_images=60,
)
"""Short, so that what takes minutes in earnest takes seconds."""


@dataclass(frozen=True)
class Ended:
    """A run of reconcile, as the command line would tell it."""

    code: int
    said: str
    told: tuple[str, ...]
    """Line by line, while it ran."""


@dataclass(frozen=True)
class Hosted:
    """Everything of one repository. Main goes on from test to test, as mains do."""

    folder: Path
    home: Path
    data: Path
    """What this machine keeps of the repository."""
    hub: StandIn
    service: Endpoints
    owner: Connection
    revisions: Mapping[str, str]
    """Commits on the Hub, by version."""
    project: Project
    """The same database as a Supabase project, for who wants it so."""
    project_url: str
    endpoint: str = ENDPOINT
    """As models.yaml has it."""
    registry: str = "embedded"
    """As well."""
    timings: Timings = TIMINGS

    @property
    def variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "HF_ENDPOINT": self.hub.url,
            "LEPINET_HF_ENDPOINTS_URL": self.service.url,
            "HF_TOKEN": TOKEN,
            "SUPABASE_URL": self.project_url,
            "SUPABASE_SERVICE_KEY": self.project.secret_key,
            "LEPINET_HOME": str(self.home),
            "USER": "asha",
        }

    @property
    def workspace(self) -> Workspace:
        found = open_workspace(self.folder, self.timings)
        return Workspace(found.git, Settings(self.variables), self.timings)

    @property
    def managed(self) -> Endpoint:
        return self.service.endpoints[NAMESPACE, NAME]

    def target(self, version: str) -> Target:
        return Target(REPOSITORY, self.revisions[version], version)

    def declare(self, active: str, **gates: Any) -> str:
        """Commit to main, the endpoint and the gates before what they judge; the id of the last commit."""
        file = self.folder / "models.yaml"
        text = MANIFEST.format(
            active=active, registry=self.registry, endpoint=self.endpoint, gates=json.dumps(LENIENT | gates)
        )
        for name in VERSIONS:
            text += f"  {name}: {{file_path: {REPOSITORY}, revision: {self.revisions[name]}}}\n"
        if file.exists():
            (before,) = re.findall("(?m)^    active: .*", file.read_text())
            file.write_text(text.replace(f"    active: {active}", before))
            commit(self.folder, "Ask otherwise")
        file.write_text(text)
        return commit(self.folder, f"Activate {active}")

    def reconcile(self, **options: Any) -> Ended:
        """A run in this process."""
        return _reconciled(self.workspace, Options(**options))

    def watched(self, watch: Watch) -> Ended:
        """A run in a process of its own, whose every call to registry and endpoint passes by a watch."""
        said = self.home.parent / "said"
        said.unlink(missing_ok=True)
        process = STARTED.Process(target=_alone, args=(self.folder, self.variables, self.timings, said))
        with registry_wire(self.data / "registry", self.home.parent / "wire", watch):
            self.service.watch = watch
            try:
                process.start()
                assert process.pid is not None
                watch.follows(process.pid)
                process.join(4 * DEADLINE)
            finally:
                self.service.watch = None
        assert process.exitcode is not None, "it does not end"
        return Ended(process.exitcode, said.read_text() if said.exists() else "", ())

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        cursor = self.owner.execute(query.encode())
        return cursor.fetchall() if cursor.description else []

    def row(self) -> str | None:
        rows = self.sql("select version_name from public.model_versions where is_active")
        return rows[0][0] if rows else None

    def statuses(self) -> tuple[str, ...]:
        """Of the deployments, newest first."""
        return tuple(status for (status,) in self.sql("select status from model_deployments order by begun_at desc"))

    def end_leases(self) -> None:
        """What a minute of the database's clock would do."""
        self.sql("update public.environments set lease_until = clock_timestamp() where claimant is not null")

    def told_to_serve(self) -> str:
        """The version that the endpoint is set to."""
        revision = self.managed.settings["model"]["revision"]
        return next((name for name, known in self.revisions.items() if known == revision), revision)

    def serving(self) -> set[str]:
        """The versions that its replicas answer with."""
        names = {known: name for name, known in self.revisions.items()}
        return {names.get(replica.revision, replica.revision) for replica in self.managed.replicas}


def _reconciled(workspace: Workspace, options: Options) -> Ended:
    """A run, with the exit code that the command line has for it."""
    told: list[str] = []
    telling = Telling(told.append, lambda _: lambda _, __: None)
    try:
        (outcome,) = reconcile_all(workspace, None, options, telling)
    except LepinetError as error:
        code = next(code for kind, code in cli.EXIT_CODES.items() if isinstance(error, kind))
        return Ended(code, str(error), tuple(told))
    return Ended(EXIT_CODES[outcome.ending], outcome.sentence, tuple(told))


def _alone(folder: Path, variables: dict[str, str], timings: Timings, said: Path) -> None:
    """In the new process."""
    os.environ.clear()
    os.environ.update(variables)
    found = open_workspace(folder, timings)
    ended = _reconciled(Workspace(found.git, Settings(variables), timings), Options())
    said.write_text(ended.said)
    sys.exit(ended.code)


def create(hosted: Hosted, version: str, **settings: Any) -> Endpoint:
    """The endpoint, as a person makes it; it runs already."""
    constants.INFERENCE_ENDPOINTS_ENDPOINT = hosted.service.url
    HfApi(token=TOKEN).create_inference_endpoint(
        NAME,
        repository=REPOSITORY,
        revision=hosted.revisions[version],
        namespace=NAMESPACE,
        token=TOKEN,
        **{**MACHINE, **settings},
    )
    hosted.service.settle(hosted.managed)
    return hosted.managed


def lay_repository(place: Path) -> Path:
    """Photos, and nothing else yet."""
    repository = place / "repository"
    for photo in PHOTOS:
        species = repository / "photos" / photo[: photo.rindex("_")].replace("_", " ").title()
        species.mkdir(parents=True)
        shutil.copy(KNOWN_IMAGES / photo, species)
    git(place, "init", "--quiet", "--initial-branch=main", str(repository))
    return repository


@contextmanager
def hosted_online(place: Path) -> Iterator[Hosted]:
    """Three versions on the Hub, the service with no endpoint, a database with no deployment."""
    with ExitStack() as stack:
        hub = stack.enter_context(hub_online(place / "hub"))
        hub.tokens.add(TOKEN)
        published = hub.create(REPOSITORY, files_of(TESTS / "models" / VERSIONS[0]))
        revisions = {VERSIONS[0]: published.references("heads")["main"]}
        for version in VERSIONS[1:]:
            revisions[version] = published.commit(files_of(TESTS / "models" / version), version)
        (place / "replicas").mkdir()
        service = stack.enter_context(endpoints_online(hub.url, place / "replicas"))
        service.tokens.add(TOKEN)
        repository, home = lay_repository(place), place / "home"
        data = home / commit(repository, "Begin")
        server = stack.enter_context(EmbeddedServer(data / "registry"))
        owner = stack.enter_context(server.connect())
        project = Project(server.url(user="authenticator"))
        project_url = stack.enter_context(project_online(project))
        hosted = Hosted(repository, home, data, hub, service, owner, revisions, project, project_url)
        hosted.declare(VERSIONS[0])
        tuple(migrate(hosted.workspace, None, lambda *_: True))
        yield hosted


def start_over(online: Hosted, version: str = "v1.0.0") -> None:
    """As if the first deployment ever were that of a version, which is served already; main goes on."""
    online.service.forget()
    online.hub.forget()
    online.declare(version)
    for statement in NEVER_DEPLOYED:
        online.sql(statement)
    first = online.reconcile()
    assert first.code == 0, first
    online.service.forget()
