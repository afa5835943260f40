"""GitHub's rules as the stories have them: which event starts what, and who gets which secret."""

from __future__ import annotations

from typing import Any

import pytest

from actions.triggers import Event, environment_of, goes_on, legs, queue, secrets_of, starts, value_of, with_defaults
from actions.workflow_files import WORKFLOWS, parsed

CHECKS = {"pr.yml", "ci.yml"}
OURS = {file.name: parsed(file) for file in WORKFLOWS}
QUEUE = "refs/heads/gh-readonly-queue/main/pr-1"
BY_HAND = {"monitor.yml", "pr.yml", "reconcile.yml", "register.yml", "rollback.yml", "trusted-check.yml"}


def event(
    name: str, *, action: str | None = None, ref: str = "refs/heads/main", base: str = "main", **also: Any
) -> Event:
    payload: dict[str, Any] = also | ({"action": action} if action else {})
    return Event(name, payload | ({"pull_request": {"base": {"ref": base}}} if name == "pull_request" else {}), ref, "")


@pytest.mark.parametrize(
    ("happened", "started"),
    [
        (event("pull_request", action="opened"), CHECKS),
        (event("pull_request", action="synchronize"), CHECKS),
        (event("pull_request", action="labeled"), set()),
        (event("pull_request", action="closed"), set()),
        (event("merge_group", action="checks_requested", ref=QUEUE), CHECKS),
        (event("workflow_dispatch", ref="refs/heads/register-v1.2.0"), BY_HAND),
        (event("push"), {"ci.yml", "reconcile.yml"}),
        (event("push", ref="refs/heads/work"), set()),
        (event("push", ref="refs/tags/v0.2.0"), {"release.yml"}),
        (event("push", ref="refs/tags/nightly"), set()),
        (event("schedule", schedule="23 */2 * * *"), {"reconcile.yml"}),
        (event("schedule", schedule="53 * * * *"), {"register.yml"}),
        (event("schedule", schedule="41 */6 * * *"), {"monitor.yml"}),
        (
            event("workflow_run", action="completed", workflow_run={"name": "lepinet"}),
            {"comment.yml", "trusted-check.yml"},
        ),
        (event("workflow_run", action="completed", workflow_run={"name": "ci"}), set()),
        (event("workflow_run", action="requested", workflow_run={"name": "lepinet"}), set()),
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
    assert secrets_of({"environment": "made by being named"}, environments) == {}


def test_an_environment_may_be_named_by_what_is_known_when_the_job_begins() -> None:
    known = {"matrix": {"environment": "staging"}, "inputs": {"environment": "production"}, "vars": {}}
    assert environment_of({"environment": {"name": "${{ matrix.environment }}"}}, known) == "staging"
    emergency = "${{ format('{0}-emergency', inputs.environment) }}"
    assert environment_of({"environment": {"name": emergency}}, known) == "production-emergency"
    assert environment_of({"environment": "${{ vars.HUB }}"}, known) is None, "an empty name is none"


def test_a_matrix_runs_in_the_order_of_its_values() -> None:
    job = {"strategy": {"matrix": {"environment": "${{ fromJSON(needs.judge.outputs.names) }}"}}}
    assert list(legs(job, {"judge": {"names": '["b", "a"]'}}, {})) == [{"environment": "b"}, {"environment": "a"}]
    assert list(legs({}, {}, {})) == [{}]


def test_a_matrix_may_be_a_variable_with_one_value_where_there_is_none() -> None:
    job = {"strategy": {"matrix": {"environment": "${{ fromJSON(vars.APART || '[\"\"]') }}"}}}
    assert list(legs(job, {}, {})) == [{"environment": ""}]
    assert list(legs(job, {}, {"APART": '["b", "a"]'})) == [{"environment": "b"}, {"environment": "a"}]
    named = {"environment": "${{ matrix.environment && format('monitor-{0}', matrix.environment) || 'monitor' }}"}
    assert environment_of(named, {"matrix": {"environment": ""}}) == "monitor"
    assert environment_of(named, {"matrix": {"environment": "b"}}) == "monitor-b"


def test_a_job_waits_for_the_success_of_those_it_needs_unless_it_says_otherwise() -> None:
    assert goes_on({"needs": "judge"}, {"judge": "success"})
    assert not goes_on({"needs": ["judge"]}, {"judge": "failure"})
    assert not goes_on({"needs": "judge", "if": "github.ref == 'x'"}, {"judge": "skipped"})
    assert goes_on({"needs": "judge", "if": "${{ !cancelled() }}"}, {"judge": "failure"})


def test_of_those_that_wait_the_newest_of_each_group_goes_on() -> None:
    assert queue(["a", "b", "c"], {0: "ship", 1: "ship", 2: "back"}) == ["b", "c"]
    assert value_of("lepinet-${{ github.run_id }}", {"github": {"run_id": "7"}}) == "lepinet-7"


def test_who_runs_a_workflow_by_hand_gets_its_defaults_and_only_its_choices() -> None:
    chosen = with_defaults(OURS["reconcile.yml"], {"environment": "staging"})
    assert chosen == {"environment": "staging", "action": "finish", "reason": ""}
    with pytest.raises(AssertionError):
        with_defaults(OURS["reconcile.yml"], {"action": "$(touch pwned)"})
    with pytest.raises(AssertionError, match="reason"):
        with_defaults(OURS["rollback.yml"], {"environment": "production"})
