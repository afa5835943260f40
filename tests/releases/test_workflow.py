"""Who may release what: a tag of main alone, what was built without a right, and PyPI takes it without a password."""

from __future__ import annotations

import json
from typing import Any

from actions.workflow_files import ROOT, jobs, parsed

RELEASE: Any = parsed(ROOT / ".github" / "workflows" / "release.yml")


def test_nothing_but_a_tag_of_a_version_starts_it() -> None:
    assert RELEASE["on"] == {"push": {"tags": ["v*"]}}
    (build,) = (step["run"] for step in RELEASE["jobs"]["build"]["steps"] if step["name"].startswith("Build"))
    assert build.startswith('git merge-base --is-ancestor "$GITHUB_SHA" "origin/$MAIN"\n')


def test_each_job_has_one_right_and_none_a_secret() -> None:
    assert {name: job["permissions"] for name, job in jobs(RELEASE)} == {
        "build": {"contents": "read"},
        "publish": {"id-token": "write"},
        "announce": {"contents": "write"},
    }
    assert "secrets" not in json.dumps(RELEASE)


def test_what_may_publish_runs_no_code_of_the_repository_and_waits_for_its_environment() -> None:
    publish = RELEASE["jobs"]["publish"]
    assert (publish["environment"], publish["needs"]) == ("pypi", "build")
    assert not [step for step in publish["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert RELEASE["jobs"]["announce"]["needs"] == "publish"
