"""The whole story on Hugging Face: a model from the Hub is registered, checked, merged, moved, proved, and reverted.

By the command line, against the stand-ins, while somebody posts photos all the while.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from endpoints.hosted import REPOSITORY, Hosted, start_over
from hf_stand_in.replicas import TOKEN
from reconcile.world import commit, git


def lepinet(hosted: Hosted, *arguments: str) -> str:
    """What a command says that must succeed."""
    command = [sys.executable, "-c", "from lepinet.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=hosted.folder, env=hosted.variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass
class Visitor:
    """Posts one photo again and again, as an app does."""

    url: str
    photo: bytes
    answers: list[tuple[int, str]] = field(default_factory=list)
    _leaving: threading.Event = field(default_factory=threading.Event)

    def visit(self) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "image/jpeg"}
        with httpx.Client(trust_env=False, headers=headers, timeout=30) as client:
            while not self._leaving.wait(0.01):
                said = client.post(self.url, content=self.photo)
                self.answers.append((said.status_code, said.text))

    @contextmanager
    def visiting(self) -> Iterator[None]:
        thread = threading.Thread(target=self.visit)
        thread.start()
        try:
            yield
        finally:
            self._leaving.set()
            thread.join()


@pytest.mark.slow
def test_from_a_model_on_the_hub_to_visitors_and_back(hosted: Hosted) -> None:
    start_over(hosted)
    hosted.hub.repositories[REPOSITORY].tag("wet-season", hosted.revisions["v1.1.0"])
    visitor = Visitor(hosted.managed.url, next(hosted.folder.glob("photos/*/common_mormon*")).read_bytes())
    with visitor.visiting():
        git(hosted.folder, "switch", "--quiet", "--create", "new-model")
        lepinet(hosted, "register", "v2.0.0", "--file-path", REPOSITORY, "--revision", "wet-season", "--local")
        commit(hosted.folder, "Register v2.0.0")
        assert (hosted.folder / "models.yaml").read_text().count(hosted.revisions["v1.1.0"]) == 2
        lepinet(hosted, "activate", "v2.0.0", "-e", "production", "--local")
        commit(hosted.folder, "Activate v2.0.0")
        checked = lepinet(hosted, "check", "--base", "main")
        assert "v2.0.0 → production" in checked
        git(hosted.folder, "switch", "--quiet", "main")
        git(hosted.folder, "merge", "--quiet", "--no-ff", "--message", "Ship v2.0.0", "new-model")
        moved = lepinet(hosted, "reconcile")
        assert "is live" in moved
        assert (hosted.row(), hosted.serving()) == ("v2.0.0", {"v1.1.0"})
        told = lepinet(hosted, "status")
        assert "git = database = endpoint  v2.0.0: asha/butterflies @ " in told
        git(hosted.folder, "revert", "--no-edit", "--mainline", "1", "HEAD")
        lepinet(hosted, "reconcile")
        assert (hosted.row(), hosted.serving()) == ("v1.0.0", {"v1.0.0"})
        assert lepinet(hosted, "doctor")
    assert {status for status, _ in visitor.answers} == {200}
    assert len({answer for _, answer in visitor.answers}) == 2, "of the old model and of the new one"
    assert visitor.answers[0] == visitor.answers[-1]
