"""Requests of which nobody can tell where they end: answered with 400, closed, and no trouble in the log."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from serving.local_environment import DEADLINE, LocalEnvironment

NEGATIVE_CHUNK = b"-5\r\nabcde\r\n0\r\n\r\n"
CHUNKED = b"Host: x\r\nTransfer-Encoding: chunked\r\n"
SMUGGLED = b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def server(environment: LocalEnvironment) -> Iterator[socket.socket]:
    """A connection to one that has no model yet."""
    environment.start()
    address = ("127.0.0.1", httpx.URL(environment.url).port or 0)
    with socket.create_connection(address, timeout=DEADLINE) as client:
        yield client


def told(client: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


@pytest.mark.parametrize("path", [b"/predict", b"/nowhere"])
def test_a_body_that_breaks_its_own_framing_leaves_no_traceback(
    environment: LocalEnvironment, server: socket.socket, path: bytes
) -> None:
    server.sendall(b"POST " + path + b" HTTP/1.1\r\n" + CHUNKED + b"\r\n" + NEGATIVE_CHUNK)
    assert told(server).startswith(b"HTTP/1.1 400 ")
    assert 'kind="internal"' not in environment.get("/metrics").text
    assert "Traceback" not in environment.log


def test_nor_does_one_that_breaks_it_after_the_answer(environment: LocalEnvironment, server: socket.socket) -> None:
    server.sendall(b"POST /nowhere HTTP/1.1\r\n" + CHUNKED + b"\r\n")
    assert server.recv(13) == b"HTTP/1.1 404 "
    server.sendall(NEGATIVE_CHUNK)
    assert b"HTTP/1.1" not in told(server)
    assert "Traceback" not in environment.log


def test_a_body_of_two_lengths_passes_for_no_second_request(server: socket.socket) -> None:
    server.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\n" % len(SMUGGLED) + CHUNKED + b"\r\n" + SMUGGLED)
    answers = told(server)
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1") == 1
