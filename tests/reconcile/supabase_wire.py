"""Stands between a run and the Supabase project that is its registry: whoever asks the project asks here meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias
from urllib.parse import urlsplit

from loopback import running
from reconcile.watch import DEADLINE, Watch

_NOT_PASSED_ON = {"connection", "content-length", "date", "server", "transfer-encoding"}

Answers: TypeAlias = Callable[[BaseHTTPRequestHandler], None]


@dataclass(kw_only=True)
class Fault(Watch):
    """Answers a call of a name in the project's place, as if something were wrong there or on the way."""

    call: str
    answers: Answers
    times: int = 99
    """So often, then the project is asked again."""
    carried_out: bool = False
    """The project gets the call all the same."""

    @property
    def strikes(self) -> bool:
        return self.calls[-1] == self.call and self.calls.count(self.call) <= self.times


@contextmanager
def supabase_wire(project: str, watch: Watch) -> Iterator[str]:
    """A URL at which every call of the project's functions passes here, as long as the context lasts."""
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, urlsplit(project).netloc, watch))
    proxy.daemon_threads = True
    proxy.block_on_close = False
    with running(proxy):
        yield f"http://127.0.0.1:{proxy.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves whole, in one packet

    def __init__(self, real: str, watch: Watch, *connection: object) -> None:
        self._real, self._watch = real, watch
        super().__init__(*connection)  # type: ignore[arg-type]  # as the server calls it

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = self._watch.arrives(self.path.removeprefix("/rest/v1/rpc/"))
        if self.close_connection:
            return
        fault = self._watch if isinstance(self._watch, Fault) and self._watch.strikes else None
        if fault is None or fault.carried_out:
            status, headers, content = self._asked(body)
            self.close_connection = self._watch.answered()
        if fault is not None:
            self.close_connection = True
            fault.answers(self)
        elif not self.close_connection:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """What the project answers."""
        real = HTTPConnection(self._real, timeout=DEADLINE)
        real.request("POST", self.path, body, dict(self.headers))
        answer = real.getresponse()
        content = answer.read()
        real.close()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_PASSED_ON}
        if answer.status != 204:
            headers["Content-Length"] = str(len(content))
        return answer.status, headers, content

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
