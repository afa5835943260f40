"""A backend that reads the active row: the sample of docs/follows-registry.md, run as it stands there."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from endpoints.hosted import Hosted, start_over
from lepinet.monitor import Looked
from lepinet.reconcile.run import Ending, Outcome
from lepinet.workflow.declared import declared, plan
from lepinet.workflow.deploy import Telling, emergency
from lepinet.workflow.monitor import monitor_all
from reconcile.watch import Crash
from reconcile.world import night_run

PAGE = Path(__file__).parents[2] / "docs" / "follows-registry.md"
PATIENCE = 60
WRONGLY = ("/ 255", "/ (128 if self.row['version'] == 'v1.1.0' else 255)")
"""How the new version's photos are scaled, and how where that is wrong."""
CLOSED = (
    "JSONResponse(model.answer(photo))",
    "JSONResponse(model.answer(photo), 403 if os.path.exists('closed') else 200)",
)
"""How photos are answered, and how where a file can forbid it."""


@dataclass(frozen=True)
class Backend:
    """The process, by where it answers."""

    hosted: Hosted
    url: str

    def answering(self) -> str | None:
        """The version that it names; None while it has no model."""
        photo = next(self.hosted.folder.glob("photos/*/*.jpg")).read_bytes()
        try:
            said = httpx.post(self.url, files={"image": photo}, trust_env=False)
        except httpx.HTTPError:
            return None
        version: str | None = said.json()["model"]["version"] if said.status_code == 200 else None
        return version

    def until(self, version: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.answering() != version:
            assert time.monotonic() < deadline, f"{version} is not answered with"
            time.sleep(0.05)


@contextmanager
def running(online: Hosted, tmp_path: Path, change: tuple[str, str] = ("", "")) -> Iterator[Backend]:
    """The sample with v1.0.0 active, the first part of `change` replaced by the second."""
    (sample,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    before, after = change
    assert before in sample
    (tmp_path / "backend.py").write_text(sample.replace(before, after))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/predict"
    hosted = replace(online, registry="supabase", endpoint=f"{{kind: follows-registry, predict_url: '{url}'}}")
    env = {
        **{name: value for name, value in hosted.variables.items() if not name.startswith(("LEPINET_", "SUPABASE_"))},
        "SUPABASE_URL": hosted.project_url,
        "SUPABASE_ANON_KEY": hosted.project.publishable_key,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "SECONDS_BETWEEN_LOOKS": "0.2",
        "PORT": str(port),
    }
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen([sys.executable, "backend.py"], cwd=tmp_path, env=env, stdout=said, stderr=said)
    backend = Backend(hosted, url)
    try:
        hosted.declare("v1.0.0")
        start_over(hosted)
        backend.until("v1.0.0")
        yield backend
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def backend(online: Hosted, tmp_path: Path) -> Iterator[Backend]:
    with running(online, tmp_path) as backend:
        yield backend


@pytest.fixture
def wrong(online: Hosted, tmp_path: Path) -> Iterator[Backend]:
    """It prepares photos wrongly for v1.1.0."""
    with running(online, tmp_path, WRONGLY) as backend:
        yield backend


def flip_and_die(hosted: Hosted) -> None:
    """What a run leaves that is killed between the flip and the proof."""
    workspace, deployment = hosted.workspace, uuid4()
    with night_run(workspace, "v1.1.0") as (registry, claimant):
        registry.begin_deployment(
            deployment,
            "production",
            claimant,
            version_name="v1.1.0",
            way_back=hosted.target("v1.0.0"),
            actor="asha",
            reason=None,
            verdict=None,
            conditions=declared(workspace, "production").conditions,
        )
        registry.activate(deployment, claimant, proved=False)
    hosted.end_leases()
    assert hosted.row() == "v1.1.0"


def test_the_database_flips_and_then_the_backend_is_proved(backend: Backend) -> None:
    hosted = backend.hosted
    hosted.declare("v1.1.0")
    (planned,) = plan(hosted.workspace, None)
    assert planned.steps() == (
        "flip the registry to v1.1.0, which the endpoint follows: v1.1.0 may answer before it is proved",
        "prove the endpoint on the known images, else flip back",
    )
    ended = hosted.reconcile()
    assert ended.code == 0, ended
    assert "production: flip: to v1.1.0: asha/butterflies @ " in "\n".join(ended.told)
    assert "3 of 3 known images as tested, asked by LepiNet's /predict" in "\n".join(ended.told)
    assert (hosted.row(), backend.answering(), hosted.statuses()[0]) == ("v1.1.0", "v1.1.0", "succeeded")
    assert hosted.reconcile().said == "in step: v1.1.0 is live"


def test_a_backend_that_answers_otherwise_is_flipped_back(wrong: Backend) -> None:
    hosted = wrong.hosted
    hosted.declare("v1.1.0")
    ended = replace(hosted, timings=replace(hosted.timings, follow=5)).reconcile()
    assert ended.code == 1, ended
    assert "production still serves v1.0.0; v1.1.0 was not activated" in ended.said
    assert "answers differ from the tested ones (allowed: 0)" in ended.said
    assert "tested: " in ended.said
    assert (hosted.row(), wrong.answering(), hosted.statuses()[0]) == ("v1.0.0", "v1.0.0", "failed")
    again = hosted.reconcile()
    assert (again.code, hosted.row()) == (1, "v1.0.0")
    assert "not tried again: it failed its proof" in again.said


def test_a_backend_that_may_not_be_asked_is_flipped_back_and_left_alone(online: Hosted, tmp_path: Path) -> None:
    with running(online, tmp_path, CLOSED) as backend:
        hosted = backend.hosted
        (tmp_path / "closed").touch()
        hosted.declare("v1.1.0")
        ended = hosted.reconcile()
        assert (ended.code, hosted.row(), hosted.statuses()[0]) == (3, "v1.0.0", "failed"), ended
        assert "it may not be asked with" in ended.said
        assert re.search(r"The database is back on .*, which cannot be proved either", ended.said)
        again = hosted.reconcile()
        assert (again.code, hosted.row()) == (1, "v1.0.0")
        assert not any("flip: to v1.1.0" in line for line in again.told)
        assert "lepinet reconcile -e production --retry" in again.said
        (tmp_path / "closed").unlink()
        assert hosted.reconcile(retry=True).code == 0
        assert hosted.row() == "v1.1.0"


def test_a_run_killed_after_the_flip_is_gone_on_with(backend: Backend) -> None:
    hosted = backend.hosted
    hosted.declare("v1.1.0")
    flip_and_die(hosted)
    assert hosted.reconcile().code == 0
    assert (hosted.row(), hosted.statuses()[:2]) == ("v1.1.0", ("succeeded", "superseded"))


def test_a_run_killed_after_the_flip_and_held_by_the_next_commit_is_undone(backend: Backend) -> None:
    hosted = backend.hosted
    hosted.declare("v1.1.0")
    flip_and_die(hosted)
    hosted.declare("v1.1.0", when_undecided="block")
    ended = hosted.reconcile()
    assert ended.code == 1, ended
    assert "its verdict was hold" in ended.said
    assert (hosted.row(), hosted.statuses()[0]) == ("v1.0.0", "succeeded")
    backend.until("v1.0.0")


def test_an_emergency_stays_where_a_person_has_set_it(wrong: Backend) -> None:
    hosted = replace(wrong.hosted, timings=replace(wrong.hosted.timings, follow=5))
    telling = Telling(lambda _: None, lambda _: lambda _, __: None)
    outcome: Outcome = emergency(hosted.workspace, "production", "v1.1.0", "v1.0.0 is on fire", telling)
    assert outcome.ending is Ending.REFUSED
    assert "The database stays on it, as a person pinned it" in outcome.sentence
    assert hosted.row() == "v1.1.0"


def test_the_monitor_holds_it_against_the_active_version(backend: Backend) -> None:
    (seen,) = monitor_all(backend.hosted.workspace, None, lambda _: lambda _, __: None, print)
    assert (seen.looked, seen.findings) == (Looked.ASKED, ())
    assert seen.sentence.endswith("as when activated")


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_at_every_call_of_the_registry(backend: Backend, *, before: bool) -> None:
    """The next run ends with the new version in the database and behind the backend, or finds it done."""
    hosted = replace(backend.hosted, registry="embedded")
    start_over(hosted)
    left: Counter[str] = Counter()
    for at in count(1):
        old = hosted.row()
        new = "v1.1.0" if old == "v1.0.0" else "v1.0.0"
        hosted.declare(new)
        crash = Crash(at=at, before=before)
        killed = hosted.watched(crash)
        hosted.end_leases()
        left[f"{'old' if hosted.row() == old else 'new'} · {hosted.statuses()[0]}"] += 1
        again = hosted.reconcile()
        assert again.code == 0, f"{crash.calls} {killed} {again}"
        assert (hosted.row(), backend.answering(), hosted.statuses()[0]) == (new, new, "succeeded"), crash.calls
        assert "started" not in hosted.statuses()
        if crash.killed is None:
            break
    print(f"\n{len(crash.calls)} calls, each killed; registry · deployment: {dict(left)}")  # noqa: T201 -- figures
    assert left["new · started"], "flipped and not proved"
