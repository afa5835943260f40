"""What is here already of a version is shown; nothing is run for it, and nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lepinet.registry import Registry
from lepinet.workflow.evaluate import answers_of, bench
from lepinet.workflow.kept import answers_here, card_and_configuration
from workflow.desk import Desk, lay


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Both versions are declared, and neither was tested yet."""
    desk = lay(tmp_path_factory.mktemp("kept"))
    assert desk.lepinet("db", "migrate").code == 0
    return desk


@pytest.fixture
def registry(desk: Desk) -> Iterator[Registry]:
    with desk.workspace.registry("production") as registry:
        yield registry


def test_a_version_that_nobody_tested_has_no_answers(desk: Desk, registry: Registry) -> None:
    assert answers_here(desk.workspace, registry, "v1.1.0", judged=False) is None
    assert answers_here(desk.workspace, registry, "v9.9.9", judged=False) is None


def test_a_test_on_this_machine_gives_its_figures_and_a_comparison_gives_a_verdict(
    desk: Desk, registry: Registry
) -> None:
    assert desk.lepinet("test", "v1.1.0").code == 0
    here = answers_here(desk.workspace, registry, "v1.1.0", judged=False)
    asked = answers_of(desk.workspace.manifest.target("v1.1.0"), bench(desk.workspace, None), judged=False)
    assert here
    assert here == asked
    assert answers_here(desk.workspace, registry, "v1.1.0", judged=True) is None
    desk.lepinet("compare", "--old", "v1.0.0", "--new", "v1.1.0")
    assert answers_here(desk.workspace, registry, "v1.1.0", judged=True) is not None


def test_what_was_stored_with_a_deployment_counts_without_the_models_files(
    desk: Desk, registry: Registry, tmp_path: Path
) -> None:
    assert desk.lepinet("reconcile", "-e", "production").code == 0
    away = (desk.folder / "models" / "v1.0.0").rename(tmp_path / "away")
    stored = answers_here(desk.workspace, registry, "v1.0.0", judged=True)
    assert stored
    assert stored.model.name == "v1.0.0"
    assert card_and_configuration(desk.workspace, desk.workspace.manifest.target("v1.0.0")) == ("", "")
    away.rename(desk.folder / "models" / "v1.0.0")


def test_a_card_is_that_of_exactly_these_files(desk: Desk) -> None:
    target = desk.workspace.manifest.target("v1.1.0")
    card, configuration = card_and_configuration(desk.workspace, target)
    folder = desk.folder / "models" / "v1.1.0"
    assert card == (folder / "README.md").read_text() != ""
    assert configuration == (folder / "config.json").read_text()
    (folder / "README.md").write_text("somebody else's")
    assert card_and_configuration(desk.workspace, target) == ("", "")
    (folder / "README.md").write_text(card)
