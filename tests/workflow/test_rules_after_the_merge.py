"""What the rules of change forbid does not ship either when it has come to main all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.desk import Desk, Ended, lay

LENIENT = "gates: {min_accuracy: 0.1}\nversions:\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Both environments are live as main declares them."""
    made = lay(tmp_path)
    assert made.lepinet("db", "migrate").code == 0
    assert made.lepinet("reconcile").code == 0
    return made


def reconcile(desk: Desk) -> Ended:
    return desk.lepinet("reconcile", "-e", "production")


def active(desk: Desk) -> object:
    return next(one["active"] for one in desk.lepinet("status", "--json").json if one["environment"] == "production")


def loosen_and_activate(desk: Desk) -> None:
    desk.alter("versions:\n", LENIENT)
    desk.set_active("production", "v1.1.0")
    desk.commit("Activate v1.1.0, and ask less of it")


def test_loosened_gates_and_the_activation_in_one_commit_are_held(desk: Desk) -> None:
    loosen_and_activate(desk)
    ended = reconcile(desk)
    assert ended.code == 1
    assert "gates and production.active must not change together" in ended.out
    assert active(desk) == "v1.0.0"
    assert "gates and production.active must not change together" in desk.lepinet("history", "-e", "production").out


def test_what_was_judged_elsewhere_is_held_too(desk: Desk, tmp_path: Path) -> None:
    (desk.folder / "photos" / "blue_tiger_01.jpg").unlink()
    table = desk.folder / "photos" / "metadata.csv"
    rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join(row for row in rows if "blue_tiger_01" not in row))
    desk.set_active("production", "v1.1.0")
    desk.commit("Activate v1.1.0, without the photo that it gets wrong")
    file = str(tmp_path / "judged.json")
    assert desk.lepinet("reconcile", "--judge", file).code == 0
    ended = desk.lepinet("reconcile", "-e", "production", "--verdict", file)
    assert ended.code == 1
    assert "known_images (or its files) and production.active must not change together" in ended.out
    assert active(desk) == "v1.0.0"


def test_a_version_that_skips_staging_is_held(desk: Desk) -> None:
    desk.copy_model("v1.2.0", "v1.2.0")
    desk.declare("v1.2.0")
    desk.commit("Register v1.2.0")
    desk.set_active("production", "v1.2.0")
    desk.commit("Activate v1.2.0")
    ended = reconcile(desk)
    assert ended.code == 1
    assert "v1.2.0 has not been active in staging, and that comes before production" in ended.out
    assert active(desk) == "v1.0.0"


def test_once_it_is_undone_the_same_in_two_commits_ships(desk: Desk) -> None:
    loosen_and_activate(desk)
    assert reconcile(desk).code == 1
    desk.git("revert", "--no-edit", "HEAD")
    assert reconcile(desk).code == 0
    desk.alter("versions:\n", LENIENT)
    desk.commit("Ask less")
    desk.set_active("production", "v1.1.0")
    desk.commit("Activate v1.1.0")
    assert reconcile(desk).code == 0
    assert active(desk) == "v1.1.0"


def test_the_revert_of_its_revert_is_held_too(desk: Desk) -> None:
    loosen_and_activate(desk)
    desk.git("revert", "--no-edit", "HEAD")
    desk.git("revert", "--no-edit", "HEAD")
    assert reconcile(desk).code == 1
    assert active(desk) == "v1.0.0"


@pytest.mark.parametrize("how", [["--squash"], ["--no-ff", "--no-edit"]])
def test_it_is_held_however_it_was_merged(desk: Desk, how: list[str]) -> None:
    desk.git("switch", "--quiet", "--create", "work")
    desk.alter("versions:\n", LENIENT)
    desk.commit("Ask less")
    desk.set_active("production", "v1.1.0")
    desk.commit("Activate v1.1.0")
    desk.git("switch", "--quiet", "main")
    desk.git("merge", "--quiet", *how, "work")
    if how == ["--squash"]:
        desk.commit("Activate v1.1.0, and ask less of it")
    assert reconcile(desk).code == 1
    assert active(desk) == "v1.0.0"


def test_the_rules_hold_the_environment_that_breaks_them_and_no_other(desk: Desk) -> None:
    desk.copy_model("v1.2.0", "v1.2.0")
    desk.declare("v1.2.0")
    desk.alter("versions:\n", LENIENT)
    desk.commit("Register v1.2.0")
    for environment in ("staging", "production"):
        desk.set_active(environment, "v1.2.0")
    desk.commit("Activate v1.2.0 at once")
    assert desk.lepinet("reconcile", "-e", "staging").code == 0
    assert reconcile(desk).code == 1
    assert active(desk) == "v1.0.0"


def test_a_revert_that_takes_gates_and_active_back_ships(desk: Desk) -> None:
    desk.set_active("production", "v1.1.0")
    desk.commit("Activate v1.1.0")
    assert reconcile(desk).code == 0
    desk.alter("versions:\n", LENIENT)
    desk.commit("Ask less")
    desk.git("revert", "--no-commit", "HEAD", "HEAD~1")
    desk.commit("As it was")
    assert reconcile(desk).code == 0
    assert active(desk) == "v1.0.0"
