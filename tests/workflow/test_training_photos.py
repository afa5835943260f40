"""`lepinet fingerprint`: a trainer writes down what the training photos show, and nothing else of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from evaluation.colour_model import photo
from evaluation.photo_files import FEW, bomb, drawing, half, saved
from lepinet.evaluation.fingerprints import read_fingerprints
from lepinet.model_files import TRAINING
from workflow.desk import Desk, Ended, lay


@pytest.fixture
def trainer(tmp_path: Path) -> Desk:
    """A folder that is no repository."""
    (tmp_path / "trainer").mkdir()
    return Desk(tmp_path / "trainer", tmp_path / "home")


@pytest.fixture
def training(trainer: Desk) -> Path:
    """Photos of two species, in folders."""
    for species in ("blue_tiger", "tailed_jay"):
        (trainer.folder / "training" / species).mkdir(parents=True)
        for file in FEW.glob(f"{species}*"):
            shutil.copy(file, trainer.folder / "training" / species)
    return trainer.folder / "training"


def fingerprint(trainer: Desk, *arguments: str, code: int = 0) -> Ended:
    done = trainer.lepinet("fingerprint", *arguments)
    assert done.code == code, done.out + done.err
    return done


def test_all_photos_below_the_folder_are_written_down(trainer: Desk, training: Path) -> None:
    done = fingerprint(trainer, str(training))
    assert len(read_fingerprints(trainer.folder / TRAINING)) == 6
    assert f"{TRAINING} has the fingerprints of 6 photos" in done.err
    assert done.out == ""
    text = (trainer.folder / TRAINING).read_text()
    assert "blue" not in text
    assert text.splitlines()[1:] == sorted(set(text.splitlines()[1:]))


def test_it_goes_where_it_is_asked_to(trainer: Desk, training: Path) -> None:
    fingerprint(trainer, str(training), "-o", "model/training_fingerprints.txt")
    assert len(read_fingerprints(trainer.folder / "model" / TRAINING)) == 6
    assert not (trainer.folder / TRAINING).exists()


def test_what_cannot_be_read_is_named_and_the_others_are_written_down(trainer: Desk, training: Path) -> None:
    (training / "bomb.bmp").write_bytes(bomb())
    (training / "half.jpg").write_bytes(half(saved(drawing())))
    (training / "notes.txt").write_text("no photo, and not taken for one")
    (training / ".hidden.jpg").write_bytes(photo("red"))
    os.mkfifo(training / "pipe.jpg")
    (training / "dangling.jpg").symlink_to("nowhere")
    (training / "link.jpg").symlink_to(FEW / "plain_tiger_01.jpg")
    (training / "all of it").symlink_to("/")
    done = fingerprint(trainer, str(training))
    assert len(read_fingerprints(trainer.folder / TRAINING)) == 7
    for said in ("bomb.bmp has more", "half.jpg cannot be", "pipe.jpg is a pipe", "dangling.jpg there is no such file"):
        assert said in done.err
    assert "notes.txt" not in done.err


@pytest.mark.parametrize("kind", ["missing", "empty", "a file", "unreadable"])
def test_without_photos_nothing_is_written(trainer: Desk, kind: str) -> None:
    folder = trainer.folder / kind
    if kind == "a file":
        folder.write_text("")
    elif kind != "missing":
        folder.mkdir()
    if kind == "unreadable":
        (folder / "a.jpg").write_bytes(b"no photo")
    (trainer.folder / TRAINING).write_text("from before")
    done = fingerprint(trainer, kind, code=2 if kind in {"missing", "a file"} else 1)
    assert "there is no such folder" in done.err or "holds no photo that can be read" in done.err
    assert (trainer.folder / TRAINING).read_text() == "from before"


def test_a_place_that_cannot_be_written_is_one_sentence(trainer: Desk, training: Path) -> None:
    (trainer.folder / "file").write_text("")
    assert "cannot be written" in fingerprint(trainer, str(training), "-o", "file/below", code=2).err
    os.mkfifo(trainer.folder / "pipe")
    assert "is no file" in fingerprint(trainer, str(training), "-o", "pipe", code=2).err


def test_a_model_that_learned_the_known_images_is_found_out(tmp_path: Path) -> None:
    """The whole way: fingerprint, register, check."""
    desk = lay(tmp_path)
    model = desk.copy_model("v1.1.0", "v1.9.0")
    fingerprint(desk, "photos", "-o", str(model / TRAINING))
    desk.declare("v1.9.0")
    desk.set_active("staging", "v1.9.0")
    assert "v1.9.0 was trained on 12 photos" in desk.lepinet("known-images", "check").out
    (staging,) = desk.lepinet("check", "--json").json["environments"]
    assert sum(staging["comparison"]["paired"].values()) == 0
    assert {one["why"] for one in staging["comparison"]["left_out"]} == {"trained_on"}
