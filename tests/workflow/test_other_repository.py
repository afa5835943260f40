"""A checkout whose settings lead to another repository's registry: each command says so, and nothing is written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workflow.desk import Desk, lay

OTHERS = "this registry belongs to another repository (first commit "
LOG = "from lepinet import log_model_version as log; log('v9.0.0', 'models/v9.0.0', 9, 0.9, strict=True)"


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The repository that the registry belongs to; v1.0.0 and v1.1.0 are live."""
    desk = lay(tmp_path_factory.mktemp("owners"))
    for command in (["db", "migrate"], ["reconcile"]):
        ended = desk.lepinet(*command)
        assert ended.code == 0, ended.err
    return desk


@pytest.fixture(scope="module")
def others(owners: Desk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Another repository with the same files, whose registry is, by a mistake, the same."""
    folder = tmp_path_factory.mktemp("others")
    desk = Desk(folder / "repository", folder / "home")
    shutil.copytree(owners.folder, desk.folder, ignore=lambda *_: {".git"})
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.home.mkdir()
    (desk.home / desk.commit("Begin anew")).symlink_to(owners.workspace.data)
    return desk


def rows(owners: Desk) -> list[tuple[object, ...]]:
    """All that a careless command could have written."""
    with owners.database() as owner:
        return owner.execute(
            "select 'version', version_name from public.model_versions union all"
            " select 'log', id::text from public.model_performance_logs union all"
            " select 'deployment', id::text from public.model_deployments order by 1, 2"
        ).fetchall()


def run(desk: Desk, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=desk.folder,
        env=desk.variables | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command", [["plan"], ["versions"], ["history"], ["monitor", "-e", "staging"], ["reconcile"], ["status"]]
)
def test_a_command_that_asks_the_registry_says_whose_it_is(owners: Desk, others: Desk, command: list[str]) -> None:
    before = rows(owners)
    ended = others.lepinet(*command)
    assert ended.code == 1
    assert OTHERS in ended.out + ended.err
    assert "check which database this environment's keys are for" in ended.out + ended.err
    assert "accept-history" not in ended.out + ended.err
    assert rows(owners) == before


def test_doctor_says_whose_it_is(others: Desk) -> None:
    needs = {need["what"]: need for need in others.lepinet("doctor", "--json").json}
    assert needs["production, registry (embedded)"]["state"].startswith(OTHERS)
    assert needs["production, registry (embedded)"]["mend"] == "check which database this environment's keys are for"


def test_a_trainer_in_its_checkout_logs_nothing(owners: Desk, others: Desk) -> None:
    before = rows(owners)
    ended = subprocess.run(
        [sys.executable, "-c", LOG],
        cwd=others.folder,
        env=others.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert OTHERS in ended.stderr
    assert rows(owners) == before


def test_a_trainer_in_a_shallow_clone_logs_all_the_same(owners: Desk, tmp_path: Path) -> None:
    """The clone cannot tell whose it is, and a training is not lost for that."""
    with owners.database() as owner:
        url = f"postgresql:///{owner.info.dbname}?host={owner.info.host}&user={owner.info.user}"
        clone = Desk(tmp_path / "repository", tmp_path / "home")
        subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{owners.folder}", str(clone.folder)], check=True)
        (clone.folder / "models.yaml").write_text(clone.manifest.replace("embedded", "postgres"))
        ended = run(clone, LOG.replace("v9.0.0", "v1.9.0"), DATABASE_URL=url)
        assert ended.returncode == 0, ended.stderr
        found = owner.execute("select version_name from public.model_versions where version_name = 'v1.9.0'")
        assert found.fetchall() == [("v1.9.0",)]
