"""Logging a version at the end of a training: what is stored, and what a broken environment looks like."""

from __future__ import annotations

import math
import shlex
import socket
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from lepinet import log_model_version
from lepinet.errors import LepinetError, OutsideError, UsageError
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.refusals import RegistryRefusal

Script: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

REVISION = "9f3c2ab" + "0" * 33
PASSWORD = "correct-horse"  # noqa: S105  # of nothing

# The calling code of the guide that trainers were given years ago.
TRAINER = """
from lepinet import log_model_version

train_dataset = range(5400)

if __name__ == "__main__":
    final_accuracy = 0.9234
    total_images = len(train_dataset)
    model_name = "Bhanura/lepinet-model-v2"
    version_tag = "v2.0.0"
    log_model_version(
        version_name=version_tag,
        file_path=model_name,
        training_image_count=total_images,
        accuracy_score=final_accuracy,
        is_active=False
    )
    print("\\n🎉 Training pipeline completed!")
"""


def test_the_guides_calling_code_logs_one_row_however_often_and_on_whichever_way_it_runs(
    script: Script, supabase: dict[str, str], database_url: str, server: EmbeddedServer, database: str
) -> None:
    for settings in (supabase, supabase, {"DATABASE_URL": database_url}):
        done = script(TRAINER, **settings)

        assert (done.returncode, done.stderr) == (0, "")
        assert "✅ Model version logged successfully!\n   Version: v2.0.0\n   Accuracy: 0.9234\n" in done.stdout
        assert done.stdout.endswith("🎉 Training pipeline completed!\n")
    with server.connect(database) as connection:
        rows = connection.execute(
            "select version_name, file_path, training_image_count, accuracy_score, is_active from model_versions"
        ).fetchall()
    assert rows == [("v2.0.0", "Bhanura/lepinet-model-v2", 5400, 0.9234, False)]


def test_a_trainer_who_signs_in_needs_no_key_that_opens_the_project(
    script: Script, supabase_trainer: dict[str, str], database_url: str
) -> None:
    # A database that is set for another program does not go before the project that somebody signs in to.
    done = script(TRAINER, **supabase_trainer, DATABASE_URL=f"{database_url}_of_something_else")

    assert (done.returncode, done.stderr) == (0, "")
    assert "✅ Model version logged successfully!\n   Version: v2.0.0\n" in done.stdout


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "no SUPABASE_URL in the environment or in .env"),
        ({"SUPABASE_URL": "https://x.supabase.co"}, "no SUPABASE_SERVICE_KEY in the environment or in .env"),
        ({"SUPABASE_URL": "https://x.invalid", "SUPABASE_SERVICE_KEY": f"sb_secret_{PASSWORD}"}, "has this address"),
        ({"DATABASE_URL": f"postgresql://trainer:{PASSWORD}@127.0.0.1:1/lepinet"}, "cannot be reached"),
        ({"DATABASE_URL": f"https://trainer:{PASSWORD}@example.org"}, "PostgreSQL understands"),
        ({"SUPABASE_URL": "https://x.supabase.co", "SUPABASE_SERVICE_KEY": PASSWORD}, "no key that opens a project"),
        ({"LEPINET_HOME": "."}, "no repository has its registry here"),
    ],
    ids=["nothing", "no-key", "no-project", "refused", "no-postgresql", "no-key-of-any-kind", "empty-home"],
)
def test_a_training_ends_well_in_a_broken_environment(script: Script, settings: dict[str, str], why: str) -> None:
    done = script(TRAINER, **settings)

    assert done.returncode == 0
    assert "LepiNet did not log v2.0.0: " in done.stderr
    assert why in done.stderr
    assert done.stderr.endswith(
        "Your training is safe: Bhanura/lepinet-model-v2. From any machine, when you like:\n"
        "  lepinet register v2.0.0 --file-path Bhanura/lepinet-model-v2 --revision main"
        " --images 5400 --accuracy 0.9234\n"
    )
    assert done.stdout.endswith("🎉 Training pipeline completed!\n")
    assert PASSWORD not in done.stdout + done.stderr


def test_a_console_without_emoji_is_no_failure(script: Script, database_url: str) -> None:
    code = TRAINER.replace("🎉 ", "")

    assert script(code, DATABASE_URL=database_url, PYTHONIOENCODING="ascii").returncode == 0
    assert (
        script(
            "import sys; sys.stdout.close()\n" + code.replace("print(", "str("), DATABASE_URL=database_url
        ).returncode
        == 0
    )


def test_a_server_that_never_answers_is_given_up(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        (bare / ".env").write_text(f"DATABASE_URL='postgresql://t:{PASSWORD}@127.0.0.1:{port}/db?connect_timeout=2'\n")
        begun = time.monotonic()

        assert log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234) is None

    assert time.monotonic() - begun < 30
    assert "no answer in time" in capsys.readouterr().err


@pytest.mark.usefixtures("connected")
def test_a_row_comes_back_with_all_that_was_given() -> None:
    rows = log_model_version(
        "v2.0.0",
        Path("Bhanura/lepinet-model"),
        5400,
        0.9234,
        revision=REVISION,
        notes="wet season",
        links={"run": "https://example.org/runs/7"},
        metrics={"top3": 0.98, "per_species": [1, 2]},
        strict=True,
    )

    assert rows is not None
    (row,) = rows
    assert row["created_at"]
    assert {name: row[name] for name in ("version_name", "file_path", "revision", "notes", "links", "metrics")} == {
        "version_name": "v2.0.0",
        "file_path": "Bhanura/lepinet-model",
        "revision": REVISION,
        "notes": "wet season",
        "links": {"run": "https://example.org/runs/7"},
        "metrics": {"top3": 0.98, "per_species": [1, 2]},
    }


@pytest.mark.usefixtures("connected")
def test_what_is_logged_says_how_it_is_registered(capsys: pytest.CaptureFixture[str]) -> None:
    log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234, revision=REVISION, notes="wet season")

    command = "lepinet register v2.0.0 --file-path Bhanura/lepinet-model --revision"
    figures = "--images 5400 --accuracy 0.9234 --notes 'wet season'"
    assert capsys.readouterr().out.endswith(f"  {command} {REVISION} {figures}\n")


@pytest.mark.usefixtures("connected")
def test_a_model_whose_revision_nobody_gave_is_registered_as_main_was_when_it_was_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234)

    assert rows is not None
    logged = datetime.fromisoformat(rows[0]["created_at"])
    assert f"--file-path Bhanura/lepinet-model --revision main@{logged:%Y-%m-%dT%H:%M:%S}Z " in capsys.readouterr().out


@pytest.mark.usefixtures("connected")
def test_what_was_not_logged_gets_no_tick(capsys: pytest.CaptureFixture[str]) -> None:
    log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234)
    capsys.readouterr()

    log_model_version("v2.0.0", "Bhanura/lepinet-model", 1, 0.9234)

    said = capsys.readouterr()
    assert said.out == "v2.0.0 was not logged again.\n"
    assert "the registry keeps training_image_count 5400 (now 1)" in said.err


@pytest.mark.usefixtures("connected")
def test_a_name_that_other_files_have_is_refused_with_the_next_free_one(capsys: pytest.CaptureFixture[str]) -> None:
    log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234, revision="0f5c21a" + "0" * 33)

    assert log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234, revision=REVISION) is None

    said = capsys.readouterr().err
    assert "v2.0.0 is taken: Bhanura/lepinet-model @ 0f5c21a" in said
    assert "A version never changes. Next free: v2.0.1\n" in said
    assert f"  lepinet register v2.0.1 --file-path Bhanura/lepinet-model --revision {REVISION}" in said
    with pytest.raises(RegistryRefusal):
        log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234, revision=REVISION, strict=True)


@pytest.mark.usefixtures("connected")
def test_is_active_goes_through_git(capsys: pytest.CaptureFixture[str]) -> None:
    rows = log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234, True)  # noqa: FBT003  # as people call it

    assert rows is not None
    assert rows[0]["is_active"] is False
    assert "lepinet activate v2.0.0" in capsys.readouterr().err


@pytest.mark.usefixtures("connected")
def test_another_training_under_the_same_name_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234)

    rows = log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.95)

    assert rows is not None
    assert rows[0]["accuracy_score"] == 0.9234
    assert "the registry keeps accuracy_score 0.9234 (now 0.95)" in capsys.readouterr().err


@pytest.mark.usefixtures("connected")
def test_a_name_of_the_old_kind_is_logged_and_cannot_be_registered_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert log_model_version("lepinet-model-2024-12-21", "Bhanura/lepinet-model", 5400, 0.9234)

    assert "models.yaml will not take lepinet-model-2024-12-21 as it is" in capsys.readouterr().err


@pytest.mark.usefixtures("bare")
def test_strict_raises_what_was_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"no SUPABASE_URL .* no models\.yaml around"):
        log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234, strict=True)
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/lepinet")
    with pytest.raises(OutsideError):
        log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, 0.9234, strict=True)
    with pytest.raises(LepinetError, match="accuracy_score is nan"):
        log_model_version("v2.0.0", "Bhanura/lepinet-model", 5400, math.nan, strict=True)


@pytest.mark.usefixtures("bare")
def test_the_command_that_mends_is_quoted_for_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    log_model_version("v2.0.0", "models/it's new; rm -rf $HOME", 5400, 0.9234, notes="a\nb")

    command = capsys.readouterr().err.partition("when you like:\n")[2]
    assert shlex.split(command)[2:5] == ["v2.0.0", "--file-path", "models/it's new; rm -rf $HOME"]
    assert shlex.split(command)[-2:] == ["--notes", "a\nb"]
