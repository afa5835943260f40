"""A pull request in a repository that only calls our check: it is judged there as it is here."""

from __future__ import annotations

import pytest

from actions.github import OURS, GitHub
from actions.workflow_files import ROOT, parse
from lepinet.workflow.callers import caller, source_of

pytestmark = pytest.mark.slow

CHECK = ROOT / ".github" / "workflows" / "pr.yml"


@pytest.mark.parametrize(("version", "result"), [("v1.1.0", "success"), ("v9.9.9", "failure")])
def test_a_pull_request_is_judged_by_a_workflow_that_only_calls_ours(github: GitHub, version: str, result: str) -> None:
    owner, _, commit = OURS.partition("@")
    # In act's words; on GitHub it is the called workflow's own repository, at the commit that is called.
    called = github.ours() / ".github" / "workflows" / "pr.yml"
    called.write_text(
        CHECK.read_text().replace("$/.github/actions/lepinet", f"{owner}/.github/actions/lepinet@{commit}")
    )
    calling = parse(caller("pr.yml", "The check.", CHECK.read_text(), source_of(OURS), "main"))
    github.desk.set_active("production", version)
    github.desk.commit(f"Activate {version}")
    lines = github.act(github.pull_request(), "1", calling, {"GITHUB_TOKEN": "no-token-of-anybody"})
    assert [line["jobResult"] for line in lines if "jobResult" in line] == [result]
    summary = "".join(line["content"] for line in lines if line.get("command") == "summary")
    assert version in summary
