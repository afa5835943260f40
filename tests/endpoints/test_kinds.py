from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from lepinet.endpoints import Order
from lepinet.endpoints.kinds import open_endpoint
from lepinet.errors import UsageError
from lepinet.manifest.model import EndpointSettings
from lepinet.settings import Settings
from lepinet.target import Target
from lepinet.timings import Timings

SETTINGS: TypeAdapter[EndpointSettings] = TypeAdapter(EndpointSettings)


def test_none_is_nothing_that_could_be_moved_or_asked(tmp_path: Path) -> None:
    settings = SETTINGS.validate_python({"kind": "none"})
    assert open_endpoint(settings, "phones", tmp_path / "phones", Settings({}), Timings()) is None


NO_ADDRESSES = [
    "rubbish",
    "ftp://x/y",
    "file:///etc/passwd",
    "https://",
    "http://[::1",
    "http://127.0.0.1:99999/v2",
    "http://exa\u200bmple/",
    "https://asha:hf_canary@127.0.0.1:9/v2",
]


@pytest.mark.parametrize("address", NO_ADDRESSES)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LEPINET_HF_ENDPOINTS_URL", {"kind": "inference-endpoint", "namespace": "asha", "name": "butterflies"}),
        ("HF_ENDPOINT", {"kind": "space", "repo_id": "asha/butterflies-api"}),
    ],
)
def test_an_address_that_is_none_is_refused_before_the_token_is_sent_there(
    tmp_path: Path, name: str, kind: dict[str, str], address: str
) -> None:
    settings = Settings({"HF_TOKEN": "hf_asha", name: address})
    with pytest.raises(UsageError, match=f"{name} should be an address") as caught:
        open_endpoint(SETTINGS.validate_python(kind), "production", tmp_path, settings, Timings())
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://[::1", "https://127.0.0.1:99999"])
def test_an_address_that_the_client_cannot_even_be_loaded_with_is_the_users_to_mend(
    tmp_path: Path, address: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from lepinet.cli import main; main()", "test", f"asha/butterflies@{'0' * 40}"],
        cwd=tmp_path,
        env={**os.environ, "HF_ENDPOINT": address, "LEPINET_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr


def test_local_keeps_its_orders_in_the_environments_own_folder(tmp_path: Path) -> None:
    for environment in ("staging", "production"):
        endpoint = open_endpoint(
            SETTINGS.validate_python({"kind": "local"}), environment, tmp_path / environment, Settings({}), Timings()
        )
        assert endpoint is not None
        endpoint.move(Order(Target(f"models/{environment}", "0" * 40), 1))
    for environment in ("staging", "production"):
        assert f"models/{environment}" in (tmp_path / environment / "order.json").read_text()
