"""comment.yml, run: the check's report as one comment, made from a file that may be a stranger's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from actions.conftest import Live
from actions.github import GitHub, Ran
from actions.triggers import Event
from github_stand_in.server import ME
from report.reports import FINE, TOO_FEW, document, environment

pytestmark = pytest.mark.slow

COMMENT = "comment.yml"


def proposed(github: GitHub, fork: str | None = None) -> Event:
    github.desk.set_active("production", "v1.1.0")
    github.desk.commit("Activate v1.1.0")
    return github.pull_request(fork=fork)


def handed(github: GitHub, report: str, result: str = "success") -> Ran:
    """A run of the check that has left this report."""
    folder = github.folder / "artifacts" / str(next(github.numbers)) / "lepinet-report"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(report)
    return Ran({"check": result}, (), "", "", folder.parent)


def texts(github: GitHub) -> list[str]:
    return [one["body"] for one in github.there.comments]


def test_an_undecided_change_gets_a_comment_and_a_neutral_check_and_both_once(github: GitHub) -> None:
    opened = proposed(github)
    checked = github.run("pr.yml", opened)
    for _ in range(2):
        assert github.run(COMMENT, github.ended(checked, opened)).jobs == {"comment": "success"}
    (text,) = texts(github)
    assert text.startswith("<!-- lepinet:check -->\n### LepiNet · v1.1.0 → production: **undecided, a person decides**")
    (check,) = github.there.checks
    assert (check["conclusion"], check["name"]) == ("neutral", "lepinet verdict")
    assert check["head_sha"] == opened.payload["pull_request"]["head"]["sha"]


def test_a_later_check_takes_the_place_of_what_an_earlier_one_said(github: GitHub) -> None:
    opened = proposed(github)
    github.run(COMMENT, github.ended(github.run("pr.yml", opened), opened))
    github.there.say(1, "<!-- lepinet:check -->\nForged", who="mallory")
    github.run(COMMENT, github.ended(handed(github, document().model_dump_json()), opened))
    ours = [one["body"] for one in github.there.comments if one["user"]["login"] == ME]
    assert len(ours) == 1
    assert "undecided" not in ours[0]


def test_after_the_merge_the_same_comment_says_what_became_of_it(live: Live) -> None:
    live.desk.begin_branch()
    live.activate("v1.1.0")
    opened = live.pull_request()
    live.run(COMMENT, live.ended(live.run("pr.yml", opened), opened))
    live.run("reconcile.yml", live.merge(opened))
    (text,) = texts(live)
    first, second = text.index("**v1.1.0 is live in production since"), text.index("### LepiNet · v1.1.0")
    assert first < second
    assert "/raw/" not in text or "https://github.com/acme/butterflies/raw/" in text


def test_a_photo_is_linked_from_mains_commit(github: GitHub) -> None:
    opened = proposed(github)
    report = document(environment(FINE)).model_dump_json()
    github.run(COMMENT, github.ended(handed(github, report), opened))
    main = github.desk.git("rev-parse", "main")
    assert f'<img src="https://github.com/acme/butterflies/raw/{main}/' in texts(github)[0]


def test_a_forks_comment_says_whose_report_it_is(github: GitHub) -> None:
    opened = proposed(github, fork="mallory")
    github.run(COMMENT, github.ended(handed(github, document().model_dump_json()), opened))
    assert "From a fork: its own code may have written this report." in texts(github)[0]


def test_what_has_moved_on_or_is_closed_gets_no_comment(github: GitHub) -> None:
    opened = proposed(github)
    ended = github.ended(handed(github, document().model_dump_json()), opened)
    github.there.pulls[0]["head"]["sha"] = "1" * 40
    ran = github.run(COMMENT, ended)
    assert ran.jobs == {"comment": "success"}
    assert "nothing is said" in ran.log
    github.there.pulls[0] |= {"state": "closed"}
    github.there.pulls[0]["head"]["sha"] = opened.payload["pull_request"]["head"]["sha"]
    assert github.run(COMMENT, ended).jobs == {"comment": "success"}
    assert texts(github) == []


def test_a_queues_run_and_one_without_a_report_say_nothing(github: GitHub) -> None:
    opened = proposed(github)
    queued = github.queued("work", github.desk.git("rev-parse", "main"))
    ran = handed(github, document().model_dump_json())
    assert github.run(COMMENT, github.ended(ran, queued)).jobs == {}
    broken = replace(ran, artifacts=Path(f"{ran.artifacts}0"))
    assert github.run(COMMENT, github.ended(broken, opened)).jobs == {"comment": "success"}
    assert texts(github) == []


def test_a_forged_report_gets_no_comment(github: GitHub) -> None:
    opened = proposed(github, fork="mallory")
    praise = document(environment(TOO_FEW)).model_dump_json()
    for report, result in ((praise, "failure"), ("<h1>Approved</h1>", "success"), ("[" * (17 << 20), "success")):
        ran = github.run(COMMENT, github.ended(handed(github, report, result), opened))
        assert ran.jobs == {"comment": "failure"}
        assert [(one.level, len(one.text) < 500) for one in ran.annotations] == [("error", True)]
        assert "Traceback" not in ran.log
    assert texts(github) == []


@pytest.mark.parametrize("name", ["$(touch pwned)", "`touch pwned`", "';touch pwned;'", "a&&touch${IFS}pwned"])
def test_no_name_of_a_branch_is_run(github: GitHub, name: str) -> None:
    opened = proposed(github, fork="mallory")
    ended = github.ended(handed(github, document().model_dump_json()), opened)
    ended.payload["workflow_run"]["head_branch"] = name
    github.there.pulls[0]["head"]["ref"] = name
    ran = github.run(COMMENT, ended)
    assert ran.jobs == {"comment": "success"}
    assert len(texts(github)) == 1
    assert not list(github.folder.rglob("pwned"))
