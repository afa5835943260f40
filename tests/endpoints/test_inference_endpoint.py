"""An Inference Endpoint is moved, proved and put back, over the official client against a stand-in with real models."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import HfApi

from endpoints.hosted import NAME, NAMESPACE, REPOSITORY, Ended, Hosted, create, start_over
from hf_stand_in import faults
from hf_stand_in.replicas import TOKEN, Served
from lepinet.endpoints import Endpoint as Opened
from lepinet.endpoints import Order
from lepinet.errors import OutsideError, RefusedError, UnfinishedError, UsageError
from lepinet.reconcile.run import Ending, Outcome
from lepinet.settings import Settings
from lepinet.target import Target
from lepinet.workflow.deploy import Telling, emergency
from lepinet.workflow.workspace import Workspace
from reconcile.world import NEVER_DEPLOYED

PUT = f"^PUT endpoint/{NAMESPACE}/{NAME}$"
GET = f"^GET endpoint/{NAMESPACE}/{NAME}$"


def opened(hosted: Hosted) -> Opened:
    endpoint = hosted.workspace.endpoint("production")
    assert endpoint is not None
    return endpoint


def live(hosted: Hosted) -> tuple[str | None, str, set[str]]:
    """By the database, by what the endpoint is told, by what its replicas serve."""
    return hosted.row(), hosted.told_to_serve(), hosted.serving()


def hurried(hosted: Hosted, **timings: Any) -> Hosted:
    """With other limits."""
    return replace(hosted, timings=replace(hosted.timings, **timings))


def test_a_merge_moves_it_and_the_database_says_so(hosted: Hosted) -> None:
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})
    told = "\n".join(ended.told)
    assert "production: updating, 1 of 2 replicas ready" in told
    assert "3 of 3 known images as tested, asked by the Hub's image-classification" in told


def test_in_step_nothing_is_written(hosted: Hosted) -> None:
    assert hosted.reconcile().said == "in step: v1.0.0 is live"
    assert {call.split()[0] for call in hosted.service.calls} == {"GET"}


def test_an_update_that_the_service_has_not_noticed_yet_is_waited_for(hosted: Hosted) -> None:
    """It says that it runs, with the new revision, while the old replicas answer."""
    hosted.managed.noticing = 10
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert "production: it has not begun to update" in ended.told
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


def test_readiness_that_flaps_is_not_believed(hosted: Hosted) -> None:
    hosted.managed.flaps = 5
    hosted.declare("v1.1.0")
    assert hosted.reconcile().code == 0
    posted = hosted.service.calls.index("POST photo")
    assert hosted.service.calls[:posted].count(f"GET endpoint/{NAMESPACE}/{NAME}") > 3 * 5
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


def test_what_it_goes_on_serving_is_found_out(hosted: Hosted) -> None:
    """Told v1.1.0 and saying so, it answers with v1.0.0."""
    hosted.managed.keeps = hosted.revisions["v1.0.0"]
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 1, ended
    assert "3 of 3 answers differ from the tested ones" in ended.said
    assert live(hosted) == ("v1.0.0", "v1.0.0", {"v1.0.0"})
    assert hosted.statuses()[0] == "failed"


def test_answers_that_the_service_has_kept_are_not_taken(hosted: Hosted) -> None:
    hosted.managed.settings["cacheHttpResponses"] = True
    assert len(hosted.managed.cache) == 3, "what v1.0.0 said could be answered"
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 0, ended


def test_kept_answers_that_come_all_the_same_are_found_out(hosted: Hosted) -> None:
    """A cache of somebody else's between the endpoint and us, that no header passes by."""
    hosted.managed.stale = True
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 1, ended
    assert "answers differ from the tested ones" in ended.said
    assert live(hosted) == ("v1.0.0", "v1.0.0", {"v1.0.0"})


def test_one_that_fails_after_it_ran_is_put_back(hosted: Hosted) -> None:
    """Here between the last look before the proof, and the proof."""
    hosted.managed.fails_after = 2
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 1, ended
    assert "v1.1.0 was not activated: the endpoint runs, but does not answer: " in ended.said
    assert "none of its replicas runs" in ended.said
    assert live(hosted) == ("v1.0.0", "v1.0.0", {"v1.0.0"})


def test_one_that_fails_after_the_flip_is_started_again_at_once(hosted: Hosted) -> None:
    hosted.managed.fails_after = 3
    hosted.declare("v1.1.0")
    assert hosted.reconcile().code == 0
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})
    assert hosted.statuses()[:2] == ("succeeded", "succeeded")


def test_what_cannot_be_started_is_put_back_with_the_services_words(hosted: Hosted) -> None:
    hosted.service.replicas.broken = hosted.revisions["v1.1.0"]
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    hosted.service.replicas.broken = None
    assert ended.code == 3, ended
    assert "updateFailed, 0 of 2 replicas ready, Endpoint failed to start" in ended.said
    assert live(hosted) == ("v1.0.0", "v1.0.0", {"v1.0.0"})


def test_what_the_sql_editor_pinned_and_is_not_proved_leaves_the_endpoint_where_it_was(hosted: Hosted) -> None:
    hosted.managed.keeps = hosted.revisions["v1.0.0"]
    hosted.sql("select public.emergency_activate('v1.1.0', 'v1.0.0 is on fire')")
    ended = hosted.reconcile()
    assert ended.code == 1, ended
    assert "The endpoint is back on v1.0.0" in ended.said
    assert (hosted.row(), hosted.told_to_serve()) == ("v1.1.0", "v1.0.0")


def test_a_paused_one_is_resumed(hosted: Hosted) -> None:
    HfApi().pause_inference_endpoint(NAME, namespace=NAMESPACE, token=TOKEN)
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


def test_one_at_zero_is_left_there_and_woken_by_the_proof_of_a_move(hosted: Hosted) -> None:
    HfApi().scale_to_zero_inference_endpoint(NAME, namespace=NAMESPACE, token=TOKEN)
    assert hosted.reconcile().said == "in step: v1.0.0 is live"
    assert hosted.managed.state == "scaledToZero"
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


def meddled(hosted: Hosted, act: Callable[[], object], when: Callable[[list[str]], bool]) -> Ended:
    """A run, during which somebody does something on the service's page, after the calls that are named."""
    done: list[object] = []

    def heard(_: str | None) -> None:
        if not done and when(hosted.service.calls):
            done.append(act)
            act()

    hosted.service.heard = heard
    try:
        return hosted.reconcile()
    finally:
        hosted.service.heard = lambda _: None


def paused(hosted: Hosted) -> None:
    hosted.managed.state, hosted.managed.replicas = "paused", []
    hosted.managed.moved += 1
    hosted.managed.steps.clear()


def asleep(hosted: Hosted) -> None:
    paused(hosted)
    hosted.managed.state = "scaledToZero"


def set_by_hand(hosted: Hosted, version: str) -> None:
    hosted.managed.settings["model"] |= {"revision": hosted.revisions[version]}


def looks_after_the_update(calls: list[str]) -> int:
    updated = next((at for at, call in enumerate(calls) if call.startswith("PUT")), len(calls))
    return len(calls) - updated


def test_one_that_is_paused_while_it_moves_is_resumed(hosted: Hosted) -> None:
    hosted.declare("v1.1.0")
    ended = meddled(hosted, lambda: paused(hosted), lambda calls: looks_after_the_update(calls) > 2)
    assert ended.code == 0, ended
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


@pytest.mark.parametrize("stops", [paused, asleep])
def test_one_that_stops_while_it_is_asked_is_put_back_and_tried_again(
    hosted: Hosted, stops: Callable[[Hosted], None]
) -> None:
    """It says nothing of the model."""
    hosted.declare("v1.1.0")
    ended = meddled(hosted, lambda: stops(hosted), lambda calls: calls.count("POST photo") == 2)
    assert ended.code == 3, ended
    assert "the endpoint stopped while it was asked" in ended.said
    assert (hosted.row(), hosted.told_to_serve()) == ("v1.0.0", "v1.0.0")
    assert hosted.reconcile().code == 0
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


def test_one_that_is_paused_after_the_flip_is_started_again_and_that_is_said(hosted: Hosted) -> None:
    hosted.declare("v1.1.0")
    ended = meddled(hosted, lambda: paused(hosted), lambda calls: calls.count("POST photo") == 4)
    assert ended.code == 0, ended
    assert "production: the endpoint does not run any more: paused" in ended.told
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


def test_one_that_is_scaled_to_zero_after_the_flip_stays_so_and_that_is_said(hosted: Hosted) -> None:
    hosted.declare("v1.1.0")
    ended = meddled(hosted, lambda: asleep(hosted), lambda calls: calls.count("POST photo") == 4)
    assert ended.code == 0, ended
    assert "production: the endpoint sleeps: the first photo wakes it" in ended.told
    assert (hosted.row(), hosted.told_to_serve(), hosted.managed.state) == ("v1.1.0", "v1.1.0", "scaledToZero")
    assert hosted.reconcile().said == "in step: v1.1.0 is live"


def test_one_that_is_set_by_hand_while_it_moves_is_left_to_the_hand(hosted: Hosted) -> None:
    hosted.declare("v1.1.0")
    ended = meddled(hosted, lambda: set_by_hand(hosted, "v1.2.0"), lambda calls: looks_after_the_update(calls) > 2)
    assert ended.code == 1, ended
    assert "the endpoint is set to v1.2.0" in ended.said
    assert "by hand. Keep it: lepinet rollback v1.2.0" in ended.said
    assert (hosted.row(), hosted.told_to_serve()) == ("v1.0.0", "v1.2.0")


def roll_back_now(hosted: Hosted, version: str) -> Outcome:
    telling = Telling(lambda _: None, lambda _: lambda _, __: None)
    return emergency(hosted.workspace, "production", version, "it is on fire", telling)


def lose_the_hub(hosted: Hosted) -> None:
    """It fails, and this machine keeps nothing of it."""
    shutil.rmtree(hosted.home / "cache")
    hosted.hub.order(faults.status(503), on="/", times=10_000)


def test_without_the_hub_a_version_is_proved_by_what_it_said_when_it_shipped(hosted: Hosted) -> None:
    hosted.declare("v1.1.0")
    assert hosted.reconcile().code == 0
    lose_the_hub(hosted)
    assert roll_back_now(hosted, "v1.0.0").ending is Ending.DONE
    assert live(hosted) == ("v1.0.0", "v1.0.0", {"v1.0.0"})


def test_a_hub_that_does_not_give_the_files_proves_nothing_and_blames_no_endpoint(hosted: Hosted) -> None:
    hosted.service.replicas.ready(Served(REPOSITORY, hosted.revisions["v1.1.0"]))
    lose_the_hub(hosted)
    with pytest.raises(UnfinishedError) as open_:
        roll_back_now(hosted, "v1.1.0")
    files = f"v1.1.0: {REPOSITORY} @ {hosted.revisions['v1.1.0'][:7]}"
    assert open_.value.what == (
        f"production is pinned to v1.1.0, and not finished: the endpoint is set to {files}, and nothing could be "
        "proved, for the files of v1.1.0 cannot be had: the Hub fails, 3 times in a row: HTTP 503"
    )
    assert open_.value.todo
    assert open_.value.todo.endswith("; then run: lepinet reconcile -e production, which goes on")
    assert (hosted.row(), hosted.told_to_serve(), hosted.statuses()[0]) == ("v1.0.0", "v1.1.0", "started")
    hosted.hub.forget()
    assert "pinned" in hosted.reconcile().said
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})
    hosted.sql("select public.unpin('production', 'over')")


def test_a_hub_that_fails_as_it_is_put_back_leaves_it_there_and_says_so(hosted: Hosted) -> None:
    """Here to what was marked by hand before the first deployment, of which no answers are kept."""
    for statement in NEVER_DEPLOYED:
        hosted.sql(statement)
    hosted.managed.keeps = hosted.revisions["v1.0.0"]
    hosted.declare("v1.1.0")
    ended = meddled(hosted, lambda: lose_the_hub(hosted), lambda calls: "POST photo" in calls)
    hosted.hub.forget()
    assert ended.code == 4, ended
    assert (
        f"production is not finished: the endpoint is set to v1.0.0: {REPOSITORY} @ {hosted.revisions['v1.0.0'][:7]}, "
        "and nothing could be proved, for the files of v1.0.0 cannot be had: the Hub fails, 3 times in a row: HTTP 503"
    ) in ended.said
    assert ended.said.endswith("then run it again: lepinet reconcile -e production")
    assert any("3 of 3 answers differ from the tested ones" in line for line in ended.told)
    assert (hosted.row(), hosted.told_to_serve(), hosted.statuses()) == ("v1.0.0", "v1.0.0", ("failed",))


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_may_move_it_but_not_ask_it_is_no_failure_of_the_model(hosted: Hosted, status: int) -> None:
    hosted.service.order(faults.status(status, b"no right to infer"), "^POST photo$", times=99)
    hosted.declare("v1.1.0")
    ended = hosted.reconcile()
    assert ended.code == 3, ended
    assert ended.said.startswith("production still serves v1.0.0; v1.1.0 was not activated: the endpoint runs, but ")
    assert f"it may not be asked with this token (HTTP {status}: no right to infer): " in ended.said
    assert "Make calls to Inference Endpoints" in ended.said
    assert "The endpoint is back on v1.0.0: " in ended.said
    assert "which cannot be proved either" in ended.said
    assert live(hosted) == ("v1.0.0", "v1.0.0", {"v1.0.0"})
    hosted.service.forget()
    assert hosted.reconcile().code == 0, "what failed is the token, and it is tried again"
    assert live(hosted) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


def test_a_container_of_the_teams_own_answers_as_lepinet_serve_does(online: Hosted) -> None:
    online.service.endpoints.clear()
    online.service.forget()
    env = {"LOG": "all", "LEPINET_MODEL": online.target("v1.0.0").spelled}
    endpoint = create(online, "v1.0.0", custom_image={"url": "ghcr.io/asha/lepinet", "port": 7860}, env=env)
    start_over(online)
    online.declare("v1.1.0")
    ended = online.reconcile()
    assert ended.code == 0, ended
    assert "asked by LepiNet's /predict" in "\n".join(ended.told)
    assert endpoint.settings["model"]["env"] == {"LOG": "all", "LEPINET_MODEL": online.target("v1.1.0").spelled}
    assert live(online) == ("v1.1.0", "v1.1.0", {"v1.1.0"})


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.status(401, b'{"error": "Invalid credentials"}'), "the token may not manage it (HTTP 401"),
        (faults.status(403, b'{"error": "Payment method required"}'), "HTTP 403: Payment method required"),
        (faults.status(404), "there is none of that name, or the token may not see it"),
        (faults.status(503), "the Inference Endpoints service fails, 3 times in a row: HTTP 503"),
        (faults.hang, "the Inference Endpoints service fails, 3 times in a row: no answer in time"),
        (faults.drip, "no answer in time"),
        (faults.drip_head, "no answer in time"),
        (faults.cut(20), "no connection (RemoteProtocolError)"),
        (faults.flood, "no connection (ReadError)"),
        (faults.html, "what answers there does not answer as the Inference Endpoints service"),
        (faults.altered(lambda said: {**said, "status": {}}), "what answers there does not answer as the Inference"),
    ],
)
def test_what_is_wrong_is_said_without_the_token(hosted: Hosted, fault: faults.Fault, said: str) -> None:
    hosted.service.order(fault, GET, times=99)
    with pytest.raises(OutsideError) as told:
        opened(hurried(hosted, request=0.5)).observe()
    assert said in str(told.value)
    assert TOKEN not in str(told.value)


def test_a_pause_that_the_service_asks_for_is_kept(hosted: Hosted) -> None:
    hosted.service.order(faults.status(429, headers={"Retry-After": "0"}), GET, times=1)
    hosted.service.order(faults.status(429, headers={"RateLimit": '"api";r=0;t=0'}), GET, times=1)
    assert opened(hurried(hosted, retry=0.001)).observe().ready
    hosted.service.order(faults.status(429, headers={"Retry-After": "60"}), GET, times=1)
    with pytest.raises(OutsideError, match=r"no answer came within 0\.3 s"):
        opened(hurried(hosted, managing=0.3)).observe()


def test_each_write_needs_its_permit(hosted: Hosted) -> None:
    """Before each try, too: the lease may be lost in the pause."""
    asked: list[int] = []

    def permit() -> None:
        asked.append(len(hosted.service.calls))
        if len(asked) == 2:
            raise RefusedError("the lease is lost")

    hosted.service.order(faults.status(503), PUT, carried_out=False)
    with pytest.raises(RefusedError, match="the lease is lost"):
        opened(hosted).move(Order(hosted.target("v1.1.0"), 1), permit)
    assert [call.split()[0] for call in hosted.service.calls].count("PUT") == 1
    assert hosted.told_to_serve() == "v1.0.0"


def test_a_service_that_takes_another_revision_is_refused(hosted: Hosted) -> None:
    wrong = {"repository": REPOSITORY, "revision": "f" * 40}
    hosted.service.order(faults.altered(lambda said: {**said, "model": {**said["model"], **wrong}}), PUT)
    with pytest.raises(RefusedError, match=r"it was told v1\.1\.0: .* and says asha/butterflies @ fffffff"):
        opened(hosted).move(Order(hosted.target("v1.1.0"), 1))


def test_a_folder_of_the_repository_is_not_served(hosted: Hosted) -> None:
    with pytest.raises(RefusedError, match="models of the Hub only"):
        opened(hosted).move(Order(Target("models/v1.0.0", "sha256:" + "0" * 64), 1))


def test_the_token_is_sent_with_every_call_of_a_move(hosted: Hosted) -> None:
    """The client's own objects forget it, and take the environment's."""
    seen: list[str | None] = []
    hosted.service.heard = seen.append
    hosted.declare("v1.1.0")
    hosted.reconcile()
    assert set(seen) == {TOKEN}


def test_test_asks_an_address_with_the_token_that_is_meant_for_it(hosted: Hosted) -> None:
    """And with no other: behind an address that somebody names may be anybody."""
    seen: list[str | None] = []
    hosted.service.heard = seen.append
    url = hosted.managed.url
    refused = ask_with_test(hosted, url)
    assert refused.returncode == 3
    assert "it may not be asked without a token (HTTP 401" in refused.stderr
    assert set(seen) == {None}
    told = ask_with_test(hosted, url, LEPINET_ENDPOINT_TOKEN=TOKEN)
    assert told.returncode == 0, told.stderr
    assert "asked by the Hub's image-classification" in told.stdout
    assert TOKEN not in told.stdout + told.stderr


def test_what_is_no_token_is_refused_before_anything_is_asked_and_not_shown(hosted: Hosted) -> None:
    told = ask_with_test(hosted, hosted.managed.url, LEPINET_ENDPOINT_TOKEN="hf_canary1\nhf_canary2")  # noqa: S106 -- nobody's
    assert told.returncode == 2, told.stderr
    assert "LEPINET_ENDPOINT_TOKEN is no token" in told.stderr
    assert "canary" not in told.stdout + told.stderr
    for kind in (hosted.endpoint, "{kind: space, repo_id: asha/butterflies-api}"):
        replace(hosted, endpoint=kind).declare("v1.0.0")
        for wrong in ("hf_canary1\nhf_canary2", "hf_canäry"):
            workspace = Workspace(hosted.workspace.git, Settings({"HF_TOKEN": wrong}), hosted.timings)
            with pytest.raises(UsageError, match="HF_TOKEN is no token") as caught:
                workspace.endpoint("production")
            assert wrong not in str(caught.value)
    assert hosted.service.calls == []


def ask_with_test(hosted: Hosted, url: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lepinet.cli import main; main()", "test", "--endpoint", url],
        cwd=hosted.folder,
        env=hosted.variables | variables,
        capture_output=True,
        text=True,
        check=False,
    )
