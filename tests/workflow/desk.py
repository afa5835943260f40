"""Somebody's clone with real models and a dozen photos, and `lepinet` called in it as the console script does."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lepinet.cli import main
from lepinet.model_files import folder_revision
from lepinet.registry.calls import Connection
from lepinet.registry.embedded import EmbeddedServer
from lepinet.settings import Settings
from lepinet.workflow.workspace import Workspace, open_workspace

TESTS = Path(__file__).parents[1]
_WHO = {f"GIT_{role}_{what}": "asha@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
_NOBODY = {"HF_ENDPOINT": "http://127.0.0.1:9"}
"""Where no Hub is, for tests that start none."""
_FOREIGN = ("GIT_", "GITHUB_", "DATABASE_URL", "HF_ENDPOINT", "HF_OIDC_", "HF_TOKEN", "NO_COLOR")
MANIFEST = """\
schema_version: 1
known_images: photos
environments:
  staging:
    active: v1.0.0
    registry: {registry}
    endpoint: none
  production:
    active: v1.0.0
    registry: {registry}
    endpoint: none
versions:
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A clone, and this machine's data of it."""

    folder: Path
    home: Path

    @property
    def manifest(self) -> str:
        return (self.folder / "models.yaml").read_text()

    def lepinet(self, *arguments: str, **environment: str) -> Ended:
        """The command in this process, to its exit code: half of its time would go into imports."""
        out, err = StringIO(), StringIO()
        before = signal.getsignal(signal.SIGTERM)
        try:
            with (
                chdir(self.folder),
                patch.dict(os.environ, self.variables | environment, clear=True),
                patch.object(sys, "argv", ["lepinet", *arguments]),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                main()
        except SystemExit as ended:
            return Ended(int(ended.code or 0), out.getvalue(), err.getvalue())
        finally:
            signal.signal(signal.SIGTERM, before)
        raise AssertionError("a command ends with an exit code")

    def process(self, *arguments: str, **environment: str) -> Ended:
        """The command in a process of its own, where the environment must be there from its start."""
        done = subprocess.run(
            [sys.executable, "-c", "from lepinet.cli import main; main()", *arguments],
            cwd=self.folder,
            env=self.variables | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @property
    def variables(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return {**ours, **_WHO, **_QUIET, **_NOBODY, "LEPINET_HOME": str(self.home), "USER": "asha"}

    @property
    def workspace(self) -> Workspace:
        """As a command of this process sees it."""
        found = open_workspace(self.folder)
        return Workspace(found.git, Settings(self.variables), found.timings)

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """The registry's owner at its SQL editor."""
        with EmbeddedServer(self.workspace.data / "registry") as server, server.connect() as connection:
            yield connection

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def run(self, *command: str) -> str:
        """What a command says that must succeed."""
        done = subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def set_active(self, environment: str, version: str) -> None:
        """As an editor would do it."""
        self.alter(rf"({environment}:\n    active: )\S+", rf"\g<1>{version}")

    def alter(self, pattern: str, by: str | Callable[[re.Match[str]], str]) -> None:
        text, count = re.subn(pattern, by, self.manifest)
        assert count == 1
        (self.folder / "models.yaml").write_text(text)

    def copy_model(self, source: str, name: str) -> Path:
        return Path(shutil.copytree(TESTS / "models" / source, self.folder / "models" / name))

    def declare(self, name: str) -> None:
        """Append a version with the files of its folder."""
        with (self.folder / "models.yaml").open("a") as file:
            revision = folder_revision(self.folder / "models" / name)
            file.write(f"  {name}: {{file_path: models/{name}, revision: '{revision}'}}\n")

    def line_of(self, text: str) -> int:
        """Where it stands in models.yaml, from 1."""
        return next(number for number, line in enumerate(self.manifest.splitlines(), 1) if text in line)

    def begin_branch(self, start: str = "main") -> None:
        """A branch of its own with nothing on it, and a working tree that is clean."""
        self.git("switch", "--quiet", "--discard-changes", "--force-create", "work", start)
        self.git("clean", "--quiet", "--force", "-dx")


def lay(folder: Path, registry: str = "embedded") -> Desk:
    """v1.0.0 is active in both environments, and then v1.1.0 in staging; a photo of each species."""
    desk = Desk(folder / "repository", folder / "home")
    desk.folder.mkdir()
    for name in ("v1.0.0", "v1.1.0"):
        desk.copy_model(name, name)
    photos = desk.folder / "photos"
    photos.mkdir()
    head, *rows = (TESTS / "few_images" / "metadata.csv").read_text().splitlines()
    chosen = [row for row in rows if re.search(r"_01\.", row)]
    (photos / "metadata.csv").write_text("\n".join([head, *chosen, ""]))
    for row in chosen:
        shutil.copy(TESTS / "few_images" / row.partition(",")[0], photos)
    (desk.folder / "models.yaml").write_text(MANIFEST.format(registry=registry))
    for name in ("v1.0.0", "v1.1.0"):
        desk.declare(name)
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.commit("Begin")
    desk.set_active("staging", "v1.1.0")
    desk.commit("Try v1.1.0 in staging")
    return desk


def put_on_github(desk: Desk) -> Path:
    """Give the clone an origin that git takes for one on GitHub; the bare repository that it is."""
    origin = desk.folder.parent / "origin.git"
    url = "https://github.com/acme/butterflies.git"
    desk.git("clone", "--quiet", "--bare", ".", str(origin))
    desk.git("config", f"url.{origin}.insteadOf", url)
    desk.git("remote", "add", "origin", url)
    desk.git("fetch", "--quiet", "origin")
    return origin
