"""Photos posted to a server over many connections: kept and small, because each answer has to be looked at.

wrk and hey send the same photo and count; whether an answer is right for the version that it names, they cannot tell,
and neither keeps a rate that the server cannot bear. Here a request costs 0.1 ms, a fiftieth of what it costs a server.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_LONGEST = 60
"""Seconds that an answer may take."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one photo was answered with."""

    photo: int
    """Which one, counted from 0."""
    status: int
    """0: the server hung up, or said nothing in time."""
    seconds: float
    """From before it was connected, where it had to be, until its answer was read."""
    body: bytes = b""


class Senders:
    """Connections to one server, opened as they are needed and kept."""

    def __init__(self, url: str, photos: Sequence[bytes]) -> None:
        self._host = urlsplit(url).hostname
        self._port = urlsplit(url).port
        self._requests = [_request(photo) for photo in photos]
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.answered = 0
        """Photos so far, however they were answered."""

    async def in_turn(self, connections: int, count: int) -> list[Reply]:
        """So many photos; each connection sends the next as soon as it has its answer."""
        numbers = iter(range(count))

        async def send() -> list[Reply]:
            return [await self._send(number % len(self._requests)) for number in numbers]

        return list(itertools.chain(*await asyncio.gather(*(send() for _ in range(connections)))))

    async def at_rate(self, rate: float, seconds: float) -> list[Reply]:
        """So many photos in a second, whether those before are answered or not."""
        begun = time.perf_counter()
        sent = []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(begun + number / rate - time.perf_counter(), 0))
            sent.append(asyncio.create_task(self._send(number % len(self._requests))))
        return list(await asyncio.gather(*sent))

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _send(self, photo: int) -> Reply:
        begun = time.perf_counter()
        status, body = await self._ask(self._requests[photo])
        self.answered += 1
        return Reply(photo, status, time.perf_counter() - begun, body)

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(_LONGEST):
                reader, writer = (
                    self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
                )
                writer.write(request)
                status, body, stays = await _answer(reader)
        except (OSError, EOFError):  # a time that is up is an OSError as well
            return 0, b""
        if stays:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return status, body


def _request(photo: bytes) -> bytes:
    form = b'--b\r\nContent-Disposition: form-data; name="image"; filename="p"\r\n\r\n' + photo + b"\r\n--b--\r\n"
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    return f"{head}Content-Length: {len(form)}\r\n\r\n".encode() + form


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status and body of the next answer, whose length is told, and whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(fields["content-length"]))
    return int(head[0].split()[1]), body, fields.get("connection") != "close"
