"""What git knows: commits, first-parent lines, files as they were. Reads only, and fetches when it is asked to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from lepinet.errors import OutsideError, RefusedError, UsageError

_SECONDS = 60
_FETCH_SECONDS = 120
# Nothing of a repository's or user's configuration may ask questions, page, or run a program of the repository.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat")


@dataclass(frozen=True)
class Commit:
    """One commit on a first-parent line."""

    sha: str
    at: datetime
    author: str
    subject: str


@dataclass(frozen=True)
class Repository:
    """One git repository; every question is asked of git itself."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """The repository that a folder lies in.

        Raises:
            UsageError: it lies in none.
        """
        root = _git(folder, "rev-parse", "--show-toplevel", wrong=f"{folder} is not inside of a git repository")
        return cls(Path(root.strip()))

    @cached_property
    def first_commit(self) -> str:
        """The first commit of main, which tells repositories apart.

        Raises:
            RefusedError: the clone is shallow, and its first commit is not the repository's.
        """
        self.must_be_whole()
        return self._ask("rev-list", "--first-parent", "--max-parents=0", self.main_or_head()).split()[-1]

    def must_be_whole(self) -> None:
        if self._ask("rev-parse", "--is-shallow-repository").strip() == "true":
            raise RefusedError(
                "this clone is shallow: its history is cut, and history decides",
                todo="git fetch --unshallow (GitHub Actions: actions/checkout with fetch-depth: 0)",
            )

    def main(self) -> str | None:
        """The ref of main: origin's where there is one, else the local branch; None before the first commit."""
        named = self._try("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        candidates = [named.strip()] if named else []
        candidates += [f"refs/{place}/{name}" for place in ("remotes/origin", "heads") for name in ("main", "master")]
        return next(
            (ref for ref in candidates if self._try("rev-parse", "--quiet", "--verify", f"{ref}^{{commit}}")), None
        )

    def main_or_head(self) -> str:
        return self.main() or "HEAD"

    def commit(self, ref: str) -> str:
        """The 40-hex commit that a branch, tag or abbreviation names.

        Raises:
            UsageError: there is no such commit here.
        """
        wrong = f"there is no commit {ref} in this clone"
        return _git(
            self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", wrong=wrong
        ).strip()

    def knows(self, sha: str) -> bool:
        return self._try("cat-file", "-e", f"{sha}^{{commit}}") is not None

    def merge_base(self, one: str, other: str) -> str | None:
        found = self._try("merge-base", one, other)
        return found.strip() if found else None

    def changed(self, paths: Iterable[str] = ()) -> tuple[str, ...]:
        """Paths that differ from HEAD, untracked ones that are not ignored too; among `paths`, or everywhere."""
        out = self._ask("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", *paths)
        return tuple(entry[3:] for entry in out.split("\0") if entry)

    def first_parent_line(self, head: str = "HEAD", *paths: str) -> tuple[Commit, ...]:
        """Commits from `head` back along first parents, newest first; only those that touch `paths`, if given."""
        form = "--format=%H%x00%cI%x00%an%x00%s"
        # A merge is compared with its first parent: what it brought in counts as its own.
        line = self._ask("log", "-z", "--first-parent", "--diff-merges=first-parent", form, head, "--", *paths)
        fields = line.rstrip("\0").split("\0") if line else []
        return tuple(
            Commit(sha, datetime.fromisoformat(at), author, subject)
            for sha, at, author, subject in zip(*(fields[n::4] for n in range(4)), strict=True)
        )

    def generation(self, commit: str = "HEAD") -> int:
        """The commit's place on its first-parent line, the first commit being 1."""
        return int(self._ask("rev-list", "--first-parent", "--count", commit))

    def on_first_parent_line(self, commit: str, of: str = "HEAD") -> bool:
        """Whether `commit` is `of`, or one of its first-parent ancestors."""
        if not self.knows(commit):
            return False
        line = self._ask("rev-list", "--first-parent", of).split()
        return self.commit(commit) in line

    def files_at(self, commit: str, path: str) -> dict[str, str]:
        """Blob ids by path of everything under `path` (a file or a folder) at a commit; empty when it is not there."""
        out = self._ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", path)
        entries = (entry.split("\t", 1) for entry in out.split("\0") if entry)
        return {name: description.split()[2] for description, name in entries}

    def read(self, objects: Sequence[str]) -> tuple[bytes | None, ...]:
        """The content of blobs, each named by id or `commit:path`, in order; None for what is not there."""
        if not objects:
            return ()
        out = _run(self.root, ("cat-file", "--batch"), given="\n".join(objects).encode() + b"\n").stdout
        contents: list[bytes | None] = []
        at = 0
        for _ in objects:
            end = out.index(b"\n", at)
            header = out[at:end].rsplit(b" ", 2)
            if header[-1] == b"missing" or header[-2] != b"blob":
                contents.append(None)
                at = end + 1 if header[-1] == b"missing" else end + 2 + int(header[-1])
                continue
            size = int(header[-1])
            contents.append(out[end + 1 : end + 1 + size])
            at = end + 2 + size
        return tuple(contents)

    def fetch_main(self) -> None:
        """Learn origin's newest main, where there is an origin.

        Raises:
            OutsideError: origin does not answer.
        """
        main = self.main()
        if main is None or not main.startswith("refs/remotes/origin/"):
            return
        branch = main.removeprefix("refs/remotes/origin/")
        done = _run(self.root, ("fetch", "--quiet", "origin", f"+refs/heads/{branch}:{main}"), seconds=_FETCH_SECONDS)
        if done.returncode:
            raise OutsideError(
                f"origin's {branch} cannot be fetched: {_last_line(done.stderr)}",
                todo="check the network and the remote",
            )

    def _ask(self, *arguments: str) -> str:
        return _git(self.root, *arguments)

    def _try(self, *arguments: str) -> str | None:
        done = _run(self.root, arguments)
        return None if done.returncode else _text(done.stdout)


def _git(folder: Path, *arguments: str, wrong: str | None = None) -> str:
    done = _run(folder, arguments)
    if done.returncode:
        said = _last_line(done.stderr)
        raise UsageError(wrong or f"git {arguments[0]} failed: {said}", where=None if wrong else str(folder))
    return _text(done.stdout)


def _run(
    folder: Path, arguments: Sequence[str], *, given: bytes | None = None, seconds: float = _SECONDS
) -> subprocess.CompletedProcess[bytes]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name == "GIT_SSH_COMMAND"
    }
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *_SAFE, *arguments],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            check=False,
            env=environment,
            timeout=seconds,
        )
    except FileNotFoundError:
        raise OutsideError("git is not installed", todo="install git and run the command again") from None
    except subprocess.TimeoutExpired:
        raise OutsideError(f"git {arguments[0]} took longer than {seconds:.0f} s", where=str(folder)) from None


def _text(output: bytes) -> str:
    return output.decode(errors="surrogateescape")


def _last_line(output: bytes) -> str:
    lines = _text(output).strip().splitlines()
    return lines[-1] if lines else "without a word"
