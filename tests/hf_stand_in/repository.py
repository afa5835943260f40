"""A model repository as the Hub keeps it: git holds its history, and large files lie beside git."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

LARGE = (
    ".bin",
    ".ckpt",
    ".h5",
    ".joblib",
    ".keras",
    ".npy",
    ".npz",
    ".onnx",
    ".pkl",
    ".pt",
    ".pth",
    ".safetensors",
    ".zip",
)
"""What the Hub's own .gitattributes gives to Git LFS, as far as models have it."""
WHEN = datetime(2025, 11, 24, 16, tzinfo=UTC)
"""Of a commit that says no other: always the same, so that the same files make the same commits."""
CLEAN = {"scansDone": True, "filesWithIssues": []}


@dataclass(frozen=True)
class StoredFile:
    """One file of a commit."""

    name: str
    size: int
    blob_id: str
    """Git's, of the file itself or, for a large one, of its pointer."""
    sha256: str | None
    """Of a large file's content."""
    pointer_size: int


@dataclass
class Repository:
    """One repository, and what the Hub holds about it beside its files."""

    name: str
    folder: Path
    """Git's; it need not exist yet."""
    private: bool = False
    gated: str | bool = False
    """`auto` or `manual`."""
    disabled: bool = False
    moved_to: str | None = None
    """Its new name; the old one redirects."""
    readers: set[str] = field(default_factory=set)
    """Tokens that may read it, where it is private or gated."""
    writers: set[str] = field(default_factory=set)
    """Tokens that may change it."""
    uploaded: dict[str, bytes] = field(default_factory=dict)
    """Large files that came for a commit to come, by their SHA-256."""
    security: Mapping[str, object] | None = field(default_factory=lambda: CLEAN)
    """What the Hub's scan says; None as a mirror answers that knows of none."""
    large: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """SHA-256 and content, by the blob id of the pointer."""

    def __post_init__(self) -> None:
        if not self.folder.exists():
            self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.folder))

    def commit(
        self, files: Mapping[str, bytes | None], message: str = "Upload", branch: str = "main", at: datetime = WHEN
    ) -> str:
        """Add, change or (None) take away files. Returns the commit's id."""
        return self._commit(files, message, f"refs/heads/{branch}", self.resolve(branch), at)

    def propose(self, files: Mapping[str, bytes], message: str) -> tuple[int, str]:
        """A pull request on top of main: its number, and the id of its commit."""
        number = len(self.references("pr")) + 1
        return number, self._commit(files, message, f"refs/pr/{number}", self.resolve("main"), WHEN)

    def merge(self, number: int) -> str:
        """Main becomes what the pull request is, if nothing else came in between."""
        self.git("update-ref", "refs/heads/main", f"refs/pr/{number}")
        return self._need("main")

    def _commit(
        self, files: Mapping[str, bytes | None], message: str, reference: str, parent: str | None, at: datetime
    ) -> str:
        author = f"asha <asha@example.org> {int(at.timestamp())} +0000"
        stream = [f"commit {reference}\ncommitter {author}\n".encode(), _data(message.encode())]
        stream += [f"from {parent}\n".encode()] if parent else []
        for name, content in files.items():
            quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            if content is None:
                stream.append(f"D {quoted}\n".encode())
            else:
                stream += [f"M 100644 inline {quoted}\n".encode(), _data(self._kept(name, content))]
        self.git("fast-import", "--quiet", "--force", standard_input=b"".join(stream))
        return self._need(reference)

    def tag(self, name: str, revision: str, *, annotated: bool = False) -> None:
        self.git("tag", *(["--annotate", "--message", name] if annotated else []), name, revision)

    def squash(self) -> str:
        """One commit with the files of all, as the Hub's super-squash makes it; those before belong to nothing."""
        commit = self.git("commit-tree", "-m", "Super-squash branch 'main'", f"{self._need('main')}^{{tree}}").strip()
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, a tag or a commit; None when there is none, or no branch or tag leads to it."""
        found = self._try("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        commit = found.stdout.decode().strip()
        return commit if commit and self._try("for-each-ref", "--contains", commit).stdout else None

    def files(self, commit: str) -> list[StoredFile]:
        listed = []
        for line in self._try("ls-tree", "-r", "-l", "-z", commit).stdout.decode().split("\0")[:-1]:
            about, _, name = line.partition("\t")
            blob_id, size = about.split()[2:4]
            sha256, content = self.large.get(blob_id, (None, b""))
            listed.append(StoredFile(name, len(content) if sha256 else int(size), blob_id, sha256, int(size)))
        return listed

    def content(self, commit: str, name: str) -> bytes:
        (file,) = (file for file in self.files(commit) if file.name == name)
        if file.sha256:
            return self.large[file.blob_id][1]
        return self._try("cat-file", "blob", file.blob_id).stdout

    def commits(self, revision: str) -> list[tuple[str, datetime, str]]:
        """Ids, times and titles, newest first."""
        lines = (line.split(" ", 2) for line in self.git("log", "--format=%H %ct %s", revision).splitlines())
        return [(commit, datetime.fromtimestamp(int(at), UTC), title) for commit, at, title in lines]

    def references(self, kind: str) -> dict[str, str]:
        """Commits by the names of `heads` or `tags`."""
        names = self.git("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/{kind}").split()
        return {name: self._need(f"refs/{kind}/{name}") for name in names}

    def git(self, *arguments: str, standard_input: bytes = b"") -> str:
        done = self._try(*arguments, standard_input=standard_input)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def _need(self, revision: str) -> str:
        commit = self.resolve(revision)
        assert commit is not None
        return commit

    def _kept(self, name: str, content: bytes) -> bytes:
        """What git gets of a file."""
        if not name.lower().endswith(LARGE):
            return content
        sha256 = hashlib.sha256(content).hexdigest()
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(content)}\n".encode()
        self.large[git_blob_id(pointer)] = (sha256, content)
        return pointer

    def _try(self, *arguments: str, standard_input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        where = [] if arguments[0] == "init" else ["--git-dir", str(self.folder)]
        who = {
            f"GIT_{role}_{what}": "asha@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        when = f"{int(WHEN.timestamp())} +0000"
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        return subprocess.run(
            ["git", *where, *arguments],
            env={"PATH": os.environ["PATH"], **who, **dates, **quiet},
            input=standard_input,
            capture_output=True,
            check=False,
        )


def files_of(folder: Path) -> dict[str, bytes]:
    """A model's folder, as `push_to_hub` sends it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def git_blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
