"""Orders to the endpoint on this machine, without a server; `tests/serving` has the two together."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripping import dripping
from lepinet.endpoints import Order
from lepinet.endpoints.local import LocalEndpoint
from lepinet.endpoints.local_folder import Followed, LocalFolder, UnreadableError, accepts
from lepinet.errors import OutsideError, RefusedError
from lepinet.files import remedy
from lepinet.locks import SHARED, locked
from lepinet.target import Target
from lepinet.timings import Timings

OLD = Target("models/v1.0.0", f"sha256:{'0' * 64}", "v1.0.0")
NEW = Target("models/v1.1.0", f"sha256:{'1' * 64}", "v1.1.0")

MOVE_FOREVER = """
import sys
from itertools import count
from pathlib import Path
from lepinet.endpoints import Order
from lepinet.endpoints.local import LocalEndpoint
from lepinet.target import Target
from lepinet.timings import Timings

endpoint = LocalEndpoint(Path(sys.argv[1]), "staging", Timings())
for generation in count(1):
    endpoint.move(Order(Target("models/" + "x" * (generation % 2000), "0" * 40), generation))
    print(generation, flush=True)
"""

MOVE_ONCE_TOLD = """
import sys
from pathlib import Path
from lepinet.endpoints import Order
from lepinet.endpoints.local import LocalEndpoint
from lepinet.errors import RefusedError
from lepinet.target import Target
from lepinet.timings import Timings

endpoint = LocalEndpoint(Path(sys.argv[1]), "staging", Timings())
print("ready", flush=True)
sys.stdin.readline()
for generation in range(int(sys.argv[2]), 60, 3):
    try:
        endpoint.move(Order(Target("models/new", "0" * 40), generation))
    except RefusedError:
        pass
"""


def endpoint_in(folder: Path) -> LocalEndpoint:
    return LocalEndpoint(folder, "staging", Timings(connect=1, request=2))


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "staging")


@pytest.fixture
def endpoint(folder: LocalFolder) -> LocalEndpoint:
    return endpoint_in(folder.path)


@contextmanager
def python(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_an_order_waits_for_a_server_that_does_not_run(endpoint: LocalEndpoint, folder: LocalFolder) -> None:
    endpoint.move(Order(NEW, 7))
    assert folder.order() == Order(NEW, 7)


def test_without_a_server_the_error_says_which_command_starts_it(endpoint: LocalEndpoint) -> None:
    endpoint.move(Order(NEW, 7))
    for ask in (endpoint.observe, endpoint.address):
        with pytest.raises(OutsideError, match="lepinet serve -e staging"):
            ask()


def test_what_a_killed_server_left_behind_is_no_server(endpoint: LocalEndpoint, folder: LocalFolder) -> None:
    file = folder.path / "listening.json"
    with folder.serving(0), folder.announced("http://127.0.0.1:9"):
        assert folder.listening() is not None
        left = file.read_bytes()
    file.write_bytes(left)
    assert folder.listening() is None
    with pytest.raises(OutsideError, match="it does not run"):
        endpoint.observe()
    with folder.serving(0):  # another one, which is only starting
        assert folder.listening() is None


def test_a_full_disk_is_no_matter_of_rights() -> None:
    assert "make room" in remedy(OSError(errno.ENOSPC, "No space left on device"))
    assert "may you use it" in remedy(OSError(errno.EACCES, "Permission denied"))


def test_a_living_server_whose_address_is_damaged_is_named_by_its_file(
    endpoint: LocalEndpoint, folder: LocalFolder
) -> None:
    with folder.serving(0), folder.announced("http://127.0.0.1:9"):
        file = folder.path / "listening.json"
        file.write_text("{")
        for ask in (endpoint.observe, folder.serving(0).__enter__):
            with pytest.raises(UnreadableError) as caught:
                ask()
            assert caught.value.where == str(file)
            assert "restart it" in str(caught.value.todo)


def test_what_is_no_lepinet_server_is_said_to_be_none(endpoint: LocalEndpoint, folder: LocalFolder) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"model": "something else"}')

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        with folder.serving(0), folder.announced(url), pytest.raises(OutsideError, match="no LepiNet server of this"):
            endpoint.observe()


def test_a_server_that_answers_in_drops_is_given_up(folder: LocalFolder) -> None:
    hurried = LocalEndpoint(folder.path, "staging", Timings(connect=1, request=0.2))
    with dripping() as url, folder.serving(0), folder.announced(url):
        with pytest.raises(OutsideError, match="it does not answer in time") as told:
            hurried.observe()
        assert told.value.todo == "start it: lepinet serve -e staging"


@pytest.mark.parametrize("accepted", [True, False], ids=["the server follows it", "the server has not seen it"])
def test_an_older_generation_is_refused(endpoint: LocalEndpoint, folder: LocalFolder, *, accepted: bool) -> None:
    endpoint.move(Order(NEW, 7))
    if accepted:
        folder.write_followed(Followed(Order(NEW, 7), None))
    with pytest.raises(RefusedError, match=r"follows generation 7 .*generation 6"):
        endpoint.move(Order(OLD, 6))
    assert folder.order() == Order(NEW, 7)
    endpoint.move(Order(OLD, 7))
    endpoint.move(Order(OLD, 6, accept_history=True))
    assert folder.order() == Order(OLD, 6, accept_history=True)


def test_rewritten_history_that_the_server_has_not_seen_yet_stays_accepted(
    endpoint: LocalEndpoint, folder: LocalFolder
) -> None:
    with folder.serving(0):
        folder.write_followed(Followed(Order(NEW, 9), None))
    endpoint.move(Order(OLD, 4, accept_history=True))
    endpoint.move(Order(NEW, 5))
    order = folder.order()
    assert order is not None
    assert accepts(Order(NEW, 9), order)


class Run:
    """A server's part of the rule, as `lepinet serve` applies it."""

    def __init__(self, folder: LocalFolder) -> None:
        self.folder = folder
        self.followed: Order | None = None

    def look(self) -> None:
        order = self.folder.order()
        if order is not None and accepts(self.followed, order):
            self.followed = order
            self.folder.write_followed(Followed(order, None))


STEPS = st.lists(
    st.one_of(st.just("look"), st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from([OLD, NEW]))), max_size=8
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_a_server_ends_with_the_last_order_that_was_not_refused(
    steps: list[str | tuple[int, bool, Target]],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = LocalFolder(Path(place))
        endpoint, server = endpoint_in(folder.path), Run(folder)
        last: Order | None = None
        for step in steps:
            if isinstance(step, str):
                server.look()
                continue
            generation, accept_history, target = step
            order = Order(target, generation, accept_history)
            if accepts(last, order):
                endpoint.move(order)
                last = order
            else:
                with pytest.raises(RefusedError):
                    endpoint.move(order)
        server.look()
        assert (server.followed and replace(server.followed, accept_history=False)) == (
            last and replace(last, accept_history=False)
        )


def test_nobody_reads_half_an_order_and_a_killed_writer_does_no_harm(
    endpoint: LocalEndpoint, folder: LocalFolder
) -> None:
    with python(MOVE_FOREVER, str(folder.path)) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "1\n"
        seen = 0
        while seen < 200:
            order = folder.order()
            assert order is not None
            assert order.generation >= seen
            seen = order.generation
        writer.send_signal(signal.SIGKILL)
    last = folder.order()
    assert last is not None
    endpoint.move(Order(NEW, last.generation))
    assert folder.order() == Order(NEW, last.generation)


def test_of_several_runs_at_once_the_newest_generation_stays(folder: LocalFolder) -> None:
    with (
        python(MOVE_ONCE_TOLD, str(folder.path), "0") as one,
        python(MOVE_ONCE_TOLD, str(folder.path), "1") as two,
        python(MOVE_ONCE_TOLD, str(folder.path), "2") as three,
    ):
        runs = (one, two, three)
        for run in runs:
            assert run.stdout is not None
            assert run.stdout.readline() == "ready\n"
        for run in runs:
            run.communicate("go\n", timeout=60)
            assert run.returncode == 0
    order = folder.order()
    assert order is not None
    assert order.generation == 59


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "staging").write_text("not a folder")
    with pytest.raises(OutsideError, match=r"staging: .*cannot be written"):
        endpoint_in(tmp_path / "staging").move(Order(NEW, 1))


@pytest.mark.parametrize("garbage", ["text", "fifo", "link", "folder", "other JSON"])
def test_an_order_that_somebody_else_wrote_is_named_and_replaced(folder: LocalFolder, garbage: str) -> None:
    folder.path.mkdir()
    match garbage:
        case "text":
            folder.order_file.write_text("v1.1.0 please")
        case "fifo":
            os.mkfifo(folder.order_file)
        case "link":
            folder.order_file.symlink_to("/etc/hostname")
        case "folder":
            folder.order_file.mkdir()
        case _:
            folder.order_file.write_text('{"target": {"file_path": "a", "revision": 1}, "generation": "newest"}')
    with pytest.raises(UnreadableError, match=r"order\.json"):
        folder.order()
    if garbage == "folder":
        with pytest.raises(OutsideError):
            endpoint_in(folder.path).move(Order(NEW, 1))
    else:
        endpoint_in(folder.path).move(Order(NEW, 1))
        assert folder.order() == Order(NEW, 1)


def test_two_servers_for_one_environment_are_one_too_many(folder: LocalFolder) -> None:
    with folder.serving(0), pytest.raises(OutsideError, match="a server answers"), folder.serving(0.1):
        pass
    with folder.serving(0):
        pass


def test_a_reader_that_is_stopped_while_it_looks_is_named_to_the_server_that_starts(folder: LocalFolder) -> None:
    with (
        folder.serving(0),
        locked(folder.path / "listening.lock", SHARED),
        pytest.raises(OutsideError, match="looks whether a server lives"),
        folder.announced("http://127.0.0.1:9"),
    ):
        pass
    with folder.announced("http://127.0.0.1:9"):
        assert folder.listening()
