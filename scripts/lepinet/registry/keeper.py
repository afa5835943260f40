"""Keeps PostgreSQL running for as long as somebody uses its folder; a program of its own, standard library alone.

    python keeper.py FOLDER BINARIES LOCK

ends with 0 once PostgreSQL accepts connections, with 1 and the reason why it does not, or with 2 when the keeper was
killed before either. What it leaves behind is the keeper, a process of its own session and PostgreSQL's parent. Whoever
uses the server holds a shared lock on `users.lock`, which the system takes back from the dead; the keeper stops the
server, and itself, when it can have that lock alone. LOCK is an open file descriptor that holds `keeper.lock`: there is
never a second keeper.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

OWNER: Final = "lepinet"
"""The database, and the ordinary role that owns it: a superuser would not notice a missing grant."""
SUPERUSER: Final = "postgres"
PORT: Final = 5432
"""Names the socket's file; no TCP port is opened."""

_LONGEST_SOCKET: Final = 103
"""Bytes: `sun_path` on macOS without its last NUL; Linux has four more."""
_LONGEST_LOG: Final = 1_000_000
_QUICK_DEATHS: Final = 5
_QUICK: Final = 10.0
_SECONDS_TO_STOP: Final = 15.0
_SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",
}


class Trouble(Exception):  # noqa: N818 - for the caller's message, never a traceback
    """Why there is no server: a sentence, and on the next line what to do."""


@dataclass(frozen=True)
class Place:
    """Where everything of one server is."""

    folder: Path
    binaries: Path

    @property
    def users_lock(self) -> Path:
        return self.folder / "users.lock"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def socket(self) -> Path:
        """A link to the folder of the server's socket, for those who look for it."""
        return self.folder / "socket"


def main(folder: str, binaries: str, lock: str) -> int:
    place = Place(Path(folder), Path(binaries))
    answer, report = os.pipe()
    if os.fork() == 0:
        os.close(answer)
        os._exit(_run(place, os.fdopen(report, "wb", buffering=0)))
    os.close(report)
    os.close(int(lock))  # from here on the keeper alone holds it
    with os.fdopen(answer, "rb") as pipe:
        said = pipe.read().decode()
    if said == "ready":
        return 0
    sys.stderr.write(said)
    return 1 if said else 2


def _become_daemon(place: Place) -> None:
    os.setsid()
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)


def _run(place: Place, report: IO[bytes]) -> int:
    def say(text: str) -> None:
        if report.closed:  # said once already
            return
        with suppress(OSError), report:  # nobody may be waiting for it any more
            report.write(text.encode())

    try:
        _become_daemon(place)
        _clear_leftovers(place)
        _use_ordinary_identity(place)
        users = os.open(place.users_lock, os.O_RDWR)
        if not place.data.exists():
            _create(place)
        _keep(place, users, lambda: say("ready"))
    except Trouble as trouble:
        say(str(trouble))
        return 1
    except OSError as error:
        say(f"PostgreSQL cannot run here: {error}")
        return 1
    return 0


def _alone(users: int) -> bool:
    """Whether everybody has gone; if so, nobody comes in until this process ends."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep(place: Place, users: int, announce: Callable[[], None]) -> None:
    """Run the server until everybody has gone; start it again when it dies."""
    sockets = _make_socket_folder(place)
    deaths = 0
    announced = False
    while deaths < _QUICK_DEATHS:
        server, began = _start(place, sockets), time.monotonic()
        while server.poll() is None:
            if not announced and _is_ready(place, server.pid):
                announce()
                announced = True
            if _alone(users):
                _stop(server.pid, partial(_has_ended, server))
                _remove_socket_folder(place)
                return
            _bound_log(place.log)
            time.sleep(0.1 if announced else 0.01)
        deaths = deaths + 1 if time.monotonic() - began < _QUICK else 1
        time.sleep(0.1 * deaths)  # a killed server's children need a moment to notice
    said = dict.fromkeys(place.log.read_text(errors="replace").splitlines()[-2:])
    raise Trouble(f"PostgreSQL does not start: {' / '.join(said)}\nsee {place.log}")


def _has_ended(server: subprocess.Popen[bytes]) -> bool:
    return server.poll() is not None


def _start(place: Place, sockets: Path) -> subprocess.Popen[bytes]:
    keeper = os.getpid()
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    # In PostgreSQL's eyes this is a list of folders: in quotes, commas and spaces are a folder's own.
    quoted = '"' + str(sockets).replace('"', '""') + '"'
    with place.log.open("ab") as log:
        return subprocess.Popen(
            [place.binaries / "postgres", "-D", place.data, "-k", quoted, *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: _die_with(keeper),  # noqa: PLW1509 - this process has one thread
        )


def _die_with(keeper: int) -> None:
    """On Linux a killed keeper takes its server along; elsewhere the next keeper does."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGINT))
        if os.getppid() != keeper:
            os._exit(1)


def _is_ready(place: Place, pid: int) -> bool:
    """`postmaster.pid` is: pid, data folder, start, port, socket's folder, address, memory, status."""
    lines = _pid_file(place)
    return lines[:1] == [str(pid)] and [line.strip() for line in lines[7:8]] == ["ready"]


def _pid_file(place: Place) -> list[str]:
    """Its lines; none where there is no such file, or one that a loss of power has filled with rubbish."""
    with suppress(FileNotFoundError):
        lines = (place.data / "postmaster.pid").read_text(encoding="ascii", errors="replace").splitlines()
        return lines if lines and lines[0].strip().isdecimal() else []
    return []


def _bound_log(log: Path) -> None:
    if log.stat().st_size > _LONGEST_LOG:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)  # everybody appends


def _stop(pid: int, ended: Callable[[], bool]) -> None:
    """Shut down fast, then without good-byes, then by force: helpers killed one by one can leave it hanging."""
    for sent in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, sent)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while time.monotonic() < deadline:
            if ended():
                return
            time.sleep(0.01)


def _make_socket_folder(place: Place) -> Path:
    """The data folder, or a short one for this user alone where a socket's address would be too long."""
    _remove_socket_folder(place)
    sockets = place.data
    if len(os.fsencode(sockets)) + len(f"/.s.PGSQL.{PORT}") > _LONGEST_SOCKET:
        sockets = Path(tempfile.mkdtemp(prefix="lepinet-", dir="/tmp"))  # TMPDIR may be long; mode 0700
    place.socket.symlink_to(sockets)
    return sockets


def _remove_socket_folder(place: Place) -> None:
    with suppress(OSError):
        sockets = place.socket.readlink()
        if sockets != place.data:
            shutil.rmtree(sockets)
    place.socket.unlink(missing_ok=True)


def _clear_leftovers(place: Place) -> None:
    """What a killed keeper left: a running server is stopped, files that name another's process are removed.

    PostgreSQL takes any living process with the pid in such a file for the server, after a restart of the machine too.
    Where no process has the pid, the file stays: PostgreSQL reads in it whether the dead server's children still work.
    """
    shutil.rmtree(_unfinished(place), ignore_errors=True)
    lines = _pid_file(place)
    if not lines:
        return
    server = int(lines[0])
    if str(place.data) in _command(server):
        _stop(server, lambda: not _command(server))
    patience = time.monotonic() + _SECONDS_TO_STOP / 3
    while _pid_file(place) and _exists(server) and not _command(server) and time.monotonic() < patience:
        time.sleep(0.01)  # killed and not yet reaped; its children may not have noticed either
    if _exists(server):
        for stale in (place.data / "postmaster.pid", place.data / f".s.PGSQL.{PORT}.lock"):
            stale.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _command(pid: int) -> str:
    """A process's command line, which anybody may read; empty for a zombie, and for none."""
    if sys.platform != "linux":
        listing = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip()
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="surrogateescape").strip()
    except OSError:
        return ""


def _unfinished(place: Place) -> Path:
    return place.folder / "data.new"


def _create(place: Place) -> None:
    """A new data folder, renamed into place when all is in it: roles, Supabase's shim as a template, the database."""
    new = _unfinished(place)
    options = ["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--wal-segsize=1"]
    _finish([place.binaries / "initdb", "-D", new, *options, "--no-instructions"])
    shim = Path(__file__).with_name("shim.sql").read_text(encoding="utf-8")
    statements = (
        shim.rstrip().rstrip(";"),
        f"create role {OWNER} login",
        f"grant anon, authenticated, service_role to {OWNER}",
        f"create database {OWNER} owner {OWNER}",
    )
    # Single-user mode: nobody can see, or be left with, a part of it. -j: a statement ends at ";" and a blank line.
    single: list[Path | str] = ["--single", "-j", "-D", new, "-c", "exit_on_error=on", "template1"]
    _finish([place.binaries / "postgres", *single], stdin=";\n\n".join([*statements, ""]))
    new.rename(place.data)


def _finish(command: list[Path | str], stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise Trouble(f"{Path(command[0]).name} failed: {' / '.join(said)}")


def _use_ordinary_identity(place: Place) -> None:
    """PostgreSQL refuses root, and users without a name: such a user becomes `nobody` in a namespace of its own.

    The files stay the user's then. Where namespaces are forbidden (most containers), root gives the folder to `nobody`.
    """
    user = os.geteuid()
    owner = place.folder.stat().st_uid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        nobody = None
    if user and (_has_name(user) or nobody is None):
        return
    if nobody is None:
        raise Trouble("PostgreSQL does not run as root, and this machine has no user `nobody`\nrun as an ordinary user")
    if owner == user and _succeeds(lambda: _enter_namespace(user, nobody)):
        _enter_namespace(user, nobody)
        return
    if user or owner not in {0, nobody.pw_uid}:
        raise Trouble(
            f"PostgreSQL does not run as {'root' if user == 0 else f'user {user}, who has no name here'}, "
            f"and {place.folder} belongs to user {owner}\nrun as an ordinary user"
        )
    if not _open_to_all(place.folder.parent) or not _open_to_all(place.binaries):
        raise Trouble(
            "PostgreSQL does not run as root, namespaces are forbidden here, and `nobody` may not enter "
            f"{place.folder.parent} or {place.binaries}\n"
            "run as an ordinary user, or set LEPINET_HOME to a folder that everybody may enter"
        )
    if owner == 0:
        for path in (place.folder, *place.folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _open_to_all(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents))


def _succeeds(action: Callable[[], None]) -> bool:
    """Whether a process that does this lives on: there is no way back out of a namespace."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except (OSError, AttributeError):  # forbidden; not Linux
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _enter_namespace(user: int, nobody: pwd.struct_passwd) -> None:
    """A user namespace in which this user is called `nobody`; the kernel still knows who it is."""
    group = os.getegid()
    clone_newuser = 0x10000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(clone_newuser) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} {group} 1")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
