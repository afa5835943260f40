"""`github comment`: whatever a report says, what comes of it is a comment of ours or a refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from github_stand_in.server import TOKEN, StandIn, stand_in
from lepinet.errors import RefusedError
from lepinet.workflow.comment import read_report, written
from report.hostile import NAMES
from report.reports import FINE, LOST, TOO_FEW, document, environment, hostile_check
from report.test_escaping import is_harmless, is_quiet
from workflow.desk import Desk, Ended, lay

HEAD = "3" * 40
FILES = "https://github.com/acme/butterflies/raw/1111"
TRUE = json.loads(document(environment(FINE, notes="more photos", override="Season opens")).model_dump_json())


@pytest.fixture
def there() -> Iterator[StandIn]:
    with stand_in() as github:
        yield github


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return lay(tmp_path_factory.mktemp("desk"))


def said(desk: Desk, there: StandIn, report: str, result: str = "success", owner: str = "mallory", **job: str) -> Ended:
    file = desk.home.parent / "report.json"
    file.write_text(report)
    told = {"GITHUB_API_URL": there.url, "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": there.repository}
    told |= {"GITHUB_SERVER_URL": "https://github.com"}
    asked = [f"--head={owner}:work", f"--commit={HEAD}", f"--result={result}", str(file)]
    return desk.lepinet("github", "comment", *asked, **told, **job)


def replaced(old: str, new: str) -> Callable[[Any], Any]:
    return lambda true: json.loads(json.dumps(true).replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))


def with_figure(value: float) -> Callable[[Any], Any]:
    def forge(true: Any) -> Any:
        true["environments"][0]["comparison"]["new"] |= {"accuracy": value}
        return true

    return forge


FORGED: dict[str, Callable[[Any], Any]] = {
    "a name that ends a command": replaced("v2.0.0", "v2.0.0` <img src=x> @acme/all"),
    "a name of two lines": replaced("production", "production\n\n# Approved by @asha"),
    "no commit": lambda true: true | {"head": "`<b>`"},
    "a tool of another name": lambda true: true | {"tool_version": "1</sub># Approved"},
    "photos of another repository": lambda true: true | {"known_images": "../../../../mallory/photos/raw/main"},
    "figures that cannot be": with_figure(1e308),
    "a key that nobody knows": lambda true: true | {"approved": True},
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_what_no_check_can_say_is_refused_whole(desk: Desk, there: StandIn, forge: Callable[[Any], Any]) -> None:
    there.open("work", HEAD, title="Approved", body=None, owner="mallory")
    done = said(desk, there, json.dumps(forge(json.loads(json.dumps(TRUE)))))
    assert done.code == 1
    assert len(done.err) < 1000
    assert there.comments == []


@pytest.mark.parametrize("report", ["", "<h1>Approved</h1>", "[" * 100_000, "{}", '{"schema_version": 1}', "9" * 5000])
def test_what_is_no_report_is_refused(desk: Desk, there: StandIn, report: str) -> None:
    done = said(desk, there, report)
    assert done.code == 1
    assert "is no report of lepinet check" in done.err


def test_a_run_that_failed_has_no_report_that_all_is_well(desk: Desk, there: StandIn) -> None:
    assert "says another thing than its run" in said(desk, there, json.dumps(TRUE), "failure").err
    held = document(environment(LOST)).model_dump_json()
    assert "says another thing than its run" in said(desk, there, held, "success").err


@pytest.mark.parametrize(("repository", "told"), [("acme/butterflies", False), ("acme/butterflies-fork", True)])
def test_a_fork_of_the_repositorys_own_owner_is_one_too(
    desk: Desk, there: StandIn, repository: str, *, told: bool
) -> None:
    pull = there.open("work", HEAD, title="A change", body=None, owner="acme")
    pull["head"]["repo"]["full_name"] = repository
    assert said(desk, there, json.dumps(TRUE), owner="acme").code == 0
    assert ("From a fork" in there.comments[0]["body"]) == told


@pytest.mark.parametrize("job", [{}, {"GITHUB_REF_NAME": "main"}])
def test_the_comment_goes_to_the_pull_request_into_main(desk: Desk, there: StandIn, job: dict[str, str]) -> None:
    there.open("work", HEAD, title="A change", body=None, owner="mallory")
    there.open("work", HEAD, title="Into an old release", body=None, base="old-release", owner="mallory")
    assert said(desk, there, json.dumps(TRUE), **job).code == 0
    assert [comment["issue_url"][-2:] for comment in there.comments] == ["/1"]


def test_what_is_no_longer_undecided_is_taken_back(desk: Desk, there: StandIn) -> None:
    there.open("work", HEAD, title="A change", body=None, owner="mallory")
    assert said(desk, there, json.dumps(TRUE)).code == 0
    assert there.checks == [], "what never was undecided has nothing to take back"
    undecided = document(environment(TOO_FEW)).model_dump_json()
    for _ in range(2):
        assert said(desk, there, undecided).code == 0
    assert [one["conclusion"] for one in there.checks] == ["neutral"]
    assert said(desk, there, json.dumps(TRUE)).code == 0
    assert [one["conclusion"] for one in there.checks] == ["skipped"]
    assert said(desk, there, undecided).code == 0
    assert [one["conclusion"] for one in there.checks] == ["neutral"]


def test_a_comment_is_never_longer_than_github_takes(desk: Desk, there: StandIn) -> None:
    there.open("work", HEAD, title="A change", body=None, owner="mallory")
    there.open("work", "4" * 40, title="The same branch of another owner", body=None, owner="asha")
    long = json.loads(json.dumps(TRUE).replace("more photos", "x" * 1_000_000))
    done = said(desk, there, json.dumps(long))
    assert done.code == 0, done.err
    (comment,) = there.comments
    assert comment["issue_url"].endswith("/1")
    assert len(comment["body"]) < 65_536


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a report a text stands."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*path, key))


ALL = json.loads(hostile_check().model_dump_json())
PLACES = {(path[:2], *(key for key in path[2:] if isinstance(key, str))): path for path in places(ALL)}
"""One of each kind in each environment: of hundreds of photos alike, few would be drawn."""


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(PLACES.values(), key=str)), st.sampled_from(NAMES) | st.text(max_size=30))
@example(("environments", 0, "verdict", "gates", 0, "name"), "WWW.evil.example")
@example(("environments", 0, "name"), "WWW.evil.example")
@example(("tool_version",), "WWW.evil.example")
def test_any_text_in_it_is_shown_as_text_or_refused(path: tuple[Any, ...], forged: str) -> None:
    report = json.loads(json.dumps(ALL))
    inner = report
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = forged
    try:
        text = written(read_report(json.dumps(report).encode(errors="replace"), "report.json"), FILES, foreign=True)
    except RefusedError:
        return
    is_harmless(re.sub(rf"{FILES}/[\w%./~-]*/(?=[^/]*\")", "photos/", text))
    is_quiet(re.sub("[\u200c\u200d]", "", text))
