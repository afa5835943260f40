"""GitHub's rules as the stories have them: which event starts what, and who gets which secret."""

from __future__ import annotations

from typing import Any

import pytest

from actions.triggers import Event, secrets_of, starts
from actions.workflow_files import WORKFLOWS, parsed

CHECKS = {"pr.yml", "ci.yml"}
OURS = {file.name: parsed(file) for file in WORKFLOWS}


def event(
    name: str, *, action: str | None = None, ref: str = "refs/heads/main", base: str = "main", cron: str | None = None
) -> Event:
    payload: dict[str, Any] = {"action": action} if action else {}
    payload |= {"schedule": cron} if cron else {}
    return Event(name, payload | ({"pull_request": {"base": {"ref": base}}} if name == "pull_request" else {}), ref, "")


@pytest.mark.parametrize(
    ("happened", "started"),
    [
        (event("pull_request", action="opened"), CHECKS),
        (event("pull_request", action="synchronize"), CHECKS),
        (event("pull_request", action="labeled"), set()),
        (event("pull_request", action="closed"), set()),
        (event("merge_group", action="checks_requested", ref="refs/heads/gh-readonly-queue/main/pr-1"), CHECKS),
        (event("workflow_dispatch", ref="refs/heads/register-v1.2.0"), {"pr.yml", "reconcile.yml", "monitor.yml"}),
        (event("push"), {"ci.yml", "reconcile.yml"}),
        (event("push", ref="refs/heads/work"), set()),
        (event("schedule", cron="23 */2 * * *"), {"reconcile.yml"}),
        (event("schedule", cron="41 */6 * * *"), {"monitor.yml"}),
    ],
    ids=lambda value: f"{value.name} {value.payload.get('action', value.ref)}" if isinstance(value, Event) else "",
)
def test_an_event_starts_what_asks_for_it(happened: Event, started: set[str]) -> None:
    assert {name for name, workflow in OURS.items() if starts(workflow, happened)} == started


def test_a_filter_by_branch_goes_by_the_branch_that_is_merged_into() -> None:
    workflow = {"on": {"pull_request": {"branches": ["release/*"]}}}
    assert starts(workflow, event("pull_request", action="opened", base="release/2"))
    assert not starts(workflow, event("pull_request", action="opened", base="main"))


def test_a_filter_that_nobody_understands_here_is_refused() -> None:
    with pytest.raises(AssertionError, match="teach"):
        starts({"on": {"push": {"paths": ["models.yaml"]}}}, event("push"))


def test_a_job_gets_the_secrets_of_the_environment_that_it_names() -> None:
    environments = {"production": {"KEY": "canary-of-production"}, "staging": {"KEY": "canary-of-staging"}}
    assert secrets_of({"environment": "production"}, environments) == {"KEY": "canary-of-production"}
    assert secrets_of({"environment": {"name": "staging"}}, environments) == {"KEY": "canary-of-staging"}
    assert secrets_of({}, environments) == {}
