"""What `lepinet doctor` says of endpoints that live elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import HfApi

from endpoints.hosted import NAME, NAMESPACE, REPOSITORY, Hosted
from evaluation.misbehaving_endpoint import Endpoint, misbehaving_endpoint, right, status
from hf_stand_in.replicas import TOKEN
from lepinet.settings import Settings
from lepinet.workflow.doctor import needs
from lepinet.workflow.workspace import Workspace

MOVER = "hf_of_the_endpoint"


def said(hosted: Hosted, about: str = "endpoint (", **variables: Any) -> str:
    """Of the endpoint, and what mends it."""
    workspace = hosted.workspace
    settings = Settings(hosted.variables | variables)
    found = needs(Workspace(workspace.git, settings, workspace.timings), None)
    (need,) = (need for need in found if about in need.what)
    assert TOKEN not in f"{need}"
    return f"{need.what}: {need.state} | {need.mend}"


def test_one_that_runs_is_done(hosted: Hosted) -> None:
    assert said(hosted).startswith(
        "production, endpoint (inference-endpoint): running, 2 of 2 replicas ready; set to asha/butterflies @ "
    )
    assert said(hosted).endswith("| None")


def test_one_that_is_paused_or_cannot_be_seen_is_told_with_what_mends_it(hosted: Hosted) -> None:
    assert "no HF_TOKEN in the environment or in .env" in said(hosted, HF_TOKEN="")
    assert "let HF_TOKEN manage Inference Endpoints of asha" in said(hosted, HF_TOKEN="hf_of_somebody")  # noqa: S106
    HfApi().pause_inference_endpoint(NAME, namespace=NAMESPACE, token=TOKEN)
    assert "paused; set to asha/butterflies @ " in said(hosted)
    assert said(hosted).endswith("| lepinet reconcile -e production")
    hosted.service.endpoints.clear()
    assert "there is none of that name, or the token may not see it | make it (docs/huggingface.md)" in said(hosted)


@pytest.fixture
def private(hosted: Hosted) -> Iterator[Hosted]:
    """Its model is read with one token, its endpoint moved with another."""
    hosted.service.tokens.add(MOVER)
    hosted.hub.tokens.add(MOVER)
    model = hosted.hub.repositories[REPOSITORY]
    model.private, model.readers = True, {TOKEN}
    yield hosted
    model.private = False
    hosted.service.tokens.discard(MOVER)


def test_the_environments_own_token_moves_and_does_not_fetch(private: Hosted) -> None:
    moving = {"HF_TOKEN_PRODUCTION": MOVER}
    assert said(private, **moving).endswith("| None")
    assert said(private, "files of v1.0.0", **moving).endswith(" can be read with HF_TOKEN | None")
    lacking = said(private, "files of v1.0.0", **moving, HF_TOKEN="")
    assert "has no model asha/butterflies for somebody without a token" in lacking
    assert "| set HF_TOKEN to a token that may read it (docs/huggingface.md)" in lacking
    wrong = said(private, "files of v1.0.0", **moving, HF_TOKEN="hf_revoked")  # noqa: S106 -- nobody's
    assert "the Hub refuses the token: it is wrong, expired or revoked | make a new one" in wrong
    refused = said(private, HF_TOKEN_PRODUCTION="hf_of_somebody")  # noqa: S106 -- as above
    assert "| let HF_TOKEN_PRODUCTION manage Inference Endpoints of asha" in refused


@pytest.fixture
def backend() -> Iterator[Endpoint]:
    with misbehaving_endpoint() as backend:
        yield backend


def test_a_backend_is_asked_about_one_photo(hosted: Hosted, backend: Endpoint) -> None:
    following = replace(hosted, endpoint=f"{{kind: follows-registry, predict_url: '{backend.url}'}}")
    following.declare("v1.0.0")
    backend.deeds = [right()]
    assert said(following) == "production, endpoint (follows-registry): answers by LepiNet's /predict | None"
    assert len(backend.requests) == 1
    backend.deeds = [status(404, b"nothing here")]
    assert "it does not answer a photo: HTTP 404: nothing here | docs/huggingface.md has the set-up" in said(following)
