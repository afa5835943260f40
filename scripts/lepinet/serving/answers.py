"""What the server answers, as values: those that write the JSON also describe it in `/openapi.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from lepinet.endpoints.local_folder import ServerState
from lepinet.evaluation.answers import Score, Value
from lepinet.evaluation.labels import Species
from lepinet.evaluation.photos import FORMATS, LOWER_MAX_PIXELS, MAX_PIXELS
from lepinet.evaluation.predictors import TOP
from lepinet.serving.photo import FIELD, LARGEST_PHOTO
from lepinet.serving.refusal import ErrorKind
from lepinet.target import Target


class AnsweringVersion(Value):
    """The model version that answered."""

    version: str | None
    """Its name; null where a container was told of files only."""
    file_path: str
    """Hub repository, or a folder of the team's repository."""
    revision: str
    """40 hex digits (a commit of the Hub repository), or `sha256:` and 64 hex digits (a folder's files)."""

    @classmethod
    def of(cls, target: Target) -> AnsweringVersion:
        return cls(version=target.version, file_path=target.file_path, revision=target.revision)


class Prediction(Value):
    """What is on the photo."""

    predicted_id: str
    """The likeliest species."""
    predicted_name: str
    confidence: float = Field(ge=0, le=1)
    top: tuple[Score, ...]
    """The likeliest species, best first; the first one is the predicted one."""
    model: AnsweringVersion


def _type(name: str) -> str:
    """The media type of a format."""
    return f"image/{name.lower()}"


class PhotoLimits(Value):
    """What a photo may be, and where it goes."""

    field: str = FIELD
    """Of the form that is posted to `/predict`."""
    max_bytes: int = LARGEST_PHOTO
    max_pixels: int = MAX_PIXELS
    """Width times height, of any format but these:"""
    lower_max_pixels: Mapping[str, int] = {_type(name): most for name, most in LOWER_MAX_PIXELS.items()}
    """Of formats whose photos may have fewer pixels."""
    formats: tuple[str, ...] = tuple(map(_type, FORMATS))
    """What a file is decides its content, not its name or type."""


@dataclass(frozen=True)
class ServedModel(ServerState):
    """The model that answers, the one on its way, and all that an app has to know to ask."""

    top: int
    """How many species an answer names, at most."""
    photo: PhotoLimits
    species: str
    """Where the species that the model can name are listed."""

    @classmethod
    def of(cls, state: ServerState) -> ServedModel:
        return cls(**asdict(state), top=TOP, photo=PhotoLimits(), species="/species")


class SpeciesList(Value):
    """The species that the model can name."""

    model: AnsweringVersion
    species: tuple[Species, ...]
    """In the order of the model's outputs; a label that is no species of the team's list stands for itself."""


class Health(Value):
    """Photos are answered."""

    status: Literal["ok"] = "ok"
    model: str
    """In short, for people."""


class ErrorAnswer(Value):
    """Why a request was not answered as asked."""

    error: str
    """In a sentence, for people."""
    kind: ErrorKind
    """For programs."""
    request_id: str
    """As in `X-Request-ID`, and in the server's log."""


SERVED_MODEL = TypeAdapter(ServedModel)
