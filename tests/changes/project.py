"""A real repository on disk whose main moves by pull requests, merged and reverted in the ways that GitHub offers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import TypeAlias

from lepinet.git import Repository

Files: TypeAlias = Mapping[str, str | bytes | None]
"""What files become; None: taken away."""

MODELS = "models.yaml"
_WHO = {f"GIT_{role}_{what}": "asha@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C", "GIT_EDITOR": "true"}
# Nothing is tidied up behind the scenes, or written through to the disk.
_SETTINGS = {"gc.auto": "0", "maintenance.auto": "false", "core.fsync": "none"}
_QUICK = {"GIT_CONFIG_COUNT": str(len(_SETTINGS))}
for _place, (_key, _value) in enumerate(_SETTINGS.items()):
    _QUICK |= {f"GIT_CONFIG_KEY_{_place}": _key, f"GIT_CONFIG_VALUE_{_place}": _value}
_OURS = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _WHO | _QUIET | _QUICK


class ConflictError(Exception):
    """Git cannot merge or revert this by itself; GitHub's button is grey."""


class Way(StrEnum):
    """How a pull request comes to main."""

    SQUASH = "squash"
    MERGE = "merge commit"
    REBASE = "rebase"
    FORWARD = "fast-forward"


@dataclass(frozen=True)
class PullRequest:
    """An open one, as GitHub keeps it."""

    base: str
    """Main's tip when GitHub last tried it."""
    head: str
    """The branch's tip."""
    merge: str
    """What merging it would give (refs/pull/N/merge): its first parent is the base."""


@dataclass
class Project:
    """A repository, and the clock that its commits go by."""

    folder: Path
    now: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    @classmethod
    def begin(cls, folder: Path) -> Project:
        folder.mkdir()
        project = cls(folder)
        project.git("init", "--quiet", "--initial-branch=main")
        return project

    def clone(self, folder: Path, *options: str) -> Project:
        """Over the protocol that a server speaks, so that depth and filter count."""
        self.git("config", "uploadpack.allowFilter", "true")
        self.git("clone", "--quiet", *options, self.folder.as_uri(), str(folder))
        return Project(folder, self.now)

    @property
    def repository(self) -> Repository:
        return Repository(self.folder)

    @property
    def main(self) -> str:
        return self.git("rev-parse", "main")

    def wait(self, *, days: int) -> None:
        self.now += timedelta(days=days)

    def git(self, *arguments: str, given: str | None = None) -> str:
        """What git says, without the line end. Each call takes a minute of the project's time.

        Raises:
            ConflictError: a merge or a revert needs a person.
        """
        self.now += timedelta(minutes=1)
        date = self.now.isoformat()
        answer = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=_OURS | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        said = answer.stdout + answer.stderr
        if answer.returncode and "CONFLICT" in said:
            raise ConflictError(said)
        assert answer.returncode == 0, f"git {' '.join(arguments)}: {said}"
        return answer.stdout.removesuffix("\n")

    def commit(self, files: Files, subject: str = "A change") -> str:
        """A commit on whatever is checked out."""
        for name, content in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def on_main(self, files: Files, subject: str = "A change") -> str:
        """A commit that somebody pushes to main."""
        self.git("switch", "--quiet", "main")
        return self.commit(files, subject)

    def reset_main(self, commit: str) -> None:
        """Main is moved by force: by somebody, or because another replay begins."""
        self.git("switch", "--quiet", "--force-create", "main", commit)

    def text(self, path: str = MODELS) -> str:
        """A file as it lies in the working tree."""
        return (self.folder / path).read_bytes().decode()

    def branch(self, *commits: Files, start: str = "main") -> str:
        """The tip of a branch with these commits; main is checked out again."""
        self.git("switch", "--quiet", "--detach", start)
        tips = [self.commit(files, f"Part {number}") for number, files in enumerate(commits, 1)]
        self.git("switch", "--quiet", "main")
        return tips[-1]

    def open(self, head: str) -> PullRequest:
        """A pull request for a branch, tried against main as it is now.

        Raises:
            ConflictError: it cannot be merged as it is.
        """
        base = self.main
        tree = self.git("merge-tree", "--write-tree", base, head)
        merge = self.git("commit-tree", tree, "-p", base, "-p", head, "-m", f"Merge {head} into {base}")
        self.git("update-ref", f"refs/pull/{next(self._numbers)}/merge", merge)
        return PullRequest(base, head, merge)

    def merge(self, request: PullRequest, way: Way) -> str:
        """Main's new tip. As on GitHub no working tree is needed, for a rebase aside."""
        if way is Way.REBASE:
            self.git("switch", "--quiet", "--detach", request.head)
            self.git("rebase", "--quiet", request.base)
            tip = self.git("rev-parse", "HEAD")
        elif way is Way.FORWARD:
            self.git("merge-base", "--is-ancestor", request.base, request.head)
            tip = request.head
        else:
            second = ("-p", request.head) if way is Way.MERGE else ()
            tree = f"{request.merge}^{{tree}}"
            tip = self.git("commit-tree", tree, "-p", request.base, *second, "-m", "A pull request (#1)")
        self.reset_main(tip)
        return tip

    def revert(self, before: str, after: str) -> str:
        """The tip of the branch that GitHub's Revert makes of what took main from one commit to the other.

        Raises:
            ConflictError: GitHub says that it must be done by hand.
        """
        self.git("switch", "--quiet", "--detach", "main")
        merged = len(self.git("rev-parse", f"{after}^@").split()) > 1
        which = ("--mainline", "1", after) if merged else (f"{before}..{after}",)
        try:
            self.git("revert", "--no-edit", *which)
        except ConflictError:
            self.git("revert", "--abort")
            raise
        return self.git("rev-parse", "HEAD")

    def line(self, before: str, after: str) -> list[str]:
        """The first-parent line behind one commit, up to another, oldest first."""
        return self.git("rev-list", "--first-parent", "--reverse", f"{before}..{after}").split()
