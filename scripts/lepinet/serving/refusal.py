"""Why a request is not answered as asked: a kind for programs, which decides the status, and a sentence for people."""

from __future__ import annotations

import math
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException


class ErrorKind(StrEnum):
    """What a program can tell apart; `docs/serving.md` says what to do on each."""

    NO_FORM = "no_form"
    BROKEN_FORM = "broken_form"
    BAD_PHOTO = "bad_photo"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BUSY = "busy"
    NO_MODEL = "no_model"
    STOPPING = "stopping"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    HUNG_UP = "hung_up"
    """Only counted and logged: nobody is left to be told."""
    INTERNAL = "internal"


STATUS: Final = {
    ErrorKind.NO_FORM: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ErrorKind.BROKEN_FORM: HTTPStatus.BAD_REQUEST,
    ErrorKind.BAD_PHOTO: HTTPStatus.BAD_REQUEST,
    ErrorKind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorKind.TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    ErrorKind.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorKind.NO_MODEL: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorKind.STOPPING: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorKind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorKind.WRONG_METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    ErrorKind.HUNG_UP: HTTPStatus.BAD_REQUEST,
    ErrorKind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
ASK_AGAIN: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
"""With these goes `Retry-After`."""


class Refusal(HTTPException):
    """Answered in place of what was asked for."""

    def __init__(self, kind: ErrorKind, sentence: str, *, retry_after: float = 0) -> None:
        """The kind decides the status.

        Args:
            kind: for programs.
            sentence: for people.
            retry_after: seconds until asking again may help, for statuses of `ASK_AGAIN`; at least 1 is said.
        """
        headers = {}
        if STATUS[kind] in ASK_AGAIN:
            headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
        if kind is ErrorKind.TOO_SLOW:
            headers["Connection"] = "close"
        super().__init__(STATUS[kind], sentence, headers)
        self.kind = kind

    @classmethod
    def of(cls, error: HTTPException) -> Refusal:
        """Starlette's own: no such address, or not with this method."""
        if isinstance(error, cls):
            return error
        headers = {**(error.headers or {})}
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            refusal = cls(ErrorKind.WRONG_METHOD, f"This address answers {headers['Allow']} requests alone.")
        else:
            refusal = cls(ErrorKind.NOT_FOUND, "There is no such address; /openapi.json lists those that there are.")
        refusal.headers = headers
        return refusal
