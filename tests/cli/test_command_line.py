"""The command line as a user meets it: help, exit codes, one clear error, JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lepinet.cli import COMMANDS

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "tests" / "models"
FEW = ROOT / "tests" / "few_images"


def lepinet(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lepinet.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "LEPINET_HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a models.yaml of one version and no server."""
    (tmp_path / "models.yaml").write_text(
        "schema_version: 1\n"
        "environments:\n"
        "  production:\n"
        "    active: v1.0.0\n"
        "    registry: embedded\n"
        "    endpoint: {kind: local}\n"
        "versions:\n"
        "  v1.0.0: {file_path: models/v1.0.0, revision: 'sha256:" + "0" * 64 + "'}\n"
    )
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    identity = ["-c", "user.name=Asha", "-c", "user.email=asha@example.org"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "Begin"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = lepinet(command, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert "Example" in done.stdout or "Commands:" in done.stdout


def test_valid(repository: Path) -> None:
    done = lepinet("validate", "--json", folder=repository)
    assert done.returncode == 0
    assert json.loads(done.stdout)["valid"] is True


def test_what_is_wrong_with_the_file_is_said_with_its_line(repository: Path) -> None:
    file = repository / "models.yaml"
    file.write_text(file.read_text().replace("active: v1.0.0", "active: v1.0"))
    done = lepinet("validate", folder=repository)
    assert done.returncode == 1
    assert "models.yaml:4:13" in done.stderr
    assert "did you mean v1.0.0?" in done.stderr
    on_github = lepinet("validate", folder=repository, GITHUB_ACTIONS="true")
    assert "::error file=models.yaml,line=4,col=13::" in on_github.stderr


def test_json_shows_of_a_long_line_what_is_meant(repository: Path) -> None:
    file = repository / "models.yaml"
    file.write_text(file.read_text().replace("active: v1.0.0", f"active: v1.0  # {'x' * 100_000}"))
    done = lepinet("validate", "--json", folder=repository)
    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["source_line"].startswith("    active: v1.0  # x")
    assert len(done.stdout) < 2_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status"], "git"),
        (["test", "v1.0.0"], "--known-images"),
        (["nonsense"], "No such command"),
        (["compare", "--old", "x"], "--new"),
        (["history", "--at", "yesterday"], "--at"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = lepinet(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_text_gets_one_error(repository: Path) -> None:
    (repository / "models.yaml").write_bytes(b"a: caf\xe9\n")
    done = lepinet("validate", folder=repository)
    assert done.returncode == 1
    assert "not UTF-8" in done.stderr
    (repository / "models.yaml").write_bytes(b"#" * (17 << 20))
    assert "larger than 16 MiB" in lepinet("validate", folder=repository).stderr


LIGHT = (
    ["validate"],
    ["plan", "--help"],
    ["db", "migrate"],
    ["db", "migrate", "--sql"],
    ["status"],
    ["versions"],
    ["history"],
    ["unpin", "--reason", "innocent"],
    ["register", "v1.1.0", "--file-path", "org/model", "--revision", "1" * 40],
    ["activate", "v1.0.0"],
    ["rollback", "v1.0.0", "--reason", "wrong"],
)
HEAVY = (
    ["check"],
    ["known-images", "check"],
    ["test", str(MODELS / "v1.0.0"), "--known-images", str(FEW)],
    ["reconcile"],
    ["serve"],
)


def without_runtime(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command where only the base and the embedded database are installed, and not even Supabase's client."""
    absent = folder / "home" / "absent"
    absent.mkdir(parents=True, exist_ok=True)
    for package in ("jinja2", "numpy", "onnxruntime", "PIL", "postgrest", "starlette", "svg", "uvicorn"):
        (absent / f"{package}.py").write_text(f"raise ModuleNotFoundError('no {package}', name='{package}')\n")
    path = os.pathsep.join(filter(None, [str(absent), os.environ.get("PYTHONPATH")]))
    return lepinet(*arguments, folder=folder, PYTHONPATH=path)


def test_what_needs_no_model_runtime_works_without_one(repository: Path) -> None:
    for arguments in LIGHT:
        done = without_runtime(*arguments, folder=repository)
        assert "Traceback" not in done.stderr, done.stderr
        assert "not installed" not in done.stderr, (arguments, done.stderr)


@pytest.mark.parametrize("arguments", HEAVY)
def test_what_needs_a_model_runtime_says_what_to_install(arguments: list[str], repository: Path) -> None:
    done = without_runtime(*arguments, folder=repository)
    assert done.returncode == 2
    assert "pip install 'lepinet[" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rollback", "v9.9.9", "--reason", "x"], "has no version v9.9.9"),
        (["schema", "--write"], "cannot be written"),
        (["register", "v1.2", "--file-path", "org/model", "--revision", "1" * 40], "v1.2 is no name of a version"),
    ],
)
def test_a_mistake_is_no_traceback(arguments: list[str], says: str, repository: Path) -> None:
    (repository / "docs").write_text("a file, where a folder should be\n")
    done = lepinet(*arguments, folder=repository)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_manifest_that_is_a_link_shows_nothing_of_what_it_leads_to(repository: Path) -> None:
    secret = repository / "secret"
    secret.write_text("topsecret: value\n")
    (repository / "models.yaml").unlink()
    (repository / "models.yaml").symlink_to(secret)
    for command in (["validate"], ["check", "--base", "HEAD"], ["validate", "--base", "HEAD"]):
        done = lepinet(*command, folder=repository)
        assert done.returncode == 1
        assert "is a link" in done.stderr
        assert "topsecret" not in done.stdout + done.stderr


def test_a_checkout_says_neither_where_data_lie_nor_who_acts(repository: Path) -> None:
    (repository / ".env").write_text("LEPINET_HOME=answers\nGITHUB_ACTOR=the-ceo\n")
    assert lepinet("db", "migrate", folder=repository).returncode == 0
    assert not (repository / "answers").exists()


def test_no_text_of_others_begins_a_line_or_moves_the_cursor(repository: Path) -> None:
    done = lepinet("status", "-e", "x\n::error file=a::forged\x1b[2J", folder=repository, GITHUB_ACTIONS="true")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("::error file=a")] == []


def test_a_place_that_cannot_be_written_is_one_sentence(repository: Path) -> None:
    (repository / "home").write_text("a file, where a folder should be")
    done = lepinet("db", "migrate", folder=repository)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_paths_need_no_models_yaml_that_can_be_read(repository: Path) -> None:
    (repository / "models.yaml").write_text("nonsense: [")
    arguments = ["compare", "--old", str(MODELS / "v1.0.0"), "--new", str(MODELS / "v1.0.0")]
    assert lepinet(*arguments, "--known-images", str(FEW), folder=repository).returncode == 0


def test_an_endpoint_that_does_not_run_is_an_outside_failure(repository: Path) -> None:
    assert lepinet("db", "migrate", folder=repository).returncode == 0
    done = lepinet("plan", folder=repository)
    assert done.returncode == 3
    assert "start it: lepinet serve -e production" in done.stderr


def test_what_is_tested_without_known_images_asks_for_them(tmp_path: Path) -> None:
    for arguments in (["test", "nosuch"], ["compare", "--old", "nosuch", "--new", "nosuch"]):
        done = lepinet(*arguments, folder=tmp_path)
        assert done.returncode == 2
        assert done.stderr == (
            f"which known images? there is no models.yaml around {tmp_path}\n"
            "--known-images DIR, or run this where models.yaml is\n"
        )


def test_a_version_s_name_where_no_models_yaml_could_know_it_says_what_would(tmp_path: Path) -> None:
    done = lepinet("test", "v1.0.0", "--known-images", str(FEW), folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"v1.0.0 is neither a folder nor a model on the Hub, and no models.yaml around {tmp_path} names it\n"
        "run this where models.yaml is, or name a folder or org/name@revision\n"
    )


def test_compare_needs_no_configuration(tmp_path: Path) -> None:
    arguments = ["compare", "--old", str(MODELS / "v1.0.0"), "--new", str(MODELS / "v1.0.0")]
    done = lepinet(*arguments, "--known-images", str(FEW), "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "promote"


def test_reports_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    files = ["--html", "reports/page.html", "--junit", "reports/junit.xml"]
    model = str(MODELS / "v1.0.0")
    photos = ["--known-images", str(FEW)]
    for arguments, says in (
        (["compare", "--old", model, "--new", model, *photos], "answers exactly as"),
        (["test", model, *photos], "known images right"),
    ):
        done = lepinet(*arguments, *files, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert says in (tmp_path / "reports" / "page.html").read_text(encoding="utf-8")
        assert "<testcase " in (tmp_path / "reports" / "junit.xml").read_text(encoding="utf-8")
    done = lepinet("test", model, *photos, "--junit", "reports/junit.xml/below.xml", folder=tmp_path)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_a_page_shows_photos_only_where_they_are_those_that_were_asked_about(tmp_path: Path) -> None:
    for version in ("v1.0.0", "v1.2.0"):
        arguments = ["test", str(MODELS / version), "--known-images", str(FEW), "--json", "--html", f"{version}.html"]
        tested = lepinet(*arguments, folder=tmp_path)
        (tmp_path / f"{version}.json").write_text(tested.stdout, encoding="utf-8")
        wrong = sum(not result["correct"] for result in json.loads(tested.stdout)["results"])
        assert (tmp_path / f"{version}.html").read_text().count('<img src="data:image/jpeg;base64,') == wrong > 0
    other = tmp_path / "other" / "Blue Tiger"
    other.mkdir(parents=True)
    (other / "blue_tiger_01.jpg").write_bytes((FEW / "blue_tiger_01.jpg").read_bytes())
    compare = ["compare", "--old", "v1.0.0.json", "--new", "v1.2.0.json", "--json", "--html", "page.html"]
    for photos, shown in ((["--known-images", str(FEW)], True), (["--known-images", "other"], False), ([], False)):
        compared = json.loads(lepinet(*compare, *photos, folder=tmp_path).stdout)
        flips = len(compared["negative_flips"] + compared["positive_flips"])
        assert (tmp_path / "page.html").read_text().count("<img ") == (flips if shown else 0)
        assert flips


def test_a_check_is_written_as_every_kind_of_report(repository: Path) -> None:
    done = lepinet("check", "--markdown", "a.md", "--html", "a.html", "--junit", "a.xml", folder=repository)
    assert done.returncode == 0, done.stderr
    for name, says in (("a.md", "nothing to judge"), ("a.html", "nothing to judge"), ("a.xml", 'name="valid"')):
        assert says in (repository / name).read_text(encoding="utf-8")


def test_test_of_an_unknown_version_names_those_that_are_known(repository: Path) -> None:
    done = lepinet("test", "v9.9.9", "--known-images", str(FEW), folder=repository)
    assert done.returncode == 2
    assert "v1.0.0" in done.stderr
