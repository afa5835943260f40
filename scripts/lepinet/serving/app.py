"""What the server answers over HTTP: `POST /predict`, `GET /health`, `GET /model`; errors are JSON too."""

from __future__ import annotations

import asyncio
import hashlib
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from lepinet.endpoints.local_folder import STATE
from lepinet.serving.follower import Follower
from lepinet.serving.live import BusyError, LiveModel, PhotoError
from lepinet.timings import Timings

LARGEST_PHOTO = 20 << 20
"""Bytes of one photo. Phones make 3 to 12 MB of it; what it may have in pixels, its decoder says."""
_FORM = 64 << 10
"""Bytes that a form may have beside the photo."""
_SOON = {"Retry-After": "1"}


def create_app(follower: Follower, timings: Timings) -> Starlette:
    """The app of one environment; the follower says which model answers."""
    views = _Views(follower, timings)
    return Starlette(
        routes=[
            Route("/predict", views.predict, methods=["POST"]),
            Route("/health", views.health),
            Route("/model", views.model),
        ],
        exception_handlers={HTTPException: _as_json, ClientDisconnect: _to_nobody},
    )


class _Views:
    def __init__(self, follower: Follower, timings: Timings) -> None:
        self._follower = follower
        self._timings = timings

    async def predict(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._timings.prediction):
                photo = await _photo(request)
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the photo did not arrive in time") from None
        # Asked only now: what answers is the model of the moment in which the photo is there.
        model = self._answering()
        try:
            top = await model.answer(photo)
        except PhotoError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"photo: {error.what}") from None
        except BusyError as error:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, error.what, _SOON) from None
        return JSONResponse(
            {
                "predicted_id": top[0].id,
                "predicted_name": top[0].name,
                "confidence": top[0].confidence,
                "top": [score.model_dump() for score in top],
                "model": {
                    "version": model.target.version,
                    "file_path": model.target.file_path,
                    "revision": model.target.revision,
                },
            }
        )

    async def health(self, _: Request) -> Response:
        model = self._answering()
        return JSONResponse({"status": "ok", "model": str(model.target)})

    async def model(self, request: Request) -> Response:
        """What answers and what is on its way, for whoever moves this endpoint and for whoever asks it."""
        await self._follower.look()
        body = STATE.dump_json(self._follower.state())
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        known = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
        if tag in known or "*" in known:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    def _answering(self) -> LiveModel:
        model = self._follower.model
        if model is None:
            why = self._follower.state().error or "no model answers yet"
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, why, _SOON)
        return model


async def _photo(request: Request) -> bytes:
    """The bytes of the file in the form's field `image`."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the photo as multipart/form-data, field image")
    limited = Request(request.scope, _limited(request.receive, LARGEST_PHOTO + _FORM))
    async with limited.form(max_files=1, max_fields=10) as form:
        image = form.get("image")
        if not isinstance(image, UploadFile):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the form has no file in the field image")
        if image.size is not None and image.size > LARGEST_PHOTO:
            raise _too_large()
        return await image.read()


def _limited(receive: Receive, limit: int) -> Receive:
    """The same messages, until the body is larger than the limit: a header can lie about it, or be absent."""
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise _too_large()
        return message

    return limited


def _too_large() -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a photo may have {LARGEST_PHOTO >> 20} MiB")


async def _as_json(_: Request, error: Exception) -> Response:
    """Every refusal in the same form."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _to_nobody(_: Request, __: Exception) -> Response:
    """A client that hangs up in the middle of its photo is no failure of ours."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)
