"""What a confined process and its parent say to each other: lines of JSON over a socket, bytes behind some of them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from socket import socket
from typing import Any, BinaryIO, NamedTuple

MAX_LINE = 64 << 10
"""A parent reads no longer line: the process may be in the hands of a hostile model or photo."""
MAX_ERROR = 500


class Ready(NamedTuple):
    """The first line from the process."""

    refused: str | None = None
    """Why it cannot do its work."""


class Lines:
    """Whole lines from a socket whose other end may be hostile, slow or dead."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._rest = b""

    def read(self, deadline: float) -> bytes:
        """The next line.

        Args:
            deadline: by the monotonic clock, for the whole line.

        Raises:
            TimeoutError: it did not come in time.
            EOFError: the other end hung up.
            ValueError: it is longer than `MAX_LINE`.
        """
        while b"\n" not in self._rest:
            if len(self._rest) > MAX_LINE:
                raise ValueError
            self._rest += self._receive(deadline)
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def read_bytes(self, count: int, deadline: float) -> bytes:
        """So many bytes; as `read`."""
        parts = [self._rest]
        missing = count - len(self._rest)
        while missing > 0:
            parts.append(self._receive(deadline))
            missing -= len(parts[-1])
        whole = b"".join(parts)
        self._rest = whole[count:]
        return whole[:count]

    def _receive(self, deadline: float) -> bytes:
        self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
        chunk = self._connection.recv(MAX_LINE)
        if not chunk:
            raise EOFError
        return chunk


def send(connection: socket, message: object) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def send_request(connection: socket, images: Sequence[Path | bytes]) -> None:
    """Paths go as text, photos in memory as their length, with their bytes after the line."""
    send(connection, [len(image) if isinstance(image, bytes) else str(image) for image in images])
    for image in images:
        if isinstance(image, bytes):
            connection.sendall(image)


def read_request(reader: BinaryIO) -> list[Path | bytes]:
    """The next request's images; empty when the parent has hung up."""
    line = reader.readline()
    if not line:
        return []
    return [reader.read(image) if isinstance(image, int) else Path(image) for image in json.loads(line)]


def parse_ready(line: bytes) -> Ready:
    """Raises ValueError when the process does not keep to the form."""
    match parse(line):
        case [None]:
            return Ready()
        case [str(refused)]:
            return Ready(refused[:MAX_ERROR])
    raise ValueError


def parse(line: bytes) -> Any:
    """JSON of any kind. Raises ValueError when it is none."""
    try:
        return json.loads(line)
    except RecursionError:
        raise ValueError from None
