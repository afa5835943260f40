"""`activate`, `rollback`, `register` where origin is GitHub: a branch and a pull request; here nothing moves."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from github_stand_in.server import TOKEN, Failure, StandIn, stand_in
from lepinet.workflow.propose import repository_at
from workflow.desk import Desk, Ended, lay, put_on_github

BRANCH = "activate-production-v1.1.0"


@dataclass(frozen=True)
class Clone:
    """Of a repository on GitHub."""

    desk: Desk
    github: StandIn

    def lepinet(self, *arguments: str, **environment: str) -> Ended:
        return self.desk.lepinet(
            *arguments, **({"GITHUB_API_URL": self.github.url, "GITHUB_TOKEN": TOKEN} | environment)
        )

    def activate(self, *arguments: str) -> Ended:
        return self.lepinet("activate", "v1.1.0", "-e", "production", *arguments)

    def tip(self, branch: str = BRANCH) -> str:
        return self.desk.git("ls-remote", "origin", f"refs/heads/{branch}").partition("\t")[0]

    def pull_request(self) -> tuple[str, str]:
        (only,) = self.github.pulls
        return only["title"], only["head"]["ref"]


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    desk = lay(tmp_path)
    put_on_github(desk)
    with stand_in() as github:
        yield Clone(desk, github)


def test_an_activation_is_proposed_and_nothing_changes_here(clone: Clone) -> None:
    (clone.desk.folder / "models.yaml").write_text(clone.desk.manifest + "# half a thought\n")
    before = clone.desk.git("rev-parse", "HEAD"), clone.desk.git("status", "--porcelain"), clone.desk.manifest
    done = clone.activate("--json")
    assert done.code == 0, done.err
    assert done.json["pull_request"] == "https://github.com/acme/butterflies/pull/1"
    assert clone.pull_request() == ("Activate v1.1.0 in production", BRANCH)
    assert (clone.desk.git("rev-parse", "HEAD"), clone.desk.git("status", "--porcelain"), clone.desk.manifest) == before
    changed = clone.desk.git("diff", "--unified=0", "origin/main", clone.tip())
    assert [line for line in changed.splitlines() if line[:2] in {"+ ", "- "}] == [
        "-    active: v1.0.0",
        "+    active: v1.1.0",
    ]
    assert clone.desk.git("rev-parse", f"{clone.tip()}^") == clone.desk.git("rev-parse", "origin/main")


def test_made_again_it_is_the_same_pull_request_on_the_main_of_today(clone: Clone) -> None:
    clone.activate()
    first = clone.tip()
    assert clone.activate().code == 0
    assert clone.tip() == first
    (clone.desk.folder / "README.md").write_text("Butterflies.\n")
    main = clone.desk.commit("Say what this is")
    clone.desk.git("push", "--quiet", "origin", "main")
    assert clone.activate("--override", "Season opens").code == 0
    assert clone.desk.git("rev-parse", f"{clone.tip()}^") == main
    assert "Season opens" in clone.github.pulls[0]["body"]
    assert clone.pull_request() == ("Activate v1.1.0 in production", BRANCH)


def test_after_the_push_alone_the_next_one_opens_it(clone: Clone) -> None:
    clone.github.failures = [Failure(422, message="Try later")]
    failed = clone.activate()
    assert failed.code == 1
    assert "Try later" in failed.err
    assert clone.tip()
    assert clone.activate().code == 0
    assert clone.pull_request()


@pytest.mark.parametrize("path", ["/pulls", "/actions/workflows/pr.yml/dispatches"])
def test_in_a_job_the_check_is_started_once_wherever_the_first_try_broke_off(clone: Clone, path: str) -> None:
    clone.github.origin = clone.desk.folder.parent / "origin.git"
    clone.github.fails_at = (f"POST /repos/acme/butterflies{path}", Failure(403, message="Not now"))
    job = {"GITHUB_ACTIONS": "true"}
    assert "Not now" in clone.lepinet("activate", "v1.1.0", "-e", "production", **job).err
    assert clone.github.dispatches == []
    for _ in range(2):
        assert clone.lepinet("activate", "v1.1.0", "-e", "production", **job).code == 0
    assert clone.github.dispatches == [("pr.yml", BRANCH)]
    assert clone.pull_request() == ("Activate v1.1.0 in production", BRANCH)


def test_a_branch_with_commits_of_others_is_left_alone(clone: Clone) -> None:
    clone.desk.git("switch", "--quiet", "--create", BRANCH)
    mine = clone.desk.commit("My own idea of it")
    clone.desk.git("push", "--quiet", "origin", BRANCH)
    done = clone.activate()
    assert done.code == 1
    assert f"{BRANCH} has commits of others" in done.err
    assert clone.tip() == mine
    assert clone.github.requests == []


@pytest.mark.parametrize("settled", ["", "# settled by hand\n"])
def test_a_branch_that_was_updated_on_github_is_ours_until_somebody_settled_something_there(
    clone: Clone, settled: str
) -> None:
    clone.activate()
    clone.desk.commit("Go on")
    clone.desk.git("push", "--quiet", "origin", "main")
    clone.desk.git("fetch", "--quiet", "origin")
    clone.desk.git("switch", "--quiet", "--track", f"origin/{BRANCH}")
    clone.desk.git("merge", "--quiet", "--no-commit", "--no-ff", "main")
    (clone.desk.folder / "models.yaml").write_text(clone.desk.manifest + settled)
    updated = clone.desk.commit(f"Merge branch 'main' into {BRANCH}")
    clone.desk.git("push", "--quiet", "origin", BRANCH)
    clone.desk.git("switch", "--quiet", "main")
    again = clone.activate()
    assert ("has commits of others" in again.err) is bool(settled)
    assert clone.tip() == updated
    clone.desk.commit("Go on again")
    clone.desk.git("push", "--quiet", "origin", "main")
    assert clone.activate().code == (1 if settled else 0)
    assert (clone.tip() == updated) is bool(settled)


def test_what_somebody_settled_stays_below_a_later_update_of_the_branch(clone: Clone) -> None:
    desk = clone.desk
    clone.activate()
    desk.git("fetch", "--quiet", "origin")
    desk.git("branch", "--quiet", "--track", BRANCH, f"origin/{BRANCH}")
    for settled in ("# settled by hand\n", ""):
        desk.commit("Go on")
        desk.git("push", "--quiet", "origin", "main")
        desk.git("switch", "--quiet", BRANCH)
        desk.git("merge", "--quiet", "--no-commit", "--no-ff", "main")
        (desk.folder / "models.yaml").write_text(desk.manifest + settled)
        updated = desk.commit(f"Merge branch 'main' into {BRANCH}")
        desk.git("push", "--quiet", "origin", BRANCH)
        desk.git("switch", "--quiet", "main")
    assert "has commits of others" in clone.activate().err
    assert clone.tip() == updated


def test_a_rollback_is_proposed_with_its_reason(clone: Clone) -> None:
    done = clone.lepinet("rollback", "-e", "staging", "--reason", "wrong names")
    assert done.code == 0, done.err
    assert clone.pull_request() == ("Roll staging back to v1.0.0: wrong names", "rollback-staging-v1.0.0")
    body = clone.github.pulls[-1]["body"]
    assert re.findall(r"^1\. (\w[\w ]+): ", body, re.MULTILINE) == [
        "Database",
        "Endpoint",
        "Mobile app",
        "Testing",
        "Monitoring",
        "Documentation",
    ]
    assert done.out.splitlines()[-1].startswith("https://github.com/acme/butterflies/pull/1: when it is merged, ")


def test_a_new_version_comes_with_its_files(clone: Clone) -> None:
    clone.desk.copy_model("v1.2.0", "v1.2.0")
    done = clone.lepinet("register", "v1.2.0", "--file-path", "models/v1.2.0")
    assert done.code == 0, done.err
    files = clone.desk.git("diff", "--name-only", "origin/main", clone.tip("register-v1.2.0")).splitlines()
    assert "models/v1.2.0/onnx/model.onnx" in files
    assert "models.yaml" in files
    assert clone.desk.git("status", "--porcelain") == "?? models/v1.2.0/"


def test_what_main_says_already_is_not_proposed(clone: Clone) -> None:
    done = clone.lepinet("activate", "v1.0.0", "-e", "production")
    assert done.code == 1
    assert done.err.endswith("on main already\n"), "this checkout has it too"
    assert clone.github.requests == []


def test_a_version_that_main_has_not_is_named_and_nothing_is_pushed(clone: Clone) -> None:
    done = clone.lepinet("activate", "v9.0.0", "-e", "production")
    assert done.code == 2
    assert "v9.0.0" in done.err
    assert not clone.tip("activate-production-v9.0.0")


def test_local_writes_the_file_here_alone(clone: Clone) -> None:
    done = clone.activate("--local")
    assert done.out.startswith("models.yaml declares v1.1.0 active in production\n")
    assert "production:\n    active: v1.1.0" in clone.desk.manifest
    assert (clone.github.requests, clone.tip()) == ([], "")


def test_without_a_token_nothing_is_pushed_and_the_ways_are_named(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git") or "")
    done = clone.lepinet("activate", "v1.1.0", "-e", "production", GITHUB_TOKEN="", PATH=str(tmp_path / "bin"))
    assert done.code == 2
    assert "gh auth login" in done.err
    assert "--local" in done.err
    assert not clone.tip()


def test_the_token_of_gh_will_do_and_is_shown_nowhere(clone: Clone, tmp_path: Path) -> None:
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(f"#!/bin/sh\necho {TOKEN}\n")
    gh.chmod(0o755)
    done = clone.lepinet(
        "activate", "v1.1.0", "-e", "production", GITHUB_TOKEN="", PATH=f"{gh.parent}:{clone.desk.variables['PATH']}"
    )
    assert done.code == 0, done.err
    assert TOKEN not in done.out + done.err + clone.desk.git("log", "--format=%B", clone.tip())


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/acme/butterflies.git", "acme/butterflies"),
        ("https://github.com/acme/butterflies", "acme/butterflies"),
        ("https://asha:secret@github.com/acme/butterflies/", "acme/butterflies"),
        ("git@github.com:acme/butter.flies.git", "acme/butter.flies"),
        ("ssh://git@github.com/acme/butterflies.git", "acme/butterflies"),
        ("https://gitlab.com/acme/butterflies.git", None),
        ("https://github.com.example.org/acme/butterflies.git", None),
        ("../github.com/acme/butterflies", None),
        ("", None),
    ],
)
def test_github_is_known_by_its_addresses(url: str, repository: str | None) -> None:
    assert repository_at(url) == repository
