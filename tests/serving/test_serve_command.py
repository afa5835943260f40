"""`lepinet serve` as somebody types it: where it listens, and what it does not take."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVE = (sys.executable, "-c", "from lepinet.cli import main; main()", "serve")
MANIFEST = (
    "schema_version: 1\nenvironments: {{production: {{registry: embedded, endpoint: {endpoint}}}}}\nversions: {{}}\n"
)


def repository(folder: Path, endpoint: str) -> Path:
    """One that declares no version, with an endpoint on this machine."""
    (folder / "models.yaml").write_text(MANIFEST.format(endpoint=endpoint))
    identity = ["-c", "user.name=Asha", "-c", "user.email=asha@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[int, str]]:
    """The port where it listens by its first line, and the line after it once it has ended."""
    variables = os.environ | {"LEPINET_HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1"}
    command = [*SERVE, "-e", "production", *arguments]
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        found = re.fullmatch(r"production listens on http://127\.0\.0\.1:(\d+) \(Ctrl-C ends it\)\n", first)
        assert found, first
        yield int(found[1]), process.stdout.read()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def test_the_port_of_the_command_line_counts_whatever_models_yaml_says(tmp_path: Path) -> None:
    declared, wanted = free_port(), free_port()
    folder = repository(tmp_path, f"{{kind: local, port: {declared}}}")
    with serving(folder, "--port", str(wanted)) as (port, after):
        assert (port, after) == (wanted, "")
    with serving(folder) as (port, after):
        assert (port, after) == (declared, "")


def test_a_port_that_does_not_stay_is_told_with_how_to_keep_one(tmp_path: Path) -> None:
    with serving(repository(tmp_path, "local")) as (_, after):
        assert "--port, or port: in models.yaml" in after


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-e", "production", "--host", "127.0.0.1"), "--host goes with --model alone"),
        (("-e", "production", "--species", "species.csv"), "--species goes with --model alone"),
        (("-e", "production", "--model", ""), "leave out -e"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    folder = repository(tmp_path, "local")
    done = subprocess.run([*SERVE, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
