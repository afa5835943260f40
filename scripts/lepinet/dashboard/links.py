"""Where a reader finds more of what a page names, where the repository is on GitHub."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lepinet.commit import Commit

_MERGED = re.compile(r"\AMerge pull request #(\d+) from |\(#(\d+)\)\Z")
"""Subjects of the commits by which GitHub merges, squashed ones too."""


@dataclass(frozen=True)
class Links:
    """Addresses on GitHub; None for all of a repository that is elsewhere."""

    repository: str | None
    """`owner/name`."""

    def commit(self, identity: str) -> str | None:
        return self._at(f"commit/{identity}")

    def pull_request(self, commit: Commit) -> str | None:
        """Of the one that a commit of main merged; None also where it merged none."""
        found = _MERGED.search(commit.subject)
        return self._at(f"pull/{found[1] or found[2]}") if found else None

    def _at(self, path: str) -> str | None:
        return f"https://github.com/{self.repository}/{path}" if self.repository else None
