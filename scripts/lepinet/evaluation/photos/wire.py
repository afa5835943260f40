"""What the photos' process is told, and what it answers: for each photo a line, and bytes behind it."""

from __future__ import annotations

import json
from enum import StrEnum
from socket import socket
from typing import BinaryIO, NamedTuple

from lepinet.evaluation.confined.wire import MAX_ERROR, Lines, parse, send


class Kind(StrEnum):
    """What is wanted of each photo."""

    LOOK = "look"
    THUMBNAIL = "thumbnail"
    CLEAN = "clean"


class Work(NamedTuple):
    """The first line to the process."""

    kind: Kind
    seconds: float
    """CPU time for one photo."""
    edge: int = 0
    """Of a thumbnail: pixels on its longer side, at most."""


def read_work(reader: BinaryIO) -> Work:
    kind, seconds, edge = json.loads(reader.readline())
    return Work(Kind(kind), seconds, edge)


def send_answer(connection: socket, answer: bytes | str) -> None:
    """What was wanted of a photo, or why there is none."""
    if isinstance(answer, str):
        send(connection, [None, answer])
    else:
        send(connection, [len(answer), None])
        connection.sendall(answer)


def read_answer(lines: Lines, deadline: float, at_most: int) -> bytes | str:
    """Raises ValueError when the process does not keep to the form, or sends more bytes than `at_most`."""
    match parse(lines.read(deadline)):
        case [int(size), None] if 0 <= size <= at_most:
            return lines.read_bytes(size, deadline)
        case [None, str(error)]:
            return error[:MAX_ERROR]
    raise ValueError
