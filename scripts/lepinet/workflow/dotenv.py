"""`.env`, where keys stand: what keeps git from taking them along."""

from __future__ import annotations

from lepinet.errors import RefusedError
from lepinet.git import Repository

KEYS = ".env"


def exposed(git: Repository) -> RefusedError | None:
    """Why git has `.env`, or would take it along, and what to do first; None where it passes over it."""
    if git.tracks(KEYS):
        todo = (
            f"git rm --cached {KEYS} && echo {KEYS} >> .gitignore, and new keys: whoever has a clone has the old ones"
        )
        return RefusedError("git has it, and the keys in it", where=KEYS, todo=todo)
    if not git.ignores(KEYS):
        todo = f"echo {KEYS} >> .gitignore"
        return RefusedError("git does not ignore it, and would take it along", where=KEYS, todo=todo)
    return None
