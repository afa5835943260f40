"""What a commit of a Hub repository holds, as the Hub lists it: names, sizes and hashes, and what its scan found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lepinet.errors import RefusedError
from lepinet.files import inside, open_regular

_CHUNK = 1 << 20

Choose = Callable[[Collection[str]], tuple[str, ...]]
"""From the names of all files those that are needed; raises RefusedError when one is missing."""


def _encodable(text: str) -> str:
    text.encode()  # half of a pair of surrogates, which JSON can hold, raises a ValueError
    return text


Text = Annotated[str, AfterValidator(_encodable)]
GitId = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Value(BaseModel):
    """Frozen, and refuses keys that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ListedFile(Value):
    """One file of the commit."""

    name: Text
    """`/` between parts."""
    size: int = Field(ge=0, lt=1 << 63)
    """Bytes."""
    blob_id: GitId
    """Git's: of the content, or of the pointer that stands for a large file."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None
    """Of a large file's content; None for a small one."""

    def is_in(self, folder: Path) -> bool:
        """Whether this file, and no other content, lies in a folder."""
        try:
            with open_regular(inside(folder, self.name)) as file:
                if self.sha256:
                    digest, wanted = hashlib.sha256(), self.sha256
                else:
                    # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
                    digest, wanted = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False), self.blob_id
                read = 0
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    read += len(chunk)
        except RefusedError:
            return False
        return read == self.size and digest.hexdigest() == wanted


class Flagged(Value):
    """A file that the Hub's own scan warns of."""

    name: Text
    level: Text
    """In the Hub's words: unsafe, suspicious, caution."""


class Listing(Value):
    """One commit of one repository."""

    repository: str
    revision: GitId
    files: tuple[ListedFile, ...]
    scanned: bool
    """The Hub's scan of it is done. Where it is not, nobody knows: that is not safe."""
    flagged: tuple[Flagged, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self.files)

    def chosen(self, choose: Choose) -> tuple[ListedFile, ...]:
        """The files that are needed.

        Raises:
            RefusedError: one is missing.
        """
        by_name = {file.name: file for file in self.files}
        return tuple(by_name[name] for name in choose(self.names))
