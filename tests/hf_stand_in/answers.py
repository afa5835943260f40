"""What the Hub answers to each request, by the token that it comes with.

Shapes of `commits`, `refs` and `tree` are those of the published OpenAPI document
(https://huggingface.co/.well-known/openapi.json); that of a model, the files' headers and the errors, which are not in
it, are those that the official client reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from hf_stand_in.repository import Repository, StoredFile

DATE = "2025-11-24T16:00:00.000Z"
_COMMITS = 50
"""On a page, where the request does not say."""
_WINDOW = {"RateLimit": '"api";r=499;t=295', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: Mapping[str, str]
    url: str
    """Of the Hub, as the one who asks calls it."""
    token: str | None
    start: int
    """The first byte that is wanted of a file."""
    authorized: bool = True
    """The token, where there is one, is somebody's."""


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """An error as the Hub says it: the code and the message stand in headers."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **_WINDOW}
        self.reply = replace(json_reply({"error": message}, status), headers=headers)


def answer(asked: Asked, repositories: Mapping[str, Repository], storage: str) -> Reply:
    """What the Hub says.

    Args:
        asked: the request.
        repositories: by name.
        storage: the URL of the server that holds large files.
    """
    try:
        return _answer(asked, repositories, storage)
    except RefusedError as refused:
        return refused.reply


def stored(asked: Asked, repositories: Mapping[str, Repository]) -> Reply:
    """A large file from the storage, by its SHA-256."""
    sha256 = asked.path.rpartition("/")[2]
    for repository in repositories.values():
        for known, content in repository.large.values():
            if known == sha256:
                return _part(content, asked.start)
    return Reply(HTTPStatus.NOT_FOUND, b"")


def _answer(asked: Asked, repositories: Mapping[str, Repository], storage: str) -> Reply:
    if not asked.authorized:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "Invalid credentials in Authorization header")
    if asked.path == "/api/whoami-v2":
        return _whoami(asked)
    for pattern, route in _ROUTES:
        if found := pattern.fullmatch(asked.path):
            name, *rest = (unquote(part or "") for part in found.groups())
            repository = found_by(name, asked, repositories)
            if repository.moved_to is None:
                return route(repository, asked, *rest, storage)
            place = asked.path.replace(name, repository.moved_to, 1)
            query = "&".join(f"{key}={value}" for key, value in asked.query.items())
            return Reply(HTTPStatus.TEMPORARY_REDIRECT, b"", {"Location": f"{place}?{query}", **_WINDOW})
    raise RefusedError(HTTPStatus.NOT_FOUND, "Sorry, we can't find the page you are looking for.")


def found_by(name: str, asked: Asked, repositories: Mapping[str, Repository]) -> Repository:
    """What is private does not exist for those who may not read it."""
    repository = repositories.get(name)
    if repository is None or (repository.private and asked.token not in repository.readers):
        if asked.token is None:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "Invalid username or password.")
        raise RefusedError(HTTPStatus.NOT_FOUND, "Repository not found", "RepoNotFound")
    return repository


def _open(repository: Repository, asked: Asked) -> None:
    """Whether files may be read, which of a gated or disabled repository only its description may."""
    if repository.disabled:
        raise RefusedError(HTTPStatus.FORBIDDEN, "Access to this resource is disabled.")
    if repository.gated and asked.token not in repository.readers:
        status = HTTPStatus.FORBIDDEN if asked.token else HTTPStatus.UNAUTHORIZED
        raise RefusedError(status, f"Access to model {repository.name} is restricted.", "GatedRepo")


def needed_commit(repository: Repository, revision: str) -> str:
    commit = repository.resolve(revision)
    if commit is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def _whoami(asked: Asked) -> Reply:
    if asked.token is None:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "Invalid username or password.")
    access = {"displayName": "ci", "role": "fineGrained", "createdAt": DATE}
    return json_reply({"type": "user", "id": "0" * 24, "name": "asha", "orgs": [], "auth": {"accessToken": access}})


def _info(repository: Repository, asked: Asked, revision: str, _: str) -> Reply:
    commit = needed_commit(repository, revision or "main")
    value: dict[str, Any] = {
        "_id": "0" * 24,
        "id": repository.name,
        "modelId": repository.name,
        "author": repository.name.partition("/")[0],
        "sha": commit,
        "createdAt": DATE,
        "lastModified": DATE,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": repository.disabled,
        "downloads": 0,
        "likes": 0,
        "tags": ["onnx"],
        "siblings": [_sibling(file, "blobs" in asked.query) for file in repository.files(commit)],
    }
    if "securityStatus" in asked.query and repository.security is not None:
        value["securityRepoStatus"] = repository.security
    return json_reply(value)


def _sibling(file: StoredFile, blobs: bool) -> dict[str, Any]:  # noqa: FBT001 -- as the query has it
    value: dict[str, Any] = {"rfilename": file.name}
    if blobs:
        value |= {"size": file.size, "blobId": file.blob_id}
        if file.sha256:
            value["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
    return value


def _tree(repository: Repository, asked: Asked, revision: str, _: str) -> Reply:
    _open(repository, asked)
    entries: list[dict[str, Any]] = []
    for file in repository.files(needed_commit(repository, revision)):
        entry: dict[str, Any] = {"type": "file", "oid": file.blob_id, "size": file.size, "path": file.name}
        if file.sha256:
            entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
        entries.append(entry)
    return json_reply(entries)


def _commits(repository: Repository, asked: Asked, revision: str, storage: str) -> Reply:
    del storage
    _open(repository, asked)
    needed_commit(repository, revision)
    page, size = int(asked.query.get("p", 0)), int(asked.query.get("limit", _COMMITS))
    found = repository.commits(revision)
    here = [
        {
            "id": commit,
            "title": title,
            "message": "",
            "authors": [{"user": "asha"}],
            "date": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
        }
        for commit, at, title in found[page * size : (page + 1) * size]
    ]
    reply = json_reply(here)
    if len(found) <= (page + 1) * size:
        return reply
    following = f"{asked.url}{asked.path}?p={page + 1}&limit={size}"
    return replace(reply, headers={**reply.headers, "Link": f'<{following}>; rel="next"'})


def _refs(repository: Repository, _: Asked, __: str) -> Reply:
    def listed(kind: str) -> list[dict[str, str]]:
        found = repository.references(kind).items()
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit} for name, commit in found]

    return json_reply({"branches": listed("heads"), "tags": listed("tags"), "converts": []})


def _file(repository: Repository, asked: Asked, revision: str, name: str, storage: str) -> Reply:
    _open(repository, asked)
    commit = needed_commit(repository, revision)
    file = next((file for file in repository.files(commit) if file.name == name), None)
    if file is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "Entry not found", "EntryNotFound")
    headers = {"X-Repo-Commit": commit}
    if file.sha256:
        headers |= {"X-Linked-Size": str(file.size), "X-Linked-Etag": f'"{file.sha256}"'}
        return Reply(HTTPStatus.FOUND, b"", {**headers, "Location": f"{storage}/lfs/{file.sha256}"})
    reply = _part(repository.content(commit, name), asked.start)
    return replace(reply, headers={**reply.headers, **headers, "ETag": f'"{file.blob_id}"'})


def _part(content: bytes, start: int) -> Reply:
    headers = {"Accept-Ranges": "bytes"}
    if not start:
        return Reply(HTTPStatus.OK, content, headers)
    if start >= len(content):
        return Reply(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return Reply(HTTPStatus.PARTIAL_CONTENT, content[start:], headers)


def json_reply(value: Any, status: int = HTTPStatus.OK) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **_WINDOW})


_NAME = r"([^/]+/[^/]+)"
_ROUTES: tuple[tuple[re.Pattern[str], Callable[..., Reply]], ...] = (
    (re.compile(rf"/api/models/{_NAME}(?:/revision/([^/]+))?"), _info),
    (re.compile(rf"/api/models/{_NAME}/tree/([^/]+)"), _tree),
    (re.compile(rf"/api/models/{_NAME}/commits/([^/]+)"), _commits),
    (re.compile(rf"/api/models/{_NAME}/refs"), _refs),
    (re.compile(rf"/{_NAME}/resolve/([^/]+)/(.+)"), _file),
)
