"""What pydantic finds wrong, in the words of the file and with the near miss."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lepinet.manifest.model import (
    Environment,
    FollowsRegistrySettings,
    Gates,
    InferenceEndpointSettings,
    LocalEndpointSettings,
    Manifest,
    ModelVersion,
    NoEndpointSettings,
    Override,
    RegistrySettings,
    Retention,
    SpaceSettings,
    Value,
)
from lepinet.manifest.problems import Finding, near_miss, shown

MODELS: Mapping[tuple[str, ...], type[Value]] = {
    (): Manifest,
    ("environments", "*"): Environment,
    ("environments", "*", "registry"): RegistrySettings,
    ("environments", "*", "endpoint", "local"): LocalEndpointSettings,
    ("environments", "*", "endpoint", "inference-endpoint"): InferenceEndpointSettings,
    ("environments", "*", "endpoint", "space"): SpaceSettings,
    ("environments", "*", "endpoint", "follows-registry"): FollowsRegistrySettings,
    ("environments", "*", "endpoint", "none"): NoEndpointSettings,
    ("environments", "*", "override"): Override,
    ("gates",): Gates,
    ("retention",): Retention,
    ("versions", "*"): ModelVersion,
}
"""Whose keys are known where; `*` is any name."""

_SENTENCES = {
    "string_type": "but must be text",
    "int_type": "but must be a whole number",
    "int_from_float": "but must be a whole number",
    "float_type": "but must be a number",
    "greater_than": "but must be more than {gt}",
    "greater_than_equal": "but must be at least {ge}",
    "less_than": "but must be less than {lt}",
    "less_than_equal": "but must be at most {le}",
    "literal_error": "but must be {expected}",
    "union_tag_invalid": "but its kind must be one of {expected_tags}",
    "union_tag_not_found": "but needs a kind",
    "too_short": "but needs at least one entry",
} | dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "but must have keys of its own")
_KEY = "[key]"


def finding(error: Mapping[str, Any]) -> Finding:
    """One entry of `ValidationError.errors()` as a finding."""
    loc = tuple(str(part) for part in error["loc"])
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    path = _path(loc)
    if kind == "extra_forbidden":
        message = f"{_label(path[:-1])} has no key {shown(path[-1])}"
        return Finding(path, message, near_miss(path[-1], _known_keys(loc[:-1])), at_key=True)
    if kind == "missing":
        return Finding(path[:-1], f"{_label(path[:-1])} has no {path[-1]}, and needs one", at_key=True)
    if kind == "override":
        hint = "take the override out, or name the active version in it"
        return Finding((*path, "version"), f"{_label(path)} {error['msg']}", hint)
    if kind == "shared":
        path = (*path, context["name"], "endpoint")
        return Finding(path, f"{_label(path)} {error['msg']}", "each needs an endpoint of its own")
    if kind == "of_the_hub":
        path = ("environments", context["name"], "active")
        hint = "push it to the Hub, and register that commit as a version"
        return Finding(path, f"{_label(path)} {error['msg']}", hint)
    if kind == "union_tag_invalid":
        given = context["tag"]
    complaint = _SENTENCES[kind].format(**context) if kind in _SENTENCES else error["msg"]
    at_key = loc[-1:] == (_KEY,)
    label = f"a name in {_label(path[:-1])}" if at_key else _label(path)
    return Finding(path, f"{label} is {_given(given)}, {complaint}", _hint(kind, given, context), at_key)


def _path(loc: tuple[str, ...]) -> tuple[str, ...]:
    """Pydantic's place without what stands only there: the mark of a key, and the kind of an endpoint."""
    in_endpoint = len(loc) > 4 and loc[0] == "environments" and loc[2] == "endpoint"
    return tuple(part for place, part in enumerate(loc) if part != _KEY and not (in_endpoint and place == 3))


def _known_keys(loc: tuple[str, ...]) -> tuple[str, ...]:
    named = len(loc) > 1 and loc[0] in ("environments", "versions")
    model = MODELS.get((loc[0], "*", *loc[2:]) if named else loc)
    return tuple(model.model_fields) if model else ()


def _hint(kind: str, given: Any, context: Mapping[str, Any]) -> str:
    if kind == "unknown_version":
        return near_miss(given, context["names"]) or "the file has no versions"
    if kind == "union_tag_invalid":
        return near_miss(context["tag"], _words(context["expected_tags"]))
    if kind == "literal_error" and isinstance(given, str):
        return near_miss(given, _words(context["expected"]))
    if kind == "string_type" and isinstance(given, bool | int | Decimal):
        return "put it in quotes"
    return ""


def _words(listed: str) -> list[str]:
    """The words in `'ask' or 'block'`."""
    return listed.split("'")[1::2]


def _label(path: tuple[str, ...]) -> str:
    """How people call a place: `production.active`, `gates.confidence`."""
    names = path[1:] if len(path) > 1 and path[0] == "environments" else path
    return shown(".".join(names), 120) if names else "the file"


def _given(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return shown(str(value).lower() if isinstance(value, bool) else str(value))
