"""The OpenAPI document, made of the operations that the app is made of and of the models that write its answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any, Literal

from pydantic import TypeAdapter

from lepinet import __version__
from lepinet.report.schemas import Generator
from lepinet.serving.answers import ErrorAnswer, PhotoLimits
from lepinet.serving.observed import REQUEST_ID
from lepinet.serving.photo import FIELD
from lepinet.serving.refusal import ASK_AGAIN, STATUS, ErrorKind

_JSON = "application/json"
_REFERENCE = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked for."""

    name: str
    """Of the function that a generator makes of it."""
    method: Literal["GET", "POST"]
    path: str
    does: str
    """In a sentence."""
    answer: type | None = None
    """What the JSON says; None where the answer is of another kind."""
    text: str | None = None
    """The media type of an answer that is no JSON, or not only."""
    errors: Sequence[ErrorKind] = ()
    takes_photo: bool = False
    tagged: bool = False
    """With an ETag: who has the answer already is told so."""


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.1."""
    models = dict.fromkeys([ErrorAnswer, *(one.answer for one in operations if one.answer)])
    _, schemas = TypeAdapter.json_schemas(
        [(model, "serialization", TypeAdapter(model)) for model in models],
        schema_generator=Generator,
        ref_template=_REFERENCE,
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "LepiNet",
            "version": __version__,
            "description": "Names the species on photos; each answer names the model version that gave it.",
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _operation(one: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.does,
        "parameters": [_header(REQUEST_ID, "Named in answer and log")],
    }
    if one.tagged:
        described["parameters"].append(_header("If-None-Match", "ETags of answers that are there already"))
    if one.takes_photo:
        described["requestBody"] = _FORM
    described["responses"] = {str(int(status)): answer for status, answer in sorted(_responses(one))}
    return described


def _responses(one: Operation) -> Iterable[tuple[HTTPStatus, dict[str, Any]]]:
    content: dict[str, Any] = {}
    if one.answer:
        content[_JSON] = {"schema": {"$ref": _REFERENCE.format(model=one.answer.__name__)}}
    if one.text:
        content[one.text] = {"schema": {"type": "object" if one.text == _JSON else "string"}}
    yield (
        HTTPStatus.OK,
        {"description": "Answered", "headers": _headers("ETag" if one.tagged else None), "content": content},
    )
    if one.tagged:
        yield HTTPStatus.NOT_MODIFIED, {"description": "It is there already", "headers": _headers("ETag")}
    by_status = sorted(one.errors, key=lambda kind: STATUS[kind])
    for status, kinds in groupby(by_status, lambda kind: STATUS[kind]):
        content = {
            _JSON: {"schema": {"$ref": _REFERENCE.format(model=ErrorAnswer.__name__)}},
            "text/html": {"schema": {"type": "string"}},
        }
        headers = _headers("Retry-After" if status in ASK_AGAIN else None)
        yield status, {"description": ", ".join(kinds), "headers": headers, "content": content}


def _headers(further: str | None) -> dict[str, Any]:
    names = (REQUEST_ID, further) if further else (REQUEST_ID,)
    return {name: {"schema": {"type": "string"}, "required": True} for name in names}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {FIELD: {"type": "string", "format": "binary", "description": "The file of a photo"}},
                "required": [FIELD],
            },
            "encoding": {FIELD: {"contentType": ", ".join(PhotoLimits().formats)}},
        }
    },
}
