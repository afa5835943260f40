"""What a pull request leaves out of the comparison, the run on main leaves out as well, and both name it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lepinet.evaluation.answers import Answers
from lepinet.evaluation.comparison import compare
from lepinet.evaluation.fingerprints import fingerprints_text
from lepinet.evaluation.photos.looking import look_at
from lepinet.model_files import TRAINING
from workflow.desk import Desk, lay

LEFT_OUT = [
    {"file_name": "blue_tiger_again.jpg", "why": "copy", "of": "blue_tiger_01.jpg"},
    {"file_name": "common_crow_01.jpg", "why": "two_species", "of": "not_a_crow.jpg"},
    {"file_name": "not_a_crow.jpg", "why": "two_species", "of": "common_crow_01.jpg"},
    {"file_name": "tailed_jay_01.jpg", "why": "trained_on", "of": "v1.4.0"},
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A photo saved again, smaller; one that stands under two species; and a model that was trained on a third."""
    desk = lay(tmp_path_factory.mktemp("left_out"))
    photos = desk.folder / "photos"
    tiger = Image.open(photos / "blue_tiger_01.jpg")
    tiger.resize((tiger.width // 2, tiger.height // 2)).save(photos / "blue_tiger_again.jpg", quality=60)
    shutil.copy(photos / "common_crow_01.jpg", photos / "not_a_crow.jpg")
    rows = dict(line.split(",", 1) for line in (photos / "metadata.csv").read_text().splitlines())
    with (photos / "metadata.csv").open("a") as file:
        file.write(f"blue_tiger_again.jpg,{rows['blue_tiger_01.jpg']}\n")
        file.write(f"not_a_crow.jpg,{rows['tailed_jay_01.jpg']}\n")
    desk.commit("Add photos that nobody looked at closely")
    learned = look_at({"photo": photos / "tailed_jay_01.jpg"})["photo"].fingerprint
    assert learned
    (desk.copy_model("v1.1.0", "v1.4.0") / TRAINING).write_text(fingerprints_text([learned, "0" * 64]))
    desk.declare("v1.4.0")
    desk.set_active("staging", "v1.4.0")
    desk.commit("Try v1.4.0 in staging")
    return desk


@pytest.fixture
def desk(shared: Desk) -> Iterator[Desk]:
    """On a branch on which v1.4.0 is to be active in production."""
    shared.begin_branch()
    shared.set_active("production", "v1.4.0")
    yield shared
    shared.begin_branch()


def comparison(desk: Desk) -> Any:
    (production,) = desk.lepinet("check", "--json").json["environments"]
    return production["comparison"]


def test_copies_and_leaks_are_named_and_do_not_count(desk: Desk) -> None:
    found = comparison(desk)
    assert found["left_out"] == LEFT_OUT
    assert sum(found["paired"].values()) == 14 - len(LEFT_OUT)
    assert found["new"]["sample_size"] == 14
    sizes = {gate["name"]: gate["sample_size"] for gate in found["gates"]}
    assert (sizes["min_accuracy"], sizes["non_inferiority"], sizes["max_negative_flips"]) == (14, 10, 10)


def test_the_reports_say_so_in_a_sentence(desk: Desk, tmp_path: Path) -> None:
    files = ("--markdown", str(tmp_path / "report.md"), "--html", str(tmp_path / "report.html"))
    shown = desk.lepinet("check", *files).out
    said = (
        "Only the floors count 4 of them: 2 show the same under two species (common_crow_01.jpg, not_a_crow.jpg); "
        "1 is among the training photos of v1.4.0 (tailed_jay_01.jpg); 1 is a copy of another (blue_tiger_again.jpg)."
    )
    assert said in shown
    assert said in (tmp_path / "report.md").read_text().replace("\\", "")
    assert said in (tmp_path / "report.html").read_text()


def test_the_run_on_main_counts_the_same_photos(desk: Desk, tmp_path: Path) -> None:
    """A job without keys hands over what it found; the one with the keys looks at no photo."""
    desk.commit("Activate v1.4.0 in production")
    desk.git("switch", "--quiet", "main")
    before = desk.git("rev-parse", "main")
    try:
        desk.git("merge", "--quiet", "--ff-only", "work")
        done = desk.lepinet("reconcile", "-e", "production", "--judge", str(tmp_path / "judged.json"))
        assert done.code == 0, done.err
        (judged,) = json.loads((tmp_path / "judged.json").read_text())["environments"]
        old, new = (Answers.model_validate(judged[which]["answers"]) for which in ("baseline", "target"))
        assert [one.model_dump(mode="json") for one in compare(old, new).left_out] == LEFT_OUT
    finally:
        desk.git("reset", "--quiet", "--hard", before)


def test_compare_of_folders_leaves_out_the_same(desk: Desk) -> None:
    done = desk.lepinet("compare", "--old", "v1.0.0", "--new", "models/v1.4.0", "--json")
    assert [one["file_name"] for one in done.json["left_out"]] == [one["file_name"] for one in LEFT_OUT]


def test_compare_of_files_knows_exact_copies_alone(desk: Desk, tmp_path: Path) -> None:
    for version in ("v1.0.0", "v1.4.0"):
        (tmp_path / f"{version}.json").write_text(desk.lepinet("test", version, "--json").out)
    files = (str(tmp_path / f"{version}.json") for version in ("v1.0.0", "v1.4.0"))
    done = desk.lepinet("compare", "--old", next(files), "--new", next(files), "--json")
    assert [one["file_name"] for one in done.json["left_out"]] == ["common_crow_01.jpg", "not_a_crow.jpg"]


def test_a_model_whose_list_of_training_photos_cannot_be_read_is_not_registered(desk: Desk) -> None:
    (desk.copy_model("v1.1.0", "v1.5.0") / TRAINING).write_text("photo_1.jpg\nphoto_2.jpg\n")
    desk.declare("v1.5.0")
    done = desk.lepinet("check", "--json")
    assert done.code == 1
    (new,) = done.json["registered"]
    assert f"{TRAINING}: should begin with the line `lepinet fingerprints 1`" in new["error"]
