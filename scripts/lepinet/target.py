"""What an endpoint serves: a model's files, named so that they cannot change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

HUB_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
"""`organisation/name` or `user/name`."""
_FOLDER = "sha256:"
MODEL_VARIABLE = "LEPINET_MODEL"
"""The environment variable that tells `lepinet serve` in a container which model of the Hub it serves."""
_SPELLED = re.compile(rf"({HUB_REPOSITORY.pattern})@([0-9a-f]{{40}})(?: (\S{{1,100}}))?")


@dataclass(frozen=True)
class Target:
    """A model that can be served: where its files are, and which files exactly."""

    file_path: Annotated[str, Field(max_length=500)]
    """Hub repository (`org/name`) or a folder, relative to the repository's root."""
    revision: str
    """40 hex digits (a commit of the Hub repository) or `sha256:` and 64 hex digits (a folder's files)."""
    version: str | None = None
    """The model version's name, where one is known."""

    @property
    def on_hub(self) -> bool:
        """Whether the files are on the Hub; else they are a folder of the repository."""
        return not self.revision.startswith(_FOLDER)

    def same_files(self, other: Target | None) -> bool:
        """Whether both name the same files, whatever the versions are called."""
        return other is not None and (self.file_path, self.revision) == (other.file_path, other.revision)

    @property
    def spelled(self) -> str:
        """As `MODEL_VARIABLE` has it: `org/name@revision`, then the version's name where there is one."""
        return f"{self.file_path}@{self.revision} {self.version or ''}".rstrip()

    @classmethod
    def read(cls, text: str) -> Target | None:
        """What `spelled` wrote; None when it is something else.

        >>> Target.read("asha/butterflies@" + 40 * "0" + " v1.0.0").version
        'v1.0.0'
        """
        found = _SPELLED.fullmatch(text.strip())
        return cls(found[1], found[2], found[3]) if found else None

    def __str__(self) -> str:
        short = self.revision.removeprefix(_FOLDER)[:7]
        named = f"{self.version}: " if self.version else ""
        return f"{named}{self.file_path} @ {short}"
