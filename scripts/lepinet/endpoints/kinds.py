"""The one table of endpoint kinds: what `models.yaml` calls them, and what speaks with them."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from lepinet.address import address_in
from lepinet.endpoints import Endpoint
from lepinet.endpoints.follows_registry import FollowsRegistry
from lepinet.errors import UsageError
from lepinet.manifest.model import (
    EndpointSettings,
    FollowsRegistrySettings,
    InferenceEndpointSettings,
    LocalEndpointSettings,
    NoEndpointSettings,
    SpaceSettings,
)
from lepinet.settings import Settings
from lepinet.timings import Timings

_TOKEN = "HF_TOKEN"  # noqa: S105 -- its name


def open_endpoint(
    kind: EndpointSettings, environment: str, folder: Path, settings: Settings, timings: Timings
) -> Endpoint | None:
    """The endpoint of one environment, None where models run on the phones; nothing is asked or started yet.

    Args:
        kind: `endpoint` of the environment in `models.yaml`.
        environment: its name.
        folder: where this machine keeps what belongs to this environment; kinds that live elsewhere leave it alone.
        settings: HF_TOKEN (the environment's own goes before it), and where the services of Hugging Face are: from the
            environment only, since a checkout that names the place in its .env would be sent the token.
        timings: every call's limits.

    Raises:
        UsageError: it needs a token and has none, or a token or an address in the settings is none.
    """
    match kind:
        case LocalEndpointSettings():
            # Imported here: the file locks behind it do not exist on Windows, where the other kinds work.
            from lepinet.endpoints.local import LocalEndpoint  # noqa: PLC0415  # as said

            return LocalEndpoint(folder, environment, timings)
        # Imported here: the official client takes most of a second, and any address for one.
        case InferenceEndpointSettings():
            # Another address of the service; the official client has no setting for it.
            url = address_in(settings.environ, "LEPINET_HF_ENDPOINTS_URL")
            address_in(settings.environ, "HF_ENDPOINT")
            from lepinet.endpoints.inference_endpoint import InferenceEndpoint  # noqa: PLC0415 -- as said

            token = _token(settings, environment, kind.address)
            named = settings.name_of(_TOKEN, environment)
            return InferenceEndpoint(kind.namespace, kind.name, token, timings, url, setting=named)
        case SpaceSettings():
            hub = address_in(settings.environ, "HF_ENDPOINT")
            from lepinet.endpoints.space import Space  # noqa: PLC0415 -- as said

            token = _token(settings, environment, kind.address)
            return Space(kind.repo_id, token, timings, hub, setting=settings.name_of(_TOKEN, environment))
        case FollowsRegistrySettings():
            return FollowsRegistry(kind.predict_url)
        case NoEndpointSettings():
            return None
        case _:
            assert_never(kind)


def _token(settings: Settings, environment: str, what: str) -> str:
    token = settings.token(_TOKEN, environment)
    if token is None:
        raise UsageError(
            f"no {_TOKEN} {settings.places}, and {what} is moved by one",
            todo="docs/huggingface.md says which rights it needs",
        )
    return token
