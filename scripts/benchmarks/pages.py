"""The dashboard's pages over a young registry and after many years: how long the server takes, how large they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import httpx

from benchmarks.race import Cost
from lepinet.dashboard.app import create_app
from lepinet.dashboard.pages import PAGES
from lepinet.dashboard.place import Site
from lepinet.dashboard.server import site_of
from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.evaluation.cases import KnownImages
from lepinet.registry import migrate
from lepinet.registry.embedded import EmbeddedServer
from lepinet.settings import Settings
from lepinet.timings import Timings
from lepinet.workflow.workspace import Workspace, open_workspace
from registry.filled import fill, names
from supabase_gateway.gateway import serving

_CALLS = 5
"""Timed together; what is told is one of them."""


@dataclass(frozen=True)
class Size:
    """How much a registry and main hold."""

    versions: int
    performances: int
    species: int
    photos: int
    """Known images of each species."""
    declared: int = 10
    """So many of the newest versions does models.yaml have."""


YOUNG = Size(10, 1_000, 12, 8)
OLD = Size(10_000, 100_000, 1_000, 3)
UNRETIRED = Size(10_000, 100_000, 12, 8, declared=10_000)
"""Nothing was ever taken out of models.yaml."""


@dataclass(frozen=True)
class Filled:
    """A dashboard that is being served."""

    site: Site
    client: httpx.Client
    folder: Path
    newest: tuple[str, ...]
    """Versions with answers to every known image."""

    def pages(self) -> dict[str, str]:
        """Addresses by what they are called."""
        old, new = self.newest[-2:]
        return {
            **{page.title.lower(): page.path for page in PAGES},
            "versions by accuracy": "/versions?sort=accuracy&order=up",
            "versions, searched": "/versions?search=5.0",
            "version": f"/version?name={new}",
            "two compared": f"/compare?old={old}&new={new}",
        }

    def size(self, path: str) -> int:
        return len(self._asked(path).content)

    def again(self, path: str) -> Callable[[], Cost]:
        """The time of several requests."""
        return lambda: self._timed(path)

    def first(self, path: str) -> Callable[[], Cost]:
        """The same where nothing is remembered of any request before."""

        def forgetful() -> Cost:
            self.site.remembered._values.clear()  # noqa: SLF001 -- nobody else has a reason to forget
            return self._timed(path, calls=1)

        return forgetful

    def cold(self) -> Cost:
        """From the command to the first page."""
        begun = time.perf_counter()
        with self._process() as (_, client):
            client.get("/").raise_for_status()
            return Cost(time.perf_counter() - begun, 0, 0)

    def megabytes(self) -> float:
        """The most that the process ever had, having shown each page a few times."""
        with self._process() as (process, client):
            for path in 3 * list(self.pages().values()):
                client.get(path).raise_for_status()
            status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1000

    @contextmanager
    def _process(self) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
        """The command itself, from its first line on, which says where it is."""
        command = (sys.executable, "-c", "from lepinet.cli import main; main()", "dashboard", "--port", "0")
        environment = {**os.environ, "LEPINET_HOME": str(self.folder / "home")}
        with subprocess.Popen(
            command, cwd=self.folder / "repository", env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                url = cast("TextIO", process.stdout).readline().split(" is at ")[1].split()[0]
                with httpx.Client(base_url=url, timeout=60) as client:
                    yield process, client
            finally:
                process.terminate()

    def _timed(self, path: str, calls: int = _CALLS) -> Cost:
        begun = time.perf_counter()
        for _ in range(calls):
            self._asked(path)
        return Cost((time.perf_counter() - begun) / calls, 0, 0)

    def _asked(self, path: str) -> httpx.Response:
        return self.client.get(path).raise_for_status()


@contextmanager
def served(folder: Path, size: Size) -> Iterator[Filled]:
    """A repository of that size, its registry, and a dashboard over both on this machine."""
    workspace = _repository(folder, size)
    known = workspace.known_images
    if known is None:
        raise RuntimeError(folder)
    with EmbeddedServer(workspace.data / "registry") as server:
        with server.connect() as owner:
            migrate.apply(owner)
            migrate.bind(owner, workspace.git.first_commit(), list(workspace.manifest.environments))
            fill(owner, size.versions, size.performances)
            for number, name in enumerate(names(size.versions)):
                owner.execute(
                    "update public.model_performance_logs set details = %s where id = (select p.id"
                    " from public.model_performance_logs p join public.model_versions v on v.id = p.model_version_id"
                    " where v.version_name = %s and p.kind = 'known-images' order by p.test_date desc limit 1)",
                    [json.dumps(_said(known, name, number)), name],
                )
            owner.execute("vacuum analyze")
        with (
            site_of(workspace, host="127.0.0.1", url=None, say=print) as site,
            serving(create_app(site)) as url,
            httpx.Client(base_url=url, timeout=60) as client,
        ):
            yield Filled(site, client, folder, names(size.versions))


def _repository(folder: Path, size: Size) -> Workspace:
    photos = folder / "repository" / "photos"
    photos.mkdir(parents=True)
    lines = ["file_name,species_id,species_name"]
    for species in range(size.species):
        for number in range(size.photos):
            name = f"{species:04}_{number}.jpg"
            # Never decoded: pages without thumbnails only have to know that it is there.
            (photos / name).write_bytes(b"\xff\xd8\xff" + name.encode())
            lines.append(f"{name},{species:04},Species number {species}")
    (photos / "metadata.csv").write_text("\n".join([*lines, ""]))
    (photos.parent / "models.yaml").write_text(_manifest(size))
    git = ("git", "-C", str(photos.parent), "-c", "user.name=asha", "-c", "user.email=asha@example.org")
    for command in (("init", "--quiet", "--initial-branch=main"), ("add", "."), ("commit", "--quiet", "-m", "Begin")):
        subprocess.run([*git, *command], check=True)
    found = open_workspace(photos.parent)
    return Workspace(found.git, Settings({"LEPINET_HOME": str(folder / "home")}), Timings())


def _manifest(size: Size) -> str:
    declared = names(size.versions, size.declared)
    environment = f"    active: {declared[-1]}\n    registry: embedded\n    endpoint: none\n"
    head = (
        f"schema_version: 1\nknown_images: photos\nenvironments:\n  staging:\n{environment}  production:\n{environment}"
    )
    numbers = (int(name.split(".")[1]) for name in declared)
    versions = (
        f"  v1.{number}.0: {{file_path: Bhanura/lepinet-model, revision: {number:040x}}}\n" for number in numbers
    )
    return f"{head}versions:\n{''.join(versions)}"


def _said(known: KnownImages, version: str, number: int) -> object:
    """Five guesses for each photo; each version is wrong about another tenth of them."""
    species = [(one.id, one.name) for one in known.species()]
    answers = []
    for place, image in enumerate(known.images):
        first = int(image.expected_id) + ((place + number) % 10 == 0)
        guesses = [species[(first + step) % len(species)] for step in range(5)]
        answers.append(
            Answer(
                file_name=image.file_name,
                sha256=image.sha256,
                expected_id=image.expected_id,
                expected_name=image.expected_name,
                top=tuple(Score(id=id_, name=name, confidence=0.9 / 2**at) for at, (id_, name) in enumerate(guesses)),
            )
        )
    told = Answers(
        model=ModelIdentity(name=version, file_path="Bhanura/lepinet-model"),
        known_images_sha256=known.sha256,
        nameable=frozenset(id_ for id_, _ in species),
        answers=tuple(answers),
    )
    return told.model_dump(mode="json")
