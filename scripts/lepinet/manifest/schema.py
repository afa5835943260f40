"""The JSON Schema of `models.yaml`, for editors; the strict reader knows more than a schema can say."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lepinet.manifest.model import Manifest


class _Generator(GenerateJsonSchema):
    """As pydantic writes it, but for numbers as numbers, names of one shape only, and no titles that repeat a key."""

    def encode_default(self, dft: Any) -> Any:
        return float(dft) if isinstance(dft, Decimal) else super().encode_default(dft)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        generated = super().dict_schema(schema)
        return {**generated, "additionalProperties": False} if "patternProperties" in generated else generated

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # the base class hands it over
        return False


def schema() -> dict[str, Any]:
    """The schema as plain data, draft 2020-12."""
    generated = Manifest.model_json_schema(schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated, "title": "models.yaml of LepiNet"}


def schema_text() -> str:
    """The schema as the file `models.schema.json` has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
