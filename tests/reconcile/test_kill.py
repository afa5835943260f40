"""A run killed at each of its calls to the registry, before and after: the next run ends in the right state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lepinet.model_files import folder_revision
from lepinet.registry import keeper
from lepinet.registry.embedded import EmbeddedServer
from reconcile.wire import wire

ROOT = Path(__file__).parents[2]
LEPINET = [sys.executable, "-c", "from lepinet.cli import main; main()"]
VERSIONS = ("v1.0.0", "v1.1.0")
MANIFEST = """\
schema_version: 1
known_images: photos
environments:
  production:
    active: {active}
    registry: embedded
    endpoint: {{kind: local}}
gates: {{min_accuracy: null, min_top3_accuracy: null, max_negative_flips: null}}
versions:
"""


@dataclass(frozen=True)
class World:
    """A repository whose production is served on this machine."""

    folder: Path
    home: Path
    server: EmbeddedServer

    @property
    def registry(self) -> Path:
        return next(self.home.glob("*/registry"))

    def lepinet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*LEPINET, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "LEPINET_HOME": str(self.home), "USER": "asha"}

    def declare(self, active: str) -> None:
        text = MANIFEST.format(active=active)
        for name in VERSIONS:
            revision = folder_revision(self.folder / "models" / name)
            text += f"  {name}: {{file_path: models/{name}, revision: '{revision}'}}\n"
        (self.folder / "models.yaml").write_text(text)
        identity = ["-c", "user.name=Asha", "-c", "user.email=asha@example.org"]
        subprocess.run(["git", "add", "."], cwd=self.folder, check=True)
        subprocess.run(
            ["git", *identity, "commit", "--quiet", "--allow-empty", "--message", f"Activate {active}"],
            cwd=self.folder,
            check=True,
        )

    def end_leases(self) -> None:
        """What a minute of the database's clock would do."""
        with self.server.connect() as connection:
            connection.execute("update public.environments set lease_until = clock_timestamp()")

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.server.connect() as connection:
            return list(connection.execute(query.encode()).fetchall())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("kill")
    repository, home = folder / "repository", folder / "home"
    for name in VERSIONS:
        shutil.copytree(ROOT / "tests" / "models" / name, repository / "models" / name)
    for number in range(1, 4):
        photos = ROOT / "tests" / "known_images"
        for name in ("blue_tiger", "common_mormon", "common_crow"):
            species = repository / "photos" / name.replace("_", " ").title()
            species.mkdir(parents=True, exist_ok=True)
            found = min(photos.glob(f"{name}_{number:02}.*"), key=lambda photo: photo.stat().st_size)
            shutil.copy(found, species)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repository)], check=True)
    before = World(repository, home, EmbeddedServer(folder / "nowhere"))
    before.declare("v1.0.0")
    assert before.lepinet("db", "migrate").returncode == 0
    with EmbeddedServer(before.registry) as server:
        server.connect().close()
        here = World(repository, home, server)
        serving = subprocess.Popen(
            [*LEPINET, "serve"], cwd=repository, env=here.environment, stdout=subprocess.PIPE, text=True
        )
        assert serving.stdout is not None
        assert "listens on" in serving.stdout.readline()
        try:
            first = here.lepinet("reconcile")
            assert first.returncode == 0, first.stderr
            yield here
        finally:
            serving.terminate()
            serving.wait()
            serving.stdout.close()


def killed_and_run_again(world: World, tmp_path: Path, active: str, at: int, *, before: bool) -> str | None:
    """The call at which the run was killed, None when it has no such call; the next run must have put all right."""
    world.declare(active)
    with wire(world.registry, tmp_path / "wire", keeper.PORT, at=at, before=before) as proxy:
        run = world.lepinet("reconcile")
    world.end_leases()
    again = world.lepinet("reconcile")
    assert again.returncode == 0, (proxy.killed, run.stderr, again.stderr)
    (status,) = json.loads(world.lepinet("status", "--json").stdout)
    assert (status["active"], status["in_step"]) == (active, True), (proxy.killed, status)
    assert world.rows("select version_name from public.model_versions where is_active") == [(active,)]
    assert world.rows("select count(*) from public.model_deployments where status = 'started'") == [(0,)]
    return proxy.killed


def test_killed_around_the_flip(world: World, tmp_path: Path) -> None:
    """The quick set: one kill before anything moved, one after the flip was committed and not yet answered."""
    assert killed_and_run_again(world, tmp_path, "v1.1.0", 3, before=True)
    assert killed_and_run_again(world, tmp_path, "v1.0.0", 7, before=False)


@pytest.mark.slow
def test_killed_at_every_call(world: World, tmp_path: Path) -> None:
    kills: list[tuple[int, str, str]] = []
    turn = 0
    for before in (True, False):
        for at in range(1, 60):
            turn += 1
            active = VERSIONS[turn % 2]
            if world.rows("select version_name from public.model_versions where is_active") == [(active,)]:
                active = VERSIONS[(turn + 1) % 2]
            call = killed_and_run_again(world, tmp_path, active, at, before=before)
            if call is None:
                break
            kills.append((at, "before" if before else "after", call))
    print(f"{len(kills)} kills:", kills)  # noqa: T201 -- the figures are told in notes
    called = {call for _, _, call in kills}
    assert {
        "registry_snapshot",
        "claim",
        "begin_deployment",
        "renew",
        "record_step",
        "activate_model_version",
    } <= called
