"""A version as a trainer hands it in: read into plain values, and as the command that registers it by hand."""

from __future__ import annotations

import json
import math
import operator
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from lepinet.manifest.command import register_command
from lepinet.manifest.fields import Link, RelativePath, Revision, Text, VersionName

_NEEDED = ("version_name", "file_path")
_MOST_IMAGES = 2**31 - 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _line(value: object) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text.strip() or _CONTROL.search(text):
        raise PydanticCustomError("line", "and must be a line of text")
    return text.strip()


def _count(value: Any) -> int:
    """Of any whole number, NumPy's too."""
    with suppress(TypeError):
        if 0 <= operator.index(value) <= _MOST_IMAGES:
            return operator.index(value)
    raise PydanticCustomError("count", "and must be a whole number from 0 to {most}", {"most": _MOST_IMAGES})


def _share(value: object) -> float:
    share = _number(value)
    if 0 <= share <= 1:
        return share
    meant = from_percent(share)
    question = f": {meant:.10g}, if that is percent" if meant is not None else ""
    raise PydanticCustomError("share", "and must be a number between 0 and 1{question}", {"question": question})


def _number(value: Any) -> float:
    """Of anything that is one number, NumPy's and a tensor with one element too; NaN of anything else."""
    with suppress(TypeError, ValueError, OverflowError, RuntimeError):
        return float(value)
    return math.nan


def from_percent(value: object) -> float | None:
    """The share that was meant by somebody who gave percent; None where that cannot be."""
    percent = _number(value)
    return float(f"{percent / 100:.10g}") if 1 < percent <= 100 else None


def _json(value: Any) -> Any:
    """As JSON holds it; arrays and tensors become numbers and lists."""
    try:
        return json.loads(json.dumps(dict(value), default=lambda other: other.tolist(), allow_nan=False))
    except (TypeError, ValueError, AttributeError, RecursionError):
        raise PydanticCustomError("json", "and must be a dict of what JSON can hold (NaN it cannot)") from None


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul", "and must be text without the character NUL")
    return text


class TrainedVersion(BaseModel):
    """One trained model, as the registry takes it; a name or path that could not be read is empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version_name: Annotated[str, BeforeValidator(_line)] = ""
    file_path: Annotated[str, BeforeValidator(_line)] = ""
    training_image_count: Annotated[int, BeforeValidator(_count)] | None = None
    accuracy_score: Annotated[float, BeforeValidator(_share)] | None = None
    """0 to 1."""
    revision: Revision | None = None
    notes: Annotated[Text, AfterValidator(_no_nul)] | None = None
    links: dict[Annotated[str, BeforeValidator(_line)], Link] | None = None
    metrics: Annotated[dict[str, Any], BeforeValidator(_json)] | None = None

    def unfit_for_models_yaml(self) -> str | None:
        """What the registry takes, for the sake of its old rows, but models.yaml does not."""
        if not _takes(VersionName, self.version_name):
            return f"names of versions there are like v1.2.3, not like {self.version_name}"
        if not _takes(RelativePath, self.file_path):
            return f"a model there is org/name on the Hub or a folder of the repository, not {self.file_path}"
        return None

    def register_command(self) -> str:
        """The whole `lepinet register …` that puts the version into models.yaml, quoted for a shell."""
        return register_command(
            self.version_name,
            self.file_path,
            revision=self.revision,
            training_image_count=self.training_image_count,
            accuracy_score=self.accuracy_score,
            notes=self.notes,
            links=self.links,
        )

    def __str__(self) -> str:
        revision = (self.revision or "").removeprefix("sha256:")[:7]
        return f"{self.file_path} @ {revision}" if revision else self.file_path


def read_version(given: Mapping[str, Any]) -> tuple[TrainedVersion, tuple[str, ...]]:
    """The version, and a sentence about every value that cannot be used and is left out of it.

    Args:
        given: values by the names of `TrainedVersion`; absent is None, and so is empty text where it may be absent.
    """
    values = {name: value for name, value in given.items() if name in _NEEDED or not _is_empty(value)}
    try:
        return TrainedVersion.model_validate(values), ()
    except ValidationError as error:
        wrong = {str(details["loc"][0]): details for details in error.errors(include_url=False)}
    complaints = tuple(f"{name} is {_shown(details['input'])}, {details['msg']}" for name, details in wrong.items())
    usable: dict[str, Any] = {name: value for name, value in values.items() if name not in wrong}
    if "accuracy_score" in wrong:
        usable["accuracy_score"] = from_percent(values["accuracy_score"])
    return TrainedVersion.model_validate(usable), complaints


def _takes(shape: Any, text: str) -> bool:
    with suppress(ValidationError):
        TypeAdapter(shape).validate_python(text)
        return True
    return False


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str | dict) and not value)


def _shown(value: object) -> str:
    if isinstance(value, str) and not value.strip():
        return "empty"
    return " ".join(f"{value!r:.100}".split())
