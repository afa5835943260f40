"""rollback.yml, run: an emergency first, and then the pull request that makes git agree."""

from __future__ import annotations

import pytest

from actions.conftest import Live
from actions.triggers import queue, value_of
from actions.workflow_files import ROOT, parsed

pytestmark = pytest.mark.slow

BACK = "rollback.yml"
DONE = {"emergency": "success", "propose": "success"}
NEVER_BEGAN = {"emergency": "failure"}
"""As when a reviewer said no: where nothing is pinned, nothing is proposed."""


def emergencies(live: Live) -> None:
    """A key for emergencies alone, in an environment of its own."""
    live.secrets = {"production-emergency": live.secrets["production"], "production": live.secrets["production"]}


def test_an_emergency_pins_at_once_and_a_pull_request_makes_git_agree(live: Live) -> None:
    live.activate("v1.1.0")
    live.run("reconcile.yml", live.push_main())
    asked = live.dispatched("main", BACK, environment="production", reason="wrong names")
    live.secrets = {"production-emergency": live.secrets["production"]}
    assert live.run(BACK, asked).jobs == DONE
    live.secrets["production"] = live.secrets["production-emergency"]
    assert live.look("production").environment.pinned == "v1.0.0"
    pull = live.there.pulls[-1]
    assert pull["title"] == "Roll production back to v1.0.0: wrong names"
    branch = pull["head"]["ref"]
    assert live.there.dispatches == [("pr.yml", branch)]
    assert "-    active: v1.1.0\n+    active: v1.0.0" in live.there.git("diff", "main", branch)
    live.desk.git("fetch", "--quiet", "origin")
    live.desk.git("merge", "--quiet", "--no-ff", "--message", "Merge the rollback", f"origin/{branch}")
    live.secrets["staging"] = {}
    assert live.run("reconcile.yml", live.push_main()).jobs["reconcile (production)"] == "success"
    assert live.look("production").environment.pinned is None


def test_a_rollback_that_waits_is_not_cancelled_by_what_comes_after_it(live: Live) -> None:
    """Neither a push nor another rollback is in its group; were it cancelled by hand, the next one does it all."""
    group = parsed(ROOT / ".github" / "workflows" / BACK)["concurrency"]["group"]
    others = parsed(ROOT / ".github" / "workflows" / "reconcile.yml")["concurrency"]["group"]
    groups = {place: value_of(group, {"github": {"run_id": str(place)}}) for place in range(2)} | {2: others}
    assert queue(["first", "second", "push"], groups) == ["first", "second", "push"]
    live.activate("v1.1.0")
    live.run("reconcile.yml", live.push_main())
    emergencies(live)
    asked = live.dispatched("main", BACK, environment="production", version="v1.0.0", reason="wrong names")
    for _ in range(2):
        assert live.run(BACK, asked).jobs == DONE
    assert live.look("production").environment.pinned == "v1.0.0"
    assert len(live.there.pulls) == 1


def test_a_push_before_the_rollback_ends_does_not_undo_it(live: Live) -> None:
    live.activate("v1.1.0")
    pushed = live.push_main()
    live.run("reconcile.yml", pushed)
    staging = live.secrets["staging"]
    emergencies(live)
    live.run(BACK, live.dispatched("main", BACK, environment="production", reason="wrong names"))
    live.secrets = {**live.secrets, "staging": staging}
    ran = live.run("reconcile.yml", pushed)
    assert ran.jobs["reconcile (production)"] == "failure"
    assert live.active("production") == "v1.0.0"


def test_what_cannot_be_rolled_back_to_changes_nothing(live: Live) -> None:
    emergencies(live)
    asked = live.dispatched(
        "main", BACK, environment="production", version="--now; touch pwned", reason="$(touch pwned)"
    )
    ran = live.run(BACK, asked)
    assert ran.jobs == NEVER_BEGAN
    assert live.look("production").environment.pinned is None
    assert live.there.pulls == []
    assert not list(live.folder.rglob("pwned"))


def test_an_environment_that_there_is_not_is_only_a_name(live: Live) -> None:
    asked = live.dispatched("main", BACK, environment="--json $(touch pwned)\n::error::forged", reason="why not")
    ran = live.run(BACK, asked)
    assert ran.jobs == NEVER_BEGAN
    assert not [one for one in ran.annotations if one.text.startswith("forged")]
    assert live.there.pulls == []
    assert not list(live.folder.rglob("pwned"))


def test_from_another_branch_nobody_rolls_back(live: Live) -> None:
    live.desk.begin_branch()
    assert live.run(BACK, live.dispatched("work", BACK, environment="production", reason="why not")).jobs == {}
