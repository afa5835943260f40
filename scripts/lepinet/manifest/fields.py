"""The kinds of text and number that stand in `models.yaml`, each with the half sentence that refuses another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, LiteralString

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from lepinet.target import HUB_REPOSITORY

# Semantic Versioning 2.0.0, the expression of semver.org without its group names, with `v` in front.
_IDENTIFIER = r"(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
VERSION = (
    r"^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    rf"(-{_IDENTIFIER}(\.{_IDENTIFIER})*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$"
)
# What a name by hand may be: visible characters, and no space at either end or beside another.
_VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]+"
_OLD = rf"^{_VISIBLE}( {_VISIBLE})*$"
# No part is empty, `.` or `..`; no drive, no backslash: one spelling for one place, on every system.
_PART = r"\.?[^./\\:\x00-\x1f][^/\\:\x00-\x1f]*"


@dataclass(frozen=True)
class Shape:
    """Text of one shape; the pattern (of Python and of JSON Schema alike) also stands in the schema."""

    pattern: str
    complaint: LiteralString
    longest: int = 100

    def check(self, text: str) -> str:
        if len(text) > self.longest or not re.fullmatch(self.pattern, text):  # `$` alone lets a line end pass
            raise PydanticCustomError("shape", self.complaint)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern, "maxLength": self.longest}


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)
"""What every clock, database and calendar on the way can say."""


def _exact(value: object) -> object:
    """A number with a point arrives as `Decimal`, exact to the last digit of its text; a whole number is one too."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    raise PydanticCustomError("number", "but must be a number")


def _figure(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _moment(value: object) -> object:
    """ISO 8601 with its offset, which YAML's own dates lose."""
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise PydanticCustomError("moment", "but must be a time with its offset, such as 2026-11-20T10:00:00Z")
    if not EARLIEST <= moment <= LATEST:
        raise PydanticCustomError("moment", "but must lie between 1970 and 2999")
    return moment


def _existing(version: str, info: ValidationInfo) -> str:
    """The loader hands in the file's versions as context."""
    names: Mapping[str, Any] | None = info.context
    if names is not None and version not in names:
        raise PydanticCustomError("unknown_version", "and no version has that name", {"names": names})
    return version


_SEMANTIC = Shape(VERSION, "but a version is v and a semantic version, such as v1.2.0")
_OLD_NAME = Shape(_OLD, "but an old name is a line of up to 100 visible characters, with single spaces")


def _declared_name(name: str, info: ValidationInfo) -> str:
    """A semantic version; of an old version what people called it, where the version itself says that it is one."""
    declared = (info.context or {}).get(name)
    if not isinstance(declared, Mapping) or declared.get("legacy") is not True:
        return _SEMANTIC.check(name)
    if re.fullmatch(VERSION, name):
        raise PydanticCustomError("not_legacy", "and that is no old name: take `legacy: true` out")
    return _OLD_NAME.check(name)


@dataclass(frozen=True)
class VersionNames:
    """How the schema says which names versions have."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        versions = handler(schema)
        version = versions.pop("additionalProperties")
        old = {"properties": {"legacy": {"const": True}}, "required": ["legacy"]}
        return {
            **versions,
            "patternProperties": {VERSION: version},
            "additionalProperties": {"allOf": [version, old]},
            "propertyNames": {"maxLength": _SEMANTIC.longest},
        }


VersionName = Annotated[str, _SEMANTIC]
DeclaredName = Annotated[str, AfterValidator(_declared_name)]
"""A version's name in the file; the loader hands in the versions as context."""
VersionReference = Annotated[str, AfterValidator(_existing)]


def _not_reserved(name: str) -> str:
    """An environment has one of its name on GitHub, and the workflows have some more there."""
    if re.fullmatch(r"monitor(-.*)?|.*-emergency|trusted-check|hub", name):
        raise PydanticCustomError("reserved", "but LepiNet's workflows keep that name for an environment of their own")
    return name


EnvironmentName = Annotated[
    str,
    Shape(r"^[a-z][a-z0-9-]*$", "but an environment's name is small letters, digits and hyphens", 40),
    AfterValidator(_not_reserved),
]
PATH = rf"^{_PART}(/{_PART})*$"
RelativePath = Annotated[
    str, Shape(PATH, "but must be a plain path inside of the repository, such as tests/known_images", 500)
]
REVISION = r"^([0-9a-f]{40}|sha256:[0-9a-f]{64})$"
Revision = Annotated[
    str,
    Shape(
        REVISION,
        "but a revision is 40 hex digits (a commit on the Hub) or sha256: and 64 hex digits (a folder's files)",
    ),
]
Link = Annotated[str, Shape(r"^https?://[^\s@/?#]+([/?#]\S*)?$", "but must be https://… without a password", 2000)]
PROJECT_URL = r"^(https://[A-Za-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:[0-9]+)?/?$"
"""Where a Supabase project answers: without a path, and without TLS on this machine only."""
ProjectUrl = Annotated[
    str, Shape(PROJECT_URL, "but a project's url is like https://abcdefghijklmnopqrst.supabase.co, without a path", 300)
]
PredictUrl = Annotated[
    str,
    Shape(
        r"^(https://[^\s@/?#]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)(/[^\s?#]*)?$",
        "but must be where photos are posted, such as https://api.example.org/predict",
        500,
    ),
]
Namespace = Annotated[
    str, Shape(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "but a namespace is a user or an organisation of the Hub", 96)
]
EndpointName = Annotated[
    str,
    Shape(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "but such a name is small letters, digits and hyphens", 32),
]
SpaceName = Annotated[str, Shape(rf"^{HUB_REPOSITORY.pattern}$", "but a Space is called org/name", 193)]
Text = Annotated[str, Shape(r"^\s*\S[\s\S]*$", "but must be text of up to 5,000 characters", 5000)]

Share = Annotated[
    Decimal, Field(ge=0, le=1), BeforeValidator(_exact, json_schema_input_type=Annotated[float, Field(ge=0, le=1)])
]
Margin = Annotated[
    Decimal, Field(gt=0, lt=1), BeforeValidator(_exact, json_schema_input_type=Annotated[float, Field(gt=0, lt=1)])
]
Confidence = Annotated[
    Decimal,
    Field(ge=Decimal("0.5"), lt=1),
    BeforeValidator(_exact, json_schema_input_type=Annotated[float, Field(ge=0.5, lt=1)]),
]
Ratio = Annotated[
    Decimal,
    Field(ge=1, le=100),
    BeforeValidator(_exact, json_schema_input_type=Annotated[float, Field(ge=1, le=100)]),
]
Figure = Annotated[
    float, Field(ge=0, le=1), BeforeValidator(_figure, json_schema_input_type=Annotated[float, Field(ge=0, le=1)])
]
Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=datetime)]
