"""`lepinet` as a process that has done its imports before it begins: half of a command's time goes into them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from lepinet.timings import Timings

_CLIENT = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(line, [len(told).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(told)
    sys.exit(line.recv(1)[0])
"""
TIMINGS = Timings(poll=0.05)
_USED = [
    "cli.reconcile",
    "cli.look",
    "cli.check",
    "cli.change",
    "cli.github",
    "cli.monitor",
    "workflow.deploy",
    "workflow.announce",
]
_USED += ["registry.postgres", "report.page", "evaluation.predictors.onnx", "github"]


def write_command(file: Path, address: Path) -> None:
    """A program that lets the server at an address run a command, in its own folder, environment and streams."""
    code = _CLIENT.format(address=str(address))
    file.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", "-S", "-c", code])} "$@"\n')
    file.chmod(0o755)


def serve(address: Path) -> None:
    """Fork for each command, until the process is ended, or who started it is gone."""
    parent = os.getppid()
    for name in _USED:
        with suppress(ModuleNotFoundError):
            import_module(f"lepinet.{name}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        listening.settimeout(5)
        print("ready", flush=True)  # noqa: T201 -- to who started this
        while os.getppid() == parent:
            try:
                line, _ = listening.accept()
            except TimeoutError:
                continue
            line.setblocking(True)  # noqa: FBT003 -- positional only
            if os.fork() == 0:
                listening.close()
                _command(line)
            line.close()


def _command(line: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(line, 4, 3)
    told = b""
    while len(told) < int.from_bytes(length, "big"):
        told += line.recv(1 << 16)
    arguments, folder, environment = json.loads(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["lepinet", *arguments]
    code = 70
    try:
        import_module("lepinet.cli").main(TIMINGS)
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(bytes([code]))
        os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
