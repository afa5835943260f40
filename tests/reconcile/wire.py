"""A proxy between a run and its registry, which ends the run at a call; nothing in the product knows of it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CALL = b"select public."
_COMMITTED = b"COMMIT\x00"


@dataclass
class Wire:
    """Ends the first process whose n-th call passes: `before` the server gets it, or after its commit, unanswered."""

    real: Path
    at: int
    before: bool
    calls: int = 0
    killed: str | None = None
    """The call at which it was."""
    _last: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self.real))
        threading.Thread(target=self._answers, args=(server, client, pid), daemon=True).start()
        with suppress(OSError):
            while data := client.recv(1 << 20):
                if _CALL in data and self._counts(data) and self.before:
                    self._kill(pid)
                    break
                server.sendall(data)
        server.close()

    def _answers(self, server: socket.socket, client: socket.socket, pid: int) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 20):
                if not self.before and self.calls == self.at and _COMMITTED in data and self.killed is None:
                    self._kill(pid)
                    break
                client.sendall(data)
        client.close()

    def _counts(self, data: bytes) -> bool:
        with self._lock:
            self.calls += 1
            self._last = data.split(_CALL, 1)[1].split(b"(", 1)[0].decode().strip('"')
            return self.calls == self.at

    def _kill(self, pid: int) -> None:
        self.killed = self._last
        os.kill(pid, signal.SIGKILL)


@contextmanager
def wire(registry: Path, folder: Path, port: int, *, at: int, before: bool) -> Iterator[Wire]:
    """In a registry's folder the link to the socket leads to the proxy, as long as the context lasts."""
    link = registry / "socket"
    behind = link.readlink()
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / f".s.PGSQL.{port}"))
    listener.listen(16)
    found = Wire(behind / f".s.PGSQL.{port}", at, before)
    threading.Thread(target=found.serve, args=(listener,), daemon=True).start()
    _point(link, folder)
    try:
        yield found
    finally:
        _point(link, behind)
        listener.close()
        shutil.rmtree(folder)


def _point(link: Path, target: Path) -> None:
    beside = link.with_name("socket.new")
    beside.symlink_to(target)
    beside.replace(link)
