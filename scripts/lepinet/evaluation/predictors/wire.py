"""What a model's process and its parent say to each other: lines of JSON over a socket, photos' bytes behind them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from socket import socket
from typing import Any, BinaryIO, NamedTuple

from lepinet.evaluation.predictors import TOP

MAX_LINE = 64 << 10
"""A parent reads no longer line: the process may be in the hands of a hostile model."""
_MAX_ERROR = 500


class Start(NamedTuple):
    """The first line to the process: what to load, and how much it may use."""

    onnx: str
    preprocessor: str
    outputs: int
    independent: bool
    threads: int
    seconds: float
    """CPU time for one image on one thread."""


class Ready(NamedTuple):
    """The first line from the process."""

    refused: str | None = None
    """Why the model cannot be used."""


class Scores(NamedTuple):
    """What the process says of one image; a line holds those of a few images, in their order."""

    top: list[tuple[int, float]]
    """Output and probability, best first."""
    error: str | None
    milliseconds: float


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
            self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self._connection.recv(MAX_LINE)
            if not chunk:
                raise EOFError
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def send(connection: socket, message: Start | Ready | list[Scores]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def send_request(connection: socket, images: Sequence[Path | bytes]) -> None:
    """Paths go as text, photos in memory as their length, with their bytes after the line."""
    line = json.dumps([len(image) if isinstance(image, bytes) else str(image) for image in images])
    connection.sendall(line.encode() + b"\n")
    for image in images:
        if isinstance(image, bytes):
            connection.sendall(image)


def read_start(reader: BinaryIO) -> Start:
    return Start(*json.loads(reader.readline()))


def read_request(reader: BinaryIO) -> list[Path | bytes]:
    """The next request's images; empty when the parent has hung up."""
    line = reader.readline()
    if not line:
        return []
    return [reader.read(image) if isinstance(image, int) else Path(image) for image in json.loads(line)]


def parse_ready(line: bytes) -> Ready:
    """Raises ValueError when the process does not keep to the form."""
    match _parse(line):
        case [None]:
            return Ready()
        case [str(refused)]:
            return Ready(refused[:_MAX_ERROR])
    raise ValueError


def parse_scores(line: bytes, outputs: int) -> list[Scores]:
    """One line's answers, at least one. Raises ValueError when the process does not keep to the form."""
    try:
        scores = [_scores(item, outputs) for item in _parse(line)]
    except TypeError:
        raise ValueError from None
    if not scores:
        raise ValueError
    return scores


def _scores(item: Any, outputs: int) -> Scores:
    top, error, milliseconds = item
    # Plain comparisons: this runs for every photo, where matching patterns would take longer than all the rest.
    if type(milliseconds) is not float or not 0 <= milliseconds < math.inf:
        raise ValueError
    if top == [] and type(error) is str:
        return Scores([], error[:_MAX_ERROR], milliseconds)
    if error is not None or len(top) != min(TOP, outputs):
        raise ValueError
    for output, probability in top:
        if type(output) is not int or type(probability) is not float:
            raise ValueError
        if not (0 <= output < outputs and 0 <= probability <= 1):
            raise ValueError
    return Scores([(output, probability) for output, probability in top], None, milliseconds)


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except RecursionError:
        raise ValueError from None
