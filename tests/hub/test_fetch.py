"""A model from the Hub comes whole and as it is listed, or not at all; whatever goes wrong on the way is said."""

from __future__ import annotations

import random
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hf_stand_in import faults
from hf_stand_in.faults import Fault
from hf_stand_in.repository import Repository, files_of
from hf_stand_in.server import StandIn
from hub.conftest import MODEL, NAME, SHORT, WANTED, Machine
from lepinet.errors import OutsideError, RefusedError, UsageError
from lepinet.settings import Settings

ONNX = (MODEL / "onnx" / "model.onnx").read_bytes()
NOWHERE = "http://127.0.0.1:9"
"""Nobody listens at the port of the discard protocol."""


def test_the_wanted_files_are_fetched_as_they_are_listed(hub: StandIn, machine: Machine, commit: str) -> None:
    kept = machine.fetch(NAME, commit)
    everything = files_of(MODEL)
    assert files_of(kept.folder) == {name: everything[name] for name in WANTED}
    assert set(kept.listing.names) == set(everything)
    assert sum("/resolve/" in request.path for request in hub.requests) == 4
    assert len(hub.at_storage) == 1


def test_what_is_here_is_used_without_asking(machine: Machine, commit: str) -> None:
    first = machine.fetch(NAME, commit)
    machine.url = NOWHERE
    assert machine.fetch(NAME, commit) == first


def test_the_size_is_told_before_and_what_came_meanwhile(machine: Machine, commit: str) -> None:
    machine.fetch(NAME, commit)
    total = sum(len((MODEL / name).read_bytes()) for name in WANTED)
    assert machine.told == [(f"{NAME} @ {commit[:7]}", total)]
    assert machine.counted == sorted(machine.counted)
    assert machine.counted[-1] == total


@pytest.mark.parametrize("spoil", ["change", "shorten", "remove", "link"])
def test_what_was_kept_and_is_damaged_comes_again(machine: Machine, commit: str, spoil: str) -> None:
    kept = machine.fetch(NAME, commit)
    file = kept.folder / "onnx" / "model.onnx"
    file.unlink()
    match spoil:
        case "change":
            file.write_bytes(ONNX[:-1] + b"!")
        case "shorten":
            file.write_bytes(ONNX[:1000])
        case "link":
            file.symlink_to(MODEL / "onnx" / "model.onnx")
    assert machine.fetch(NAME, commit) == kept
    assert file.read_bytes() == ONNX
    assert not file.is_symlink()


def test_a_listing_that_somebody_else_wrote_is_none(machine: Machine, commit: str) -> None:
    kept = machine.fetch(NAME, commit)
    (kept.folder.parent / "listing.json").write_text("{}")
    assert machine.fetch(NAME, commit) == kept


def test_a_repository_of_another_name_does_not_get_the_files_of_this_one(
    hub: StandIn, machine: Machine, commit: str
) -> None:
    kept = machine.fetch(NAME, commit)
    machine.folder.joinpath("asha/other").mkdir()
    kept.folder.parent.rename(machine.folder / "asha/other" / commit)
    with pytest.raises(RefusedError, match="the Hub has no model asha/other for somebody without a token"):
        machine.fetch("asha/other", commit)
    assert hub.requests


NO_ANSWER: dict[str, Fault] = {
    **{f"HTTP {code}": faults.status(code) for code in (408, 429, 500, 502, 503, 504)},
    "hang": faults.hang,
    "hang up": faults.hang_up,
    "a head in drops": faults.drip_head,
    "cut": faults.cut(0),
}
WRONG_ANSWER: dict[str, Fault] = {
    "wrong bytes": faults.wrong_bytes,
    "a page": faults.html,
    "too much": faults.flood,
    "compressed": faults.gzip_bomb,
}
INFO, FILES = "/api/models/", r"/resolve/|/lfs/"


@pytest.mark.parametrize("fault", NO_ANSWER | WRONG_ANSWER)
def test_a_file_that_did_not_come_is_asked_for_again(hub: StandIn, machine: Machine, commit: str, fault: str) -> None:
    hub.order((NO_ANSWER | WRONG_ANSWER)[fault], on="/lfs/")
    assert (machine.fetch(NAME, commit).folder / "onnx" / "model.onnx").read_bytes() == ONNX
    assert len(hub.at_storage) >= 2


@pytest.mark.parametrize("fault", NO_ANSWER)
def test_a_listing_that_did_not_come_is_asked_for_again(
    hub: StandIn, machine: Machine, commit: str, fault: str
) -> None:
    hub.order(NO_ANSWER[fault], on=INFO)
    assert machine.fetch(NAME, commit)


@pytest.mark.parametrize(
    ("fault", "on"),
    [(fault, FILES) for fault in NO_ANSWER | WRONG_ANSWER] + [(fault, INFO) for fault in (*NO_ANSWER, *WRONG_ANSWER)],
)
def test_what_goes_on_failing_is_said_and_leaves_nothing_to_be_taken_for_a_model(
    hub: StandIn, machine: Machine, commit: str, fault: str, on: str
) -> None:
    hub.order((NO_ANSWER | WRONG_ANSWER)[fault], on=on, times=99)
    with pytest.raises(OutsideError) as caught:
        machine.fetch(NAME, commit, timings=replace(SHORT, request=0.1, retries=2))
    assert machine.url in str(caught.value)
    assert machine.kept() == []
    hub.forget()
    assert (machine.fetch(NAME, commit).folder / "onnx" / "model.onnx").read_bytes() == ONNX


@pytest.mark.parametrize("on", [INFO, FILES])
def test_an_answer_without_end_ends_and_nothing_goes_on_reading_it(
    hub: StandIn, machine: Machine, commit: str, on: str
) -> None:
    """What goes on would take all memory of the machine."""
    before = set(threading.enumerate())
    for fault in (faults.flood, faults.endless_error):
        hub.order(fault, on=on, times=99)
        with pytest.raises(OutsideError, match="fails, 2 times in a row"):
            machine.fetch(NAME, commit, timings=replace(SHORT, retries=1))
        hub.forget()
    left = [thread for thread in threading.enumerate() if thread not in before and "(run)" in thread.name]
    for thread in left:
        thread.join(10)
    assert not [thread for thread in left if thread.is_alive()]


@pytest.mark.parametrize(
    "change",
    [
        {"rfilename": "\ud800.txt"},
        {"size": 10**400},
    ],
)
def test_a_listing_that_nothing_can_hold_is_none_of_the_hubs(
    hub: StandIn, machine: Machine, commit: str, change: dict[str, Any]
) -> None:
    hub.order(faults.altered(lambda said: said | {"siblings": [file | change for file in said["siblings"]]}), on=INFO)
    with pytest.raises(OutsideError, match="does not answer as the Hub"):
        machine.fetch(NAME, commit)


def test_json_that_is_too_deep_is_none_of_the_hubs(hub: StandIn, machine: Machine, commit: str) -> None:
    hub.order(faults.status(200, b"[" * 200_000, {"Content-Type": "application/json"}), on=INFO)
    with pytest.raises(OutsideError, match="does not answer as the Hub"):
        machine.fetch(NAME, commit)


def test_a_slow_connection_ends_at_the_deadline(hub: StandIn, machine: Machine, commit: str) -> None:
    hub.order(faults.drip, on="/lfs/")
    with pytest.raises(OutsideError, match=r"was not fetched within 0\.5 s"):
        machine.fetch(NAME, commit, timings=replace(SHORT, fetch=0.5))


def test_the_rest_of_a_file_is_asked_for(hub: StandIn, machine: Machine, commit: str) -> None:
    hub.order(faults.cut(100_000), on="/lfs/")
    hub.order(faults.cut(1000), on="/lfs/")
    machine.fetch(NAME, commit)
    assert [request.start for request in hub.at_storage] == [0, 100_000, 101_000]


def test_a_bad_line_is_borne_with_as_long_as_something_comes(hub: StandIn, machine: Machine, commit: str) -> None:
    hub.order(faults.cut(10_000), on="/lfs/", times=2 * SHORT.retries)
    assert (machine.fetch(NAME, commit).folder / "onnx" / "model.onnx").read_bytes() == ONNX


def test_a_later_run_goes_on_where_the_one_before_ended(hub: StandIn, machine: Machine, commit: str) -> None:
    hub.order(faults.cut(100_000), on="/lfs/")
    hub.order(faults.hang_up, on="/lfs/", times=99)
    with pytest.raises(OutsideError):
        machine.fetch(NAME, commit)
    hub.forget()
    machine.fetch(NAME, commit)
    assert [request.start for request in hub.at_storage] == [100_000]
    assert not any(name in request.path for request in hub.requests for name in WANTED if name.endswith(".json"))


def test_a_server_without_ranges_sends_it_again(hub: StandIn, machine: Machine, commit: str) -> None:
    hub.order(faults.cut(100_000), on="/lfs/")
    hub.order(faults.status(200, ONNX), on="/lfs/")
    assert (machine.fetch(NAME, commit).folder / "onnx" / "model.onnx").read_bytes() == ONNX
    assert len(hub.at_storage) == 2


@pytest.mark.parametrize("says", [{"Retry-After": "1"}, {"RateLimit": '"resolvers";r=0;t=1'}])
def test_the_hubs_own_wish_for_a_pause_is_respected(
    hub: StandIn, machine: Machine, commit: str, says: dict[str, str]
) -> None:
    hub.order(faults.status(429, headers=says), on=INFO)
    machine.fetch(NAME, commit)
    first, second = (request.at for request in hub.requests if INFO in request.path)
    assert second - first >= 1


def test_pauses_differ_between_those_who_wait(hub: StandIn, machine: Machine) -> None:
    """So that all jobs that a failing Hub has turned away do not come back at the same moment."""
    random.seed(2)
    longer = random.uniform(0.5, 1.5)
    assert longer > 1.4
    random.seed(2)
    hub.order(faults.status(503), on=INFO)
    with pytest.raises(RefusedError):
        machine.fetch(NAME, "0" * 40, timings=replace(SHORT, retry=0.5))
    first, second = (request.at for request in hub.requests)
    assert second - first >= 0.5 * longer


def test_two_at_once_fetch_it_once(hub: StandIn, machine: Machine, commit: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda _: machine.fetch(NAME, commit), range(4)))
    assert kept == [kept[0]] * 4
    assert len(hub.at_storage) == 1


def test_a_folder_that_cannot_be_written_is_said(machine: Machine, commit: str) -> None:
    machine.folder.write_text("a file where a folder should be")
    with pytest.raises(OutsideError, match="the model cannot be kept"):
        machine.fetch(NAME, commit)


def test_a_branch_and_each_kind_of_tag_are_the_commit_that_they_name(hub: StandIn, machine: Machine) -> None:
    repository = hub.create("asha/tagged", files_of(MODEL))
    first = repository.references("heads")["main"]
    repository.tag("v1", first)
    repository.tag("v1-annotated", first, annotated=True)
    newest = repository.commit({"README.md": b"more"})
    asked = machine.hub()
    named = {name: asked.commit("asha/tagged", name) for name in ("main", "v1", "v1-annotated", first)}
    assert named == {"main": newest, "v1": first, "v1-annotated": first, first: first}


def rewritten(repository: Repository) -> None:
    repository.commit({"README.md": b"more"})
    repository.squash()


@pytest.mark.parametrize(
    ("happened", "anonymous", "with_token"),
    [
        (rewritten, "its history was rewritten (squashed, or pushed with force)", "its history was rewritten"),
        ("deleted", "has no model asha/lost for somebody without a token", "has no model asha/lost for this token"),
        ({"private": True}, "set HF_TOKEN to a token that may read it", "let the token read it"),
        ({"moved_to": NAME}, f"asha/lost is called {NAME} on the Hub", f"--file-path {NAME}"),
        ({"gated": "auto"}, "is gated, and somebody without a token has no", "is gated, and this token has no access"),
        ({"disabled": True}, "asha/lost was disabled by the Hub", "asha/lost was disabled by the Hub"),
    ],
)
def test_each_reason_why_a_commit_cannot_be_had_is_said(
    hub: StandIn, machine: Machine, happened: Any, anonymous: str, with_token: str
) -> None:
    hub.tokens.add("hf_asha")
    repository = hub.create("asha/lost", files_of(MODEL))
    commit = repository.references("heads")["main"]
    if happened == "deleted":
        del hub.repositories["asha/lost"]
    elif isinstance(happened, dict):
        vars(repository).update(happened)
    else:
        happened(repository)
    for token, said in ((None, anonymous), ("hf_asha", with_token)):
        with pytest.raises(RefusedError, match=re.escape(said)):
            machine.fetch("asha/lost", commit, token=token)
    assert machine.kept() == []
    shutil.rmtree(repository.folder)


def test_a_disabled_model_is_said_to_be_so_before_anything_is_registered(hub: StandIn, machine: Machine) -> None:
    hub.create("asha/disabled", files_of(MODEL)).disabled = True
    with pytest.raises(RefusedError, match="asha/disabled was disabled by the Hub"):
        machine.hub().commit("asha/disabled", "main")


def test_a_branch_that_does_not_exist_is_said(machine: Machine) -> None:
    with pytest.raises(RefusedError, match="no branch, tag or commit 'mian'"):
        machine.hub().commit(NAME, "mian")


def test_a_token_that_is_not_valid_is_said(machine: Machine, commit: str) -> None:
    with pytest.raises(OutsideError, match="it is wrong, expired or revoked"):
        machine.fetch(NAME, commit, token="hf_revoked")  # noqa: S106 -- nobody's
    with pytest.raises(UsageError, match="HF_TOKEN is no token") as caught:
        machine.fetch(NAME, commit, token="hf_one\nhf_two")  # noqa: S106 -- as above
    assert "hf_one" not in str(caught.value)


def test_a_private_model_is_fetched_with_its_token_which_goes_to_the_hub_alone(hub: StandIn, machine: Machine) -> None:
    hub.tokens.add("hf_canary")
    repository = hub.create("asha/private", files_of(MODEL))
    repository.private, repository.readers = True, {"hf_canary"}
    kept = machine.fetch("asha/private", repository.references("heads")["main"], token="hf_canary")  # noqa: S106
    assert (kept.folder / "onnx" / "model.onnx").read_bytes() == ONNX
    assert {request.token for request in hub.requests} == {"hf_canary"}
    assert {request.token for request in hub.at_storage} == {None}
    assert not any(b"hf_canary" in content for content in files_of(machine.folder).values())


def test_a_checkout_cannot_send_the_token_elsewhere(machine: Machine, commit: str) -> None:
    """HF_ENDPOINT counts from the environment alone."""
    assert Settings({"HF_ENDPOINT": machine.url}, {"HF_ENDPOINT": NOWHERE}).environ["HF_ENDPOINT"] == machine.url
    assert machine.fetch(NAME, commit)


def test_an_address_that_is_none_is_the_users_to_mend(machine: Machine, commit: str) -> None:
    with pytest.raises(UsageError, match="HF_ENDPOINT should be an address"):
        replace(machine, url="hub.example.org").fetch(NAME, commit)


def test_more_than_may_be_fetched_is_refused_before_a_byte_of_it_comes(
    hub: StandIn, machine: Machine, commit: str
) -> None:
    def declare(info: Any) -> Any:
        for file in info["siblings"]:
            if file["rfilename"] == "onnx/model.onnx":
                file["lfs"]["size"] = 100 << 30
        return info

    hub.order(faults.altered(declare), on=INFO)
    with pytest.raises(RefusedError, match=r"has 100\.0 GiB to fetch, and at most 2 GiB are fetched"):
        machine.fetch(NAME, commit)
    assert not hub.at_storage
    assert machine.told == []


def test_another_commit_than_the_one_asked_for_is_not_taken(hub: StandIn, machine: Machine, commit: str) -> None:
    hub.order(faults.altered(lambda info: info | {"sha": "1" * 40}), on=INFO)
    with pytest.raises(OutsideError, match="it answers with 1111111"):
        machine.fetch(NAME, commit)


@pytest.mark.parametrize(("repository", "revision"), [("../../etc", "0" * 40), (NAME, "main"), (NAME, "../x")])
def test_a_name_that_leads_elsewhere_is_refused(machine: Machine, repository: str, revision: str) -> None:
    with pytest.raises(RefusedError):
        machine.fetch(repository, revision)
    assert not machine.folder.exists()


def test_a_name_in_a_listing_that_leads_out_of_the_folder_is_refused(
    hub: StandIn, machine: Machine, commit: str, tmp_path: Path
) -> None:
    def rename(info: Any) -> Any:
        info["siblings"][0]["rfilename"] = "../../../outside"
        return info

    hub.order(faults.altered(rename), on=INFO)
    with pytest.raises(RefusedError, match="leads out of"):
        machine.hub().fetch(NAME, commit, tuple)
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}
