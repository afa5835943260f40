"""A commit as people know it: who, when, in which words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Commit:
    """What git tells of one commit."""

    id: str
    """All hex digits; empty for what is not committed yet."""
    author: str
    subject: str
    """The first line of its message."""
    at: datetime
    """The committer's time: when it came to be what it is, by rebase or merge too."""
