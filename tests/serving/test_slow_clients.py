"""Clients that never send a whole request: nobody waits for them, and they are not waited for."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress

import httpx

from serving.local_environment import DEADLINE, LocalEnvironment

MANY = 200


def test_many_that_never_end_their_request_keep_nobody_waiting_and_are_hung_up_on(
    environment: LocalEnvironment, photos: list[bytes]
) -> None:
    environment.timings["head"] = 3
    environment.start()
    environment.serve("v1.1.0", 1)
    address = ("127.0.0.1", httpx.URL(environment.url).port or 0)
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(address, timeout=DEADLINE)) for _ in range(MANY)]
        for one in slow[: MANY // 2]:
            one.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert environment.predict(photos[0]).status_code == 200
        assert all(hung_up(one) for one in slow)


def test_one_that_sends_a_byte_now_and_then_is_hung_up_on_all_the_same(environment: LocalEnvironment) -> None:
    environment.timings["head"] = 1
    environment.start()
    address = ("127.0.0.1", httpx.URL(environment.url).port or 0)
    with socket.create_connection(address, timeout=DEADLINE) as client:
        # A whole request before: the connection is an old one by then.
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        client.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        client.settimeout(0.1)
        for _ in range(10 * DEADLINE):
            try:
                client.sendall(b"x")
                if not client.recv(1 << 20):
                    return
            except ConnectionError:
                return
            except TimeoutError:
                continue
    raise AssertionError("it may go on for ever")


def hung_up(client: socket.socket) -> bool:
    """Wait until the server has ended it."""
    with suppress(ConnectionError):
        return not client.recv(1)
    return True
