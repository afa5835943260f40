"""What the monitor sees of an Inference Endpoint, awake and asleep."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi

from endpoints.hosted import NAME, NAMESPACE, Hosted
from hf_stand_in import faults
from hf_stand_in.replicas import TOKEN
from lepinet.monitor import Cause, Looked, Monitored
from lepinet.report.monitoring import title
from lepinet.workflow.monitor import monitor_all


def look(hosted: Hosted) -> Monitored:
    (seen,) = monitor_all(hosted.workspace, None, lambda _: lambda _, __: None, print)
    return seen


def test_awake_it_is_asked_with_its_token_and_by_its_own_contract(hosted: Hosted) -> None:
    seen = look(hosted)
    assert (seen.looked, seen.findings) == (Looked.ASKED, ())
    assert seen.figures
    assert seen.figures.sample_size == 3


def test_asleep_nobody_wakes_it(hosted: Hosted) -> None:
    HfApi(token=TOKEN).scale_to_zero_inference_endpoint(NAME, namespace=NAMESPACE)
    hosted.service.calls.clear()
    seen = look(hosted)
    assert (seen.looked, seen.findings) == (Looked.ASLEEP, ())
    assert hosted.managed.state == "scaledToZero"
    assert {call.partition(" ")[0] for call in hosted.service.calls} == {"GET"}


@pytest.mark.parametrize("state", ["paused", "failed"])
def test_what_a_visitor_cannot_wake_does_not_answer(hosted: Hosted, state: str) -> None:
    hosted.managed.state = state
    seen = look(hosted)
    assert [finding.cause for finding in seen.alarms] == [Cause.NO_ANSWER]
    assert state in seen.sentence


@pytest.mark.parametrize("status", [401, 403])
def test_a_monitor_that_may_not_ask_says_so_and_names_the_right(hosted: Hosted, status: int) -> None:
    hosted.service.order(faults.status(status, b"no right to infer"), "^POST photo$", times=99)
    (alarm,) = look(hosted).alarms
    assert title("production", alarm.cause) == "production: the monitor may not ask the endpoint"
    assert alarm.sentence.startswith("visitors may be answered all the same: ")
    assert f"with this token (HTTP {status}: no right to infer)" in alarm.sentence
    assert "Make calls to Inference Endpoints" in alarm.sentence
