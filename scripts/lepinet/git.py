"""What git knows of this repository, asked without prompts, hooks or the user's taste in output."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from lepinet.commit import Commit
from lepinet.errors import OutsideError, UsageError
from lepinet.timings import Timings

# Settings of a user that would change what a command does or says.
_SETTINGS = {
    "core.askPass": "",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "color.ui": "false",
    "gc.auto": "0",
    "log.diffMerges": "separate",
    "log.follow": "false",
    "log.mailmap": "false",
    "log.showRoot": "true",
    "log.showSignature": "false",
    "maintenance.auto": "false",
}
# A hook or an outer git names its own repository in these.
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_ASKPASS": "",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS_REQUIRE": "never",
}
_COMMIT_FORMAT = "--format=%H%x00%ct%x00%an%x00%s"
_NOBODY = {f"GIT_{role}_{what}": "lepinet" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
"""Who commits where nobody told git who it is, as on GitHub's runners; what is pushed from there is GitHub's own."""
_REMOTE = "refs/remotes/origin/"


@dataclass(frozen=True)
class FileChange:
    """A commit that changed a file, and what the file was from then on."""

    commit: Commit
    blob: str | None
    """Id of the content; None when the file was taken away, or became a link or a folder."""


@dataclass(frozen=True)
class FileState:
    """What a commit makes of a file."""

    path: str
    mode: str
    """As git writes it, such as `100644`."""
    blob: str | None
    """Id of the content; None when the commit takes the file away."""


@dataclass(frozen=True)
class Said:
    """What a commit says of itself, and what it was made from."""

    message: str
    parents: tuple[str, ...]

    @property
    def is_merge(self) -> bool:
        return len(self.parents) > 1


@dataclass(frozen=True)
class Repository:
    """A working tree with its history. Every method may raise `OutsideError` when git fails or takes too long."""

    root: Path
    timings: Timings = field(default_factory=Timings)

    @classmethod
    def containing(cls, folder: Path, timings: Timings | None = None) -> Self:
        """The repository that a folder belongs to.

        Raises:
            UsageError: the folder is in none, or git will not trust its owner.
        """
        asked = cls(folder, timings or Timings())
        answer = asked._try("rev-parse", "--show-toplevel")
        if answer.returncode:
            raise UsageError(
                f"{folder} is not in a git repository with a working tree: {_last_line(answer.stderr)}",
                todo="run this where models.yaml is, or begin one: git init",
            )
        return cls(Path(os.fsdecode(answer.stdout.removesuffix(b"\n"))), asked.timings)

    def resolve(self, ref: str) -> str:
        """The id of the commit that a branch, a tag or an id names.

        Raises:
            UsageError: it names none.
        """
        answer = self._try("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") if _is_ref(ref) else None
        if answer is None or answer.returncode:
            if self._try("rev-parse", "--verify", "--quiet", "HEAD").returncode:
                raise _nothing_committed()
            raise UsageError(f"git knows no commit {ref!r} here", todo="see git branch --all, or fetch it: git fetch")
        return answer.stdout.decode().strip()

    def head(self) -> str:
        """The id of the commit that is checked out.

        Raises:
            UsageError: there is no commit yet.
        """
        return self.resolve("HEAD")

    def commit(self, ref: str) -> Commit:
        """Who made a commit, when and why."""
        return _commit(
            self._text("log", "-1", "--encoding=UTF-8", _COMMIT_FORMAT, self.resolve(ref), "--").rstrip("\n")
        )

    def commits(self, ids: Iterable[str]) -> Mapping[str, Commit]:
        """As `commit`, of all that are known here, by their ids."""
        wanted = [each for each in dict.fromkeys(ids) if re.fullmatch("[0-9a-f]{40}", each)]
        options = ["--no-walk=unsorted", "--ignore-missing", "--stdin", "--encoding=UTF-8", _COMMIT_FORMAT]
        told = self._run("log", *options, given="".join(f"{each}\n" for each in wanted).encode())
        # Subjects may hold what Python takes for the end of a line.
        found = map(_commit, told.decode("utf-8", "replace").split("\n")[:-1])
        return {one.id: one for one in found} if wanted else {}

    def message(self, ref: str) -> str:
        """All that a commit says of itself; of a merge that says no more than that it is one, what it merged says."""
        commit = self.resolve(ref)
        text = self._text("log", "-1", "--encoding=UTF-8", "--format=%B", commit, "--").strip()
        merged = self._try("rev-parse", "--verify", "--quiet", f"{commit}^2").stdout.decode().strip()
        bare = merged and text.startswith("Merge ") and "\n" not in text
        return self.message(self._work_on(merged, f"{commit}^")) if bare else text

    def require_history(self) -> None:
        """Nothing here can be told from a part of the history.

        Raises:
            UsageError: the clone is shallow.
        """
        if self._text("rev-parse", "--is-shallow-repository").strip() == "true":
            raise UsageError(
                "this clone is shallow: what was active before lies in the part of the history that it lacks",
                todo="git fetch --unshallow (GitHub Actions: actions/checkout with fetch-depth: 0)",
            )

    def main(self) -> str:
        """The full name of main: origin's default branch, else its `main` or `master`, else the local one.

        Raises:
            UsageError: there is none of them.
        """
        answer = self._try("symbolic-ref", "--quiet", f"{_REMOTE}HEAD")
        candidates = [answer.stdout.decode().strip()] if answer.returncode == 0 else []
        candidates += [f"{place}{name}" for place in (_REMOTE, "refs/heads/") for name in ("main", "master")]
        for name in candidates:
            if self._try("show-ref", "--verify", "--quiet", name).returncode == 0:
                return name
        if self._try("rev-parse", "--verify", "--quiet", "HEAD").returncode:
            raise _nothing_committed()
        raise UsageError(
            "there is no branch main or master, and origin does not say which one is its default",
            todo="git remote set-head origin --auto",
        )

    def main_branch(self) -> str:
        """Its short name. Where nothing says which branch is main: the one that is checked out, born or not."""
        try:
            name = self.main()
        except UsageError:
            name = self._text("symbolic-ref", "--quiet", "HEAD").strip()
        return name.removeprefix(_REMOTE).removeprefix("refs/heads/")

    def is_pushed(self, branch: str) -> bool:
        """Whether origin had the branch when it was last spoken to."""
        return self._try("show-ref", "--verify", "--quiet", f"{_REMOTE}{branch}").returncode == 0

    def fetch_main(self) -> str:
        """The commit that main is at now, by origin where there is one; a rewritten main is taken as it is."""
        name = self.main()
        if not name.startswith(_REMOTE) and "origin" in self._text("remote").split():
            raise UsageError(
                "origin's main is not known here, and the local one need not be what was merged",
                todo="git fetch origin && git remote set-head origin --auto",
            )
        if name.startswith(_REMOTE):
            branch = name.removeprefix(_REMOTE)
            self._run(
                "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "origin", f"+refs/heads/{branch}:{name}"
            )
        return self.resolve(name)

    def first_commit(self) -> str:
        """Where main's first-parent line begins: what tells this repository from others, in all its clones."""
        self.require_history()
        return self._text("rev-list", "--first-parent", "--max-parents=0", self.main(), "--").strip()

    def generation(self, commit: str) -> int:
        """The commit's place on its first-parent line; the first commit is 1."""
        self.require_history()
        return int(self._text("rev-list", "--first-parent", "--count", self.resolve(commit), "--"))

    def on_first_parent_line(self, commit: str, tip: str) -> bool:
        """Whether the way back from `tip`, by first parents only, passes `commit`; not if one is unknown here."""
        for each in (commit, tip):
            if not _is_ref(each) or self._try("cat-file", "-e", f"{each}^{{commit}}").returncode:
                return False
        ahead = self.generation(tip) - self.generation(commit)
        if ahead < 0:
            return False
        passed = self._text("rev-list", "--first-parent", f"--skip={ahead}", "--max-count=1", self.resolve(tip), "--")
        return passed.strip() == self.resolve(commit)

    def merge_base(self, one: str, other: str) -> str | None:
        """The commit where two lines of work parted; None for histories that have nothing in common."""
        self.require_history()
        answer = self._try("merge-base", self.resolve(one), self.resolve(other))
        return answer.stdout.decode().strip() or None

    def free_branch(self, name: str) -> str:
        """The name, or the first one after it with a number behind that no branch has, here or as known of origin."""
        numbered = (name if number == 1 else f"{name}-{number}" for number in count(1))
        places = ("refs/heads/", _REMOTE)
        return next(
            one
            for one in numbered
            if all(self._try("show-ref", "--verify", "--quiet", f"{place}{one}").returncode for place in places)
        )

    def user_name(self) -> str | None:
        """Who commits here, by git's settings."""
        return self._try("config", "user.name").stdout.decode("utf-8", "replace").strip() or None

    def knows_committer(self) -> bool:
        """Whether `git merge` and `git commit` work here: they want a name and an address."""
        return self._try("var", "GIT_COMMITTER_IDENT").returncode == 0

    def dirty(self, paths: Sequence[str] = ()) -> tuple[str, ...]:
        """Files that differ from HEAD, new ones too; with paths given only there, and ignored ones as well."""
        ignored = ["--ignored=matching"] if paths else []
        options = ["--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none", *ignored]
        listed = self._run("status", *options, "--", *paths).split(b"\0")
        return tuple(os.fsdecode(entry[3:]) for entry in listed if entry)

    def tracks(self, path: str) -> bool:
        """Whether a file is in the next commit, or in the last one."""
        return self._try("ls-files", "--error-unmatch", "--", path).returncode == 0

    def ignores(self, path: str) -> bool:
        """Whether `git add --all` passes a file over, were it there."""
        # It takes paths and no patterns, and refuses to be told so.
        asked = self._try("check-ignore", "--quiet", "--no-index", "--", path, also={"GIT_LITERAL_PATHSPECS": "0"})
        return asked.returncode == 0

    def file_changes(self, path: str, tip: str) -> tuple[FileChange, ...]:
        """The commits of the first-parent line that changed a file, oldest first; a merge counts as its outcome."""
        self.require_history()
        options = ["--first-parent", "-m", "--reverse", "--raw", "--no-abbrev", "--no-renames", "--no-notes"]
        options += ["--encoding=UTF-8", _COMMIT_FORMAT]
        changes: list[FileChange] = []
        commit: Commit | None = None
        for line in self._text("log", *options, self.resolve(tip), "--", path).split("\n"):
            if line.startswith(":") and commit is not None:
                told, name = line[1:].split("\t", 1)
                _, mode, _, blob, _ = told.split(" ")
                if name == path:  # not what lies in a folder of that name
                    changes.append(FileChange(commit, blob if mode.startswith("100") else None))
            elif line:
                commit = _commit(line)
        return tuple(changes)

    def blobs(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        """The contents of blobs by id, all in one go."""
        wanted = list(dict.fromkeys(ids))
        output = self._run("cat-file", "--batch", given="".join(f"{blob}\n" for blob in wanted).encode())
        contents: dict[str, bytes] = {}
        at = 0
        for blob in wanted:
            begin = output.index(b"\n", at) + 1
            header = output[at : begin - 1].split(b" ")
            if len(header) != 3:
                raise OutsideError(
                    f"git has lost the object {blob}", todo="git fsck tells more; a fresh clone mends it"
                )
            at = begin + int(header[2]) + 1
            contents[blob] = output[begin : at - 1]
        return contents

    def size(self, blob: str) -> int:
        """Bytes of a blob, which is not read for that."""
        return int(self._text("cat-file", "-s", blob))

    def first_parent_line(self, tip: str) -> tuple[str, ...]:
        """The commits from the first one to `tip`, by first parents."""
        self.require_history()
        return tuple(self._text("rev-list", "--first-parent", "--reverse", self.resolve(tip), "--").split())

    def commits_that_touched(self, tip: str, paths: Sequence[str]) -> tuple[str, ...]:
        """Commits of the first-parent line that changed something below the paths, oldest first."""
        options = ["--first-parent", "-m", "--reverse", "--format=%H", "--no-patch"]
        return tuple(dict.fromkeys(self._text("log", *options, self.resolve(tip), "--", *paths).split()))

    def blobs_below(self, commit: str, path: str) -> Mapping[str, str]:
        """Ids of the files in a folder and all below it, by their paths; empty where there is no such folder."""
        listed = self._run("ls-tree", "-r", "-z", self.resolve(commit), "--", f"{path}/").split(b"\0")
        told = (entry.split(b"\t", 1) for entry in listed if entry)
        return {os.fsdecode(name): about.split(b" ")[2].decode() for about, name in told}

    def object_id(self, commit: str, path: str) -> str | None:
        """The id of a file's content, or of all that is in a folder, at a commit; None when it is not there."""
        answer = self._try("rev-parse", "--verify", "--quiet", f"{self.resolve(commit)}:{path}")
        return answer.stdout.decode().strip() or None

    def content(self, commit: str, path: str) -> bytes | None:
        """What is in a file at a commit; None when it is not there."""
        blob = self.object_id(commit, path)
        return self.blobs([blob])[blob] if blob else None

    def origin(self) -> str | None:
        """Where origin is, as its URL was given; None when there is none."""
        return self._try("config", "--get", "remote.origin.url").stdout.decode("utf-8", "replace").strip() or None

    def tree(self, commit: str) -> str:
        """The id of all that is in a commit."""
        return self._text("rev-parse", "--verify", f"{self.resolve(commit)}^{{tree}}").strip()

    def commit_on(
        self, parent: str, files: Mapping[str, bytes | None], message: str, *, folders: Sequence[str] = ()
    ) -> str:
        """A commit on top of `parent`, in no branch; working tree and index stay as they are.

        Args:
            parent: a commit.
            files: what is in them then, by path; None takes one away.
            message: with the subject in its first line.
            folders: that are taken from the working tree.
        """
        entries = b"".join(self._entry(path, content) for path, content in files.items())
        with TemporaryDirectory(prefix="lepinet-") as scratch:
            apart = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
            self._run("read-tree", self.resolve(parent), also=apart)
            if folders:
                self._run("add", "--", *folders, also=apart)
            self._run("update-index", "-z", "--index-info", given=entries, also=apart)
            tree = self._run("write-tree", also=apart).decode().strip()
        return self._commit_tree(tree, parent, message)

    def _entry(self, path: str, content: bytes | None) -> bytes:
        """A line of an index."""
        blob = (
            self._run("hash-object", "-w", "--stdin", given=content).decode().strip() if content is not None else None
        )
        return f"{'100644' if blob else '0'} {blob or '0' * 40}\t".encode() + os.fsencode(path) + b"\0"

    def revert_on(self, parent: str, commit: str, message: str) -> str | None:
        """A commit on top of `parent` that undoes one of those below it; None where later ones stand in the way."""
        # What was there before, as if somebody had committed it right after, is merged.
        before = self._commit_tree(self.tree(f"{commit}^"), commit, "before")
        return self.merged_on(parent, before, message)

    def merged_on(self, parent: str, other: str, message: str) -> str | None:
        """A commit on top of `parent` with all that merging another one gives; None where they conflict."""
        merged = self._try("merge-tree", "--write-tree", self.resolve(parent), self.resolve(other))
        return None if merged.returncode else self._commit_tree(merged.stdout.split()[0].decode(), parent, message)

    def fetch_commit(self, commit: str) -> None:
        """Bring a commit of origin here, whatever branch it is on."""
        self._run("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "origin", commit)

    def files_changed_by(self, commit: str) -> tuple[FileState, ...]:
        """What a commit makes of the files that differ from its first parent's."""
        listed = self._run("diff-tree", "-r", "-z", "--raw", "--no-renames", f"{commit}^", commit).split(b"\0")
        found = []
        for told, path in zip(listed[::2], listed[1::2], strict=False):
            before, after, _, blob, kind = told.removeprefix(b":").decode().split(" ")
            gone = kind == "D"
            found.append(FileState(os.fsdecode(path), before if gone else after, None if gone else blob))
        return tuple(found)

    def files_between(self, before: str, after: str, folders: Sequence[str]) -> tuple[str, ...]:
        """Files in some folders that one commit has otherwise than another one, or one of them has not."""
        options = ["-r", "-z", "--name-only", "--no-renames"]
        listed = self._run("diff-tree", *options, self.resolve(before), self.resolve(after), "--", *folders)
        return tuple(os.fsdecode(name) for name in listed.split(b"\0") if name)

    def objects_beyond(self, tip: str, base: str) -> frozenset[str]:
        """Ids of what `tip` has and the history of `base` has not."""
        told = self._text(
            "rev-list", "--objects", "--no-object-names", self.resolve(tip), f"^{self.resolve(base)}", "--"
        )
        return frozenset(told.split())

    def fetch_branch(self, name: str) -> str | None:
        """The tip of a branch of origin as it is now; None where origin has no such branch."""
        ref = f"refs/heads/{name}"
        if not self._run("ls-remote", "--heads", "origin", ref).strip():
            return None
        self._run("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "origin", f"+{ref}:{_REMOTE}{name}")
        return self.resolve(f"{_REMOTE}{name}")

    def brought_by(self, commit: str, tip: str) -> str | None:
        """The commit of a first-parent line with which another one came to it; None where it has not come."""
        if not _is_ref(commit) or self._try("merge-base", "--is-ancestor", commit, self.resolve(tip)).returncode:
            return None
        if self.on_first_parent_line(commit, tip):
            return self.resolve(commit)
        since = (self.resolve(tip), f"^{self.resolve(commit)}", "--")
        line = self._text("rev-list", "--first-parent", "--reverse", *since).split()
        # Others were merged since the two parted: only what descends from the commit can have brought it.
        having = set(self._text("rev-list", "--ancestry-path", *since).split())
        return next(one for one in line if one in having)

    def merged_lately(self, tip: str, most: int) -> Mapping[str, str]:
        """The newest commits of a first-parent line by what they brought: of a merge its newest work, else itself."""
        told = self._text("log", "--first-parent", f"--max-count={most}", "--format=%H %P", self.resolve(tip), "--")
        lines = [line.split() for line in told.splitlines()]
        merged = {line[2]: line[1] for line in lines if len(line) > 2}
        # Few branches end with a merge, as one that was brought up to main does: only they are asked for their work.
        options = ["--no-walk", "--min-parents=2", "--stdin"]
        ending = self._run("rev-list", *options, given="".join(f"{one}\n" for one in merged).encode()).decode().split()
        work = {one: self._work_on(one, merged[one]) for one in ending}
        return {work.get(line[2], line[2]) if len(line) > 2 else line[0]: line[0] for line in lines}

    def _work_on(self, tip: str, base: str) -> str:
        """The newest commit of a branch's own line beyond `base` that is no merge; the tip where there is none."""
        options = ["--first-parent", "--no-merges", "--max-count=1"]
        return self._text("rev-list", *options, tip, f"^{base}", "--").strip() or tip

    def messages(self, commits: Sequence[str]) -> tuple[str, ...]:
        """What several commits say of themselves, in their order."""
        if not commits:
            return ()
        told = self._text("log", "--no-walk=unsorted", "--encoding=UTF-8", "--format=%B%x00", *commits, "--")
        return tuple(message.strip() for message in told.split("\0")[:-1])

    def branches(self, having: str | None = None, beyond: str | None = None) -> Mapping[str, str]:
        """Tips of the branches of this repository by their names, newest first.

        Args:
            having: only those with this commit.
            beyond: only those that are not merged into this one.
        """
        fields = "--format=%(refname:lstrip=2) %(objectname)"
        only = [f"--contains={self.resolve(having)}"] if having else []
        only += [f"--no-merged={self.resolve(beyond)}"] if beyond else []
        told = self._text("for-each-ref", "--sort=-committerdate", fields, *only, "refs/heads")
        return dict(line.rsplit(" ", 1) for line in told.split("\n")[:-1])

    def work_beyond(self, tip: str, base: str) -> Mapping[str, str]:
        """What the commits say that `tip` has and `base` has not, newest first, without merges, by their ids."""
        beyond = self.beyond(base, [self.resolve(tip)])
        return {commit: said.message for commit, said in beyond.items() if not said.is_merge}

    def beyond(self, base: str, tips: Iterable[str]) -> Mapping[str, Said]:
        """The commits that any of the tips has and `base` has not, by their ids, each before its parents."""
        wanted = "".join(f"{each}\n" for each in (f"^{self.resolve(base)}", *tips))
        options = ["--stdin", "--date-order", "--encoding=UTF-8", "--format=%H%x00%P%x00%B%x00"]
        told = self._run("log", *options, given=wanted.encode()).decode("utf-8", "replace").split("\0")
        found = zip(told[::3], told[1::3], told[2::3], strict=False)
        return {commit.strip(): Said(message.strip(), tuple(parents.split())) for commit, parents, message in found}

    def conflicts(self, one: str, other: str) -> tuple[str, ...]:
        """The files in which both changed the same, so that git cannot merge them; none where it can."""
        options = ["--write-tree", "--name-only", "-z", "--no-messages"]
        answer = self._try("merge-tree", *options, self.resolve(one), self.resolve(other))
        named = answer.stdout.split(b"\0")[1:] if answer.returncode == 1 else []
        return tuple(os.fsdecode(name) for name in named if name)

    def merged_by_hand(self, tip: str, base: str) -> bool:
        """Whether somebody settled something in a merge that `tip` has and `base` has not: git makes it otherwise."""
        beyond = self.beyond(base, [self.resolve(tip)])
        return any(self._settles(commit) for commit, said in beyond.items() if said.is_merge)

    def _settles(self, merge: str) -> bool:
        made = self._try("merge-tree", "--write-tree", f"{merge}^1", f"{merge}^2")
        return made.returncode != 0 or made.stdout.split()[0].decode() != self.tree(merge)

    def check_out(self, commit: str, folder: Path) -> Repository:
        """A commit in a working tree of its own beside this one, at a folder that is not there yet."""
        self._run("worktree", "add", "--quiet", "--detach", str(folder), self.resolve(commit))
        return Repository(folder, self.timings)

    def leave(self, folder: Path) -> None:
        """Take away a working tree that `check_out` has made."""
        self._run("worktree", "remove", "--force", str(folder))

    def push(self, commit: str, branch: str, seen: str | None) -> None:
        """Make a commit the tip of a branch of origin, which is at `seen` still; None: there is none yet."""
        ref = f"refs/heads/{branch}"
        self._run("push", "--quiet", f"--force-with-lease={ref}:{seen or ''}", "origin", f"{commit}:{ref}")

    def set_branch(self, branch: str, commit: str) -> None:
        """Make a commit the tip of a branch of this repository; one that somebody has checked out stays as it is."""
        self._run("branch", "--quiet", "--no-track", "--force", branch, commit)

    def _commit_tree(self, tree: str, parent: str, message: str) -> str:
        also = None if self.knows_committer() else _NOBODY
        made = self._run("commit-tree", tree, "-p", self.resolve(parent), given=message.encode(), also=also)
        return made.decode().strip()

    def _text(self, *arguments: str) -> str:
        return self._run(*arguments).decode("utf-8", "replace")

    def _run(self, *arguments: str, given: bytes = b"", also: Mapping[str, str] | None = None) -> bytes:
        answer = self._try(*arguments, given=given, also=also)
        if answer.returncode:
            raise OutsideError(f"git {arguments[0]} failed: {_last_line(answer.stderr)}", where=str(self.root))
        return answer.stdout

    def _try(
        self, *arguments: str, given: bytes = b"", also: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        try:
            # A session of its own: ssh finds no terminal to ask on.
            return subprocess.run(
                ["git", "--no-pager", *settings, "-C", str(self.root), *arguments],
                input=given,
                capture_output=True,
                check=False,
                timeout=self.timings.git,
                env={**kept, **_ENVIRONMENT, **(also or {})},
                start_new_session=True,
            )
        except FileNotFoundError:
            raise OutsideError("git is not installed", todo="install git, and see that it is on PATH") from None
        except subprocess.TimeoutExpired:
            what = f"git {arguments[0]} gave no answer in {self.timings.git:.0f} s"
            raise OutsideError(what, where=str(self.root), todo="try again") from None


def _commit(line: str) -> Commit:
    identity, seconds, author, subject = line.split("\0")
    return Commit(identity, author, subject, datetime.fromtimestamp(int(seconds), UTC))


def _is_ref(text: str) -> bool:
    """Nothing that git would take for an option."""
    return bool(text) and not text.startswith("-") and "\0" not in text


def _nothing_committed() -> UsageError:
    return UsageError("nothing is committed yet", todo="git add . && git commit")


def _last_line(stderr: bytes) -> str:
    """What git said at last, without the password of a URL."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return re.sub(r"(?<=://)[^/\s@]+(?=@)", "***", lines[-1]) if lines else "without a word"
