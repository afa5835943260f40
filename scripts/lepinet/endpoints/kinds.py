"""The one table of endpoint kinds: what `models.yaml` calls them, and what speaks with them."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from lepinet.endpoints import Endpoint
from lepinet.manifest.model import EndpointSettings, LocalEndpointSettings, NoEndpointSettings
from lepinet.timings import Timings


def open_endpoint(settings: EndpointSettings, environment: str, folder: Path, timings: Timings) -> Endpoint | None:
    """The endpoint of one environment, None where models run on the phones; nothing is asked or started yet.

    Args:
        settings: `endpoint` of the environment in `models.yaml`.
        environment: its name.
        folder: where this machine keeps what belongs to this environment; kinds that live elsewhere leave it alone.
        timings: every call's limits.
    """
    match settings:
        case LocalEndpointSettings():
            # Imported here: the file locks behind it do not exist on Windows, where the other kinds work.
            from lepinet.endpoints.local import LocalEndpoint  # noqa: PLC0415  # as said

            return LocalEndpoint(folder, environment, timings)
        case NoEndpointSettings():
            return None
        case _:
            assert_never(settings)
