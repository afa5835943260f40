"""How a registry says no, and how it fails to say anything."""

from __future__ import annotations

from typing import Final

from lepinet.errors import OutsideError, RefusedError

SUPERSEDED: Final = "superseded"
TAKEN_OVER: Final = "taken over"
READ_AGAIN: Final = "read again"
_FOR_PROGRAMS: Final = frozenset({SUPERSEDED, TAKEN_OVER, READ_AGAIN})


class RegistryRefusal(RefusedError):  # noqa: N818 - a refusal is an answer, not a fault
    """A rule of the database says no (`PTxyz`, raised by `lepinet.refuse`)."""

    def __init__(
        self, code: int, what: str, *, hint: str | None = None, detail: str | None = None, where: str | None = None
    ) -> None:
        super().__init__(what, where=where, todo=None if hint in _FOR_PROGRAMS else hint)
        self.code = code
        """As an HTTP status: 400, 403, 404, 409, 423."""
        self.hint = hint
        """What to do in words, or one of this module's constants, which are for programs alone."""
        self.detail = detail


class NoAnswerError(OutsideError):
    """The call was sent and its answer never came: it may have been carried out. The same ids may be sent again."""
