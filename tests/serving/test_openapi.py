"""Whether the server keeps to its own OpenAPI document, whatever it is sent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.local_environment import KNOWN_IMAGES, TESTS, LocalEnvironment

PHOTO = (KNOWN_IMAGES / "blue_tiger_01.webp").read_bytes()


@pytest.mark.parametrize("files", ["photos", "hostile"])
def test_schemathesis_finds_nothing(running: LocalEnvironment, photos: list[bytes], tmp_path: Path, files: str) -> None:
    """Documented requests and their opposites: wrong types, methods, headers; with photos, and with what is none."""
    (model,) = running.model_pids()
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{running.url}/openapi.json", "--no-color"]
    command += ["--checks", "all", "--max-examples", "40", "--generation-deterministic"]
    if files == "hostile":
        # The document can say that a file is wanted, not that it has to be a photo.
        command += ["--exclude-checks", "positive_data_acceptance"]
    environ = os.environ | {"PYTHONPATH": str(TESTS), "SCHEMATHESIS_HOOKS": f"serving.sent_{files}", "NO_PROXY": "*"}
    ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "traceback" not in running.log
    assert running.model_pids() == [model]
    assert running.predict(photos[0]).status_code == 200


def test_every_address_is_documented(running: LocalEnvironment) -> None:
    document = running.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    addresses = {"/", "/predict", "/model", "/species", "/health", "/metrics", "/openapi.json"}
    assert set(document["paths"]) == addresses
    named = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(named)) == len(named) == len(addresses)
    assert document["paths"]["/predict"]["post"]["operationId"] == "predict"
    assert "500" in document["paths"]["/predict"]["post"]["responses"]
    prediction = document["components"]["schemas"]["Prediction"]
    assert set(prediction["properties"]) == set(running.predict(PHOTO).json())
