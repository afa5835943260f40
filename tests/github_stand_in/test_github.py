"""Our client against the stand-in: each call does its thing once, however often it is made and whatever goes wrong."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dripping import dripping
from github_stand_in.server import ME, TOKEN, Failure, StandIn, stand_in
from lepinet.errors import OutsideError, RefusedError
from lepinet.github import GitHub, NewFile
from lepinet.timings import Timings
from workflow.desk import lay, put_on_github

QUICK = replace(Timings(), retry=0.01, retries=2, github=5, request=5)
COMMIT = "9f3c2ab" * 5 + "9f3c2"


@pytest.fixture
def there() -> Iterator[StandIn]:
    with stand_in() as github:
        yield github


@pytest.fixture
def github(there: StandIn) -> Iterator[GitHub]:
    with GitHub(there.repository, TOKEN, QUICK, api=there.url) as client:
        yield client


def opened(github: GitHub, title: str = "Activate v1.1.0", body: str = "Why not.") -> int:
    return github.open_pull_request(branch="activate-v1.1.0", base="main", title=title, body=body).number


def test_a_pull_request_is_opened_once_and_then_updated(github: GitHub, there: StandIn) -> None:
    assert opened(github) == opened(github) == opened(github, "Activate v1.1.0 at last")
    (pull,) = there.pulls
    assert (pull["title"], pull["head"]["ref"], pull["base"]["ref"]) == (
        "Activate v1.1.0 at last",
        "activate-v1.1.0",
        "main",
    )
    assert [request.partition(" ")[0] for request in there.requests] == ["GET", "POST", "GET", "GET", "PATCH"]


def test_a_closed_pull_request_is_not_the_one(github: GitHub, there: StandIn) -> None:
    first = opened(github)
    there.pulls[0]["state"] = "closed"
    assert opened(github) != first


def test_a_forks_pull_request_is_not_among_those_of_the_repository(github: GitHub, there: StandIn) -> None:
    number = opened(github)
    there.open("main", COMMIT, title="A stranger's", body=None, owner="mallory")
    assert [one.number for one in github.pull_requests(100)] == [number]
    assert github.pull_requests(1) == ()
    assert github.pull_request(number).head.ref == "activate-v1.1.0"


def test_checks_and_the_comment_are_read_as_they_were_written(github: GitHub, there: StandIn) -> None:
    number = opened(github)
    there.say(number, "<!-- lepinet:check -->\nForged", who="mallory")
    assert github.said(number, "check") is None
    github.comment(number, "check", "### Hold")
    github.check_run("lepinet verdict", COMMIT, "neutral", "undecided", "why")
    assert github.said(number, "check") == "### Hold"
    (check,) = github.checks(COMMIT)
    assert (check.name, check.status, check.conclusion) == ("lepinet verdict", "completed", "neutral")


def test_auto_merge_is_armed_once(github: GitHub, there: StandIn) -> None:
    opened(github)
    for _ in range(2):
        proposed = github.proposed("activate-v1.1.0")
        assert proposed
        github.merge_when_ready(proposed)
    assert there.pulls[0]["auto_merge"]["merge_method"] == "merge"
    assert there.requests.count("POST /graphql") == 1


def test_where_auto_merge_cannot_be_armed_github_says_why(github: GitHub, there: StandIn) -> None:
    there.allows_auto_merge = False
    opened(github)
    proposed = github.proposed("activate-v1.1.0")
    assert proposed
    with pytest.raises(RefusedError, match="Auto merge is not allowed"):
        github.merge_when_ready(proposed)


def test_a_comment_is_edited_and_never_repeated(github: GitHub, there: StandIn) -> None:
    number = opened(github)
    there.say(number, "<!-- lepinet:check -->\nForged", who="mallory")
    for text in ("undecided", "undecided", "live in production"):
        github.comment(number, "check", text)
    github.comment(number, "other", "else")
    ours = [one["body"] for one in there.comments if one["user"]["login"] == ME]
    assert ours == ["<!-- lepinet:check -->\nlive in production", "<!-- lepinet:other -->\nelse"]
    assert there.comments[0]["body"].endswith("Forged"), "of somebody else"


def test_of_two_runs_that_comment_at_once_one_comment_is_left_and_the_older(github: GitHub, there: StandIn) -> None:
    number = opened(github)
    there.outrun_by = "<!-- lepinet:check -->\nundecided"
    assert github.comment(number, "check", "fine to ship").id == 1
    assert [one["body"] for one in there.comments] == ["<!-- lepinet:check -->\nfine to ship"]


def test_of_two_comments_that_an_earlier_run_has_left_the_older_is_kept(github: GitHub, there: StandIn) -> None:
    number = opened(github)
    for text in ("hold", "undecided"):
        there.say(number, f"<!-- lepinet:check -->\n{text}")
    github.comment(number, "check", "fine to ship")
    assert [(one["id"], one["body"][-12:]) for one in there.comments] == [(1, "fine to ship")]


def test_a_comment_is_found_behind_many_others(github: GitHub, there: StandIn) -> None:
    number = opened(github)
    for _ in range(120):
        there.say(number, "Nice!", who="asha")
    github.comment(number, "check", "hold")
    github.comment(number, "check", "fine to ship")
    assert len(there.comments) == 121
    assert there.requests.count(f"GET /repos/acme/butterflies/issues/{number}/comments") == 6


def test_what_is_added_to_a_comment_stands_above_it_once(github: GitHub, there: StandIn) -> None:
    number = opened(github)
    github.comment(number, "check", "fine to ship")
    for text in ("on its way", "live", "live"):
        github.amend(number, "check", "became-production", text)
    github.amend(number, "check", "became-staging", "live there too")
    (comment,) = there.comments
    said = re.sub(r"<!--.*?-->", "", comment["body"]).split()
    assert " ".join(said) == "live there too live fine to ship"
    assert sum(request.startswith("PATCH") for request in there.requests) == 3


def test_what_is_added_where_there_is_no_comment_makes_one(github: GitHub, there: StandIn) -> None:
    github.amend(opened(github), "check", "became-production", "live")
    assert [one["body"].startswith("<!-- lepinet:check -->\n") for one in there.comments] == [True]


def test_what_was_reported_once_is_not_reported_again(github: GitHub, there: StandIn) -> None:
    first = github.report_once("row-1", "v1.3.0 cannot be registered", "no such repository")
    there.issues[0]["state"] = "closed"
    assert github.report_once("row-1", "v1.3.0 cannot be registered", "still not").number == first.number
    assert [issue["state"] for issue in there.issues] == ["closed"]


def test_a_check_is_there_once_and_says_what_was_said_last(github: GitHub, there: StandIn) -> None:
    for conclusion in ("neutral", "neutral", "success"):
        github.check_run("lepinet verdict", COMMIT, conclusion, "undecided", "a person decides")
    assert [one["conclusion"] for one in there.checks] == ["success"]
    github.check_run("lepinet verdict", COMMIT, "success", "fine to ship", "as good")
    assert [one["output"]["title"] for one in there.checks] == ["fine to ship"]


def test_a_check_of_another_app_is_none_of_ours(github: GitHub, there: StandIn) -> None:
    github.check_run("lepinet verdict", COMMIT, "neutral", "undecided", "a person decides")
    there.checks[0]["app"] |= {"slug": "mallory"}
    github.take_back("lepinet verdict", COMMIT, "over", "")
    github.check_run("lepinet verdict", COMMIT, "neutral", "undecided", "a person decides")
    assert [one["conclusion"] for one in there.checks] == ["neutral", "neutral"]


def test_a_check_whose_answer_is_lost_is_not_made_twice(github: GitHub, there: StandIn) -> None:
    there.fails_at = ("POST /repos/acme/butterflies/check-runs", Failure(502, after=True))
    github.check_run("lepinet verdict", COMMIT, "neutral", "undecided", "a person decides")
    assert len(there.checks) == 1


def test_a_workflow_is_started_once_on_a_commit(github: GitHub, there: StandIn, tmp_path: Path) -> None:
    desk = lay(tmp_path)
    there.origin = put_on_github(desk)
    for _ in range(2):
        github.start("pr.yml", "main", desk.git("rev-parse", "main"))
    assert there.dispatches == [("pr.yml", "main")]


def test_a_commit_of_the_api_is_the_one_that_was_meant(github: GitHub, there: StandIn, tmp_path: Path) -> None:
    there.origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(there.origin)], check=True)
    kept = there.git("hash-object", "-w", "--stdin", given=b"kept\n")
    tree = there.git("mktree", given=f"100644 blob {kept}\tgone\n100644 blob {kept}\tstays\n".encode())
    parent = there.git("commit-tree", tree, given=b"Begin")
    new = there.git("hash-object", "--stdin", given=b"new\n")
    files = [NewFile("gone", "100644", None, None), NewFile("folder/new", "100644", new, b"new\n")]
    for message in ("Once", "Again"):
        commit = github.put_branch("work/one", (parent, tree), files, message)
        assert there.git("rev-parse", "work/one") == commit
    assert there.git("ls-tree", "-r", "--name-only", commit).split() == ["folder/new", "stays"]
    assert there.git("show", f"{commit}:folder/new") == "new"
    assert there.git("log", "--format=%s", commit).split() == ["Again", "Begin"]


def test_a_cause_has_one_issue_until_it_is_over(github: GitHub, there: StandIn) -> None:
    opened(github)
    number = github.alarm("production-silent", "production does not answer", "since 12:07").number
    assert github.alarm("production-silent", "production does not answer", "since 12:07, still").number == number
    assert github.alarm("production-drift", "production drifts", "by hand").number != number
    assert github.all_clear("production-silent", "answers again") is not None
    assert github.all_clear("production-silent", "answers again") is None
    assert [issue["state"] for issue in there.issues] == ["closed", "open"]
    assert there.comments[0]["body"].endswith("answers again")
    assert github.alarm("production-silent", "production does not answer", "again").number != number


def test_a_deployment_is_recorded_once_and_its_last_word_too(github: GitHub, there: StandIn) -> None:
    for id_ in ("a", "a", "b"):
        made = github.deployment(id_=id_, environment="production", commit=COMMIT, description="v1.1.0")
        for state in ("in_progress", "success", "success"):
            github.deployment_status(made, state, "x" * 200, "https://example.org/log")
    assert [one["payload"] for one in there.deployments] == [{"lepinet": "a"}, {"lepinet": "b"}]
    assert {len(one["description"]) for one in there.statuses} == {140}
    of_b = [one["state"] for one in there.statuses if one["deployment_url"].endswith("/2")]
    assert of_b == ["in_progress", "success"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_server_that_fails_is_asked_again_and_nothing_happens_twice(
    github: GitHub,
    there: StandIn,
    after: bool,  # noqa: FBT001 -- a parameter
) -> None:
    there.failures = [None, Failure(502, after=after)]
    opened(github)
    assert len(there.pulls) == 1


def test_a_server_that_goes_on_failing_is_told_in_one_sentence(github: GitHub, there: StandIn) -> None:
    there.failures = [Failure(503)] * 20
    with pytest.raises(OutsideError, match="GitHub does not answer: HTTP 503"):
        opened(github)
    assert len(there.requests) == 1 + QUICK.retries


@pytest.mark.parametrize(
    "limit",
    [
        Failure(403, {"retry-after": "0"}, "You have exceeded a secondary rate limit."),
        Failure(429, {"retry-after": "0"}),
        Failure(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}),
    ],
    ids=["secondary", "too many", "primary"],
)
def test_a_rate_limit_is_waited_out(github: GitHub, there: StandIn, limit: Failure) -> None:
    there.failures = [None, limit]
    opened(github)
    assert len(there.pulls) == 1


def test_a_rate_limit_that_lasts_too_long_is_told(github: GitHub, there: StandIn) -> None:
    reset = str(int(time.time()) + 3000)
    there.failures = [Failure(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})]
    with pytest.raises(OutsideError, match=r"takes no more calls for \d{4} s"):
        opened(github)


def test_a_refusal_is_told_in_githubs_words(github: GitHub, there: StandIn) -> None:
    there.failures = [None, Failure(422, message="No commits between main and work")]
    with pytest.raises(RefusedError, match="422: No commits between main and work"):
        opened(github)


def test_a_token_that_may_not_is_told_and_shown_nowhere(there: StandIn) -> None:
    with GitHub(there.repository, "ghs_wrong-wrong-wrong", QUICK, api=there.url) as client:
        with pytest.raises(OutsideError, match="does not know this token") as caught:
            opened(client)
        assert "ghs_wrong" not in f"{caught.value!r} {caught.value} {client!r} {vars(client)}"


def test_nobody_there_is_told_in_one_sentence() -> None:
    with (
        GitHub("acme/butterflies", TOKEN, QUICK, api="http://127.0.0.1:9") as client,
        pytest.raises(OutsideError, match="GitHub does not answer: no connection"),
    ):
        opened(client)


def test_the_next_page_is_asked_of_github_alone(github: GitHub, there: StandIn) -> None:
    for _ in range(101):
        there.say(1, "Nice!", who="asha")
    there.elsewhere = "http://127.0.0.1:9"
    with pytest.raises(OutsideError, match="leads elsewhere"):
        github.comment(1, "check", "hold")


def test_an_answer_in_drops_is_given_up() -> None:
    timings = replace(QUICK, request=0.2, retries=1)
    silent = pytest.raises(OutsideError, match="GitHub does not answer: no answer in time")
    with dripping() as url, GitHub("acme/butterflies", TOKEN, timings, api=url) as client, silent:
        client.environments()
