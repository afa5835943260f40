"""The JSON Schemas of what commands write with --json; what a field means is taken from beside it."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lepinet.evaluation.results import Results
from lepinet.evaluation.survey import Survey
from lepinet.report.documents import CheckDocument, ComparisonDocument

DOCUMENTS: dict[str, type[BaseModel]] = {
    "test": Results,
    "compare": ComparisonDocument,
    "check": CheckDocument,
    "known-images": Survey,
}
"""By the command that writes them."""


class Generator(GenerateJsonSchema):
    """Of what is written: every key is there, and more may come with a later LepiNet; each with its docstring."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _described(super().dataclass_schema(schema), schema["cls"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002, FBT001 -- the base class calls it so
        return True

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- the base class calls it so
        return False


def schema(name: str) -> dict[str, Any]:
    """The schema of one document as plain data, draft 2020-12.

    Args:
        name: one of `DOCUMENTS`.
    """
    generated = DOCUMENTS[name].model_json_schema(mode="serialization", schema_generator=Generator)
    return {"$schema": Generator.schema_dialect, **generated, "title": f"What lepinet {name} --json writes"}


def schema_text(name: str) -> str:
    """The schema as the file `docs/schemas/<name>.json` has it."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def _described(generated: JsonSchemaValue, kind: type) -> JsonSchemaValue:
    generated.pop("additionalProperties", None)
    meanings = {key: text for parent in reversed(kind.__mro__[:-1]) for key, text in _docstrings(parent).items()}
    for key, field in generated.get("properties", {}).items():
        if key in meanings:
            field["description"] = meanings[key]
    return generated


def _docstrings(kind: type) -> dict[str, str]:
    """What stands under the fields of a class."""
    if kind.__module__.partition(".")[0] != __name__.partition(".")[0]:
        return {}
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    found: dict[str, str] = {}
    for field, after in pairwise(body.body if isinstance(body, ast.ClassDef) else ()):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                found[name] = inspect.cleandoc(text)
    return found
