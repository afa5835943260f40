"""Wheel and sdist, built as a release builds them: what is in them, and that they work where nothing else is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
NEEDED = {
    "lepinet/py.typed",
    "lepinet/__init__.pyi",
    "lepinet/registry/adopt.sql",
    "lepinet/registry/shim.sql",
    "lepinet/report/templates/page.html",
    "lepinet/report/static/dark.css",
    "lepinet/report/static/style.css",
    "lepinet/workflow/github/pr.yml",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models and a few photos, far from any repository."""
    folder = tmp_path_factory.mktemp("outside")
    shutil.copytree(TESTS / "few_images", folder / "photos")
    for version in ("v1.0.0", "v1.1.0"):
        shutil.copytree(TESTS / "models" / version, folder / version)
    return folder


def run(folder: Path, *command: str | Path, code: int = 0) -> str:
    variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**variables, "LEPINET_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def works(lepinet: Path, outside: Path) -> None:
    """What must start in an environment with the extra `evaluate`, far from the repository."""
    assert json.loads(run(outside, lepinet, "schema"))["title"] == "models.yaml of LepiNet"
    compared = run(
        outside, lepinet, "compare", "--old", "v1.0.0", "--new", "v1.1.0", "--known-images", "photos", code=1
    )
    assert "v1.1.0" in compared
    repository = outside / "repository"
    shutil.copytree(outside / "v1.0.0", repository / "models" / "v1.0.0")
    run(repository, "git", "init", "--quiet", "--initial-branch=main")
    identity = ("-c", "user.name=Asha", "-c", "user.email=asha@example.org")
    run(repository, "git", *identity, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    run(repository, lepinet, "init", "--model", "models/v1.0.0", "--lepinet", f"acme/lepinet@{'a' * 40}")
    assert "models.yaml is valid" in run(repository, lepinet, "validate")
    migrated = run(repository, lepinet, "db", "migrate", "--sql")
    assert all(path.stem in migrated for path in (ROOT / "supabase" / "migrations").glob("*.sql"))
    shutil.rmtree(repository)


def test_the_wheel_has_all_that_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        size = sum(info.file_size for info in archive.infolist())
    sources = {path.relative_to(ROOT / "scripts").as_posix() for path in (ROOT / "scripts" / "lepinet").rglob("*.py")}
    migrations = {f"lepinet/registry/migrations/{file.name}" for file in (ROOT / "supabase/migrations").glob("*.sql")}
    assert (sources | migrations | NEEDED) <= names
    assert all(name.startswith("lepinet/") for name in names)
    assert not [name for name in names if re.search(r"(^|/)tests?/|\.onnx|\.safetensors|\.jpg|\.png|__pycache__", name)]
    assert size < 3 << 20


def test_the_sdist_has_what_the_wheel_is_made_of(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path, filter="data")
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert not [name for name in names if name.startswith("tests/") or name.endswith((".onnx", ".safetensors"))]
    (folder,) = tmp_path.iterdir()
    run(folder, sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path / "again")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(tmp_path / "again" / wheel.name) as again:
        assert {info.filename: info.CRC for info in first.infolist() if "RECORD" not in info.filename} == {
            info.filename: info.CRC for info in again.infolist() if "RECORD" not in info.filename
        }


def test_the_wheel_works_where_nothing_of_the_repository_is(wheel: Path, outside: Path, tmp_path: Path) -> None:
    """The packages that it needs are those of these tests; the next test installs them anew."""
    python = environment(tmp_path)
    run(tmp_path, sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel)
    packages = next(path for path in sys.path if (Path(path) / "pydantic").is_dir())
    site = run(tmp_path, python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(site) / "packages.pth").write_text(f"{packages}\n")
    lepinet = python.parent / "lepinet"
    assert str(tmp_path) in run(outside, python, "-c", "import lepinet; print(lepinet.__file__)")
    assert run(outside, lepinet, "--version").startswith("lepinet, version ")
    works(lepinet, outside)


@pytest.mark.slow
def test_the_wheel_installs_into_an_empty_environment_by_the_lock(wheel: Path, outside: Path, tmp_path: Path) -> None:
    """As a user does it, from the package index: first the base packages alone, then the extra that runs models."""
    python = environment(tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--disable-pip-version-check")
    run(tmp_path, *pip, "--constraint", plain_lock(tmp_path), wheel)
    lepinet = python.parent / "lepinet"
    assert run(outside, lepinet, "--version").startswith("lepinet, version ")
    # All that a trainer needs to log to a Supabase project or a database, and to ask which model is active.
    run(outside, python, "-c", "import lepinet.registry.supabase, lepinet.registry.postgres")
    run(outside, python, "-c", "from lepinet import get_active_model, get_active_model_path, log_model_version")
    needs = run(outside, lepinet, "compare", "--old", "v1.0.0", "--new", "v1.1.0", code=2)
    assert "pip install 'lepinet[evaluate]'" in needs
    run(tmp_path, *pip, "--require-hashes", "--requirement", ROOT / "requirements-evaluate.lock")
    works(lepinet, outside)


def environment(folder: Path) -> Path:
    """Python of an empty virtual environment."""
    run(folder, sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    return folder / "venv" / "bin" / "python"


def plain_lock(folder: Path) -> Path:
    """The lock's versions without its hashes: with those pip asks for one of the wheel too."""
    lock = (ROOT / "requirements.lock").read_text()
    versions = re.findall(r"^([a-z0-9._-]+==[^\s\\]+)(?: ; ([^\\\n]+))?", lock, re.MULTILINE)
    file = folder / "lock.txt"
    file.write_text("".join(f"{version}{f' ; {marker}' if marker else ''}\n" for version, marker in versions))
    return file
