"""What `lepinet doctor` says of endpoints that live elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import HfApi

from endpoints.hosted import NAME, NAMESPACE, Hosted
from evaluation.misbehaving_endpoint import Endpoint, misbehaving_endpoint, right, status
from hf_stand_in.replicas import TOKEN
from lepinet.settings import Settings
from lepinet.workflow.doctor import needs
from lepinet.workflow.workspace import Workspace


def said(hosted: Hosted, **variables: Any) -> str:
    """Of the endpoint, and what mends it."""
    workspace = hosted.workspace
    settings = Settings(hosted.variables | variables)
    found = needs(Workspace(workspace.git, settings, workspace.timings), None)
    (need,) = (need for need in found if "endpoint (" in need.what)
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
