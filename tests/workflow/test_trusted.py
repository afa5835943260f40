"""`lepinet github take`: of a pull request models.yaml alone comes to where there is a token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lepinet.report.documents import CheckAnswer
from lepinet.workflow.comment import read_report
from workflow.desk import Desk, Ended, lay, put_on_github

REPORT = "report.json"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = lay(tmp_path)
    put_on_github(made)
    return made


def take(desk: Desk) -> Ended:
    """What the working tree has, as a pull request that is looked at from main."""
    desk.git("switch", "--quiet", "--create", "work")
    commit = desk.commit("A change")
    desk.git("push", "--quiet", "origin", "work")
    desk.git("switch", "--quiet", "main")
    return desk.lepinet("github", "take", "--report", str(desk.home.parent / REPORT), commit)


def activate(desk: Desk) -> None:
    desk.set_active("production", "v1.1.0")


def other_photos(desk: Desk) -> None:
    (desk.folder / "photos" / "blue_tiger_01.jpg").write_bytes(b"another photo")


def activate_with_other_photos(desk: Desk) -> None:
    activate(desk)
    other_photos(desk)


def unlist_a_species(desk: Desk) -> None:
    (desk.folder / "photos" / "metadata.csv").write_text("file_name\nblue_tiger_01.jpg\n")


def train_again(desk: Desk) -> None:
    (desk.folder / "models" / "v1.0.0" / "config.json").write_text("{}")


def bring_a_model(desk: Desk) -> None:
    desk.copy_model("v1.2.0", "v1.2.0")
    desk.declare("v1.2.0")


def bring_a_list(desk: Desk) -> None:
    (desk.folder / "species.csv").write_text("species_id,species_name\n" + "".join(sorted(species(desk))))
    desk.alter("known_images: photos\n", "known_images: photos\nspecies: species.csv\n")


def species(desk: Desk) -> set[str]:
    head, *rows = (desk.folder / "photos" / "metadata.csv").read_text().splitlines()
    place = head.split(",").index("species_id")
    return {",".join(row.split(",")[place : place + 2]) + "\n" for row in rows}


def break_it(desk: Desk) -> None:
    desk.alter("schema_version: 1", "schema_version: [1")


def test_models_yaml_is_taken_and_nothing_else(desk: Desk) -> None:
    activate(desk)
    (desk.folder / "conftest.py").write_text("raise SystemExit\n")
    assert take(desk).code == 0
    assert desk.git("status", "--porcelain") == "M models.yaml"
    assert "active: v1.1.0" in desk.manifest.partition("production")[2]


def test_other_photos_alone_are_fine_and_stay_where_they_are(desk: Desk) -> None:
    other_photos(desk)
    assert take(desk).code == 0
    assert desk.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (activate_with_other_photos, "known_images (or its files) and production.active must not change together"),
        (unlist_a_species, "photos/metadata.csv:1: should begin with a line of column names"),
        (train_again, "the files of v1.0.0 in models/v1.0.0 change; a version never does"),
        (bring_a_model, "models/v1.2.0: brings the files of v1.2.0"),
        (bring_a_list, "species.csv: is a list of species that main has not"),
        (break_it, "models.yaml:2:13: this is not YAML"),
    ],
)
def test_what_the_check_would_refuse_is_refused_and_the_report_says_why(
    desk: Desk, change: Callable[[Desk], None], sentence: str
) -> None:
    change(desk)
    ended = take(desk)
    assert ended.code == 1
    assert sentence in ended.err
    assert desk.git("status", "--porcelain") == ""
    assert desk.git("worktree", "list").count("\n") == 0
    document = read_report((desk.home.parent / REPORT).read_bytes(), REPORT)
    assert document.answer is CheckAnswer.INVALID
    assert any(sentence in str(problem) for problem in document.problems)
