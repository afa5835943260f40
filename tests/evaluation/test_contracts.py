"""Which contract a live endpoint speaks is found out by asking."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from evaluation.colour_model import photo
from evaluation.misbehaving_endpoint import Deed, Endpoint, misbehaving_endpoint, right, status
from lepinet.errors import OutsideError
from lepinet.evaluation.predictors import Guess, RawAnswer
from lepinet.evaluation.predictors.http import EndpointPredictor
from lepinet.timings import Timings

TIMINGS = Timings(prediction=10, retry=0.01, retries=2, known_images=60, poll=0.01, start=10)
PHOTO = photo("red")
LABELS = [{"label": "Blue Tiger", "score": 0.75}, {"score": 0.25, "label": "Common Crow"}]
NOT_SUPPORTED = status(400, b'{"error": "Content type \\"multipart/form-data\\" not supported"}')
NO_FORM = status(415, b'{"error": "send the photo as multipart/form-data, field image"}')
SLEEPS = status(503, b'{"error": "503 Service Unavailable", "code": "SERVICE_UNAVAILABLE"}')
THE_HUBS, OURS = "the Hub's image-classification", "LepiNet's /predict"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with misbehaving_endpoint() as endpoint:
        yield endpoint


def classified(value: Any = LABELS) -> Deed:
    return status(200, json.dumps(value).encode())


def ask(
    endpoint: Endpoint, *deeds: Deed, photos: int = 1, timings: Timings = TIMINGS, **options: Any
) -> tuple[list[RawAnswer], str | None]:
    """What was answered, and by which contract."""
    endpoint.deeds = list(deeds)
    with EndpointPredictor(endpoint.url, timings, **options) as predictor:
        return predictor.answer([PHOTO] * photos), predictor.identity().contract


def test_an_endpoint_of_the_hub_is_asked_with_the_photo_as_it_is(endpoint: Endpoint) -> None:
    (first, second), contract = ask(endpoint, NOT_SUPPORTED, classified(), photos=2, token="hf_asha")  # noqa: S106
    assert first.top == second.top == (Guess("Blue Tiger", 0.75), Guess("Common Crow", 0.25))
    assert contract == THE_HUBS
    form, *raw = endpoint.requests
    assert len(form.parts) == 1
    for request in raw:
        assert (request.body, request.headers["Content-Type"]) == (PHOTO, "image/png")
    for request in endpoint.requests:
        assert request.headers["x-use-cache"] == "false"
        assert request.authorization == "Bearer hf_asha"


def test_ours_is_asked_once(endpoint: Endpoint) -> None:
    answers, contract = ask(endpoint, right(), photos=3)
    assert all(answer.top for answer in answers)
    assert (contract, len(endpoint.requests)) == (OURS, 3)


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "bmp", "webp", "tiff"])
def test_the_type_is_what_the_file_is(endpoint: Endpoint, kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)
    endpoint.deeds = [NOT_SUPPORTED, classified()]
    with EndpointPredictor(endpoint.url, TIMINGS) as predictor:
        predictor.answer([file.getvalue()])
    assert endpoint.requests[1].headers["Content-Type"] == f"image/{kind}"


def test_a_photo_that_ours_cannot_read_says_why(endpoint: Endpoint) -> None:
    (answer,), contract = ask(endpoint, status(400, b'{"error": "photo: is no image"}'), NO_FORM)
    assert answer.error == 'HTTP 400: {"error": "photo: is no image"}'
    assert contract is None


def test_a_paused_one_says_so(endpoint: Endpoint) -> None:
    paused = status(400, b'{"error": "Bad Request: The endpoint is paused, ask a maintainer to restart it"}')
    (answer,), contract = ask(endpoint, paused)
    assert "is paused, ask a maintainer" in (answer.error or "")
    assert contract is None


def test_one_at_zero_is_waited_for_however_often_it_takes(endpoint: Endpoint) -> None:
    (answer,), _ = ask(endpoint, *[SLEEPS] * 20, NOT_SUPPORTED, classified())
    assert answer.top


def test_one_that_does_not_start_in_time_is_told(endpoint: Endpoint) -> None:
    with pytest.raises(OutsideError, match="none of its replicas runs"):
        ask(endpoint, SLEEPS, photos=3, timings=replace(TIMINGS, start=0.1))
    endpoint.requests.clear()
    with pytest.raises(OutsideError, match="none of its replicas runs"):
        ask(endpoint, SLEEPS, photos=3, asleep=False)
    assert len(endpoint.requests) == 3


def test_a_sum_in_single_precision_is_taken_for_one(endpoint: Endpoint) -> None:
    (answer,), _ = ask(endpoint, NOT_SUPPORTED, classified([{"label": "Blue Tiger", "score": 1.0000002}]))
    assert answer.top == (Guess("Blue Tiger", 1.0),)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        None,
        "Blue Tiger",
        [{"label": "Blue Tiger"}],
        [{"label": 7, "score": 0.5}],
        [{"label": "Blue Tiger", "score": "0.5"}],
        [{"label": "Blue Tiger", "score": 1.5}],
        [{"label": "Blue Tiger", "score": -0.5}],
        [{"label": "Blue Tiger", "score": float("nan")}],
        {"predicted_id": "001", "predicted_name": "Common Mormon", "confidence": 0.5},
    ],
)
def test_what_is_no_list_of_labels_is_not_believed(endpoint: Endpoint, value: Any) -> None:
    (answer,), contract = ask(endpoint, NOT_SUPPORTED, classified(value))
    assert (answer.error or "").startswith("the endpoint's answer makes no sense: ")
    assert contract is None
