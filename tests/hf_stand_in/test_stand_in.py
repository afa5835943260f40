"""The stand-in is the Hub as the official client knows it, and as its published document describes it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hf_stand_in import faults
from hf_stand_in.conftest import MODEL, MODELS
from hf_stand_in.repository import Repository, files_of, git_blob_id
from hf_stand_in.server import StandIn

OID, SHA256, DATE = {"pattern": "^[0-9a-f]{40}$"}, {"pattern": "^[0-9a-f]{64}$"}, {"pattern": r"^[-\dT:.]+Z$"}


def shape(**properties: Any) -> dict[str, Any]:
    """An object that has these and no others; those in `_optional` may be absent."""
    optional = properties.pop("_optional", {})
    return {
        "type": "object",
        "properties": properties | optional,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
REFERENCES = listed(shape(name=TEXT, ref=TEXT, targetCommit=OID))
PUBLISHED = {
    "refs": shape(branches=REFERENCES, tags=REFERENCES, converts=REFERENCES),
    "commits/main": listed(
        shape(id=OID, title=TEXT, message=TEXT, date=DATE, authors=listed(shape(user=TEXT, _optional={"avatar": TEXT})))
    ),
    "tree/main": listed(
        shape(
            type={"enum": ["file", "directory", "unknown"]},
            oid=OID,
            size=NUMBER,
            path=TEXT,
            _optional={"lfs": shape(oid=SHA256, size=NUMBER, pointerSize=NUMBER)},
        )
    ),
}
"""What https://huggingface.co/.well-known/openapi.json says of the answers to these paths, as far as it is used."""


@pytest.mark.parametrize("path", PUBLISHED)
def test_answers_have_the_published_shape(hub: StandIn, path: str) -> None:
    said = httpx2.get(f"{hub.url}/api/models/{MODEL}/{path}", trust_env=False)
    assert said.status_code == 200
    assert said.json()
    jsonschema.validate(said.json(), PUBLISHED[path])


def test_the_client_reads_a_model_with_every_files_hash(hub: StandIn) -> None:
    info = HfApi(hub.url, token=False).model_info(MODEL, files_metadata=True, securityStatus=True)
    assert (info.id, info.private, info.gated, info.disabled) == (MODEL, False, False, False)
    assert info.security_repo_status == {"scansDone": True, "filesWithIssues": []}
    files = files_of(MODELS / "v1.1.0")
    assert {file.rfilename: file.size for file in info.siblings or ()} == {
        name: len(content) for name, content in files.items()
    }
    for file in info.siblings or ():
        content = files[file.rfilename]
        if file.lfs:
            assert file.lfs.sha256 == hashlib.sha256(content).hexdigest()
            assert file.lfs.size == len(content) != file.lfs.pointer_size
        else:
            assert file.blob_id == git_blob_id(content)
    assert {file.rfilename for file in info.siblings or () if file.lfs} == {"model.safetensors", "onnx/model.onnx"}


def test_the_client_lists_what_there_is(hub: StandIn) -> None:
    api = HfApi(hub.url, token=False)
    newest, first = api.list_repo_commits(MODEL)
    assert (newest.title, first.title) == ("Add the wet season", "Upload")
    found = api.list_repo_refs(MODEL)
    assert {branch.name: branch.target_commit for branch in found.branches} == {"main": newest.commit_id}
    assert {tag.name: tag.target_commit for tag in found.tags} == {"v1.0.0": first.commit_id, "best": first.commit_id}
    assert api.model_info(MODEL, revision="best").sha == first.commit_id
    assert {entry.path for entry in api.list_repo_tree(MODEL, recursive=True)} == set(files_of(MODELS / "v1.1.0"))


def test_the_client_pointed_at_it_by_its_own_setting_downloads_a_model(hub: StandIn, tmp_path: Path) -> None:
    code = f"from huggingface_hub import snapshot_download; snapshot_download({MODEL!r}, local_dir='model')"
    plain = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HOME": str(tmp_path / "home")}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | plain | {"HF_ENDPOINT": hub.url, "HF_TOKEN": ""},
        check=True,
        capture_output=True,
    )
    fetched = {name: content for name, content in files_of(tmp_path / "model").items() if not name.startswith(".")}
    assert fetched == files_of(MODELS / "v1.1.0")


def test_a_token_is_somebodys_and_goes_to_the_hub_alone(hub: StandIn) -> None:
    hub.tokens.add("hf_asha")
    assert HfApi(hub.url, token="hf_asha").whoami()["name"] == "asha"  # noqa: S106 -- nobody's
    with pytest.raises(HfHubHTTPError, match="401"):
        HfApi(hub.url, token="hf_nobody").model_info(MODEL)  # noqa: S106 -- as above
    hub.forget()
    headers = {"Authorization": "Bearer hf_asha", "Range": "bytes=100-"}
    url = f"{hub.url}/{MODEL}/resolve/main/onnx/model.onnx"
    part = httpx2.get(url, headers=headers, follow_redirects=True, trust_env=False)
    assert part.status_code == 206
    assert part.content == (MODELS / "v1.1.0" / "onnx" / "model.onnx").read_bytes()[100:]
    assert [(request.token, request.start) for request in hub.requests] == [("hf_asha", 100)]
    assert [(request.token, request.start) for request in hub.at_storage] == [(None, 100)]


def test_a_repository_that_may_not_be_read_says_so_as_the_hub_does(hub: StandIn) -> None:
    """That is: a description may be read where files may not, and what is private does not exist."""
    hub.tokens |= {"hf_reader", "hf_other"}
    reader, other, nobody = (HfApi(hub.url, token=token) for token in ("hf_reader", "hf_other", False))
    private, gated, disabled = (
        hub.create(f"asha/{name}", {"config.json": b"{}"}) for name in ("private", "gated", "disabled")
    )
    private.private, gated.gated, disabled.disabled = True, "manual", True
    private.readers.add("hf_reader")
    gated.readers.add("hf_reader")

    def fetched(api: HfApi, name: str) -> Any:
        return json.loads(Path(api.hf_hub_download(name, "config.json", cache_dir=hub.folder / "cache")).read_text())

    assert reader.model_info("asha/private").private is True
    assert fetched(reader, "asha/private") == {}
    with pytest.raises(RepositoryNotFoundError):
        other.model_info("asha/private")
    with pytest.raises(HfHubHTTPError, match="401"):
        nobody.model_info("asha/private")
    assert other.model_info("asha/gated").gated == "manual"
    assert fetched(reader, "asha/gated") == {}
    with pytest.raises(GatedRepoError):
        list(other.list_repo_tree("asha/gated"))
    assert nobody.model_info("asha/disabled").disabled is True
    with pytest.raises(DisabledRepoError):
        list(nobody.list_repo_tree("asha/disabled"))


def test_what_is_not_there_is_told_apart(hub: StandIn) -> None:
    api = HfApi(hub.url, token=False)
    with pytest.raises(RevisionNotFoundError):
        api.model_info(MODEL, revision="0" * 40)
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download(MODEL, "no.json", cache_dir=hub.folder / "cache")


def test_a_repository_that_moved_redirects(hub: StandIn) -> None:
    hub.repositories["asha/old-name"] = Repository("asha/old-name", hub.folder / "old", moved_to=MODEL)
    assert HfApi(hub.url, token=False).model_info("asha/old-name", files_metadata=True).id == MODEL


def test_a_squash_leaves_the_commits_before_to_nobody(hub: StandIn) -> None:
    repository = hub.create("asha/squashed", {"config.json": b"{}"})
    first = repository.commit({"config.json": b"[]"})
    assert HfApi(hub.url, token=False).model_info("asha/squashed", revision=first).sha == first
    squashed = repository.squash()
    assert HfApi(hub.url, token=False).model_info("asha/squashed").sha == squashed
    with pytest.raises(RevisionNotFoundError):
        HfApi(hub.url, token=False).model_info("asha/squashed", revision=first)


def test_a_fault_meets_as_many_requests_as_were_ordered(hub: StandIn) -> None:
    hub.order(faults.status(503), on="/refs", times=2)
    url = f"{hub.url}/api/models/{MODEL}"
    said = [httpx2.get(f"{url}/{path}", trust_env=False).status_code for path in ("refs", "tree/main", "refs", "refs")]
    assert said == [503, 200, 503, 200]
