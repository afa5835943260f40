"""PostgreSQL on this machine: shared by processes, gone with the last of them, back after any of them was killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from lepinet.errors import OutsideError, UsageError
from lepinet.registry.embedded import EmbeddedServer, EmbeddedTransport
from lepinet.timings import Timings

Eventually: TypeAlias = Callable[[Callable[[], bool]], bool]
Stopped: TypeAlias = Callable[[Path], bool]

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

ODD_NAME = "new, with space, ü and \"quotes'"

USER = """
import sys
from pathlib import Path
from lepinet.registry.embedded import EmbeddedServer

with EmbeddedServer(Path(sys.argv[1])) as server, server.connect():
    print("in", flush=True)
    sys.stdin.read()
"""


def a_user(folder: Path) -> subprocess.Popen[str]:
    """Another process that uses the server until its standard input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def is_in(user: subprocess.Popen[str]) -> bool:
    assert user.stdout is not None
    return user.stdout.readline() == "in\n"


def go(user: subprocess.Popen[str]) -> int:
    user.communicate(timeout=30)
    return user.returncode


def processes(folder: Path) -> dict[int, str]:
    """Living processes of the folder's server: its keeper, and PostgreSQL's, at work in the data folder."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            at_work = (entry / "cwd").readlink()
        except OSError:
            continue
        if at_work == folder / "data" or ("keeper.py" in command and str(folder) in command):
            found[int(entry.name)] = command
    return found


def the_keeper(folder: Path) -> int:
    return next(pid for pid, command in processes(folder).items() if "keeper.py" in command)


def the_postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def visit(server: EmbeddedServer) -> int:
    """Leave a row behind; how many there are by now."""
    with server.connect() as connection:
        connection.execute("insert into visits default values")
        row = connection.execute("select count(*) from visits").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose server has a table of visits."""
    folder = tmp_path_factory.mktemp("embedded")
    with EmbeddedServer(folder) as server, server.connect() as connection:
        connection.execute("create table visits (at timestamptz default now())")
        connection.execute("create function whoever() returns jsonb language sql return to_jsonb(current_user)")
    return folder


@pytest.fixture
def folder(used_folder: Path, eventually: Eventually, stopped: Stopped) -> Iterator[Path]:
    """The same for each test, its server not running before, and stopped after."""
    assert eventually(lambda: stopped(used_folder))
    yield used_folder
    assert eventually(lambda: stopped(used_folder))


@linux
def test_the_server_runs_as_long_as_somebody_uses_it(folder: Path, eventually: Eventually) -> None:
    first, second = a_user(folder), a_user(folder)
    assert is_in(first)
    assert is_in(second)
    assert sum("keeper.py" in command for command in processes(folder).values()) == 1
    assert go(first) == 0
    with EmbeddedServer(folder) as server:
        before = visit(server)
        assert go(second) == 0
        assert visit(server) == before + 1
        assert processes(folder)
    assert eventually(lambda: not processes(folder))
    with EmbeddedServer(folder) as server:
        assert visit(server) == before + 2


@linux
def test_killing_the_last_user_ends_the_server(folder: Path, eventually: Eventually) -> None:
    user = a_user(folder)
    assert is_in(user)
    user.kill()
    user.communicate()
    assert eventually(lambda: not processes(folder))


@linux
@pytest.mark.parametrize("victim", [the_keeper, the_postmaster])
def test_a_killed_part_is_replaced_and_nothing_is_lost(
    folder: Path, victim: Callable[[Path], int], eventually: Eventually
) -> None:
    with EmbeddedServer(folder) as server:
        before, old = visit(server), the_postmaster(folder)
        os.kill(victim(folder), signal.SIGKILL)
        assert eventually(lambda: old not in processes(folder))
        assert visit(server) == before + 1
        assert the_postmaster(folder) in processes(folder)
    assert eventually(lambda: not processes(folder))


@linux
@pytest.mark.parametrize("victim", [the_keeper, the_postmaster])
def test_calls_do_not_notice_a_restart(folder: Path, victim: Callable[[Path], int], eventually: Eventually) -> None:
    transport = EmbeddedTransport(folder, Timings())
    assert transport.call("whoever") == "service_role"
    old = the_postmaster(folder)
    os.kill(victim(folder), signal.SIGKILL)
    while old in processes(folder):
        assert transport.call("whoever") == "service_role"
    assert transport.call("whoever") == "service_role"
    transport.close()
    assert eventually(lambda: not processes(folder))


@linux
def test_without_its_keeper_the_server_does_not_outlive_its_users(folder: Path, eventually: Eventually) -> None:
    user = a_user(folder)
    assert is_in(user)
    os.kill(the_keeper(folder), signal.SIGKILL)
    assert eventually(lambda: not processes(folder))
    go(user)


@linux
def test_eight_processes_on_a_new_folder_find_one_server(tmp_path: Path, eventually: Eventually) -> None:
    folder = tmp_path / ODD_NAME
    users = [a_user(folder) for _ in range(8)]
    assert all(is_in(user) for user in users)
    with EmbeddedServer(folder) as server, server.connect() as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
        assert row == (8,)
    assert {go(user) for user in users} == {0}
    assert eventually(lambda: not processes(folder))


@linux
@pytest.mark.parametrize("name", [ODD_NAME, "long-" * 30])
def test_any_path_will_do(folder: Path, tmp_path: Path, name: str, eventually: Eventually, stopped: Stopped) -> None:
    moved = folder.rename(tmp_path / name)
    with EmbeddedServer(moved) as server:
        visit(server)
        sockets = (moved / "socket").readlink()
        assert sockets.stat().st_mode & 0o077 == 0
        assert sockets.stat().st_uid == os.geteuid()
    assert eventually(lambda: stopped(moved))
    moved.rename(folder)
    assert sockets == moved / "data" or not sockets.exists()


def test_nobody_else_can_reach_the_server(folder: Path) -> None:
    with EmbeddedServer(folder) as server, server.connect() as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert (folder / "data").stat().st_mode & 0o077 == 0
        row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        assert row == (False,)


@linux
def test_a_pid_file_that_names_another_process_is_no_server(folder: Path) -> None:
    own = os.getpid()
    (folder / "data" / "postmaster.pid").write_text(
        f"{own}\n{folder / 'data'}\n1\n5432\n{folder / 'data'}\n\n0 0\nready\n"
    )
    (folder / "data" / ".s.PGSQL.5432.lock").write_text(f"{own}\n{folder / 'data'}\n1\n5432\n{folder / 'data'}\n")
    with EmbeddedServer(folder) as server:
        visit(server)
        assert the_postmaster(folder) != own


def test_the_log_is_bounded(folder: Path, eventually: Eventually) -> None:
    log = folder / "server.log"
    log.write_bytes(b"x" * 2_000_000)
    with EmbeddedServer(folder) as server:
        visit(server)
        assert eventually(lambda: log.stat().st_size < 100_000)
    assert (folder / "server.log.1").stat().st_size >= 2_000_000


def test_settings_for_another_server_are_not_heard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
        monkeypatch.setenv("PGPORT", str(unused.getsockname()[1]))
        monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
        monkeypatch.setenv("PGDATA", "/nowhere")
        with EmbeddedServer(folder) as server:
            visit(server)


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    version = folder / "data" / "PG_VERSION"
    right = version.read_text()
    version.write_text("9\n")
    try:
        with EmbeddedServer(folder) as server, pytest.raises(OutsideError, match="initialized by PostgreSQL version 9"):
            server.connect()
    finally:
        version.write_text(right)


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGBIN", str(tmp_path))
    with EmbeddedServer(tmp_path / "new") as server, pytest.raises(UsageError, match="not on this machine") as caught:
        server.connect()
    assert "PGBIN" in str(caught.value.todo)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match="cannot be written to"), EmbeddedServer(tmp_path / "file" / "folder"):
        pass
