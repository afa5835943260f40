"""The page at `/`: a photo is tried in a browser, without a script, and what the model says is shown."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse

from lepinet.evaluation.photos import UP_TO
from lepinet.report.escape import for_terminal
from lepinet.report.page import style, templates
from lepinet.serving.answers import PhotoLimits, Prediction
from lepinet.serving.observed import handling
from lepinet.serving.photo import name_of
from lepinet.serving.refusal import Refusal
from lepinet.target import Target

_LONGEST_NAME = 100


def wanted(request: Request) -> bool:
    """Whether a browser asks, for a person; programs that take anything get JSON."""
    return "text/html" in request.headers.get("Accept", "").lower()


def page(
    request: Request,
    serving: Target | None,
    *,
    prediction: Prediction | None = None,
    refusal: Refusal | None = None,
) -> HTMLResponse:
    """The form, below what became of the photo that was sent with it.

    Args:
        request: what is answered.
        serving: what answers photos now; None where nothing does.
        prediction: of the photo that was sent.
        refusal: why there is none.
    """
    looks, policy = _looks()
    text = (
        _environment()
        .get_template("try.html")
        .render(
            style=looks,
            limits=PhotoLimits(),
            up_to=UP_TO,
            serving=serving,
            prediction=prediction,
            refusal=refusal,
            photo=for_terminal(name_of(request), _LONGEST_NAME),
            request_id=handling(request.scope).id,
        )
    )
    headers = {
        **(refusal.headers or {} if refusal else {}),
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    return HTMLResponse(text, refusal.status_code if refusal else HTTPStatus.OK, headers)


@cache
def _environment() -> Environment:
    """The report's, which shows other people's text as text."""
    return templates().overlay(loader=PackageLoader("lepinet.serving"))


@cache
def _looks() -> tuple[str, str]:
    """The style sheet, and the policy that allows it and a form, and nothing else."""
    looks = style() + files(__package__).joinpath("templates", "try.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(looks.encode()).digest()).decode()
    # A Space is shown in a frame of huggingface.co; nothing here is worth a click that somebody steals.
    frames = "frame-ancestors 'self' https://huggingface.co"
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; {frames}"
    return looks, policy
