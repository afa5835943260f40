"""What a plan comes to, in each state that a person or a killed run can leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.endpoints import EndpointState
from lepinet.manifest.history import EverDeclared
from lepinet.manifest.model import ModelVersion
from lepinet.reconcile.plan import Action, Declared, Plan, make_plan
from lepinet.registry.records import NEWEST, Snapshot
from lepinet.target import Target

VERSIONS = {
    name: ModelVersion(file_path=f"models/{name}", revision="sha256:" + digit * 64)
    for name, digit in (("v1.0.0", "0"), ("v1.1.0", "1"), ("v1.2.0", "2"))
}
LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)


def target(name: str) -> Target:
    return Target(VERSIONS[name].file_path, VERSIONS[name].revision, name)


def files(name: str) -> dict[str, str]:
    return {"version": name, "file_path": VERSIONS[name].file_path, "revision": VERSIONS[name].revision}


def declares(name: str, conditions: str = "as now") -> Declared:
    return Declared("production", target(name), VERSIONS, conditions)


def serves(name: str | None, *, ready: bool = True) -> EndpointState:
    return EndpointState(target(name) if name else None, ready and name is not None)


def deployment(name: str, status: str, *, back: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "environment": "production",
        "kind": "merge",
        **files(name),
        "way_back": files(back) if back else None,
        "generation": 1,
        "commit": "c" * 40,
        "actor": "asha",
        "reason": None,
        "verdict": None,
        "conditions": "as now",
        "status": status,
        "failure": None,
        "error": None,
        "ended_at": None,
        **more,
    }


def registry(
    active: str | None, *deployments: dict[str, Any], recorded: str | None = "same", rows: Any = None, **more: Any
) -> Snapshot:
    """A snapshot; the deployments oldest first, as they happened, cut as the registry cuts them."""
    dated = [row | {"begun_at": LONG_AGO + timedelta(hours=hour)} for hour, row in enumerate(deployments)]
    successes = [at for at, row in enumerate(dated) if row["status"] == "succeeded"]
    dated = dated[successes[-2] + 1 :] if len(successes) > 1 else dated
    rows = [{"id": uuid4(), "version_name": name, **files(name)} for name in VERSIONS] if rows is None else rows
    return Snapshot.model_validate(
        {
            "environment": {
                "name": "production",
                "repository": "r" * 40,
                "active": active,
                "recorded": active if recorded == "same" else recorded,
                "generation": 1,
                "commit": "c" * 40,
                "claimant": None,
                "lease_seconds": 0,
                "pinned": None,
                "pin_reason": None,
                "mirrors_is_active": True,
                **more,
            },
            "versions": rows,
            "deployments": dated[::-1],
            "succeeded": [row["version"] for row in deployments if row["status"] == "succeeded"],
            "ever_deployed": bool(deployments),
        }
    )


def shape(plan: Plan) -> tuple[str, str | None, bool, bool]:
    return plan.action.value, plan.aim.version, plan.move, plan.flip


FIRST = deployment("v1.0.0", "succeeded")
SECOND = deployment("v1.1.0", "succeeded", back="v1.0.0")
STARTED = deployment("v1.1.0", "started", back="v1.0.0")
DISPROVED = deployment("v1.1.0", "failed", back="v1.0.0", failure="proof", error="11 of 96 answers differ")
HELD = deployment("v1.1.0", "failed", back="v1.0.0", failure="verdict", error="Common Jezebel is lost")
UNMOVED = deployment("v1.1.0", "failed", back="v1.0.0", failure="move", error="no replica came up")


@pytest.mark.parametrize(
    ("declared", "snapshot", "endpoint", "expected"),
    [
        pytest.param("v1.0.0", registry(None), serves(None), ("deploy", "v1.0.0", True, True), id="first activation"),
        pytest.param(
            "v1.0.0", registry("v1.0.0", FIRST), serves("v1.0.0"), ("nothing", "v1.0.0", False, False), id="in step"
        ),
        pytest.param(
            "v1.1.0", registry("v1.0.0", FIRST), serves("v1.0.0"), ("deploy", "v1.1.0", True, True), id="activation"
        ),
        pytest.param(
            "v1.0.0", registry("v1.1.0", FIRST, SECOND), serves("v1.1.0"), ("deploy", "v1.0.0", True, True), id="revert"
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, STARTED),
            serves("v1.0.0"),
            ("deploy", "v1.1.0", True, True),
            id="killed after begin",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, STARTED),
            serves("v1.1.0", ready=False),
            ("deploy", "v1.1.0", True, True),
            id="killed while moving",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, STARTED),
            serves("v1.1.0"),
            ("deploy", "v1.1.0", False, True),
            id="killed after the move",
        ),
        pytest.param(
            "v1.0.0",
            registry("v1.0.0", FIRST, STARTED),
            serves("v1.1.0"),
            ("deploy", "v1.0.0", True, True),
            id="killed, then reverted",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, DISPROVED),
            serves("v1.1.0"),
            ("put back", "v1.0.0", True, False),
            id="bad, not put back",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, DISPROVED),
            serves("v1.0.0"),
            ("nothing", "v1.0.0", False, False),
            id="bad, put back",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, HELD),
            serves("v1.0.0"),
            ("nothing", "v1.0.0", False, False),
            id="held before",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, UNMOVED),
            serves("v1.0.0"),
            ("deploy", "v1.1.0", True, True),
            id="outside failed before",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, DISPROVED, STARTED),
            serves("v1.1.0"),
            ("deploy", "v1.1.0", False, True),
            id="bad, killed while tried again",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.0.0", FIRST, DISPROVED, STARTED | {"conditions": "other gates"}),
            serves("v1.1.0"),
            ("deploy", "v1.0.0", True, True),
            id="bad, killed under other gates, which were reverted",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.1.0", FIRST, DISPROVED, recorded="v1.0.0"),
            serves("v1.1.0"),
            ("deploy", "v1.0.0", True, True),
            id="disproved, then set by hand",
        ),
        pytest.param(
            "v1.1.0",
            registry("v1.1.0", FIRST, DISPROVED, SECOND | {"kind": "emergency", "conditions": None}),
            serves("v1.1.0"),
            ("nothing", "v1.1.0", False, False),
            id="disproved, then shipped as an emergency",
        ),
    ],
)
def test_state_leads_to_plan(
    declared: str, snapshot: Snapshot, endpoint: EndpointState, expected: tuple[str, str, bool, bool]
) -> None:
    assert shape(make_plan(declares(declared), snapshot, endpoint)) == expected


def test_changed_conditions_allow_another_try() -> None:
    snapshot = registry("v1.0.0", FIRST, HELD)
    assert make_plan(declares("v1.1.0", "other gates"), snapshot, serves("v1.0.0")).action is Action.DEPLOY


def test_retry_repeats_a_proof_and_never_passes_over_a_hold() -> None:
    disproved, held = (registry("v1.0.0", FIRST, row) for row in (DISPROVED, HELD))
    assert make_plan(declares("v1.1.0"), disproved, serves("v1.0.0"), retry=True).action is Action.DEPLOY
    assert make_plan(declares("v1.1.0"), held, serves("v1.0.0"), retry=True).action is Action.NOTHING


def test_what_is_not_tried_again_says_why() -> None:
    plan = make_plan(declares("v1.1.0"), registry("v1.0.0", FIRST, DISPROVED), serves("v1.0.0"))
    assert plan.stop is not None
    assert "11 of 96 answers differ" in plan.stop
    assert "--retry" in plan.stop


def test_a_hold_is_recorded_and_undoes_what_an_unfinished_run_left() -> None:
    plan = make_plan(declares("v1.1.0"), registry("v1.0.0", FIRST, STARTED), serves("v1.1.0"), held=True)
    assert shape(plan) == ("refuse", "v1.0.0", True, False)


def test_a_hold_without_anything_begun_moves_nothing() -> None:
    plan = make_plan(declares("v1.1.0"), registry("v1.0.0", FIRST), serves("v1.0.0"), held=True)
    assert shape(plan) == ("refuse", "v1.0.0", False, False)


def test_an_unfinished_run_hands_on_its_way_back() -> None:
    # The revert of the revert finds the row already on the version that the killed run was moving to.
    snapshot = registry("v1.0.0", FIRST, deployment("v1.1.0", "started", back="v1.2.0"))
    assert make_plan(declares("v1.1.0"), snapshot, serves("v1.1.0")).way_back == target("v1.2.0")


def test_the_way_back_is_the_active_version_else_what_the_endpoint_serves() -> None:
    assert make_plan(declares("v1.1.0"), registry("v1.0.0", FIRST), serves("v1.0.0")).way_back == target("v1.0.0")
    assert make_plan(declares("v1.1.0"), registry(None), serves("v1.2.0")).way_back == target("v1.2.0")
    assert make_plan(declares("v1.1.0"), registry(None), serves(None)).way_back is None


@pytest.mark.parametrize(
    ("active", "endpoint", "named", "keep"),
    [
        pytest.param("v1.0.0", "v1.1.0", "database says v1.0.0", "lepinet rollback v1.0.0", id="row flipped"),
        pytest.param(None, "v1.1.0", "database says no version", "declare it", id="row switched off"),
        pytest.param("v1.1.0", "v1.0.0", "endpoint is set to v1.0.0", "lepinet rollback v1.0.0", id="endpoint moved"),
        pytest.param("v1.0.0", "v1.2.0", "and the endpoint", "lepinet rollback v1.0.0", id="both"),
    ],
)
def test_a_hand_is_named_with_both_ways_out_and_nothing_moves(
    active: str | None, endpoint: str, named: str, keep: str
) -> None:
    plan = make_plan(declares("v1.1.0"), registry(active, FIRST, SECOND, recorded="v1.1.0"), serves(endpoint))
    assert plan.action is Action.NOTHING
    assert plan.stop is not None
    assert named in plan.stop
    assert "by hand" in plan.stop
    assert f"Keep it: {keep}" in plan.stop
    assert "--mend" in plan.stop


def test_mend_restores_the_last_succeeded_version_before_it_goes_on() -> None:
    drifted = registry("v1.2.0", FIRST, SECOND, recorded="v1.1.0")
    assert shape(make_plan(declares("v1.1.0"), drifted, serves("v1.1.0"), mend=True)) == (
        "deploy",
        "v1.1.0",
        False,
        True,
    )
    assert shape(make_plan(declares("v1.0.0"), drifted, serves("v1.2.0"), mend=True)) == (
        "deploy",
        "v1.1.0",
        True,
        True,
    )


def test_mend_fails_onto_itself_and_never_onto_what_the_hand_did() -> None:
    plan = make_plan(declares("v1.1.0"), registry("v1.2.0", FIRST, SECOND), serves("v1.2.0"), mend=True)
    assert plan.way_back == target("v1.1.0")


def test_what_a_hand_did_and_git_declares_is_taken_over_and_said() -> None:
    plan = make_plan(declares("v1.2.0"), registry("v1.2.0", FIRST, SECOND, recorded="v1.1.0"), serves("v1.2.0"))
    assert shape(plan) == ("deploy", "v1.2.0", False, True)
    assert sum(note.startswith("taken over") for note in plan.notes) == 2


def test_before_the_first_deployment_nothing_is_a_hands() -> None:
    plan = make_plan(declares("v1.1.0"), registry("v1.0.0"), serves("v1.2.0"))
    assert shape(plan) == ("deploy", "v1.1.0", True, True)


def test_an_endpoint_that_cannot_be_moved_only_flips() -> None:
    assert shape(make_plan(declares("v1.1.0"), registry("v1.0.0", FIRST), None)) == ("deploy", "v1.1.0", False, True)


def test_where_there_is_no_endpoint_no_proof_is_announced() -> None:
    plan = make_plan(declares("v1.1.0"), registry("v1.0.0", FIRST), None)
    assert plan.steps() == ("flip the registry to v1.1.0",)


def test_a_paused_endpoint_counts_as_not_there_yet() -> None:
    plan = make_plan(declares("v1.0.0"), registry("v1.0.0", FIRST), serves("v1.0.0", ready=False))
    assert shape(plan) == ("deploy", "v1.0.0", True, True)


EMERGENCY = deployment("v1.0.0", "started", back="v1.1.0", kind="emergency", conditions=None)


def test_the_endpoint_follows_a_pin_that_was_set_in_the_database() -> None:
    pinned = registry("v1.0.0", FIRST, SECOND, EMERGENCY, pinned="v1.0.0", pin_reason="rash of wrong names")
    plan = make_plan(declares("v1.1.0"), pinned, serves("v1.1.0"))
    assert shape(plan) == ("follow", "v1.0.0", True, True)
    assert plan.stop is not None
    assert "rash of wrong names" in plan.stop
    assert "lepinet rollback v1.0.0" in plan.stop
    assert "lepinet unpin" in plan.stop


def test_a_pin_whose_emergency_is_over_stops_everything() -> None:
    pinned = registry("v1.0.0", FIRST, SECOND, EMERGENCY | {"status": "succeeded"}, pinned="v1.0.0", pin_reason="x")
    for mend in (False, True):
        plan = make_plan(declares("v1.1.0"), pinned, serves("v1.0.0"), mend=mend)
        assert plan.action is Action.NOTHING
        assert plan.stop is not None


def test_a_pin_that_git_agrees_with_asks_for_no_commit() -> None:
    pinned = registry("v1.0.0", FIRST, SECOND, EMERGENCY | {"status": "succeeded"}, pinned="v1.0.0", pin_reason="x")
    stop = make_plan(declares("v1.0.0"), pinned, serves("v1.0.0")).stop
    assert stop is not None
    assert "the pin ends with the next reconcile" in stop
    assert "lepinet rollback" not in stop


def test_after_the_pin_is_lifted_main_ships_again() -> None:
    snapshot = registry("v1.0.0", FIRST, SECOND, EMERGENCY | {"status": "succeeded"})
    assert shape(make_plan(declares("v1.1.0"), snapshot, serves("v1.0.0"))) == ("deploy", "v1.1.0", True, True)


def test_missing_rows_and_rows_without_revision_are_registered_first() -> None:
    rows = [
        {"id": uuid4(), "version_name": "v1.0.0", **files("v1.0.0")},
        {"id": uuid4(), "version_name": "v1.1.0", "file_path": "models/v1.1.0"},
    ]
    plan = make_plan(declares("v1.0.0"), registry("v1.0.0", FIRST, rows=rows), serves("v1.0.0"))
    assert plan.register == ("v1.1.0", "v1.2.0")
    assert not plan.empty


@pytest.mark.parametrize("other", [{"file_path": "models/else"}, {"revision": "sha256:" + "f" * 64}])
def test_other_files_under_a_merged_name_stop_everything(other: dict[str, str]) -> None:
    rows = [{"id": uuid4(), "version_name": "v1.0.0", **files("v1.0.0"), **other}]
    plan = make_plan(declares("v1.1.0"), registry("v1.0.0", FIRST, rows=rows), serves("v1.0.0"))
    assert plan.action is Action.NOTHING
    assert plan.register == ()
    assert plan.stop is not None
    assert "lepinet reconcile -e production --mend" in plan.stop
    assert "next free" in plan.stop
    assert not any("taken over" in note for note in plan.notes)


def test_mend_gives_a_row_back_what_the_manifest_says() -> None:
    rows = [{"id": uuid4(), "version_name": name, **files(name)} for name in VERSIONS]
    rows[1] |= {"revision": "sha256:" + "f" * 64}
    snapshot = registry("v1.0.0", FIRST, rows=rows)
    plan = make_plan(declares("v1.0.0"), snapshot, serves("v1.0.0"), mend=True)
    assert (plan.restore, plan.register, plan.stop) == (("v1.1.0",), (), None)
    assert not plan.empty
    assert any("undoing what a hand did: v1.1.0 in the registry is other files" in note for note in plan.notes)


def test_a_deployed_row_without_its_revision_makes_nothing_a_hand_s_but_itself() -> None:
    rows = [{"id": uuid4(), "version_name": "v1.0.0", "file_path": "models/v1.0.0"}]
    plan = make_plan(declares("v1.0.0"), registry("v1.0.0", FIRST | {"revision": None}, rows=rows), serves("v1.0.0"))
    assert "v1.0.0" in plan.register
    assert plan.notes == ()


def test_proposals_and_changed_figures_are_shown() -> None:
    rows = [
        {"id": uuid4(), "version_name": "v1.0.0", **files("v1.0.0")},
        {"id": uuid4(), "version_name": "v2.0.0", "file_path": "org/model", "created_at": LONG_AGO},
        {"id": uuid4(), "version_name": "v0.9.0", "file_path": "org/retired", "activated_at": LONG_AGO},
    ]
    plan = make_plan(declares("v1.0.0"), registry("v1.0.0", FIRST, rows=rows), serves("v1.0.0"))
    register = f"lepinet register v2.0.0 --file-path org/model --revision main@{LONG_AGO:%Y-%m-%dT%H:%M:%S}Z"
    assert plan.notes == (f"waiting: v2.0.0, logged and not in models.yaml: {register}",)


def test_old_rows_that_models_yaml_began_without_are_one_line_and_wait_for_nobody() -> None:
    began = EverDeclared(frozenset({"v1.0.0"}), since=LONG_AGO)
    row = {"file_path": "org/model", "created_at": LONG_AGO}
    older = row | {"created_at": LONG_AGO - timedelta(days=1)}
    rows = [
        {"id": uuid4(), "version_name": "v1.0.0", **files("v1.0.0")},
        {"id": uuid4(), "version_name": "v2.0.0 ", **row},
        {"id": uuid4(), "version_name": "on Colab", **row, "file_path": "/content/drive/best"},
        *({"id": uuid4(), "version_name": f"v0.{n}.0", **older} for n in range(5)),
    ]
    declared = replace(declares("v1.0.0"), ever=began)
    notes = make_plan(declared, registry("v1.0.0", FIRST, rows=rows), serves("v1.0.0")).notes
    assert [note.split(",")[0] for note in notes if "not for" not in note] == ['waiting: "v2.0.0 "']
    assert notes[-1] == (
        "waiting: not for 6 old rows: on Colab, v0.0.0, v0.1.0, v0.2.0, v0.3.0, … (docs/supabase.md, Old rows)"
    )


def test_more_proposals_than_a_snapshot_has_are_told_of() -> None:
    rows = [{"id": uuid4(), "version_name": f"v2.{n}.0", "file_path": "org/model"} for n in range(NEWEST)]
    plan = make_plan(declares("v1.0.0"), registry("v1.0.0", FIRST, rows=rows), serves("v1.0.0"))
    assert len(plan.notes) == NEWEST + 1
    assert plan.notes[-1] == "waiting: … and perhaps more: lepinet versions lists them all"


names = st.sampled_from(list(VERSIONS))
attempts = st.builds(
    lambda version, back, end: deployment(version, end[0], back=back, failure=end[1]),
    names,
    st.none() | names,
    st.sampled_from(
        [("succeeded", None), ("superseded", None), ("failed", "proof"), ("failed", "verdict"), ("failed", "move")]
    ),
)


@given(
    declared=names,
    active=st.none() | names,
    recorded=st.none() | names,
    served=st.none() | names,
    ready=st.booleans(),
    history=st.lists(attempts, max_size=4),
    mend=st.booleans(),
)
def test_no_plan_moves_to_what_nobody_declared_or_stored(
    *,
    declared: str,
    active: str | None,
    recorded: str | None,
    served: str | None,
    ready: bool,
    history: list[dict[str, Any]],
    mend: bool,
) -> None:
    snapshot = registry(active, *history, recorded=recorded)
    plan = make_plan(declares(declared), snapshot, serves(served, ready=ready), mend=mend)
    backs = {row["way_back"]["version"] for row in history if row["way_back"]}
    succeeded = [row["version"] for row in history if row["status"] == "succeeded"]
    allowed = {declared} | backs | (set(succeeded[-1:]) if mend else set())
    assert plan.aim.version in allowed or not (plan.move or plan.flip)


@given(declared=names, history=st.lists(attempts, max_size=4), served=st.none() | names, ready=st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_do(
    *,
    declared: str,
    history: list[dict[str, Any]],
    served: str | None,
    ready: bool,
) -> None:
    succeeded = [row["version"] for row in history if row["status"] == "succeeded"]
    active = succeeded[-1] if succeeded else None
    plan = make_plan(declares(declared), registry(active, *history), serves(served, ready=ready))
    if plan.action is not Action.DEPLOY:
        return
    done = deployment(plan.aim.version or "", "succeeded", back=active)
    after = make_plan(declares(declared), registry(plan.aim.version, *history, done), serves(plan.aim.version))
    assert after.action in {Action.NOTHING, Action.DEPLOY}
    assert after.action is Action.NOTHING or after.aim.version == declared
