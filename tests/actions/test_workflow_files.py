"""What no linter holds: who sees a secret, what is pinned, and what becomes of text that strangers write."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.workflow_files import ACTIONS, ROOT, WORKFLOWS, jobs, parsed, steps

PINS = [line for line in (Path(__file__).parent / "pins.txt").read_text().splitlines() if not line.startswith("#")]
each_file = pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: file.relative_to(ROOT).as_posix())
each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)


@each_file
def test_every_action_is_this_repositorys_or_a_commit_of_the_table(file: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.+)$", file.read_text(), re.MULTILINE)
    assert len(used) == sum("uses" in step for step in steps(parsed(file)))
    strangers = [name for name in used if name not in PINS and not (name.startswith("$/") and "@" not in name)]
    assert not strangers
    assert all((ROOT / name.removeprefix("$/") / "action.yml").is_file() for name in used if name.startswith("$/"))


def test_the_table_of_pins_holds_whole_commits_that_are_used() -> None:
    texts = [file.read_text() for file in (*WORKFLOWS, *ACTIONS)]
    for pin in PINS:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+(/[\w-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+", pin)
        assert any(pin in text for text in texts), f"nobody uses {pin}"


@each_workflow
def test_nothing_is_permitted_but_what_a_job_names(file: Path) -> None:
    workflow = parsed(file)
    assert workflow["permissions"] == {}
    for name, job in jobs(workflow):
        assert isinstance(job["permissions"], dict), name
        assert "name" in job, name
        assert job["timeout-minutes"] <= 60, name


@each_workflow
def test_no_job_without_an_environment_sees_a_secret(file: Path) -> None:
    workflow = parsed(file)
    outside = {key: value for key, value in workflow.items() if key != "jobs"}
    # Names that a caller may give; what stands behind them only jobs see.
    (outside["on"].get("workflow_call") or {}).pop("secrets", None)
    assert not secrets_in(outside)
    for name, job in jobs(workflow):
        assert "environment" in job or not secrets_in(job), name


@each_workflow
def test_nobody_runs_a_strangers_code_with_the_rights_of_main(file: Path) -> None:
    assert "pull_request_target" not in parsed(file)["on"]


@pytest.mark.parametrize("name", ["pr.yml", "ci.yml"])
def test_a_pull_request_gets_no_secret_and_may_only_read(name: str) -> None:
    workflow = parsed(ROOT / ".github" / "workflows" / name)
    assert not secrets_in(workflow)
    for _, job in jobs(workflow):
        assert job["permissions"] == {"contents": "read"}
        assert "environment" not in job


def test_the_check_runs_for_every_pull_request() -> None:
    """A required check that never starts blocks for ever, and so does one whose job is skipped by a condition."""
    workflow = parsed(ROOT / ".github" / "workflows" / "pr.yml")
    assert workflow["on"] == dict.fromkeys(("pull_request", "merge_group", "workflow_dispatch", "workflow_call"))
    assert all("if" not in job for _, job in jobs(workflow))


@each_workflow
def test_by_hand_nothing_with_rights_or_secrets_runs_but_on_main(file: Path) -> None:
    """Another branch's workflow files, and its code, are whatever somebody pushed."""
    workflow = parsed(file)
    if "workflow_dispatch" not in workflow["on"]:
        return
    for name, job in jobs(workflow):
        harmless = not secrets_in(job) and set(job["permissions"].values()) <= {"read"}
        on_main = "github.ref_name == github.event.repository.default_branch" in job.get("if", "")
        assert harmless or on_main or "needs" in job, name


@each_file
def test_no_expression_stands_inside_a_script(file: Path) -> None:
    assert not [step["run"] for step in steps(parsed(file)) if "${{" in step.get("run", "")]


@each_file
def test_no_checkout_leaves_its_token_behind(file: Path) -> None:
    for step in steps(parsed(file)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_the_action_installs_versions_that_are_tested_here() -> None:
    tested, installed = (locked(ROOT / name) for name in ("requirements.lock", "requirements-evaluate.lock"))
    assert installed <= tested, "run: make lock"
    assert {"click", "onnxruntime", "hatchling"} <= {name.partition("==")[0] for name in installed}
    assert "requirements-evaluate.lock" in ACTIONS[0].read_text()


def test_the_action_installs_torch_as_the_extra_has_it_and_beside_the_same_versions() -> None:
    evaluate, more = (locked(ROOT / name) for name in ("requirements-evaluate.lock", "requirements-transformers.lock"))
    names = {name.partition("==")[0] for name in more}
    assert {name for name in evaluate if name.partition("==")[0] in names} <= more, "run: make lock"
    (torch,) = re.findall(r'"(torch==\S+)"', (ROOT / "pyproject.toml").read_text())
    assert torch in ACTIONS[0].read_text()
    assert {"transformers", "onnx"} <= names
    assert "torch" not in names


def test_the_hook_for_pre_commit_calls_a_command_that_there_is() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["entry"], hook["language"]) == ("lepinet validate", "python")
    assert re.search(hook["files"], "models.yaml")
    assert not re.search(hook["files"], "tests/models.yaml")


@each_workflow
def test_a_caller_can_give_every_secret_that_a_job_asks_for(file: Path) -> None:
    """Of its environment a called job has those alone that its caller names: actions/runner, issue 1490."""
    workflow = parsed(file)
    asked = {name for _, job in jobs(workflow) for name in secrets_in(job)}
    called = workflow["on"].get("workflow_call", {}) or {}
    assert "workflow_call" not in workflow["on"] or set(called.get("secrets", {})) == asked


def secrets_in(value: Any) -> list[str]:
    """Names of the secrets that a part of a workflow asks for; `*` for all of them at once."""
    text = json.dumps(value)
    named = re.findall(r"\bsecrets\s*\.\s*(\w+)", text)
    every = re.findall(r"\bsecrets\b(?!\s*\.\s*\w)", text)
    return [name for name in named if name != "GITHUB_TOKEN"] + ["*" for _ in every]


@pytest.mark.parametrize(
    "asked", ["${{ secrets.KEY }}", "${{ toJSON(secrets) }}", "${{ secrets['KEY'] }}", {"secrets": "inherit"}]
)
def test_a_secret_is_seen_however_it_is_asked_for(asked: Any) -> None:
    assert secrets_in({"env": {"KEY": asked}} if isinstance(asked, str) else asked)


def locked(file: Path) -> set[str]:
    """Packages as `name==version`."""
    return set(re.findall(r"^[a-z0-9-]+==\S+", file.read_text(), re.MULTILINE))
