"""The stand-in for Inference Endpoints is what the official client knows, on every route that it has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from huggingface_hub import HfApi, InferenceEndpointError, constants
from huggingface_hub.errors import HfHubHTTPError

from hf_stand_in import faults
from hf_stand_in.endpoints_api import MACHINE, Endpoints, endpoints_online
from hf_stand_in.endpoints_schema import ENDPOINT, STATES
from hf_stand_in.replicas import TOKEN
from hf_stand_in.repository import files_of
from hf_stand_in.server import hub_online

MODELS = Path(__file__).parents[1] / "models"
PHOTO = Path(__file__).parents[1] / "known_images" / "common_mormon_04.jpg"
MODEL = "asha/butterflies"
ONE: dict[str, Any] = {"name": "clf", "namespace": "asha", "token": TOKEN}


@pytest.fixture(scope="module")
def revisions() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory, revisions: dict[str, str]) -> Iterator[Endpoints]:
    with hub_online(tmp_path_factory.mktemp("hub")) as hub:
        hub.tokens.add(TOKEN)
        repository = hub.create(MODEL, files_of(MODELS / "v1.0.0"))
        revisions["v1.0.0"] = repository.references("heads")["main"]
        revisions["v1.1.0"] = repository.commit(files_of(MODELS / "v1.1.0"), "wet season")
        with endpoints_online(hub.url, tmp_path_factory.mktemp("replicas")) as service:
            service.tokens.add(TOKEN)
            yield service


@pytest.fixture
def service(online: Endpoints, revisions: dict[str, str]) -> Endpoints:
    """With one endpoint of two replicas, which runs v1.0.0."""
    constants.INFERENCE_ENDPOINTS_ENDPOINT = online.url
    online.forget()
    online.endpoints.clear()
    HfApi().create_inference_endpoint(
        "clf",
        repository=MODEL,
        revision=revisions["v1.0.0"],
        namespace="asha",
        token=TOKEN,
        **MACHINE,
    )
    online.settle(online.endpoints["asha", "clf"])
    return online


def ask(service: Endpoints, *, token: str | None = TOKEN, kind: str = "image/jpeg", **headers: str) -> httpx.Response:
    sent = {"Content-Type": kind, **headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    return httpx.post(service.endpoints["asha", "clf"].url, content=PHOTO.read_bytes(), headers=sent, trust_env=False)


def test_the_client_speaks_every_route(service: Endpoints) -> None:
    """Each answer is held to the schemas as it leaves."""
    api = HfApi()
    (listed,) = api.list_inference_endpoints(namespace="asha", token=TOKEN)
    got = api.get_inference_endpoint(**ONE)
    assert (listed.name, got.status, got.repository) == ("clf", "running", MODEL)
    assert (
        api.update_inference_endpoint(**ONE, min_replica=2, max_replica=3).raw["compute"]["scaling"]["maxReplica"] == 3
    )
    assert api.pause_inference_endpoint(**ONE).status == "paused"
    assert api.resume_inference_endpoint(**ONE).status == "initializing"
    assert api.scale_to_zero_inference_endpoint(**ONE).status == "scaledToZero"
    api.delete_inference_endpoint(**ONE)
    with pytest.raises(HfHubHTTPError, match="404"):
        api.get_inference_endpoint(**ONE)
    methods = {call.split()[0] for call in service.calls}
    assert methods == {"GET", "POST", "PUT", "DELETE"}


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_one_that_the_client_knows(service: Endpoints, state: str) -> None:
    endpoint = service.endpoints["asha", "clf"]
    endpoint.state = state
    found = HfApi().get_inference_endpoint(**ONE)
    assert found.status == state
    jsonschema.validate(found.raw, ENDPOINT)
    if state in {"failed", "updateFailed"}:
        with pytest.raises(InferenceEndpointError):
            found.wait(timeout=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"repository": 1}},
        {"model": {"revision": "main", "branch": "main"}},
        {"compute": {"scaling": {"minReplica": -1}}},
        {"compute": {"scaling": {"scaleToZeroTimeout": 5}}},
        {"type": "protected"},
    ],
)
def test_what_no_client_may_send_is_refused_and_changes_nothing(service: Endpoints, changes: dict[str, Any]) -> None:
    before = HfApi().get_inference_endpoint(**ONE).raw
    headers = {"Authorization": f"Bearer {TOKEN}"}
    said = httpx.put(f"{service.url}/endpoint/asha/clf", json=changes, headers=headers, trust_env=False)
    assert said.status_code == 400
    assert HfApi().get_inference_endpoint(**ONE).raw == before


def test_replicas_turn_over_one_by_one_while_the_old_ones_answer(service: Endpoints, revisions: dict[str, str]) -> None:
    new = revisions["v1.1.0"]
    api, endpoint = HfApi(), service.endpoints["asha", "clf"]
    old_answer = ask(service).json()
    service.replicas.ready(endpoint.wanted)
    begun = api.update_inference_endpoint(**ONE, repository=MODEL, revision=new)
    assert (begun.revision, begun.status) == (new, "running")
    service.replicas.ready(endpoint.wanted)
    seen: list[tuple[str, int, int]] = []
    while not seen or seen[-1] != ("running", 2, 2):
        found = api.get_inference_endpoint(**ONE).raw["status"]
        turned = sum(replica.revision == new for replica in endpoint.replicas)
        seen.append((found["state"], found["readyReplica"], turned))
        assert ask(service).status_code == 200
    assert seen == [("running", 2, 0), ("updating", 0, 0), ("updating", 1, 1), ("updating", 2, 2), ("running", 2, 2)]
    assert ask(service).json() != old_answer


def test_the_replicas_answer_as_the_toolkit_does(service: Endpoints) -> None:
    said = ask(service)
    assert said.status_code == 200
    assert [set(one) for one in said.json()] == [{"label", "score"}] * 5
    for kind in ("application/octet-stream", "image/jpeg; q=1", "multipart/form-data; boundary=x"):
        assert ask(service, kind=kind).status_code == 400


def test_who_may_not_ask_is_told_and_wakes_nobody(service: Endpoints) -> None:
    HfApi().scale_to_zero_inference_endpoint(**ONE)
    assert ask(service, token=None).status_code == 401
    assert ask(service, token="hf_nobody").status_code == 401  # noqa: S106 -- nobody's
    assert service.endpoints["asha", "clf"].state == "scaledToZero"


def test_a_photo_wakes_what_is_at_zero_and_not_what_is_paused(service: Endpoints) -> None:
    api = HfApi()
    api.scale_to_zero_inference_endpoint(**ONE)
    first = ask(service)
    assert (first.status_code, first.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    while ask(service).status_code == 503:
        pass
    assert ask(service).status_code == 200
    api.pause_inference_endpoint(**ONE)
    assert "ask a maintainer to restart it" in ask(service).json()["error"]
    assert service.endpoints["asha", "clf"].state == "paused"


def test_kept_answers_are_answered_unless_somebody_asks_not_to(service: Endpoints, revisions: dict[str, str]) -> None:
    endpoint = service.endpoints["asha", "clf"]
    HfApi().update_inference_endpoint(**ONE, cache_http_responses=True)
    service.settle(endpoint)
    old = ask(service).json()
    HfApi().update_inference_endpoint(**ONE, repository=MODEL, revision=revisions["v1.1.0"])
    service.settle(endpoint)
    assert ask(service).json() == old
    assert ask(service, **{"x-use-cache": "false"}).json() != old


def test_a_fault_meets_the_calls_that_it_was_ordered_for(service: Endpoints) -> None:
    service.order(faults.status(503), "^GET", skipped=1, times=1)
    api = HfApi()
    api.get_inference_endpoint(**ONE)
    with pytest.raises(HfHubHTTPError, match="503"):
        api.get_inference_endpoint(**ONE)
    assert api.get_inference_endpoint(**ONE).status == "running"
