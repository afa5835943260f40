"""Tags and proposals on the Hub, by its official client: what comes of them, and each way in which they are refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hf_stand_in import faults
from hf_stand_in.repository import Repository
from hf_stand_in.server import StandIn
from hub.conftest import NAME, Machine
from lepinet.errors import OutsideError, RefusedError, UsageError

# The client says that of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
READS, WRITES = "hf_reads", "hf_writes"


@pytest.fixture(autouse=True)
def tokens(hub: StandIn, model: Repository) -> Iterator[None]:
    hub.tokens |= {READS, WRITES}
    model.writers = {WRITES}
    yield
    for tag in model.references("tags"):
        model.git("tag", "--delete", tag)


def test_a_tagged_commit_outlives_a_squash(machine: Machine, model: Repository) -> None:
    before = model.commit({"README.md": b"the one that is deployed"})
    machine.hub(WRITES).tag(NAME, before, "deployed-production", "live")
    model.squash()
    assert model.references("tags") == {"deployed-production": before}
    assert machine.fetch(NAME, before).listing.revision == before


def test_a_tag_that_is_there_stays(machine: Machine, model: Repository, commit: str) -> None:
    machine.hub(WRITES).tag(NAME, commit, "deployed", "live")
    later = model.commit({"README.md": b"later"})
    machine.hub(WRITES).tag(NAME, later, "deployed", "live")
    assert model.references("tags") == {"deployed": commit}


def test_who_may_only_read_changes_nothing(machine: Machine, model: Repository, commit: str) -> None:
    with pytest.raises(RefusedError, match="HTTP 403"):
        machine.hub(READS).tag(NAME, commit, "deployed", "live")
    with pytest.raises(RefusedError, match="HTTP 403"):
        machine.hub(READS).propose(NAME, commit, {"onnx/model.onnx": b"x"}, "Add it", "")
    with pytest.raises(UsageError, match="needs a token"):
        machine.hub().tag(NAME, commit, "deployed", "live")
    assert model.references("tags") == model.references("pr") == {}


def test_a_hub_that_does_not_answer_is_not_waited_for(machine: Machine, hub: StandIn, commit: str) -> None:
    hub.order(faults.hang, on="/tag/")
    with pytest.raises(OutsideError, match="no answer in time"):
        machine.hub(WRITES).tag(NAME, commit, "deployed", "live")
    hub.order(faults.status(503), on="/tag/")
    with pytest.raises(OutsideError, match="HTTP 503"):
        machine.hub(WRITES).tag(NAME, commit, "deployed", "live")
    assert sum("/tag/" in request.path for request in hub.requests) == 2


def test_files_are_proposed_and_main_stays_as_it_is(machine: Machine, model: Repository) -> None:
    main = model.references("heads")["main"]
    files = {"onnx/model.onnx": b"weights" * 1000, "species.csv": b"text"}
    address = machine.hub(WRITES).propose(NAME, main, files, "Add the ONNX file", "Both agree.")
    number = len(model.references("pr"))
    assert address.endswith(f"{NAME}/discussions/{number}")
    assert model.references("heads")["main"] == main
    proposed = model.references("pr")[str(number)]
    assert {name: model.content(proposed, name) for name in files} == files
    commit, _, title = model.commits(proposed)[0]
    assert (commit, title) == (proposed, "Add the ONNX file")


def test_nothing_is_proposed_beside_files_that_came_meanwhile(machine: Machine, model: Repository) -> None:
    before = model.references("heads")["main"]
    model.commit({"README.md": b"meanwhile"})
    count = len(model.references("pr"))
    with pytest.raises(RefusedError, match="HTTP 412: A commit has happened since"):
        machine.hub(WRITES).propose(NAME, before, {"onnx/model.onnx": b"x"}, "Add it", "")
    assert len(model.references("pr")) == count


def test_an_upload_that_the_storage_refuses_is_told(machine: Machine, hub: StandIn, model: Repository) -> None:
    main = model.references("heads")["main"]
    hub.order(faults.status(403), on="/upload/")
    with pytest.raises(RefusedError, match="HTTP 403"):
        machine.hub(WRITES).propose(NAME, main, {"onnx/model.onnx": b"y"}, "Add it", "")
