"""What the Hub does when somebody tags a commit or proposes files, as its official client asks for it."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import unquote

from hf_stand_in.answers import Asked, RefusedError, Reply, found_by, json_reply, needed_commit
from hf_stand_in.repository import LARGE, Repository

_UPLOAD = "/upload/"


def change(asked: Asked, body: bytes, repositories: Mapping[str, Repository], storage: str) -> Reply | None:
    """What the Hub says; None when the path is none that changes a model.

    Args:
        asked: the request.
        body: what came with it.
        repositories: by name.
        storage: the URL of the server that takes large files.
    """
    for pattern, route in _ROUTES:
        if found := pattern.fullmatch(asked.path):
            name, *rest = (unquote(part) for part in found.groups())
            try:
                return route(_writable(name, asked, repositories), body, *rest, storage)
            except RefusedError as refused:
                return refused.reply
    return None


def keep(path: str, content: bytes, repositories: Mapping[str, Repository]) -> Reply:
    """A large file that the storage was told to expect; the address alone is the right to send it."""
    sha256 = path.removeprefix(_UPLOAD)
    if not path.startswith(_UPLOAD) or hashlib.sha256(content).hexdigest() != sha256:
        return Reply(HTTPStatus.BAD_REQUEST, b"")
    for repository in repositories.values():
        repository.uploaded[sha256] = content
    return Reply(HTTPStatus.OK, b"")


def _writable(name: str, asked: Asked, repositories: Mapping[str, Repository]) -> Repository:
    repository = found_by(name, asked, repositories)
    if asked.token is None:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "Invalid username or password.")
    if asked.token not in repository.writers:
        raise RefusedError(HTTPStatus.FORBIDDEN, "Forbidden: you must have write access to the repository.")
    return repository


def _tag(repository: Repository, body: bytes, revision: str, _: str) -> Reply:
    name = json.loads(body)["tag"]
    commit = needed_commit(repository, revision)
    if name in repository.references("tags"):
        raise RefusedError(HTTPStatus.CONFLICT, f"Tag {name} already exists.")
    repository.tag(name, commit)
    return json_reply({})


def _preupload(_: Repository, body: bytes, __: str, ___: str) -> Reply:
    """Which files go into git, and which beside it."""
    modes = [
        {
            "path": file["path"],
            "uploadMode": "lfs" if file["path"].lower().endswith(LARGE) else "regular",
            "shouldIgnore": False,
        }
        for file in json.loads(body)["files"]
    ]
    return json_reply({"files": modes})


def _batch(_: Repository, body: bytes, storage: str) -> Reply:
    """https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md"""  # noqa: D415 -- an address
    objects = [
        {
            "oid": one["oid"],
            "size": one["size"],
            "authenticated": True,
            "actions": {"upload": {"href": f"{storage}{_UPLOAD}{one['oid']}", "header": {}}},
        }
        for one in json.loads(body)["objects"]
    ]
    return json_reply({"transfer": "basic", "objects": objects})


def _commit(repository: Repository, body: bytes, revision: str, _: str) -> Reply:
    """A line of JSON for the message and for each file."""
    lines = [json.loads(line) for line in body.splitlines()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    if header.get("parentCommit") not in {None, needed_commit(repository, revision)}:
        raise RefusedError(HTTPStatus.PRECONDITION_FAILED, "A commit has happened since. Please refresh and try again.")
    files: dict[str, bytes] = {}
    for line in lines:
        if line["key"] == "file":
            files[line["value"]["path"]] = b64decode(line["value"]["content"])
        elif line["key"] == "lfsFile":
            files[line["value"]["path"]] = repository.uploaded[line["value"]["oid"]]
    number, commit = repository.propose(files, header["summary"])
    page = f"https://huggingface.co/{repository.name}"
    return json_reply(
        {
            "success": True,
            "commitOid": commit,
            "commitUrl": f"{page}/commit/{commit}",
            "pullRequestUrl": f"{page}/discussions/{number}",
        }
    )


_NAME = r"([^/]+/[^/]+)"
_ROUTES: tuple[tuple[re.Pattern[str], Callable[..., Reply]], ...] = (
    (re.compile(rf"/api/models/{_NAME}/tag/([^/]+)"), _tag),
    (re.compile(rf"/api/models/{_NAME}/preupload/([^/]+)"), _preupload),
    (re.compile(rf"/api/models/{_NAME}/commit/([^/]+)"), _commit),
    (re.compile(rf"/{_NAME}\.git/info/lfs/objects/batch"), _batch),
)
