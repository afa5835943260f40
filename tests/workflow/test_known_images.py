"""`lepinet known-images` in a real repository: what it finds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from evaluation.colour_model import slow_photo
from evaluation.photo_files import FEW, KANDY, TESTS, bomb, drawing, exif, half, saved, window
from lepinet.evaluation.fingerprints import fingerprints_text
from lepinet.evaluation.photos.looking import look_at
from lepinet.model_files import TRAINING
from workflow.desk import Desk, lay

SCHEMA = json.loads((TESTS.parent / "docs" / "schemas" / "known-images.json").read_text())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return lay(tmp_path_factory.mktemp("known_images"))


@pytest.fixture
def desk(shared: Desk) -> Iterator[Desk]:
    """On a branch of its own; what photos show is kept."""
    shared.begin_branch()
    yield shared
    for pipe in (shared.folder / "photos").glob("pipe*"):  # git does not see it
        pipe.unlink()


def put(desk: Desk, name: str, data: bytes, like: str = "blue_tiger_01.jpg") -> Path:
    """A photo among the known images, of the species of another one."""
    photos = desk.folder / "photos"
    (line,) = (line for line in (photos / "metadata.csv").read_text().splitlines() if line.startswith(like))
    with (photos / "metadata.csv").open("a") as file:
        file.write(line.replace(like, name) + "\n")
    (photos / name).write_bytes(data)
    return photos / name


def found(desk: Desk, *arguments: str, code: int) -> Any:
    """By kind, the photos of each finding."""
    done = desk.lepinet("known-images", "check", "--json", *arguments)
    assert done.code == code, done.out + done.err
    jsonschema.validate(done.json, SCHEMA)
    return [(finding["kind"], finding["file_names"]) for finding in done.json["findings"]]


def test_a_dozen_good_photos_are_only_few(desk: Desk) -> None:
    assert found(desk, code=0) == [("few", [])]
    said = desk.lepinet("known-images", "check").out
    assert said.startswith(
        "12 known images of 12 species, all count: nothing to mend; "
        "too few to show a margin of 2 points\nknow  12 species with fewer than 5"
    )
    assert "2 points worse: 1,265 more." in said


def test_what_must_be_mended_is_said_and_is_the_exit_code(desk: Desk) -> None:
    put(desk, "again.jpg", (FEW / "blue_tiger_01.jpg").read_bytes())
    put(desk, "place.jpg", saved(drawing("blue_tiger_02"), exif=exif(place=KANDY)))
    put(desk, "crow.jpg", saved(drawing("tailed_jay_01"), quality=70), like="common_crow_01.jpg")
    put(desk, "half.jpg", half(saved(drawing("blue_tiger_03"))))
    (desk.folder / "photos" / "lost.jpg").write_bytes(saved(drawing("plain_tiger_02")))
    assert found(desk, code=1) == [
        ("located", ["place.jpg"]),
        ("two_species", ["crow.jpg", "tailed_jay_01.jpg"]),
        ("unreadable", ["half.jpg"]),
        ("duplicate", ["again.jpg", "blue_tiger_01.jpg"]),
        ("unused", ["lost.jpg"]),
        ("few", []),
    ]
    done = desk.lepinet("known-images", "check")
    assert done.code == 1
    assert done.out.startswith(
        "16 known images of 12 species, 13 count: 4 things to mend; "
        "too few to show a margin of 2 points\nmend  1 photo with the place"
    )


def test_a_name_that_is_no_text_is_named_where_it_cannot_be_written(desk: Desk) -> None:
    stray = Path(os.fsdecode(bytes(desk.folder / "photos") + b"/caf\xe9.jpg"))
    stray.write_bytes(saved(drawing("plain_tiger_02")))
    try:
        refused = desk.lepinet("known-images", "check", "--json")
    finally:
        stray.unlink()
    assert refused.code == 2
    assert r"rename caf\udce9.jpg" in refused.err


def test_a_burst_is_nothing_to_mend(desk: Desk) -> None:
    put(desk, "next.jpg", saved(window(drawing(), 0.01, 0, 0, 0.01), quality=80))
    assert ("alike", ["blue_tiger_01.jpg", "next.jpg"]) in found(desk, code=0)


def test_photos_that_a_version_has_learned_from_are_named(desk: Desk) -> None:
    photo = desk.folder / "photos" / "common_jezebel_01.png"
    learned = look_at({"photo": photo})["photo"].fingerprint
    assert learned
    (desk.copy_model("v1.1.0", "v1.6.0") / TRAINING).write_text(fingerprints_text([learned]))
    desk.declare("v1.6.0")
    (desk.copy_model("v1.1.0", "v1.7.0") / TRAINING).write_text("no fingerprints")
    desk.declare("v1.7.0")
    assert found(desk, code=1)[:2] == [("unreadable", []), ("trained_on", ["common_jezebel_01.png"])]


def test_hostile_photos_are_named_and_do_no_harm(desk: Desk, tmp_path: Path) -> None:
    put(desk, "bomb.bmp", bomb())
    put(desk, "slow.webp", slow_photo())
    put(desk, "empty.jpg", b"")
    put(desk, "pipe.jpg", b"").unlink()
    os.mkfifo(desk.folder / "photos" / "pipe.jpg")
    (tmp_path / "secret.jpg").write_bytes(b"canary")
    put(desk, "link.jpg", b"").unlink()
    (desk.folder / "photos" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    unreadable = [names for kind, names in found(desk, code=1) if kind == "unreadable"]
    assert [name for (name,) in unreadable] == ["bomb.bmp", "empty.jpg", "link.jpg", "pipe.jpg"]
    assert "canary" not in desk.lepinet("known-images", "check").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--margin", "0.05"], "230 would show"), (["--margin", "0.05", "--power", "0.9"], "312 would show")],
)
def test_how_many_more_are_needed_is_told_for_what_is_asked(desk: Desk, arguments: list[str], says: str) -> None:
    assert says in desk.lepinet("known-images", "check", *arguments).out


@pytest.mark.parametrize("option", [["--margin", "0"], ["--margin", "1.5"], ["--power", "0.3"], ["--power", "nan"]])
def test_a_limit_that_makes_no_sense_is_wrong_usage(desk: Desk, option: list[str]) -> None:
    assert desk.lepinet("known-images", "check", *option).code == 2


def test_photos_elsewhere_need_no_models_yaml(desk: Desk, tmp_path: Path) -> None:
    shutil.copytree(FEW, tmp_path / "elsewhere" / "photos")
    there = Desk(tmp_path / "elsewhere", desk.home)
    assert found(there, "--known-images", "photos", code=0) == [("few", [])]


def test_without_photos_it_says_how_to_begin(desk: Desk) -> None:
    desk.alter("known_images: photos", "known_images: none_yet")
    done = desk.lepinet("known-images", "check")
    assert done.code == 2
    assert "lepinet known-images add" in done.err
