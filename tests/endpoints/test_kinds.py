from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from lepinet.endpoints import Order
from lepinet.endpoints.kinds import open_endpoint
from lepinet.manifest.model import EndpointSettings
from lepinet.target import Target
from lepinet.timings import Timings

SETTINGS: TypeAdapter[EndpointSettings] = TypeAdapter(EndpointSettings)


def test_none_cannot_be_asked_and_moving_it_leaves_no_trace(tmp_path: Path) -> None:
    endpoint = open_endpoint(SETTINGS.validate_python({"kind": "none"}), "phones", tmp_path / "phones", Timings())
    endpoint.move(Order(Target("models/v1.0.0", "0" * 40), 1))
    assert endpoint.predict_url() is None
    state = endpoint.observe()
    assert (state.target, state.ready, state.failed) == (None, False, False)
    assert not list(tmp_path.iterdir())


def test_local_keeps_its_orders_in_the_environments_own_folder(tmp_path: Path) -> None:
    for environment in ("staging", "production"):
        endpoint = open_endpoint(
            SETTINGS.validate_python({"kind": "local"}), environment, tmp_path / environment, Timings()
        )
        endpoint.move(Order(Target(f"models/{environment}", "0" * 40), 1))
    for environment in ("staging", "production"):
        assert f"models/{environment}" in (tmp_path / environment / "order.json").read_text()
