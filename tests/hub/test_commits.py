"""Which commit of a Hub repository somebody meant who noted only the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hf_stand_in import faults
from hf_stand_in.repository import Repository
from hf_stand_in.server import StandIn
from hub.conftest import Machine
from lepinet.errors import RefusedError

BEGIN = datetime(2024, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def history(online: StandIn) -> Repository:
    """A commit on each of 120 days: more than two pages of the Hub's list."""
    repository = online.create("asha/history", {"README.md": b"begin"}, at=BEGIN - DAY)
    for number in range(120):
        repository.commit({"README.md": b"%d" % number}, f"day {number}", at=BEGIN + number * DAY)
    return repository


@pytest.mark.parametrize(
    ("moment", "title"),
    [(BEGIN, "day 0"), (BEGIN + 3.5 * DAY, "day 3"), (BEGIN + 500 * DAY, "day 119")],
    ids=["to the second", "the last one before", "now"],
)
def test_it_is_the_last_one_made_by_then(
    history: Repository, hub: StandIn, machine: Machine, moment: datetime, title: str
) -> None:
    hub.order(faults.status(503))
    commit = machine.hub().commit_at(history.name, moment)
    assert [named for known, _, named in history.commits("main") if known == commit] == [title]


def test_before_the_first_one_there_is_none(history: Repository, machine: Machine) -> None:
    assert machine.hub().commit_at(history.name, BEGIN - 2 * DAY) is None


def test_pages_are_asked_for_only_as_far_back_as_is_needed(history: Repository, hub: StandIn, machine: Machine) -> None:
    machine.hub().commit_at(history.name, BEGIN + 110 * DAY)
    # Without a page's number it is the first one, which may be asked for again.
    assert {request.path for request in hub.requests} == {f"/api/models/{history.name}/commits/main"}


def test_a_repository_that_is_gone_is_said(machine: Machine) -> None:
    with pytest.raises(RefusedError, match="the Hub has no model asha/gone"):
        machine.hub().commit_at("asha/gone", BEGIN)
