"""The Hub on loopback: one server for its API and small files, one for large files, as on huggingface.co."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from hf_stand_in.answers import Asked, Reply, answer, stored
from hf_stand_in.faults import Fault
from hf_stand_in.repository import WHEN, Repository
from hf_stand_in.spaces import SPACES, Space, answer_of_space
from hf_stand_in.writing import change, keep
from loopback import running

PATIENCE = 20
"""Seconds that a test waits for a request."""


@dataclass
class Order:
    """A fault that the next requests for certain paths meet."""

    fault: Fault
    on: re.Pattern[str]
    times: int


@dataclass(frozen=True)
class Request:
    """One that came in."""

    at: float
    """By the monotonic clock."""
    path: str
    token: str | None
    start: int
    """The first byte that is wanted of a file."""


@dataclass
class StandIn:
    """What the Hub has, what is ordered of it, and what was asked."""

    folder: Path
    """Where its repositories lie."""
    url: str = ""
    storage: str = ""
    """The URL of the server that holds large files."""
    tokens: set[str] = field(default_factory=set)
    """Those that are somebody's."""
    vouched: dict[tuple[str, str], str] = field(default_factory=dict)
    """Tokens for jobs without one: by what vouches for the job, and the repository that it is for."""
    repositories: dict[str, Repository] = field(default_factory=dict)
    spaces: dict[str, Space] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    at_storage: list[Request] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)
    _orders: list[Order] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: threading.Condition = field(default_factory=threading.Condition)

    def create(self, name: str, files: Mapping[str, bytes | None], at: datetime = WHEN) -> Repository:
        """A public repository with one commit."""
        repository = Repository(name, self.folder / name)
        repository.commit(files, at=at)
        self.repositories[name] = repository
        return repository

    def order(self, fault: Fault, on: str = "", times: int = 1) -> None:
        """The next requests whose path matches meet a fault; what was ordered first comes first."""
        self._orders.append(Order(fault, re.compile(on), times))

    def forget(self) -> None:
        """Nothing is ordered, nothing was asked."""
        self._orders.clear()
        self.requests.clear()
        self.at_storage.clear()

    def wait_for(self, requests: int) -> None:
        """Until the storage was asked so often."""
        with self._asked:
            assert self._asked.wait_for(lambda: len(self.at_storage) >= requests, PATIENCE)

    def note(self, request: Request, *, storage: bool) -> None:
        with self._asked:
            (self.at_storage if storage else self.requests).append(request)
            self._asked.notify_all()

    def ordered(self, path: str) -> Fault | None:
        with self._lock:
            found = next((order for order in self._orders if order.times and order.on.search(path)), None)
            if found is None:
                return None
            found.times -= 1
            return found.fault


class Sender(BaseHTTPRequestHandler):
    """Sends answers, right ones and others."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ending: ClassVar[threading.Event]

    def send(self, reply: Reply) -> None:
        self.send_head(reply)
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def send_head(self, reply: Reply, *, length: int | None = -1) -> None:
        """The length is the body's; None: it is not said."""
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Handler(Sender):
    """Answers, or does what was ordered instead."""

    stand_in: ClassVar[StandIn]
    is_storage: ClassVar[bool]

    def do_GET(self) -> None:  # http.server calls it so
        asked = self._asked()
        request = Request(time.monotonic(), self.path, asked.token, asked.start)
        self.stand_in.note(request, storage=self.is_storage)
        if self.is_storage:
            reply = stored(asked, self.stand_in.repositories)
        elif asked.path.startswith(SPACES):
            reply = answer_of_space("GET", asked.path, asked.token, {}, self.stand_in.spaces)
        else:
            reply = answer(asked, self.stand_in.repositories, self.stand_in.storage)
        fault = self.stand_in.ordered(self.path)
        with contextlib.suppress(ConnectionError):
            (fault or Handler.send)(self, reply)

    do_HEAD = do_GET  # noqa: N815 -- as above

    def do_POST(self) -> None:  # as above
        """A change of a model or a Space, or a token for who is vouched for."""
        asked, body = self._asked(), self._body()
        if asked.path.startswith(SPACES):
            parsed = json.loads(body or b"{}")
            reply: Reply | None = answer_of_space("POST", asked.path, asked.token, parsed, self.stand_in.spaces)
        else:
            reply = change(asked, body, self.stand_in.repositories, self.stand_in.storage)
        if reply is None:
            self._vouch(json.loads(body))
            return
        self.stand_in.note(Request(time.monotonic(), self.path, asked.token, 0), storage=False)
        fault = self.stand_in.ordered(self.path)
        with contextlib.suppress(ConnectionError):
            (fault or Handler.send)(self, reply)

    def do_PUT(self) -> None:  # as above
        reply = keep(self.path, self._body(), self.stand_in.repositories)
        with contextlib.suppress(ConnectionError):
            (self.stand_in.ordered(self.path) or Handler.send)(self, reply)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _vouch(self, asked: dict[str, Any]) -> None:
        """As https://huggingface.co/changelog/trusted-publishers has it."""
        token = self.stand_in.vouched.get((asked["subject_token"], asked["resource"]))
        body = (
            {"access_token": token, "token_type": "bearer", "expires_in": 3600} if token else {"error": "invalid_grant"}
        )
        self.send(Reply(200 if token else 400, json.dumps(body).encode(), {"Content-Type": "application/json"}))

    def _asked(self) -> Asked:
        url = urlsplit(self.path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return Asked(
            path=url.path,
            query=dict(parse_qsl(url.query)),
            url=self.stand_in.url,
            token=token,
            start=int(found[1]) if found else 0,
            authorized=token is None or token in self.stand_in.tokens,
        )


@contextlib.contextmanager
def hub_online(folder: Path) -> Iterator[StandIn]:
    """The Hub with no repository yet, as long as the context lasts."""
    stand_in = StandIn(folder)
    with _serving(stand_in, storage=True) as storage, _serving(stand_in, storage=False) as url:
        stand_in.storage, stand_in.url = storage, url
        try:
            yield stand_in
        finally:
            stand_in.ending.set()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up in the middle of an answer does so on purpose."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def _serving(stand_in: StandIn, *, storage: bool) -> Iterator[str]:
    own = type("Own", (Handler,), {"stand_in": stand_in, "is_storage": storage, "ending": stand_in.ending})
    with served(own) as url:
        yield url


@contextlib.contextmanager
def served(handler: type[Sender]) -> Iterator[str]:
    """The URL of a server on this machine, as long as the context lasts."""
    with running(_Server(("127.0.0.1", 0), handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"
