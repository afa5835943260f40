"""Where the story plays: a folder of its own with a repository made from a clone, and nothing of the user's."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lepinet.errors import OutsideError, UsageError
from lepinet.model_files import folder_revision

_MODELS = Path("tests", "models")
_PARTS = (Path("species.csv"), Path("tests", "known_images"), Path("tests", "few_images"), _MODELS)
_KEPT = ("PATH", "PGBIN", "LD_LIBRARY_PATH", "PYTHONPATH")
"""Variables without which programs might not be found here."""
_LEPINET = "from lepinet.cli import main; main()"
_BEGIN = (
    "git init --initial-branch=main",
    # In the repository alone, and there to stay: whoever looks around in a kept one may have told git no name.
    "git config user.name Asha",
    "git config user.email asha@example.org",
    "git add .",
    "git commit --message Begin",
)
_SECONDS = 120
"""For one command."""
_SECONDS_TO_END = 30
_MANIFEST = """\
# Which model version is active in which environment. Change it by a pull request; merging makes it so.
schema_version: 1
known_images: tests/known_images
species: species.csv
environments:
  production:
    active: v1.0.0
    registry: embedded
    endpoint: {{kind: local}}
versions:
  v1.0.0:
    file_path: tests/models/v1.0.0
    revision: {revision}
    training_image_count: 864
    accuracy_score: 0.8889
    created_at: 2026-11-23T04:00:00Z
    notes: the first one, nearly all of its drawings from the dry season
"""


@dataclass(frozen=True)
class Scratch:
    """The folders of one telling."""

    folder: Path

    @property
    def repository(self) -> Path:
        return self.folder / "butterflies"

    @property
    def data(self) -> Path:
        """What is LEPINET_HOME here."""
        return self.folder / "data"

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables of every command: nobody's settings, keys or git identity; temporary files stay in here."""
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LEPINET_HOME": str(self.data),
            "USER": "asha",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def run(self, words: Sequence[str]) -> Ran:
        """Run a command in the repository, to its end.

        Raises:
            OutsideError: there is no such program, or it does not come to an end.
        """
        try:
            done = subprocess.run(
                program(words),
                cwd=self.repository,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise OutsideError(f"{words[0]} is not installed", todo="install it, and see that it is on PATH") from None
        except subprocess.TimeoutExpired:
            raise OutsideError(f"{shlex.join(words)} has not ended in {_SECONDS} s") from None
        return Ran(done.returncode, done.stdout)


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    output: str
    """What it wrote to stdout and stderr, in the order in which it came."""


def program(words: Sequence[str]) -> list[str]:
    """The command as this machine finds it: `lepinet` and `python` are those that run now."""
    match words[0]:
        case "lepinet":
            return [sys.executable, "-P", "-c", _LEPINET, *words[1:]]
        case "python":
            return [sys.executable, *words[1:]]
        case _:
            return list(words)


def find_clone(folder: Path) -> Path:
    """The clone of LepiNet's repository around a folder: it has the models and photos that the story needs.

    Raises:
        UsageError: there is none.
    """
    for root in (folder, *folder.parents):
        if all((root / part).exists() for part in _PARTS):
            return root
    raise UsageError(
        f"the demo plays with the photos and models of LepiNet's own repository, and {folder} is in no clone of it",
        todo="in a clone of LepiNet: make demo",
    )


@contextmanager
def scratch(clone: Path, *, keep: bool) -> Iterator[Scratch]:
    """A new repository with v1.0.0 in it, for as long as the story goes on; kept afterwards when that is wished."""
    place = Scratch(Path(tempfile.mkdtemp(prefix="lepinet-demo-")))
    try:
        _make_repository(place, clone)
        yield place
    finally:
        _wait_for_servers(place)
        if not keep:
            shutil.rmtree(place.folder, ignore_errors=True)


def _make_repository(place: Scratch, clone: Path) -> None:
    for folder in ("home", "tmp"):
        (place.folder / folder).mkdir()
    for part in _PARTS:
        target = place.repository / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (clone / part).is_dir():
            shutil.copytree(clone / part, target)
        else:
            shutil.copy(clone / part, target)
    revision = folder_revision(place.repository / _MODELS / "v1.0.0")
    (place.repository / "models.yaml").write_text(_MANIFEST.format(revision=revision), encoding="utf-8")
    for words in _BEGIN:
        done = place.run(words.split())
        if done.code:
            raise OutsideError(f"{words} failed: {done.output.strip()}", where=str(place.repository))


def _wait_for_servers(place: Scratch) -> None:
    """The database stops by itself when its last user has gone; its files may go when that is done."""
    deadline = time.monotonic() + _SECONDS_TO_END
    for lock in place.data.glob("*/registry/keeper.lock"):
        with lock.open("rb") as file:
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.05)
