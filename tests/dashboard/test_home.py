"""The dashboard where no checkout is: a container clones the repository, with a token that stands in no file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree

import httpx

import lepinet
from dashboard.world import World, fields_of

START = Path(__file__).parents[2] / "spaces" / "dashboard" / "start.sh"
TOKEN = "t" * 32
SECRET = "ghp_OnlyGitMayKnowThis"  # noqa: S105 -- of nobody
HOST = "models.example.org"


def variables(world: World, home: Path, **more: str) -> dict[str, str]:
    """Of a container: `lepinet` is on its PATH, and its home is empty."""
    program = home / "bin" / "lepinet"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from lepinet.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    quiet = {name: value for name, value in world.desk.variables.items() if name != "GIT_CONFIG_GLOBAL"}
    return {**quiet, "HOME": str(home), "PATH": f"{program.parent}:{os.environ['PATH']}", **more}


@contextmanager
def started(environ: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(["sh", str(START)], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_it_shows_main_of_a_clone_to_whoever_has_the_token(world: World, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = variables(
        world,
        tmp_path / "home",
        LEPINET_REPOSITORY=f"file://{world.desk.folder}",
        LEPINET_DASHBOARD_TOKEN=TOKEN,
        SPACE_HOST=HOST,
        PORT=str(port),
        GITHUB_TOKEN=SECRET,
    )
    with started(environ, tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == f"the dashboard is at https://{HOST} (Ctrl-C ends it)\n"
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": HOST}) as client:
            assert client.get("/").status_code == 303
            page = client.get("/sign-in")
            number = page.headers["set-cookie"].partition(";")[0]
            said = {**fields_of(page.text, "/sign-in"), "token": TOKEN}
            entered = client.post("/sign-in", data=said, headers={"Cookie": number})
            number = entered.headers["set-cookie"].partition(";")[0]
            shown = client.get("/", headers={"Cookie": number}).text
    assert "Roll production back to v1.0.0: wrong names" in shown
    asked = "protocol=https\nhost=github.com\n\n"
    told = subprocess.run(
        ["git", "credential", "fill"], input=asked, capture_output=True, text=True, env=environ, check=True
    ).stdout
    assert f"username=x-access-token\npassword={SECRET}\n" in told
    written = [file for file in tmp_path.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert written == []


def test_it_says_what_it_needs(world: World, tmp_path: Path) -> None:
    for name, given in (("LEPINET_REPOSITORY", {}), ("SPACE_HOST", {"LEPINET_REPOSITORY": "https://github.com/o/n"})):
        environ = variables(world, tmp_path / name, **given)
        ended = subprocess.run(["sh", str(START)], capture_output=True, text=True, env=environ, check=False)
        assert ended.returncode != 0
        assert name in ended.stderr


def test_it_stops_when_it_is_told_to(world: World) -> None:
    command = [sys.executable, "-c", "from lepinet.cli import main; main()", "dashboard", "--port", "0"]
    with subprocess.Popen(
        command, cwd=world.desk.folder, env=world.desk.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert "the dashboard is at http://127.0.0.1:" in process.stdout.readline()
        begun = time.monotonic()
        process.terminate()
        assert process.wait(30) == 0
    assert time.monotonic() - begun < 20


def test_pages_stay_as_it_was_started_when_the_package_is_updated(world: World, tmp_path: Path) -> None:
    copytree(Path(lepinet.__file__).parent, tmp_path / "lepinet", ignore=ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", "from lepinet.cli import main; main()", "dashboard", "--port", "0"]
    environ = world.desk.variables | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, cwd=world.desk.folder, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().split()[4]
        for room in ("dashboard", "report"):
            rmtree(tmp_path / "lepinet" / room / "templates")
        told = [httpx.get(url + path, timeout=60).status_code for path in ("/", "/versions", "/nowhere")]
        process.terminate()
    assert told == [200, 200, 404]
