"""A Space with `lepinet serve` in it is moved, proved and put back, over the official client."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from endpoints.hosted import REPOSITORY, Hosted, start_over
from endpoints.test_fault_matrix import ALWAYS, EVERYWHERE
from hf_stand_in import faults
from hf_stand_in.answers import Reply
from hf_stand_in.replicas import TOKEN
from hf_stand_in.server import Sender, served
from hf_stand_in.spaces import Space
from lepinet.endpoints import Order
from lepinet.errors import OutsideError, RefusedError
from lepinet.target import Target

NAME = "asha/butterflies-api"
CALLS = {"look": f"^/api/spaces/{NAME}$", "variables": "^/api/spaces/.*/variables$"}
CALLS |= {"write": "^POST .*/variables$", "restart": "^POST .*/restart$"}


@pytest.fixture
def hosted(online: Hosted) -> Iterator[Hosted]:
    """v1.0.0 is live in the Space."""
    hosted = replace(online, endpoint=f"{{kind: space, repo_id: {NAME}}}")
    hosted.hub.spaces[NAME] = Space(NAME, hosted.service.replicas, {TOKEN})
    hosted.hub.spaces[NAME].start()
    start_over(hosted)
    yield hosted
    hosted.hub.forget()


@pytest.fixture
def space(hosted: Hosted) -> Space:
    return hosted.hub.spaces[NAME]


def test_it_is_moved_by_one_variable(hosted: Hosted, space: Space) -> None:
    """One, so that no restart between two writes serves a mixture."""
    assert space.variables == {"LEPINET_MODEL": f"{REPOSITORY}@{hosted.revisions['v1.0.0']} v1.0.0"}
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert space.variables == {"LEPINET_MODEL": f"{REPOSITORY}@{hosted.revisions['v1.1.0']} v1.1.0"}
    assert hosted.row() == "v1.1.0"
    assert "asked by LepiNet's /predict" in "\n".join(ended.told)
    starts = space.starts
    assert hosted.reconcile().said == "in step: v1.1.0 is live"
    assert space.starts == starts


def test_what_does_not_run_is_put_back(hosted: Hosted, space: Space) -> None:
    space.broken = "v1.1.0"
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 3, ended
    assert "the Space is RUNTIME_ERROR: Exit code: 137. Reason: out of memory" in ended.said
    assert (hosted.row(), space.stage, hosted.statuses()[0]) == ("v1.0.0", "RUNNING", "failed")
    assert "v1.0.0" in space.variables["LEPINET_MODEL"]


def test_a_commit_that_is_gone_is_said_by_the_server_in_it(hosted: Hosted, space: Space) -> None:
    del space
    endpoint = hosted.workspace.endpoint("production")
    assert endpoint is not None
    target = Target(REPOSITORY, "0" * 40, "v9.0.0")
    endpoint.move(Order(target, 1))
    state = endpoint.observe()
    while not state.failed:
        state = endpoint.observe()
    assert "has no commit 0000000" in state.detail


def test_one_that_is_paused_is_started(hosted: Hosted, space: Space) -> None:
    space.stage = "PAUSED"
    assert hosted.reconcile().code == 0
    assert (hosted.row(), space.stage) == ("v1.0.0", "RUNNING")


def test_one_that_stays_starting_is_told_and_the_next_run_settles_it(hosted: Hosted, space: Space) -> None:
    """It needs another start, which the variable alone, right already, does not bring."""
    space.stuck = 1_000
    hosted.declare("v1.1.0")
    ended = replace(hosted, timings=replace(hosted.timings, move=0.5)).reconcile()
    assert ended.code == 4, ended
    assert "the endpoint of production is not back on v1.0.0" in ended.said
    assert "within 0 s: the Space is APP_STARTING" in ended.said
    assert f"its log: {hosted.hub.url}/spaces/{NAME}?logs=container" in ended.said
    space.stuck = space.starts
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert (hosted.row(), version_of(space)) == ("v1.1.0", "v1.1.0")


def test_one_that_sleeps_is_left_asleep(hosted: Hosted, space: Space) -> None:
    space.stage = "SLEEPING"
    assert hosted.reconcile().said == "in step: v1.0.0 is live"
    assert space.stage == "SLEEPING"


def test_a_folder_of_the_repository_is_not_served(hosted: Hosted) -> None:
    endpoint = hosted.workspace.endpoint("production")
    assert endpoint is not None
    with pytest.raises(RefusedError, match="models of the Hub only"):
        endpoint.move(Order(Target("models/v1.0.0", "sha256:" + "0" * 64), 1))


def test_a_token_without_rights_is_told(hosted: Hosted, space: Space) -> None:
    space.writers.clear()
    endpoint = hosted.workspace.endpoint("production")
    assert endpoint is not None
    with pytest.raises(OutsideError) as told:
        endpoint.observe()
    assert "the token may not manage it (HTTP 403: You need write access to this Space.)" in str(told.value)
    assert f"let HF_TOKEN write the settings of {NAME}" in str(told.value)
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize("host", ["http://[::1", "http://127.0.0.1:99999", "http://exa\u200bmple.org"])
def test_a_host_that_is_no_address_is_none_yet(hosted: Hosted, space: Space, host: str) -> None:
    space.host = host
    endpoint = hosted.workspace.endpoint("production")
    assert endpoint is not None
    with pytest.raises(OutsideError, match="it has no address yet"):
        endpoint.observe()


@pytest.mark.parametrize("fault", [faults.drip, faults.drip_head])
def test_a_hub_that_answers_in_drops_is_given_up(hosted: Hosted, fault: faults.Fault) -> None:
    hosted.hub.order(fault, on=CALLS["look"], times=99)
    endpoint = replace(hosted, timings=replace(hosted.timings, request=0.5)).workspace.endpoint("production")
    assert endpoint is not None
    with pytest.raises(OutsideError, match="no answer in time") as told:
        endpoint.observe()
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize("fault", [faults.flood, faults.gzip_bomb, faults.drip])
def test_a_server_whose_answer_does_not_end_is_not_ready_and_nothing_goes_on_reading_it(
    hosted: Hosted, space: Space, fault: faults.Fault
) -> None:
    """What goes on would take all memory of the machine."""

    class Strange(Sender):
        ending = hosted.hub.ending

        def do_GET(self) -> None:  # noqa: N802 -- http.server calls it so
            with contextlib.suppress(ConnectionError):
                fault(self, Reply(200, b"{}" * 1000, {"Content-Type": "application/json"}))

    before = set(threading.enumerate())
    with served(Strange) as url:
        space.host = url
        endpoint = replace(hosted, timings=replace(hosted.timings, request=1)).workspace.endpoint("production")
        assert endpoint is not None
        assert not endpoint.observe().ready
        left = [thread for thread in threading.enumerate() if thread not in before and "(run)" in thread.name]
        for thread in left:
            thread.join(10)
        assert not [thread for thread in left if thread.is_alive()]


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_every_call_meets_every_fault(hosted: Hosted, space: Space, call: str) -> None:
    """Once, or from then on; in the end registry, variable and server agree."""
    timings = replace(hosted.timings, request=1, move=5, managing=6)
    hurried = replace(hosted, timings=timings)
    found: Counter[str] = Counter()
    for name, fault in EVERYWHERE.items():
        for times in (1, ALWAYS):
            if (hurried.row(), version_of(space)) != ("v1.0.0", "v1.0.0"):
                hosted.declare("v1.0.0")
                assert hosted.reconcile().code == 0
            hurried.declare("v1.1.0")
            hurried.hub.order(fault, on=CALLS[call], times=times)
            ended = hurried.reconcile()
            hurried.hub.forget()
            last = hosted.reconcile() if ended.code == 4 else ended
            end = {hurried.row(), version_of(space)}
            why = f"{call}, {name}, {times} times: {ended}, {last}, {end}"
            assert TOKEN not in why
            assert last.code in {0, 1, 3}, why
            assert end == ({"v1.1.0"} if last.code == 0 else {"v1.0.0"}), why
            found[f"{ended.code}{'' if last is ended else f', then {last.code}'}"] += 1
    print(f"\n{call}: {found.total()} cells; exit codes: {dict(found)}")  # noqa: T201 -- the figures are told in notes


def version_of(space: Space) -> str:
    """What it is told to serve, seen to be what its server was started with."""
    space.look()
    assert space.answers == space.wanted
    return space.wanted_model.rpartition(" ")[2]
