"""trusted-check.yml, run: private models are checked by main's code, with a token that no branch's code sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.github import GitHub
from actions.triggers import Event
from hf_stand_in.repository import files_of
from hf_stand_in.server import StandIn, hub_online

pytestmark = pytest.mark.slow

CHECK = "trusted-check.yml"
DONE = {"check": "success", "comment": "success"}
CANARY, NAME = "hf_canary_of_the_trusted_check", "acme/private-butterflies"
MODEL = Path(__file__).parents[1] / "models" / "v1.1.0"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StandIn]:
    with hub_online(tmp_path / "hub") as online:
        online.tokens.add(CANARY)
        private = online.create(NAME, files_of(MODEL))
        private.private, private.readers = True, {CANARY}
        yield online


@pytest.fixture
def github(github: GitHub, hub: StandIn) -> GitHub:
    github.secrets = {"trusted-check": {"HF_TOKEN": CANARY}}
    github.environment["HF_ENDPOINT"] = hub.url
    github.variables |= {"LEPINET_TRUSTED_REPOSITORIES": NAME, "LEPINET_TRUSTED_CHECK": "yes"}
    return github


def proposed(github: GitHub, hub: StandIn, fork: str | None = None, text: str | None = None) -> Event:
    """A pull request that adds a private version to models.yaml, or some other text."""
    commit = hub.repositories[NAME].references("heads")["main"]
    with (github.desk.folder / "models.yaml").open("a") as file:
        file.write(text or f"  v1.2.0: {{file_path: {NAME}, revision: {commit}}}\n")
    (github.desk.folder / "conftest.py").write_text("import os; os.system('touch pwned')\n")
    github.desk.commit("Register v1.2.0")
    return github.pull_request(fork=fork)


def by_hand(github: GitHub, opened: Event, **other: str) -> Event:
    head = opened.payload["pull_request"]["head"]
    asked = {"head": head["label"], "commit": head["sha"]} | other
    return github.dispatched("main", CHECK, **asked)


def test_a_branch_of_this_repository_is_checked_by_itself(github: GitHub, hub: StandIn) -> None:
    opened = proposed(github, hub)
    untrusted = github.run("pr.yml", opened)
    assert untrusted.jobs == {"check": "failure"}, "without a token the Hub does not give it"
    ended = github.ended(untrusted, opened)
    assert github.run("comment.yml", ended).jobs == {}
    ran = github.run(CHECK, ended)
    assert ran.jobs == DONE
    (comment,), (check,) = github.there.comments, github.there.checks
    assert "v1.2.0** is registered" in comment["body"]
    assert (check["name"], check["conclusion"]) == ("lepinet trusted", "success")
    assert check["head_sha"] == opened.payload["pull_request"]["head"]["sha"]
    assert CANARY not in ran.seen
    assert not list(github.folder.rglob("pwned"))


def test_a_fork_waits_for_somebody_who_has_read_it(github: GitHub, hub: StandIn) -> None:
    opened = proposed(github, hub, fork="mallory")
    assert github.run(CHECK, github.ended(github.run("pr.yml", opened), opened)).jobs == {}
    assert github.run(CHECK, by_hand(github, opened)).jobs == DONE
    assert "From a fork" not in github.there.comments[0]["body"]


def test_a_repository_that_nobody_trusts_is_not_read(github: GitHub, hub: StandIn) -> None:
    github.variables["LEPINET_TRUSTED_REPOSITORIES"] = ""
    opened = proposed(github, hub, fork="mallory")
    hub.forget()
    ran = github.run(CHECK, by_hand(github, opened))
    assert ran.jobs == DONE
    (comment,), (check,) = github.there.comments, github.there.checks
    assert "names models of other repositories than main's: v1.2.0" in comment["body"]
    assert (check["name"], check["conclusion"]) == ("lepinet trusted", "failure")
    assert hub.requests == []


def test_a_models_yaml_that_is_not_right_gets_its_answer(github: GitHub, hub: StandIn) -> None:
    opened = proposed(github, hub, text="  v1.2.0: {file_path: [}\n")
    ran = github.run(CHECK, github.ended(github.run("pr.yml", opened), opened))
    assert ran.jobs == DONE
    (comment,), (check,) = github.there.comments, github.there.checks
    assert "models.yaml" in comment["body"]
    assert check["conclusion"] == "failure"
    assert CANARY not in ran.seen


@pytest.mark.parametrize("commit", ["main", "--upload-pack=touch pwned", "$(touch pwned)"])
def test_what_is_no_whole_commit_is_refused(github: GitHub, hub: StandIn, commit: str) -> None:
    opened = proposed(github, hub)
    ran = github.run(CHECK, by_hand(github, opened, commit=commit))
    assert ran.jobs == {"check": "failure"}
    assert not list(github.folder.rglob("pwned"))
