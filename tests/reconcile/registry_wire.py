"""Stands between a run and its embedded registry: the link to the server's socket leads here for a while."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lepinet.registry import keeper
from reconcile.watch import Watch

_CALL = b"select public."
_ENDED = (b"COMMIT\x00", b"ROLLBACK\x00")
"""How the server says that a transaction has ended, and with it the one call in it."""


@contextmanager
def registry_wire(registry: Path, folder: Path, watch: Watch) -> Iterator[None]:
    """Have every call pass here, as long as the context lasts.

    Args:
        registry: the embedded registry's folder.
        folder: a short path for the socket, which must not be there yet.
        watch: told of every call.
    """
    link = registry / "socket"
    behind = link.readlink()
    name = f".s.PGSQL.{keeper.PORT}"
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / name))
    listener.listen(16)
    threading.Thread(target=_serve, args=(listener, behind / name, watch), daemon=True).start()
    _point(link, folder)
    try:
        yield
    finally:
        _point(link, behind)
        listener.close()
        shutil.rmtree(folder)


def _serve(listener: socket.socket, real: Path, watch: Watch) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(real))
        connection = _Connection(client, server, watch)
        threading.Thread(target=connection.asks, daemon=True).start()
        threading.Thread(target=connection.answers, daemon=True).start()


@dataclass
class _Connection:
    client: socket.socket
    server: socket.socket
    watch: Watch
    called: bool = False
    """A call was passed on, and its transaction has not ended yet."""

    def asks(self) -> None:
        with suppress(OSError):
            while data := self.client.recv(1 << 20):
                if _CALL in data:
                    if self.watch.arrives(data.split(_CALL, 1)[1].split(b"(", 1)[0].decode().strip('"')):
                        break
                    self.called = True
                self.server.sendall(data)
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)

    def answers(self) -> None:
        with suppress(OSError):
            while data := self.server.recv(1 << 20):
                if self.called and any(end in data for end in _ENDED):
                    self.called = False
                    if self.watch.answered():
                        break
                self.client.sendall(data)
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes whoever waits at it, too
            end.close()


def _point(link: Path, target: Path) -> None:
    beside = link.with_name("socket.new")
    beside.symlink_to(target)
    beside.replace(link)
