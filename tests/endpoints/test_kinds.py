from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from lepinet.endpoints import Order
from lepinet.endpoints.kinds import open_endpoint
from lepinet.manifest.model import EndpointSettings
from lepinet.settings import Settings
from lepinet.target import Target
from lepinet.timings import Timings

SETTINGS: TypeAdapter[EndpointSettings] = TypeAdapter(EndpointSettings)


def test_none_is_nothing_that_could_be_moved_or_asked(tmp_path: Path) -> None:
    settings = SETTINGS.validate_python({"kind": "none"})
    assert open_endpoint(settings, "phones", tmp_path / "phones", Settings({}), Timings()) is None


def test_local_keeps_its_orders_in_the_environments_own_folder(tmp_path: Path) -> None:
    for environment in ("staging", "production"):
        endpoint = open_endpoint(
            SETTINGS.validate_python({"kind": "local"}), environment, tmp_path / environment, Settings({}), Timings()
        )
        assert endpoint is not None
        endpoint.move(Order(Target(f"models/{environment}", "0" * 40), 1))
    for environment in ("staging", "production"):
        assert f"models/{environment}" in (tmp_path / environment / "order.json").read_text()
