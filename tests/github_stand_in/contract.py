"""GitHub's published description as a judge of requests and answers, of our client and of the stand-in alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from github_stand_in.cut import CUT

DESCRIPTION: Any = json.loads(CUT.read_text())
_HERE = "urn:github"
_REGISTRY: Any = Registry().with_resource(_HERE, DRAFT202012.create_resource(DESCRIPTION))


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str

    @cached_property
    def described(self) -> Any:
        return DESCRIPTION["paths"][self.path][self.method]

    @property
    def pointer(self) -> str:
        escaped = self.path.replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
        return f"{_HERE}#/paths/{escaped}/{self.method}"

    def wrong_request(self, query: Mapping[str, str], body: Any) -> list[str]:
        """What GitHub would refuse, and what it would pass over in silence: a name that it does not know."""
        return [*self._wrong_query(query), *self._wrong_body(body)]

    def wrong_answer(self, status: int, body: Any) -> list[str]:
        answers = self.described["responses"]
        if str(status) not in answers:
            return [f"{status} is not described"]
        if answers[str(status)] == {}:
            return [] if body is None else ["no body is expected"]
        if "$ref" in answers[str(status)]:  # the errors that many operations share
            return _wrong({"$ref": f"{_HERE}#/components/schemas/basic-error"}, body) if status != 422 else []
        return _wrong({"$ref": f"{self.pointer}/responses/{status}/content/application~1json/schema"}, body)

    def _wrong_query(self, query: Mapping[str, str]) -> Iterator[str]:
        known = {parameter["name"]: parameter for parameter in self._parameters() if parameter["in"] == "query"}
        for name, value in query.items():
            if name not in known:
                yield f"there is no parameter {name}"
                continue
            schema = known[name]["schema"]
            given = int(value) if schema.get("type") == "integer" and value.isdecimal() else value
            yield from (f"{name}: {problem}" for problem in _wrong(schema, given))

    def _wrong_body(self, body: Any) -> Iterator[str]:
        if "requestBody" not in self.described:
            yield from ["no body is expected"] if body is not None else []
            return
        if "application/octet-stream" in (content := self.described["requestBody"]["content"]):
            yield from [] if isinstance(body, bytes) else ["a file's content is expected"]
            return
        schema = content["application/json"]["schema"]
        yield from _wrong(
            {"$ref": f"{self.pointer}/requestBody/content/application~1json/schema"}, {} if body is None else body
        )
        if isinstance(body, dict) and "properties" in schema:
            yield from (f"there is no {name}" for name in body.keys() - schema["properties"].keys())

    def _parameters(self) -> Iterator[Any]:
        for parameter in self.described.get("parameters", ()):
            if "$ref" in parameter:
                yield DESCRIPTION["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
            else:
                yield parameter


OPERATIONS = tuple(Operation(method, path) for path, methods in DESCRIPTION["paths"].items() for method in methods)


def operation(method: str, path: str) -> Operation | None:
    """The operation that a request is; None where the cut has none."""
    for one in OPERATIONS:
        # The name of a branch has slashes in it, and it is the last part there.
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.sub(r"(git/refs?/)\\\{ref\\\}", r"\1.+", re.escape(one.path)))
        if one.method == method.lower() and re.fullmatch(pattern, path):
            return one
    return None


def filled(name: str, /, **known: Any) -> Any:
    """An answer of GitHub's schema of that name: what is known, and something that fits where more is required."""
    return _filled({"$ref": f"#/components/schemas/{name}"}) | known


def _wrong(schema: Any, value: Any) -> list[str]:
    validator = Draft202012Validator(schema, registry=_REGISTRY, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


_TEXTS = {"uri": "https://example.org/", "date-time": "2026-11-26T00:00:00Z", "email": "asha@example.org"}
_SIMPLE: Mapping[str, Any] = {"integer": 1, "number": 1, "boolean": False, "array": [], "null": None}


def _filled(schema: Any) -> Any:
    if "$ref" in schema:
        return _filled(DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _filled(schema[several][0])
    if "allOf" in schema:
        return {key: value for part in schema["allOf"] for key, value in _filled(part).items()}
    kind = schema.get("type", "object")
    if kind == "string":
        return _TEXTS.get(schema.get("format", ""), "text")
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    return {name: _filled(schema["properties"][name]) for name in schema.get("required", ())}
