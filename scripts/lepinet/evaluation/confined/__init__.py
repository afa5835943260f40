"""Work on what somebody else made, in a process of its own that can do no harm: started, limited, asked, ended."""

from __future__ import annotations

from typing import Any

from lepinet.errors import OutsideError


class ConfinedError(OutsideError):
    """The process died, hung or talked nonsense; it answers nothing more."""

    def __init__(self, what: str, *, where: str, answered: tuple[Any, ...] = ()) -> None:
        super().__init__(what, where=where)
        self.answered = answered
        """The answers it gave of this call before it failed; the photo after them is the likeliest culprit."""
