"""Something is wrong between a run and its Supabase project: what it says, how it ends, and that the next one mends it.

The run is asked to activate a version. Most faults strike as the database is to flip, after the endpoint has moved: the
run ends unfinished (4). Some keep it from ever reaching the project: nothing is begun (3).
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeAlias

import pytest

from reconcile.faults import PAUSED_PAGE, answer, cut, half, refusal, silence
from reconcile.supabase_wire import Answers, Fault
from reconcile.world import Ended, World

pytestmark = pytest.mark.parametrize("any_world", ["supabase"], indirect=True)
ACTIVATE = "activate_model_version"
NO_ANSWER = f"the database did not answer {ACTIVATE}; it may have carried it out"
SLOW = pytest.mark.slow


@pytest.fixture
def world(any_world: World) -> World:
    """v1.0.0 is live, and main declares v1.1.0."""
    any_world.start_over("v1.0.0")
    any_world.declare("v1.1.0")
    return any_world


def said(ended: Ended, world: World) -> str:
    """What a run told its user, seen to hold neither the key nor a traceback."""
    told = ended.out + ended.err
    assert world.settings["SUPABASE_SERVICE_KEY"] not in told
    assert "Traceback" not in told
    return told


def ends_well(world: World) -> bool:
    again = world.run("reconcile")
    state = world.state()
    return (again.code, state.row, state.endpoint, state.ready) == (0, "v1.1.0", "v1.1.0", True)


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        pytest.param(silence, NO_ANSWER, id="a hang before the headers"),
        pytest.param(half, NO_ANSWER, id="a hang in the body"),
        pytest.param(cut, NO_ANSWER, id="a cut in the body", marks=SLOW),
        pytest.param(
            refusal(401, None, "Invalid API key"), "the project does not take the key: Invalid API key", id="401"
        ),
        pytest.param(
            refusal(401, "PGRST303", "JWT issued at future"),
            r"the project's key does not count now: JWT issued at future\n.*is this machine's clock right\?",
            id="a clock ten minutes off",
        ),
        pytest.param(
            refusal(403, "42501", f"permission denied for function {ACTIVATE}"),
            rf"too few rights in the database: permission denied for function {ACTIVATE}\n.*lepinet db migrate",
            id="403",
        ),
        pytest.param(
            answer(403, "<html><title>Blocked</title></html>"),
            r"something before the project refuses the call: Blocked",
            id="403 of a firewall",
        ),
        pytest.param(
            refusal(404, "PGRST202", f"Could not find the function public.{ACTIVATE} in the schema cache"),
            r"the registry's tables and functions are not there: Could not find the function .*\n.*lepinet db migrate",
            id="404 of a function",
        ),
        pytest.param(
            refusal(409, "PT409", "another run has taken over production", "taken over"),
            r"another run has taken over production",
            id="409",
        ),
        pytest.param(
            answer(429, {"message": "Too many requests"}, **{"Retry-After": "60"}),
            r"the project has had too many calls\n.*wait a minute",
            id="429 with Retry-After",
        ),
        pytest.param(refusal(500, None, "An unexpected error occurred"), NO_ANSWER, id="500", marks=SLOW),
        pytest.param(
            refusal(503, "PGRST000", "Database connection error. Retrying the connection."),
            r"the project's API failed \(HTTP 503\): Database connection error",
            id="503",
            marks=SLOW,
        ),
        pytest.param(answer(540, PAUSED_PAGE), r"the project is paused\n.*restore it in its dashboard", id="540"),
        pytest.param(
            answer(200, PAUSED_PAGE), r"a web page came instead of an answer .*\n.*restore it", id="a page, no JSON"
        ),
        pytest.param(
            answer(200, {"what": "is this"}), "the registry holds what this LepiNet cannot read", id="JSON of a kind"
        ),
        pytest.param(
            refusal(405, "25006", "cannot execute UPDATE in a read-only transaction"),
            r"the database takes no changes now: cannot execute UPDATE .*\n.*disk full",
            id="a read-only database",
        ),
    ],
)
def test_a_fault_at_the_flip_is_told_and_mended_by_the_next_run(world: World, answers: Answers, sentence: str) -> None:
    ended = world.watched(Fault(call=ACTIVATE, answers=answers), "reconcile")
    assert ended.code == 4, ended
    assert re.search(f"(production is not finished: |^){sentence}", said(ended, world), re.MULTILINE), ended
    assert world.state().row == "v1.0.0"
    assert ends_well(world)


@pytest.mark.parametrize("answers", [cut, refusal(502, None, "bad gateway")], ids=["cut", "502"])
def test_an_answer_that_is_lost_once_is_asked_for_again(world: World, answers: Answers) -> None:
    fault = Fault(call=ACTIVATE, answers=answers, times=1, carried_out=True)
    assert world.watched(fault, "reconcile").code == 0
    assert fault.calls.count(ACTIVATE) == 2
    assert world.sql("select count(*) from public.model_performance_logs where kind = 'proof'") == [(1,)]
    assert ends_well(world)


def test_a_call_comes_again_when_the_project_says_so(world: World) -> None:
    fault = Fault(call=ACTIVATE, answers=answer(429, {}, **{"Retry-After": "2"}), times=1)
    assert world.watched(fault, "reconcile").code == 0
    assert ends_well(world)


@contextmanager
def without_tls() -> Iterator[str]:
    """The URL of somebody who does not speak TLS."""

    def refuse() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def nobody() -> Iterator[str]:
    """The URL of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def no_such_name() -> Iterator[str]:
    yield "https://project.invalid"


Place: TypeAlias = Callable[[], AbstractContextManager[str]]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        pytest.param(nobody, r"the project cannot be reached: .*refused", id="connection refused", marks=SLOW),
        pytest.param(no_such_name, r"no project has this address\n.*SUPABASE_URL", id="no such name"),
        pytest.param(without_tls, r"no secure connection: ", id="TLS refused"),
    ],
)
def test_a_project_that_is_not_reached_leaves_everything_as_it_was(world: World, place: Place, sentence: str) -> None:
    before = world.state()
    with place() as url:
        ended = world.run("reconcile", SUPABASE_URL=url)
    assert ended.code == 3
    assert re.search(sentence, said(ended, world)), ended
    assert world.state() == before
    assert ends_well(world)
