"""What a repository's set-up needs, and what of it is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lepinet.report.escape import columns_for_terminal


@dataclass(frozen=True)
class Need:
    what: str
    state: str
    """How it stands, in a few words."""
    mend: str | None = None
    """What to do, as a command where there is one; None: nothing is missing."""


def needs_text(needs: Iterable[Need]) -> str:
    """A line for each, further lines of how it stands below it, then what mends it where it is missing."""
    lines = []
    for need in needs:
        first, *further = need.state.splitlines() or [""]
        lines.append(f"{'missing' if need.mend else 'done':8} {need.what}: {first}")
        lines += [f"{'':8} {line}" for line in (*further, need.mend) if line]
    return "\n".join(columns_for_terminal(line) for line in lines)
