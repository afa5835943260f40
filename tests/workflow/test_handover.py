"""A job without keys judges and hands over what it found; the job with the keys runs no model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lepinet.model_files import folder_revision

ROOT = Path(__file__).parents[2]
VERSIONS = ("v1.0.0", "v1.1.0")
MANIFEST = """\
schema_version: 1
known_images: photos
environments:
  production: {{active: {active}, registry: embedded, endpoint: none}}
gates: {{min_accuracy: 0.50, min_top3_accuracy: null, non_inferiority_margin: null}}
versions:
{versions}
"""


class Checkout:
    """A repository whose production has no endpoint, so that only judging runs a model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.home = folder / "home"
        for name in VERSIONS:
            shutil.copytree(ROOT / "tests" / "models" / name, self.folder / "models" / name)
        shutil.copytree(ROOT / "tests" / "few_images", self.folder / "photos")
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=self.folder, check=True)

    def declare(self, active: str) -> None:
        entries = [
            f"  {name}: {{file_path: models/{name}, revision: '{folder_revision(self.folder / 'models' / name)}'}}"
            for name in VERSIONS
        ]
        (self.folder / "models.yaml").write_text(MANIFEST.format(active=active, versions="\n".join(entries)))
        self.commit(f"Activate {active}")

    def commit(self, message: str) -> None:
        identity = ["-c", "user.name=Asha", "-c", "user.email=asha@example.org"]
        subprocess.run(["git", "add", "."], cwd=self.folder, check=True)
        subprocess.run(
            ["git", *identity, "commit", "--quiet", "--allow-empty", "--message", message], cwd=self.folder, check=True
        )

    def lepinet(self, *arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from lepinet.cli import main; main()", *arguments],
            cwd=self.folder,
            env={**os.environ, "LEPINET_HOME": str(home or self.home), "USER": "asha"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    made.declare("v1.0.0")
    assert made.lepinet("db", "migrate").returncode == 0
    assert made.lepinet("reconcile").returncode == 0
    return made


def judged(checkout: Checkout, tmp_path: Path) -> tuple[Path, Any]:
    """The file that a job wrote which has neither registry nor endpoint."""
    file = tmp_path / "judged.json"
    elsewhere = tmp_path / "elsewhere"
    done = checkout.lepinet("reconcile", "--judge", str(file), home=elsewhere)
    assert done.returncode == 0, done.stderr
    assert not list(elsewhere.glob("*/registry")), "no registry is asked"
    return file, json.loads(file.read_text())


def test_what_was_judged_elsewhere_ships(checkout: Checkout, tmp_path: Path) -> None:
    checkout.declare("v1.1.0")
    file, handed = judged(checkout, tmp_path)
    (production,) = handed["environments"]
    assert production["change"] == "activate"
    assert production["baseline"]["target"]["version"] == "v1.0.0"
    assert len(production["baseline"]["answers"]["answers"]) == len(production["target"]["answers"]["answers"]) > 0
    done = checkout.lepinet("reconcile", "--verdict", str(file))
    assert done.returncode == 0, done.stderr
    assert "v1.1.0" in done.stdout


def test_the_verdict_is_computed_from_the_answers_that_were_handed_over(checkout: Checkout, tmp_path: Path) -> None:
    checkout.declare("v1.1.0")
    file, handed = judged(checkout, tmp_path)
    for answer in handed["environments"][0]["target"]["answers"]["answers"]:
        answer["top"][0]["id"] = "no such species"
    file.write_text(json.dumps(handed))
    done = checkout.lepinet("reconcile", "--verdict", str(file))
    assert done.returncode == 1
    assert "0 of" in done.stdout
    assert "v1.1.0 was not activated" in done.stdout


def test_a_verdict_on_other_grounds_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    checkout.declare("v1.1.0")
    file, handed = judged(checkout, tmp_path)
    checkout.commit("Something else")
    done = checkout.lepinet("reconcile", "--verdict", str(file))
    assert done.returncode == 1
    assert "was judged on other grounds: commit" in done.stderr
    file, handed = judged(checkout, tmp_path)
    handed["environments"][0]["target"]["answers"]["model"]["revision"] = "sha256:" + "0" * 64
    file.write_text(json.dumps(handed))
    done = checkout.lepinet("reconcile", "--verdict", str(file))
    assert done.returncode == 1
    assert "other images or files" in done.stderr


def test_rubbish_is_no_verdict(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "judged.json"
    file.write_text("{}")
    done = checkout.lepinet("reconcile", "--verdict", str(file))
    assert done.returncode == 1
    assert "is not what lepinet reconcile --judge writes" in done.stderr


def test_a_model_that_could_not_be_tested_does_not_ship(checkout: Checkout, tmp_path: Path) -> None:
    (checkout.folder / "models" / "v1.1.0" / "onnx" / "model.onnx").write_bytes(b"no model")
    checkout.declare("v1.1.0")
    file, handed = judged(checkout, tmp_path)
    assert handed["environments"][0]["target"]["error"]
    done = checkout.lepinet("reconcile", "--verdict", str(file))
    assert done.returncode == 1, done.stdout
    assert json.loads(checkout.lepinet("status", "--json").stdout)[0]["active"] == "v1.0.0"
