"""What the server answers over HTTP: each operation with its view; refusals are values too."""

from __future__ import annotations

import asyncio
import hashlib
import json
from functools import cache
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_PLAIN_1_0_0
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lepinet.evaluation.photos import for_sender
from lepinet.serving.answers import (
    SERVED_MODEL,
    AnsweringVersion,
    ErrorAnswer,
    Health,
    Prediction,
    ServedModel,
    SpeciesList,
)
from lepinet.serving.follower import Follower
from lepinet.serving.live import BusyError, LiveModel, PhotoError
from lepinet.serving.log import Log
from lepinet.serving.metrics import Metrics
from lepinet.serving.observed import Observed, handling
from lepinet.serving.openapi import Operation, document
from lepinet.serving.page import page, wanted
from lepinet.serving.photo import Inbox
from lepinet.serving.refusal import ErrorKind, Refusal
from lepinet.timings import Timings

_HTML, _JSON = "text/html", "application/json"
_NO_MODEL_FOR = 10
"""Seconds after which it is worth asking again where no model answers: one may be on its way, or somebody is called."""


_PREDICT = Operation(
    "predict",
    "POST",
    "/predict",
    "Name the species on a photo",
    answer=Prediction,
    text=_HTML,
    errors=(
        ErrorKind.NO_FORM,
        ErrorKind.BROKEN_FORM,
        ErrorKind.BAD_PHOTO,
        ErrorKind.TOO_LARGE,
        ErrorKind.TOO_SLOW,
        ErrorKind.BUSY,
        ErrorKind.NO_MODEL,
        ErrorKind.INTERNAL,
    ),
    takes_photo=True,
)
_MODEL = Operation(
    "getModel", "GET", "/model", "What answers, and what an app has to know", answer=ServedModel, tagged=True
)
_SPECIES = Operation(
    "getSpecies",
    "GET",
    "/species",
    "What the model can name",
    answer=SpeciesList,
    errors=(ErrorKind.NO_MODEL,),
    tagged=True,
)
_HEALTH = Operation(
    "getHealth",
    "GET",
    "/health",
    "Whether photos are answered",
    answer=Health,
    errors=(ErrorKind.NO_MODEL, ErrorKind.STOPPING),
)
_METRICS = Operation("getMetrics", "GET", "/metrics", "For Prometheus", text="text/plain")
_OPENAPI = Operation("getOpenapi", "GET", "/openapi.json", "This document", text=_JSON)
_PAGE = Operation("getPage", "GET", "/", "Try a photo in a browser", text=_HTML)


def create_app(follower: Follower, timings: Timings, log: Log, stopping: asyncio.Event) -> ASGIApp:
    """The app of one environment.

    Args:
        follower: says which model answers.
        timings: limits.
        log: gets a line for each request.
        stopping: set when others should take over; photos are answered on.
    """
    metrics = Metrics(follower)
    views = _Views(follower, timings, metrics, stopping)
    answered_by = {
        _PREDICT: views.predict,
        _MODEL: views.model,
        _SPECIES: views.species,
        _HEALTH: views.health,
        _METRICS: views.metrics,
        _OPENAPI: _described,
        _PAGE: views.page,
    }
    app = Starlette(
        routes=[Route(one.path, view, methods=[one.method]) for one, view in answered_by.items()],
        exception_handlers={HTTPException: views.refused, ClientDisconnect: _to_nobody, Exception: failed},
    )
    # Its redirect would lead wherever the request's Host says.
    app.router.redirect_slashes = False
    return Observed(app, {one.path for one in answered_by}, log, metrics)


class _Views:
    def __init__(self, follower: Follower, timings: Timings, metrics: Metrics, stopping: asyncio.Event) -> None:
        self._follower = follower
        self._inbox = Inbox(timings.prediction)
        self._metrics = metrics
        self._stopping = stopping

    async def predict(self, request: Request) -> Response:
        prediction = await self._predicted(request)
        if wanted(request):
            return page(request, handling(request.scope).model, prediction=prediction)
        return Response(prediction.model_dump_json(), media_type=_JSON, headers={"Vary": "Accept"})

    async def model(self, request: Request) -> Response:
        """What answers and what is on its way, for whoever moves this endpoint and for whoever asks it."""
        await self._follower.look()
        return _tagged(request, SERVED_MODEL.dump_json(ServedModel.of(self._follower.state())))

    async def species(self, request: Request) -> Response:
        model = self._answering()
        listed = SpeciesList(model=AnsweringVersion.of(model.target), species=model.species)
        return _tagged(request, listed.model_dump_json().encode())

    async def health(self, _: Request) -> Response:
        if self._stopping.is_set():
            raise Refusal(ErrorKind.STOPPING, "it answers what is on its way, then ends")
        return Response(Health(model=str(self._answering().target)).model_dump_json(), media_type=_JSON)

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_PLAIN_1_0_0})

    async def page(self, request: Request) -> Response:
        model = self._follower.model
        return page(request, model.target if model else None)

    async def refused(self, request: Request, error: Exception) -> Response:
        """Every refusal in the same form; for a person as a page."""
        if not isinstance(error, HTTPException):
            raise error
        refusal = Refusal.of(error)
        if refusal.kind is ErrorKind.WRONG_METHOD and request.url.path == _PREDICT.path and wanted(request):
            # A restored tab, or Enter in the line of addresses: the form that is sent here is on the first page.
            return RedirectResponse(_PAGE.path, HTTPStatus.SEE_OTHER, {"Vary": "Accept"})
        handling(request.scope).error = refusal.kind
        if wanted(request):
            model = self._follower.model
            return page(request, model.target if model else None, refusal=refusal)
        return _error(request, refusal)

    async def _predicted(self, request: Request) -> Prediction:
        try:
            self._answering().make_sure_it_can_answer()
            async with self._inbox.photo(request) as photo:
                # Asked only now: what answers is the model of the moment in which the photo is there.
                model = self._answering()
                top = await model.answer(photo)
        except PhotoError as error:
            raise Refusal(ErrorKind.BAD_PHOTO, for_sender(error.what)) from None
        except BusyError as error:
            raise Refusal(ErrorKind.BUSY, error.what, retry_after=error.after) from None
        handling(request.scope).model = model.target
        self._metrics.photo(model.target, top[0])
        return Prediction(
            predicted_id=top[0].id,
            predicted_name=top[0].name,
            confidence=top[0].confidence,
            top=top,
            model=AnsweringVersion.of(model.target),
        )

    def _answering(self) -> LiveModel:
        model = self._follower.model
        if model is None:
            why = self._follower.state().error or "no model answers yet"
            raise Refusal(ErrorKind.NO_MODEL, why, retry_after=_NO_MODEL_FOR)
        return model


@cache
def _document() -> str:
    return json.dumps(document([_PREDICT, _MODEL, _SPECIES, _HEALTH, _METRICS, _OPENAPI, _PAGE]))


async def _described(_: Request) -> Response:
    return Response(_document(), media_type=_JSON)


def _tagged(request: Request, body: bytes) -> Response:
    """The body, unless who asks has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type=_JSON, headers=headers)


async def failed(request: Request, _: Exception) -> Response:
    """A mistake of ours: whoever sent the request is told where it is written down."""
    return _error(request, Refusal(ErrorKind.INTERNAL, "the server failed; its log says why"))


def _error(request: Request, refusal: Refusal) -> Response:
    answer = ErrorAnswer(error=refusal.detail, kind=refusal.kind, request_id=handling(request.scope).id)
    return Response(answer.model_dump_json(), refusal.status_code, refusal.headers, _JSON)


async def _to_nobody(request: Request, _: Exception) -> Response:
    """A client that hangs up in the middle of its photo is no failure of ours."""
    handling(request.scope).error = ErrorKind.HUNG_UP
    return Response(status_code=HTTPStatus.BAD_REQUEST)
