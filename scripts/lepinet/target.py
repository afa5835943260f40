"""What an endpoint serves: a model's files, named so that they cannot change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A model that can be served: where its files are, and which files exactly."""

    file_path: str
    """Hub repository (`org/name`) or a folder, relative to the repository's root."""
    revision: str
    """40 hex digits (a commit of the Hub repository) or `sha256:` and 64 hex digits (a folder's files)."""
    version: str | None = None
    """The model version's name, where one is known."""

    def same_files(self, other: Target | None) -> bool:
        """Whether both name the same files, whatever the versions are called."""
        return other is not None and (self.file_path, self.revision) == (other.file_path, other.revision)

    def __str__(self) -> str:
        short = self.revision.removeprefix("sha256:")[:7]
        named = f"{self.version}: " if self.version else ""
        return f"{named}{self.file_path} @ {short}"
