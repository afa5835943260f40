"""How live endpoints take photos and what they answer: LepiNet's `/predict`, and the Hub's image classification."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lepinet.evaluation.predictors import TOP, Guess


@dataclass(frozen=True)
class Contract:
    """One way to ask."""

    name: str
    """As people are told."""
    request: Callable[[str, bytes], dict[str, Any]]
    """Arguments of the request for a photo, by its file name and content."""
    guesses: Callable[[Any], tuple[Guess, ...]]
    """From the JSON of an answer; raises ValueError when it does not keep to the contract."""


def _form(name: str, data: bytes) -> dict[str, Any]:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return {"files": {"image": (name, data, kind)}}


def _raw(_: str, data: bytes) -> dict[str, Any]:
    # Matched exactly at the other end, and by what the file is: its name may lie, or be missing.
    return {"content": data, "headers": {"Content-Type": f"image/{_format(data)}", "Accept": "application/json"}}


def _format(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    signatures = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"GIF8": "gif", b"BM": "bmp"}
    signatures |= {b"II*\0": "tiff", b"MM\0*": "tiff"}
    return next((kind for start, kind in signatures.items() if data.startswith(start)), "x-image")


def _predicted(value: Any) -> tuple[Guess, ...]:
    match value:
        case {"predicted_id": str(id_), "predicted_name": str(name), "confidence": int() | float() as confidence}:
            best = _species({"id": id_, "name": name, "confidence": confidence})
        case _:
            raise ValueError("predicted_id, predicted_name and confidence are not all there")
    match value.get("top"):
        case None | []:
            return (best,)
        case [*listed]:
            top = tuple(_species(item) for item in listed[:TOP])
            if top[0].label != best.label or list(top) != sorted(top, key=lambda guess: -guess.confidence):
                raise ValueError("top does not begin with the predicted species, best first")
            return top
    raise ValueError("top is no list")


def _species(item: Any) -> Guess:
    match item:
        case {"id": str(id_), "name": str(name), "confidence": int() | float() as confidence} if 0 <= confidence <= 1:
            return Guess(id_, float(confidence), name)
    raise ValueError("a species without id, name or a confidence from 0 to 1")


def _classified(value: Any) -> tuple[Guess, ...]:
    match value:
        case [_, *_]:
            return tuple(sorted((_label(item) for item in value), key=lambda guess: -guess.confidence)[:TOP])
    raise ValueError("there is no list of labels with scores")


def _label(item: Any) -> Guess:
    match item:
        # Some servers add up in single precision, and come to a little more than 1.
        case {"label": str(label), "score": int() | float() as score} if 0 <= score <= 1 + 1e-6:
            return Guess(label, min(float(score), 1.0))
    raise ValueError("a label without a score from 0 to 1")


PREDICT = Contract("LepiNet's /predict", _form, _predicted)
"""Multipart, the photo in the field `image`; one species with its confidence, and `top`."""
CLASSIFICATION = Contract("the Hub's image-classification", _raw, _classified)
"""The photo as it is, with its exact type; a list of labels with scores."""
