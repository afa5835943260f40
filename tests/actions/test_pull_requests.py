"""pr.yml, run: a repository's changes, each as GitHub tells of it, to the job's result and all that a person sees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from actions.github import CANARIES, GitHub, Ran
from github_stand_in.server import TOKEN

pytestmark = pytest.mark.slow


def answer(ran: Ran) -> str:
    found: str = json.loads(ran.report("report.json"))["answer"]
    return found


def test_a_new_version_that_loads_and_answers_passes(github: GitHub) -> None:
    github.desk.copy_model("v1.2.0", "v1.2.0")
    github.desk.declare("v1.2.0")
    github.desk.commit("Register v1.2.0")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "success"}
    assert "v1.2.0** is registered" in ran.summary
    assert ran.report("report.md") == ran.summary
    assert ran.report("report.html").startswith("<!doctype html>")
    assert "<testsuites" in ran.report("junit.xml")
    assert json.loads(ran.report("report.json"))["registered"][0]["test"]["sample_size"] == 12
    assert ran.annotations == ()


@pytest.mark.parametrize("without", [None, "onnx"])
def test_packages_for_models_without_onnx_are_installed_only_where_there_is_one(
    github: GitHub, without: str | None
) -> None:
    folder = github.desk.copy_model("v1.2.0", "v1.2.0")
    if without:
        shutil.rmtree(folder / without)
    github.desk.declare("v1.2.0")
    github.desk.commit("Register v1.2.0")
    log = github.run("pr.yml", github.pull_request()).log
    assert "uv installs requirements-evaluate.lock" in log
    assert ("uv installs requirements-transformers.lock" in log) == bool(without)
    assert ("uv installs torch==2.13.0" in log) == bool(without)


def test_a_rollback_passes(github: GitHub) -> None:
    github.desk.set_active("staging", "v1.0.0")
    github.desk.commit("Roll staging back")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "success"}
    assert "v1.0.0 → staging: **rollback**" in ran.summary


def test_a_mistake_fails_and_stands_beside_its_line(github: GitHub) -> None:
    github.desk.set_active("production", "v1.1")
    github.desk.commit("Activate v1.1")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "failure"}
    (one,) = ran.annotations
    line = github.desk.line_of("  production:") + 1
    assert (one.level, one.file, one.line) == ("error", "models.yaml", line)
    assert "invalid" in ran.summary
    assert answer(ran) == "invalid"


def test_a_version_that_is_held_fails_and_says_why(github: GitHub) -> None:
    github.desk.git("switch", "--quiet", "main")
    github.desk.alter("versions:\n", "gates: {min_accuracy: 1}\nversions:\n")
    github.desk.commit("Be strict")
    github.push_main()
    github.desk.begin_branch()
    github.desk.set_active("production", "v1.1.0")
    github.desk.commit("Activate v1.1.0")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "failure"}
    (one,) = ran.annotations
    assert (one.level, one.file, one.line) == ("error", "models.yaml", github.desk.line_of("  production:") + 1)
    assert one.text.startswith("v1.1.0 → production: hold. ")
    assert "v1.1.0 → production: **hold**" in ran.summary
    assert answer(ran) == "hold"


def test_what_is_undecided_is_left_to_a_person(github: GitHub) -> None:
    github.desk.set_active("production", "v1.1.0")
    github.desk.commit("Activate v1.1.0")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "success"}
    (one,) = ran.annotations
    assert (one.level, one.line) == ("warning", github.desk.line_of("  production:") + 1)
    assert answer(ran) == "undecided"


def test_a_change_of_something_else_ends_at_once(github: GitHub, tmp_path: Path) -> None:
    github.answers = tmp_path / "nothing answered yet"
    (github.desk.folder / "README.md").write_text("Butterflies.\n")
    github.desk.commit("Say what this is")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "success"}
    assert answer(ran) == "nothing to judge"
    assert not github.answers.exists(), "no model ran"


def test_main_is_the_one_that_the_merge_would_go_to_now(github: GitHub) -> None:
    """The branch is behind: what it says of production is not what the merge would change."""
    (github.desk.folder / "README.md").write_text("Butterflies.\n")
    github.desk.commit("Say what this is")
    github.desk.git("switch", "--quiet", "main")
    github.desk.set_active("production", "v1.1.0")
    github.desk.commit("Activate v1.1.0")
    github.push_main()
    github.desk.git("switch", "--quiet", "work")
    assert answer(github.run("pr.yml", github.pull_request())) == "nothing to judge"


def test_a_stranger_gets_the_same_check_and_sees_no_secret(github: GitHub) -> None:
    name = "$(touch${IFS}pwned);`touch${IFS}pwned`"
    github.desk.git("branch", "--move", name)
    github.desk.set_active("production", "v1.1.0")
    notes = "'<img src=https://example.org/x.png> @acme/everybody [x](javascript:x) ${{ github.token }} $(touch pwned)'"
    github.desk.alter(r"(v1.1.0: \{)", rf"\1notes: {notes}, ".replace("\\", "\\\\").replace("\\\\1", "\\1"))
    github.desk.commit("::error file=models.yaml,line=1::forged")
    event = github.pull_request(title="::error::forged\n$(touch pwned)", fork="mallory")
    ran = github.run("pr.yml", event)
    assert ran.jobs == {"check": "success"}
    assert [one.level for one in ran.annotations] == ["warning"]
    assert r"\<img src" in ran.summary
    assert not [text for text in ("[x](", "@acme") if text in ran.summary]
    assert not list(github.folder.rglob("pwned"))
    assert not [value for keys in CANARIES.values() for value in (TOKEN, *keys.values()) if value in ran.seen]


def test_file_names_and_broken_lines_forge_no_annotation(github: GitHub) -> None:
    photos = github.desk.folder / "photos"
    for name in ("\n::error::forged.jpg", "##[error]forged.jpg", "a ##[stop-commands]b.jpg"):
        shutil.copy(photos / "blue_tiger_01.jpg", photos / name)
    github.desk.commit("More photos")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "success"}
    assert "3 photos in" in ran.log
    assert ran.annotations == ()
    github.desk.alter(r"(v1.1.0: \{)", r"\1'##[error]forged': " + "x" * 1_000_000 + ", ")
    github.desk.commit("A line of a megabyte")
    ran = github.run("pr.yml", github.pull_request())
    assert ran.jobs == {"check": "failure"}
    assert [(one.level, one.file) for one in ran.annotations] == [("error", "models.yaml")]
    assert len(ran.summary) < 65_536


def test_a_queue_judges_each_change_on_top_of_those_before_it(github: GitHub) -> None:
    github.desk.set_active("production", "v1.1.0")
    github.desk.commit("Activate v1.1.0")
    first = github.queued("work", github.desk.git("rev-parse", "main"))
    github.desk.begin_branch()
    (github.desk.folder / "README.md").write_text("Butterflies.\n")
    github.desk.commit("Say what this is")
    second = github.queued("work", first.sha)
    assert answer(github.run("pr.yml", first)) == "undecided"
    assert answer(github.run("pr.yml", second)) == "nothing to judge"


def test_a_branch_on_which_it_is_run_is_judged_as_merged_into_main(github: GitHub) -> None:
    github.desk.set_active("production", "v1.1.0")
    github.desk.commit("Activate v1.1.0")
    github.desk.git("switch", "--quiet", "main")
    (github.desk.folder / "README.md").write_text("Butterflies.\n")
    github.desk.commit("Say what this is")
    github.push_main()
    ran = github.run("pr.yml", github.dispatched("work"))
    assert ran.jobs == {"check": "success"}
    found = json.loads(ran.report("report.json"))
    assert (found["answer"], found["base"]) == ("undecided", github.desk.git("rev-parse", "main"))


def test_a_branch_on_which_it_is_run_and_that_cannot_be_merged_fails(github: GitHub) -> None:
    github.desk.set_active("production", "v1.1.0")
    github.desk.commit("Activate v1.1.0")
    github.desk.git("switch", "--quiet", "main")
    github.desk.alter("(production:\n    active: v1.0.0)", r"\1 # the first one")
    github.desk.commit("Say which one it is")
    github.push_main()
    ran = github.run("pr.yml", github.dispatched("work"))
    assert ran.jobs == {"check": "failure"}
    assert "conflict" in ran.log.lower()
    assert ran.summary == ""


def test_without_the_whole_history_nothing_is_judged(github: GitHub) -> None:
    ran = github.run("pr.yml", github.pull_request(), ("fetch-depth: 0", "fetch-depth: 2"))
    assert ran.jobs == {"check": "failure"}
    assert not list(ran.artifacts.iterdir())
