"""Which model is active, as a program that serves photos by itself asks it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TypeAlias

import pytest

from lepinet import get_active_model, get_active_model_path, log_model_version
from lepinet.errors import OutsideError, RefusedError
from lepinet.registry.embedded import EmbeddedServer

Script: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

REVISION = "9f3c2ab" + "0" * 33
ASKING = """
from lepinet import get_active_model, get_active_model_path
print(get_active_model_path())
model = get_active_model()
print(model.version_name, model.revision)
print(get_active_model("staging").version_name)
"""


@pytest.mark.usefixtures("connected")
def test_the_active_model_is_path_revision_and_name(server: EmbeddedServer, database: str) -> None:
    log_model_version("v1.0.0", "Bhanura/lepinet-model", 5000, 0.9, revision="0" * 40, strict=True)
    log_model_version("v2.0.0", "Bhanura/lepinet-model-v2", 5400, 0.92, revision=REVISION, strict=True)
    with server.connect(database) as connection:
        # As a hand does it in the SQL editor, before any environment has an active version.
        connection.execute("update model_versions set is_active = true where version_name = 'v2.0.0'")

    model = get_active_model()

    assert (model.version_name, model.file_path, model.revision) == ("v2.0.0", "Bhanura/lepinet-model-v2", REVISION)
    assert get_active_model_path(default="Bhanura/lepinet-model-default") == "Bhanura/lepinet-model-v2"


def test_the_guides_two_settings_are_enough_to_ask(
    script: Script, supabase: dict[str, str], server: EmbeddedServer, database: str
) -> None:
    with server.connect(database) as connection:
        for version, environment in (("v2.0.0", "staging"), ("v1.0.0", "production")):
            connection.execute(
                "insert into model_versions (version_name, file_path, revision) values (%s, %s, %s)",
                [version, "Bhanura/lepinet-model", REVISION],
            )
            connection.execute("select emergency_activate(%s, 'a test', %s)", [version, environment])

    asked = script(ASKING, **supabase)

    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout == f"Bhanura/lepinet-model\nv1.0.0 {REVISION}\nv2.0.0\n"


@pytest.mark.usefixtures("connected")
def test_each_environment_has_an_active_model_of_its_own(server: EmbeddedServer, database: str) -> None:
    log_model_version("v1.0.0", "Bhanura/lepinet-model", 5000, 0.9, strict=True)
    log_model_version("v2.0.0", "Bhanura/lepinet-model-v2", 5400, 0.92, strict=True)
    with server.connect(database) as connection:
        for version, environment in (("v2.0.0", "staging"), ("v1.0.0", "production")):
            connection.execute("select emergency_activate(%s, 'a test', %s)", [version, environment])

    assert get_active_model("staging").version_name == "v2.0.0"
    assert get_active_model("production").version_name == "v1.0.0"
    assert get_active_model().version_name == "v1.0.0"


@pytest.mark.usefixtures("connected")
def test_without_an_active_model_there_is_no_silent_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RefusedError, match="no version is active"):
        get_active_model_path()
    assert capsys.readouterr().err == ""

    assert get_active_model_path(default="Bhanura/lepinet-model-default") == "Bhanura/lepinet-model-default"
    assert "takes Bhanura/lepinet-model-default: no version is active" in capsys.readouterr().err


@pytest.mark.usefixtures("bare")
def test_a_registry_that_cannot_be_asked_is_no_silent_default_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/lepinet")
    with pytest.raises(OutsideError):
        get_active_model_path()

    assert get_active_model_path(default="Bhanura/lepinet-model-default") == "Bhanura/lepinet-model-default"
    assert "cannot be reached" in capsys.readouterr().err
