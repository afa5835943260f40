"""Cut what the stand-in needs out of GitHub's published OpenAPI description, as plain JSON Schema.

    npm install @octokit/openapi@23.0.2
    python -m github_stand_in.cut node_modules/@octokit/openapi/generated/api.github.com.json

The package is MIT-licensed (Copyright (c) 2020 Octokit contributors); the cut says so, with its version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CUT = Path(__file__).parent / "openapi.json"
_REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    f"{_REPOSITORY}/pulls": ("get", "post"),
    f"{_REPOSITORY}/pulls/{{pull_number}}": ("get", "patch"),
    f"{_REPOSITORY}/issues": ("get", "post"),
    f"{_REPOSITORY}/issues/{{issue_number}}": ("patch",),
    f"{_REPOSITORY}/issues/{{issue_number}}/comments": ("get", "post"),
    f"{_REPOSITORY}/issues/comments/{{comment_id}}": ("delete", "patch"),
    f"{_REPOSITORY}/deployments": ("get", "post"),
    f"{_REPOSITORY}/deployments/{{deployment_id}}/statuses": ("get", "post"),
    f"{_REPOSITORY}/environments": ("get",),
    f"{_REPOSITORY}/environments/{{environment_name}}": ("put",),
    f"{_REPOSITORY}/environments/{{environment_name}}/deployment-branch-policies": ("get", "post"),
    f"{_REPOSITORY}/environments/{{environment_name}}/secrets": ("get",),
    f"{_REPOSITORY}/environments/{{environment_name}}/secrets/{{secret_name}}": ("put",),
    f"{_REPOSITORY}/environments/{{environment_name}}/variables": ("get", "post"),
    f"{_REPOSITORY}/actions/permissions/workflow": ("get", "put"),
    f"{_REPOSITORY}/actions/variables": ("get", "post"),
    f"{_REPOSITORY}/actions/variables/{{name}}": ("patch",),
    f"{_REPOSITORY}/rules/branches/{{branch}}": ("get",),
    f"{_REPOSITORY}/rulesets": ("post",),
    f"{_REPOSITORY}/commits/{{commit_sha}}/pulls": ("get",),
    f"{_REPOSITORY}/commits/{{ref}}/check-runs": ("get",),
    f"{_REPOSITORY}/check-runs": ("post",),
    f"{_REPOSITORY}/check-runs/{{check_run_id}}": ("patch",),
    f"{_REPOSITORY}/git/blobs": ("post",),
    f"{_REPOSITORY}/git/trees": ("post",),
    f"{_REPOSITORY}/git/commits": ("post",),
    f"{_REPOSITORY}/git/refs": ("post",),
    f"{_REPOSITORY}/git/refs/{{ref}}": ("patch",),
    f"{_REPOSITORY}/git/ref/{{ref}}": ("get",),
    f"{_REPOSITORY}/actions/workflows/{{workflow_id}}/dispatches": ("post",),
    f"{_REPOSITORY}/actions/workflows/{{workflow_id}}/runs": ("get",),
    f"{_REPOSITORY}/releases": ("post",),
    f"{_REPOSITORY}/releases/{{release_id}}": ("patch",),
    f"{_REPOSITORY}/releases/{{release_id}}/assets": ("post",),
}
_PROSE = {"description", "summary", "example", "examples", "externalDocs", "tags", "x-github", "operationId"}
_SOURCE = "@octokit/openapi 23.0.2, api.github.com.json; MIT, Copyright (c) 2020 Octokit contributors"


def cut(whole: Any) -> Any:
    """The operations and all that they refer to."""
    paths = {
        path: {method: _plain(whole["paths"][path][method]) for method in methods}
        for path, methods in OPERATIONS.items()
    }
    components: dict[str, dict[str, Any]] = {}
    wanted = set(_references(paths))
    while wanted:
        reference = wanted.pop()
        _, _, kind, name = reference.split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = _plain(whole["components"][kind][name])
            wanted |= set(_references(components[kind][name]))
    return {"source": _SOURCE, "paths": paths, "components": components}


def _plain(value: Any) -> Any:
    """Without prose, and `nullable` (OpenAPI 3.0) as JSON Schema says it."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    # A property may be called like a piece of prose; a piece of prose is text, a property is a schema.
    kept = {key: _plain(item) for key, item in value.items() if key not in _PROSE or _is_schema(item)}
    if kept.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, kept]}
    return kept


def _is_schema(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf"})


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


if __name__ == "__main__":
    CUT.write_text(
        json.dumps(cut(json.loads(Path(sys.argv[1]).read_text())), separators=(",", ":"), sort_keys=True) + "\n"
    )
