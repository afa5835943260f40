"""The photo of a request, taken out of its form within limits of size, time and memory; never written to a disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from lepinet.serving.refusal import ErrorKind, Refusal

FIELD = "image"
"""The form's field with the photo."""
LARGEST_PHOTO = 20 << 20
"""Bytes of one photo. Phones make 3 to 12 MB of it; what it may have in pixels, its decoder says."""
ALL_PHOTOS = 256 << 20
"""Bytes of all requests whose photos arrive or wait for the model; they are held in memory."""
_NAME = "photo_name"
_FORM = 64 << 10
"""Bytes that a form may have beside the photo."""


class Inbox:
    """The requests whose photos are in memory."""

    def __init__(self, seconds: float) -> None:
        """Empty.

        Args:
            seconds: how long a photo may take to arrive.
        """
        self._seconds = seconds
        self._held = 0

    @asynccontextmanager
    async def photo(self, request: Request) -> AsyncIterator[bytes]:
        """A request's photo, which counts as held until the context ends.

        Raises:
            Refusal: there is none, it is too large or too slow, or too many others are held.
        """
        _check_announced(request)
        held = 0

        async def receive() -> Message:
            """The same messages, until the body is too large: a header can lie about it, or be absent."""
            nonlocal held
            message = await request.receive()
            size = len(message.get("body", b""))
            held += size
            self._held += size
            if held > LARGEST_PHOTO + _FORM:
                raise _too_large()
            if self._held > ALL_PHOTOS:
                raise Refusal(ErrorKind.BUSY, f"photos of {ALL_PHOTOS >> 20} MiB are held already")
            return message

        try:
            yield await self._read(request, receive)
        finally:
            self._held -= held

    async def _read(self, request: Request, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await _image(Request(request.scope, receive))
        except TimeoutError:
            raise Refusal(ErrorKind.TOO_SLOW, "The photo did not arrive in time.") from None


def name_of(request: Request) -> str:
    """What the sender calls the photo of a request; empty where that was not said, or no form was read."""
    return str(getattr(request.state, _NAME, ""))


class _InMemory(MultiPartParser):
    spool_max_size = LARGEST_PHOTO + _FORM


def _check_announced(request: Request) -> None:
    """Refuse what its header says is none, or too large, before any of it is read."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Refusal(ErrorKind.NO_FORM, f"send the photo as multipart/form-data, field {FIELD}")
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > LARGEST_PHOTO + _FORM:
        raise _too_large()


async def _image(request: Request) -> bytes:
    """The bytes of the file in the form's field."""
    try:
        form = await _InMemory(request.headers, request.stream(), max_files=1, max_fields=10).parse()
    except MultiPartException as error:
        raise Refusal(ErrorKind.BROKEN_FORM, error.message) from None
    except UnicodeError:  # of a charset that decodes nothing, which the parser does not foresee
        raise Refusal(ErrorKind.BROKEN_FORM, "the form's charset cannot be read") from None
    image = form.get(FIELD)
    if not isinstance(image, UploadFile):
        raise Refusal(ErrorKind.BROKEN_FORM, f"the form has no file in the field {FIELD}")
    setattr(request.state, _NAME, image.filename or "")
    photo = await image.read()
    if len(photo) > LARGEST_PHOTO:
        raise _too_large()
    return photo


def _too_large() -> Refusal:
    return Refusal(ErrorKind.TOO_LARGE, f"This photo is too large: it may have at most {LARGEST_PHOTO >> 20} MiB.")
