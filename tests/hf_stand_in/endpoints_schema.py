"""JSON Schemas of the eight routes of the Inference Endpoints' management.

They hold what the official client sends and reads, and what the published descriptions of the service's own schemas
require; no answer may have another key, so that nothing is made up.
"""

from __future__ import annotations

from typing import Any

STATES = ("pending", "initializing", "updating", "updateFailed", "running", "paused", "failed", "scaledToZero")
_TEXT, _COUNT, _FLAG = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
_DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_NAME = {"type": "string", "pattern": "^[a-z0-9-]{1,32}$"}
_WORDS = {"type": "object", "additionalProperties": _TEXT}


def _shape(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_IMAGE = {
    "oneOf": [
        _shape({"huggingface": {"type": "object"}}),
        _shape({"custom": _shape({"url": _TEXT}, {"port": _COUNT, "healthRoute": _TEXT, "credentials": _WORDS})}),
    ]
}
_REVISION = {"type": ["string", "null"]}
_MODEL = _shape(
    {
        "framework": {"enum": ["custom", "pytorch", "llamacpp"]},
        "image": _IMAGE,
        "repository": _TEXT,
        "revision": _REVISION,
    },
    {"task": _TEXT, "env": _WORDS, "secrets": _WORDS, "command": {"type": "array"}, "args": {"type": "array"}},
)
_SCALING = _shape(
    {"minReplica": _COUNT, "maxReplica": _COUNT},
    {
        "scaleToZeroTimeout": {"type": ["integer", "null"], "minimum": 15, "maximum": 2880},
        "measure": {"type": "object"},
    },
)
_COMPUTE = _shape(
    {
        "accelerator": {"enum": ["cpu", "gpu", "neuron"]},
        "instanceSize": _TEXT,
        "instanceType": _TEXT,
        "scaling": _SCALING,
    }
)
_PROVIDER = _shape({"vendor": _TEXT, "region": _TEXT})
_USER = _shape({"id": _TEXT, "name": _TEXT})
_TYPE = {"enum": ["public", "authenticated", "private"]}
_STATUS = _shape(
    {
        "createdAt": _DATE,
        "createdBy": _USER,
        "updatedAt": _DATE,
        "updatedBy": _USER,
        "state": {"enum": list(STATES)},
        "message": _TEXT,
        "readyReplica": _COUNT,
        "targetReplica": _COUNT,
    },
    {"url": _TEXT, "errorMessage": _TEXT, "lastUsedAt": _DATE},
)
ENDPOINT = _shape(
    {
        "name": _NAME,
        "type": _TYPE,
        "provider": _PROVIDER,
        "compute": _COMPUTE,
        "model": _MODEL,
        "status": _STATUS,
        "healthRoute": _TEXT,
        "cacheHttpResponses": _FLAG,
        "experimentalFeatures": {"type": "object"},
        "notifications": {"type": "object"},
        "tags": {"type": "array", "items": _TEXT},
    },
    {"route": _shape({"domain": _TEXT, "path": _TEXT})},
)
_CHANGED_MODEL = _shape({}, _MODEL["properties"])
CREATE = _shape(
    {"name": _NAME, "type": _TYPE, "provider": _PROVIDER, "compute": _COMPUTE, "model": _MODEL},
    {"route": {"type": "object"}, "cacheHttpResponses": _FLAG, "tags": {"type": "array", "items": _TEXT}},
)
UPDATE = _shape(
    {},
    {
        "compute": _shape({}, _COMPUTE["properties"] | {"scaling": _shape({}, _SCALING["properties"])}),
        "model": _CHANGED_MODEL,
        "type": _TYPE,
        "route": {"type": "object"},
        "cacheHttpResponses": _FLAG,
        "tags": {"type": "array", "items": _TEXT},
    },
)
NOTHING: dict[str, Any] = {"type": "null"}
ROUTES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "list": (
        NOTHING,
        _shape({"items": {"type": "array", "items": ENDPOINT}}, {"nextCursor": _TEXT, "prevCursor": _TEXT}),
    ),
    "get": (NOTHING, ENDPOINT),
    "create": (CREATE, ENDPOINT),
    "update": (UPDATE, ENDPOINT),
    "delete": (NOTHING, NOTHING),
    "pause": (NOTHING, ENDPOINT),
    "resume": (NOTHING, ENDPOINT),
    "scale-to-zero": (NOTHING, ENDPOINT),
}
"""What is sent, and what is answered where all is well."""
ERROR = _shape({"error": _TEXT})
