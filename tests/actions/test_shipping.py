"""reconcile.yml, run: what was merged comes to the environments, and GitHub is told what became of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from actions.conftest import Live
from actions.github import CANARIES
from actions.triggers import queue, value_of
from actions.workflow_files import ROOT, parsed
from github_stand_in.server import Failure

pytestmark = pytest.mark.slow

SHIP = "reconcile.yml"
BOTH = {"judge": "success", "reconcile (staging)": "success", "reconcile (production)": "success"}


def comment(live: Live) -> str:
    (only,) = live.there.comments
    text: str = only["body"]
    return text


def test_a_merge_ships_and_its_pull_request_says_so(live: Live) -> None:
    live.desk.begin_branch()
    live.activate("v1.1.0")
    opened = live.pull_request()
    ran = live.run(SHIP, live.merge(opened))
    assert ran.jobs == BOTH
    assert live.active("production") == "v1.1.0"
    assert "**v1.1.0 is live in production since 20" in comment(live)
    assert "after the merge" in comment(live)
    (deployment,) = [one for one in live.there.deployments if one["environment"] == "production"]
    assert deployment["ref"] == live.desk.git("rev-parse", "main")
    status = live.there.statuses[-1]
    assert (status["state"], status["description"]) == ("success", "v1.1.0 is live")
    assert status["log_url"].endswith(f"/acme/butterflies/actions/runs/{ran.artifacts.name}")
    assert "### production\n\n**v1.1.0 is live in production" in ran.summary
    assert [pull["state"] for pull in live.there.pulls] == ["closed"]


def test_a_revert_goes_back(live: Live) -> None:
    live.activate("v1.1.0")
    live.run(SHIP, live.push_main())
    live.desk.git("revert", "--no-edit", "HEAD")
    ran = live.run(SHIP, live.push_main())
    assert ran.jobs == BOTH
    assert live.active("production") == "v1.0.0"


def test_each_environment_sees_its_own_secrets_and_the_judge_sees_none(live: Live) -> None:
    live.activate("v1.1.0")
    ran = live.run(SHIP, live.push_main(), ('          mkdir "$JUDGED"\n', '          mkdir "$JUDGED"; env\n'))
    assert ran.jobs == BOTH
    assert not [name for name in CANARIES if f"canary-of-{name}" in ran.seen]


def test_a_push_that_changes_no_model_runs_none(live: Live) -> None:
    (live.desk.folder / "README.md").write_text("Butterflies.\n")
    live.desk.commit("Say what this is")
    ran = live.run(SHIP, live.push_main())
    assert ran.jobs == BOTH
    handed = json.loads((ran.artifacts / "lepinet-handover" / "handover.json").read_text())
    answers = [answer for one in handed["environments"] for answer in one["target"]["answers"]["answers"]]
    assert answers
    assert {answer["latency_ms"] for answer in answers} == {None}, "kept, so no model ran"
    assert live.active("production") == "v1.0.0"


def test_what_is_held_after_the_merge_is_refused_and_a_pull_request_undoes_it(live: Live) -> None:
    live.desk.alter("versions:\n", "gates: {min_accuracy: 1}\nversions:\n")
    live.desk.commit("Be strict")
    live.desk.begin_branch()
    live.activate("v1.1.0")
    merged = live.merge(live.pull_request())
    ran = live.run(SHIP, merged)
    assert ran.jobs == BOTH | {"reconcile (production)": "failure"}
    assert live.active("production") == "v1.0.0"
    revert = live.there.pulls[-1]
    assert revert["title"].startswith('Revert "Merge work')
    assert "**v1.1.0 did not ship to production**" in revert["body"]
    assert "**v1.1.0 is not live in production**: " in comment(live)
    assert revert["html_url"] in comment(live)
    branch = revert["head"]["ref"]
    assert live.there.dispatches == [("pr.yml", branch)]
    assert live.there.git("diff", "--stat", f"{merged.sha}^", branch) == "", "all is as it was before the merge"
    assert live.there.git("log", "-1", "--format=%an", branch) == "github-actions[bot]"
    assert live.run("pr.yml", live.dispatched(branch)).jobs == {"check": "success"}
    live.desk.git("fetch", "--quiet", "origin")
    live.desk.git("merge", "--quiet", "--no-ff", "--message", "Merge the revert", f"origin/{branch}")
    assert live.run(SHIP, live.push_main()).jobs == BOTH


def test_a_merge_that_brought_files_is_undone_with_them(live: Live) -> None:
    live.desk.alter("versions:\n", "gates: {min_accuracy: 1}\nversions:\n")
    live.desk.commit("Be strict")
    live.desk.begin_branch()
    live.desk.copy_model("v1.2.0", "v1.2.0")
    live.desk.declare("v1.2.0")
    live.activate("v1.2.0", "staging")
    merged = live.merge(live.pull_request())
    assert live.run(SHIP, merged).jobs == BOTH | {"reconcile (staging)": "failure"}
    revert = live.there.pulls[-1]
    assert "models/v1.2.0/config.json" in live.there.git("diff", "--name-only", f"{merged.sha}^", merged.sha)
    assert live.there.git("diff", "--name-only", f"{merged.sha}^", revert["head"]["ref"]) == ""


def test_a_revert_that_somebody_closed_is_not_opened_again_and_no_retry_passes_over_a_hold(live: Live) -> None:
    live.desk.alter("versions:\n", "gates: {min_accuracy: 1}\nversions:\n")
    live.desk.commit("Be strict")
    live.activate("v1.1.0")
    live.run(SHIP, live.push_main())
    (revert,) = live.there.pulls
    revert["state"] = "closed"
    said = len(live.there.statuses)
    ran = live.run(SHIP, live.scheduled())
    assert ran.jobs == BOTH | {"reconcile (production)": "failure"}
    assert "was closed: open it again, or declare another version" in ran.summary
    again = live.dispatched("main", SHIP, environment="production", action="retry", reason="why not")
    assert live.run(SHIP, again).jobs == {"judge": "success", "reconcile (production)": "failure"}
    assert live.there.pulls == [revert]
    assert len(live.there.statuses) == said, "told once"
    assert live.active("production") == "v1.0.0"


def test_the_first_version_of_an_environment_has_nothing_to_be_undone(live: Live) -> None:
    live.desk.alter("versions:\n", "  field: {active: v1.0.0, registry: postgres, endpoint: none}\nversions:\n")
    live.desk.alter("versions:\n", "gates: {min_accuracy: 1}\nversions:\n")
    live.desk.commit("Begin with the field")
    live.secrets = {**live.secrets, "field": live.secrets["staging"]}
    ran = live.run(SHIP, live.push_main())
    assert ran.jobs == BOTH | {"reconcile (field)": "failure"}
    assert live.there.pulls == []


def test_the_clock_finishes_what_a_killed_run_has_left(live: Live) -> None:
    live.activate("v1.1.0")
    pushed = live.push_main()
    registry, claimant = live.registry("production"), uuid4()
    before = registry.snapshot("production").environment
    registry.claim(
        "production",
        generation=(before.generation or 0) + 1,
        commit=pushed.sha,
        seen_commit=before.commit,
        claimant=claimant,
        claimant_label="a run that was killed",
        lease_seconds=60,
        declares="v1.1.0",
    )
    target = live.desk.workspace.manifest.target("v1.1.0")
    registry.log_version("v1.1.0", target.file_path, revision=target.revision)
    begun: dict[str, Any] = {"way_back": None, "reason": None, "verdict": None, "conditions": None}
    registry.begin_deployment(uuid4(), "production", claimant, version_name="v1.1.0", actor="asha", **begun)
    registry.release("production", claimant)
    assert live.run(SHIP, live.scheduled()).jobs == BOTH
    assert live.active("production") == "v1.1.0"


def test_the_clock_does_not_fight_a_hand_and_a_person_may_mend(live: Live) -> None:
    live.sql(
        "production", "select log_model_version('v0.9.0', 'models/v0.9.0', revision => 'sha256:' || repeat('0', 64))"
    )
    by_hand = "update model_versions set is_active = (version_name = 'v0.9.0')"
    live.sql("production", f"set lepinet.by_hand = 'yes'; {by_hand}")
    ran = live.run(SHIP, live.scheduled())
    assert ran.jobs == BOTH | {"reconcile (production)": "failure"}
    assert live.active("production") == "v0.9.0"
    assert "database says v0.9.0 by hand" in ran.summary
    mend = live.dispatched("main", SHIP, environment="production", action="mend", reason="nobody meant that")
    assert live.run(SHIP, mend).jobs == {"judge": "success", "reconcile (production)": "success"}
    assert live.active("production") == "v1.0.0"


def test_a_pin_stops_the_run_until_it_is_lifted(live: Live) -> None:
    live.sql("production", "select emergency_activate('v1.0.0', 'wrong names', 'production')")
    live.activate("v1.1.0")
    ran = live.run(SHIP, live.push_main())
    assert ran.jobs == BOTH | {"reconcile (production)": "failure"}
    assert "Pinned to v1.0.0 by lepinet" in ran.summary
    assert ": wrong names. Make git agree" in ran.summary
    unpin = live.dispatched("main", SHIP, environment="production", action="unpin", reason="names are right again")
    assert live.run(SHIP, unpin).jobs == {"judge": "success", "reconcile (production)": "success"}
    assert live.active("production") == "v1.1.0"


def test_a_main_that_was_rewritten_waits_for_a_person(live: Live) -> None:
    live.run(SHIP, live.push_main())
    live.desk.git("reset", "--quiet", "--hard", "HEAD^")
    live.desk.set_active("staging", "v1.1.0")
    live.desk.commit("Try v1.1.0 in staging, in other words")
    ran = live.run(SHIP, live.push_main())
    assert set(ran.jobs.values()) == {"success", "failure"}
    assert "ain was rewritten" in ran.summary
    yes = live.dispatched("main", SHIP, environment="production", action="accept-history", reason="a key was in it")
    assert live.run(SHIP, yes).jobs == {"judge": "success", "reconcile (production)": "success"}


def test_an_older_run_that_starts_after_a_newer_one_changes_nothing(live: Live) -> None:
    live.activate("v1.1.0")
    older = live.push_main()
    live.activate("v1.0.0")
    live.run(SHIP, live.push_main())
    said = len(live.there.deployments)
    ran = live.run(SHIP, older)
    assert ran.jobs == BOTH
    assert "uperseded: production already follows the newer commit" in ran.summary
    assert live.active("production") == "v1.0.0"
    assert len(live.there.deployments) == said


def test_of_two_merges_in_a_row_the_later_run_does_all(live: Live) -> None:
    """While one runs, GitHub keeps only the newest of those that wait."""
    live.desk.copy_model("v1.2.0", "v1.2.0")
    live.desk.declare("v1.2.0")
    live.desk.commit("Register v1.2.0")
    live.run(SHIP, live.push_main())
    live.activate("v1.1.0")
    first = live.push_main()
    live.activate("v1.2.0", "staging")
    second = live.push_main()
    group = value_of(parsed(ROOT / ".github" / "workflows" / SHIP)["concurrency"]["group"], {})
    assert queue([first, second], {0: group, 1: group}) == [second]
    assert live.run(SHIP, second).jobs == BOTH
    assert (live.active("staging"), live.active("production")) == ("v1.2.0", "v1.1.0")


def test_run_again_it_tells_nothing_twice(live: Live) -> None:
    live.desk.begin_branch()
    live.activate("v1.1.0")
    pushed = live.merge(live.pull_request())
    live.run(SHIP, pushed)
    before = [len(told) for told in (live.there.comments, live.there.deployments, live.there.statuses)]
    assert live.run(SHIP, pushed).jobs == BOTH
    assert [len(told) for told in (live.there.comments, live.there.deployments, live.there.statuses)] == before
    assert not [request for request in live.there.requests if request.startswith("PATCH")]


def test_where_github_fails_the_next_run_tells_it(live: Live) -> None:
    live.desk.begin_branch()
    live.activate("v1.1.0")
    pushed = live.merge(live.pull_request())
    live.there.failures = [Failure(403)] * 2
    ran = live.run(SHIP, pushed)
    assert set(ran.jobs.values()) == {"success", "failure"}
    assert live.active("production") == "v1.1.0"
    assert live.run(SHIP, live.scheduled()).jobs == BOTH
    assert "**v1.1.0 is live in production" in comment(live)


def test_another_branch_ships_nothing(live: Live) -> None:
    live.desk.begin_branch()
    live.activate("v1.1.0")
    ran = live.run(SHIP, live.dispatched("work", SHIP))
    assert ran.jobs == {}
    assert live.active("production") == "v1.0.0"


def test_what_is_asked_of_one_environment_needs_its_name(live: Live) -> None:
    ran = live.run(SHIP, live.dispatched("main", SHIP, action="mend", reason="why not"))
    assert ran.jobs == {"judge": "failure"}
    assert [one.text for one in ran.annotations] == ["which environment? This action is for one alone"]


def test_kinds_that_live_on_one_machine_are_refused_by_name_on_githubs(live: Live) -> None:
    live.desk.alter("(production:\n    active: v1.0.0\n    registry:) postgres\n    endpoint: none", r"\1 embedded")
    live.desk.alter("(registry: embedded)\n", r"\1\n    endpoint: local\n")
    live.desk.commit("All on one machine")
    ran = live.run(SHIP, live.push_main())
    assert ran.jobs == BOTH | {"reconcile (production)": "failure"}
    (one,) = ran.annotations
    assert "production has registry: embedded and endpoint: local" in one.text


def test_private_models_are_judged_with_a_token_that_reads_the_hub_and_nothing_else(live: Live) -> None:
    live.secrets = {**live.secrets, "hub": {"HF_TOKEN": "canary-of-the-hub"}}
    live.variables["LEPINET_HUB_ENVIRONMENT"] = "hub"
    shown = ('          mkdir "$JUDGED"\n', '          mkdir "$JUDGED"; env | sed s/canary-of/seen/\n')
    ran = live.run(SHIP, live.push_main(), shown)
    assert ran.jobs == BOTH
    assert "HF_TOKEN=seen-the-hub" in ran.log
    assert "application_name" not in ran.log


def test_where_github_gives_no_environments_the_repositorys_secrets_do(live: Live) -> None:
    """As in a private repository on GitHub Free."""
    live.repository_secrets = live.secrets["staging"]
    before, live.secrets = live.active("staging"), {"staging": live.secrets["staging"]}
    live.activate("v1.0.0", "staging")
    live.push_main()
    asked = live.dispatched("main", SHIP, environment="staging")
    live.secrets = {}
    ran = live.run(SHIP, asked)
    assert ran.jobs == {"judge": "success", "reconcile (staging)": "success"}
    live.secrets = {"staging": dict(live.repository_secrets)}
    assert (before, live.active("staging")) == ("v1.1.0", "v1.0.0")


def test_nothing_that_somebody_wrote_is_run_or_forges_what_github_shows(live: Live) -> None:
    forged = "##[error]forged ::error::forged <img src=x> @acme/all [x](javascript:x) `$(touch pwned)`"
    (live.folder / "message").write_text(f"{forged}\n\n::stop-commands::x\n{'x' * 1_000_000}")
    live.desk.alter("versions:\n", "gates: {min_accuracy: 1}\nversions:\n")
    live.desk.commit("Be strict")
    live.desk.begin_branch()
    live.desk.git("branch", "--move", "$(touch${IFS}pwned);`touch${IFS}pwned`")
    live.desk.set_active("production", "v1.1.0")
    live.desk.commit(f"{forged}\n\n::stop-commands::x\n::set-output name=environments::[]")
    live.desk.git("switch", "--quiet", "main")
    live.desk.git("merge", "--quiet", "--no-ff", "--file", str(live.folder / "message"), "@{-1}")
    live.run(SHIP, live.push_main())
    reason = f"{forged}\n::error::forged\n\x1b[31m\u202e"
    again = live.dispatched("main", SHIP, environment="production", action="retry", reason=reason)
    ran = live.run(SHIP, again)
    assert ran.jobs == {"judge": "success", "reconcile (production)": "failure"}
    assert ran.annotations == ()
    (revert,) = live.there.pulls
    assert revert["title"].startswith('Revert "')
    shown = [ran.summary, revert["body"], *(one["body"] for one in live.there.comments)]
    assert not [text for text in ("<img", "@acme", "[x](") if text in "".join(shown).replace("\\<", "")]
    assert not list(live.folder.rglob("pwned"))
