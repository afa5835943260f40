"""`lepinet known-images add`: photos come in upright, private to nobody, once, and all or none of them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from evaluation.colour_model import slow_photo
from evaluation.photo_files import KANDY, XMP, bomb, drawing, exif, half, noisy, saved, window
from lepinet.errors import OutsideError
from lepinet.evaluation.cases import read_known_images
from lepinet.evaluation.fingerprints import fingerprints_text
from lepinet.evaluation.photos.looking import look_at
from lepinet.locks import ALONE, locked
from lepinet.model_files import TRAINING
from lepinet.timings import Timings
from lepinet.workflow import adding
from workflow.desk import Desk, Ended, lay


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return lay(tmp_path_factory.mktemp("adding"))


@pytest.fixture
def desk(shared: Desk) -> Iterator[Desk]:
    """On main as it was laid."""
    before = shared.git("rev-parse", "main")
    yield shared
    shared.git("switch", "--quiet", "--discard-changes", "main")
    shared.git("reset", "--quiet", "--hard", before)
    shared.git("clean", "--quiet", "--force", "-dx")
    shared.git("branch", "--quiet", "--force", "known-images", "main")
    shared.git("branch", "--quiet", "-D", "known-images")


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """Where photos come from."""
    (tmp_path / "camera").mkdir()
    return tmp_path / "camera"


def shot(camera: Path, name: str, data: bytes) -> str:
    (camera / name).write_bytes(data)
    return str(camera / name)


def taken(camera: Path, name: str, of: str = "blue_tiger_02") -> str:
    """As a phone stores it: turned, and with a place."""
    stored = drawing(of).transpose(Image.Transpose.ROTATE_90)
    return shot(camera, name, saved(stored, quality=90, exif=exif(orientation=6, place=KANDY), xmp=XMP))


def add(desk: Desk, *photos: str, species: str = "Blue Tiger") -> Ended:
    return desk.lepinet("known-images", "add", *photos, "--species", species)


def photos(desk: Desk) -> set[str]:
    folder = desk.folder / "photos"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refused(desk: Desk, *photos_: str, code: int = 1, species: str = "Blue Tiger") -> str:
    """What it says, having changed nothing."""
    before = desk.git("status", "--porcelain"), photos(desk), (desk.folder / "photos" / "metadata.csv").read_bytes()
    done = add(desk, *photos_, species=species)
    assert done.code == code, done.out + done.err
    after = desk.git("status", "--porcelain"), photos(desk), (desk.folder / "photos" / "metadata.csv").read_bytes()
    assert after == before
    return done.err


def test_a_photo_comes_in_upright_and_tells_no_place(desk: Desk, camera: Path) -> None:
    photo = taken(camera, "IMG_2041.JPG")
    original = Path(photo).read_bytes()
    done = add(desk, photo)
    assert done.code == 0, done.err
    assert done.out.startswith("photos has 1 photo of Blue Tiger more: IMG_2041.jpg\n")
    data = (desk.folder / "photos" / "IMG_2041.jpg").read_bytes()
    image = Image.open(BytesIO(data))
    assert image.size == drawing("blue_tiger_02").size
    assert not image.getexif()
    assert b"GPS" not in data
    (added,) = (one for one in read_known_images(desk.folder / "photos").images if one.file_name == "IMG_2041.jpg")
    assert (added.expected_id, added.expected_name, added.problem) == ("045", "Blue Tiger", None)
    assert Path(photo).read_bytes() == original
    assert desk.lepinet("known-images", "check").code == 0


def test_two_who_add_at_once_list_one_after_the_other(desk: Desk, camera: Path) -> None:
    workspace = replace(desk.workspace, timings=Timings(request=0.05))
    photo, before = Path(taken(camera, "IMG_2041.JPG")), photos(desk)
    workspace.cache.mkdir(parents=True, exist_ok=True)
    with (
        locked(workspace.cache / "known-images.lock", ALONE),
        pytest.raises(OutsideError, match="another process has been adding photos"),
    ):
        adding.add(workspace, [photo], "Blue Tiger")
    assert photos(desk) == before
    adding.add(workspace, [photo], "Blue Tiger")
    assert photos(desk) == before | {"IMG_2041.jpg"}


def test_the_commands_that_it_shows_bring_the_photos_to_main(desk: Desk, camera: Path) -> None:
    stray = desk.folder / "photos" / "stray.jpg"
    stray.write_bytes(saved(drawing("tailed_jay_02"), exif=exif(place=KANDY)))
    done = add(desk, taken(camera, "a b.jpg"), taken(camera, "it's.jpg", "blue_tiger_03"), species="045")
    for line in re.split(r"\n  (?=git )", done.out.rstrip("\n"))[1:]:
        desk.run(*shlex.split(line))
    assert desk.git("branch", "--show-current") == "main"
    assert desk.git("log", "-1", "--format=%s") == "Add 2 photos of Blue Tiger"
    tracked = desk.git("ls-tree", "-r", "--name-only", "main", "photos").splitlines()
    assert {"photos/a b.jpg", "photos/it's.jpg"} <= set(tracked)
    assert desk.git("status", "--porcelain") == "?? photos/stray.jpg", "nobody has looked at that one"


def test_json_tells_the_same(desk: Desk, camera: Path) -> None:
    done = desk.lepinet("known-images", "add", taken(camera, "a.jpg"), "--species", "blue tiger", "--json")
    assert done.json["done"] == "photos has 1 photo of Blue Tiger more: a.jpg"
    assert done.json["next"][0] == "git switch --create known-images"


def test_a_photo_that_is_there_already_is_refused_and_named(desk: Desk, camera: Path) -> None:
    """Whatever a messenger made of it."""
    again = saved(noisy(window(drawing("blue_tiger_01"), 0.01, 0.01, 0, 0), 2), quality=60, exif=exif(place=KANDY))
    said = refused(desk, shot(camera, "again.jpg", again))
    assert (
        f"{camera}/again.jpg shows the same as the known image blue_tiger_01.jpg (Blue Tiger): it was not added" in said
    )
    other = refused(desk, shot(camera, "crow.webp", saved(drawing("common_crow_01"), "WEBP")))
    assert "shows the same as the known image common_crow_01.jpg (Common Crow)" in other


def test_two_new_photos_of_one_burst_are_refused(desk: Desk, camera: Path) -> None:
    first = shot(camera, "1.jpg", saved(drawing("blue_tiger_02")))
    said = refused(desk, first, shot(camera, "2.jpg", saved(window(drawing("blue_tiger_02"), 0, 0.01, 0.01, 0))))
    assert f"2.jpg shows the same as {first}: none was added" in said
    (camera / "other").mkdir()
    for copy in ("copy.jpg", "other/1.jpg"):
        said = refused(desk, first, shot(camera, copy, Path(first).read_bytes()))
        assert f"{camera}/{copy} shows the same as {first}: none was added" in said


def test_a_photo_that_a_version_was_trained_on_is_refused(desk: Desk, camera: Path) -> None:
    photo = taken(camera, "a.jpg")
    learned = look_at({"photo": Path(photo)})["photo"].fingerprint
    assert learned
    (desk.copy_model("v1.1.0", "v1.8.0") / TRAINING).write_text(fingerprints_text([learned]))
    desk.declare("v1.8.0")
    assert "a.jpg is among the photos that v1.8.0 was trained on: it was not added" in refused(desk, photo)


def test_one_bad_photo_keeps_all_out(desk: Desk, camera: Path, tmp_path: Path) -> None:
    os.mkfifo(camera / "pipe.jpg")
    (camera / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    bad = {
        str(camera / "pipe.jpg"): "is a pipe or a device",
        str(camera / "dangling.jpg"): "there is no such file",
        str(camera): "is a folder",
        shot(camera, "bomb.bmp", bomb()): "has more than 128 million pixels",
        shot(camera, "half.jpg", half(saved(drawing()))): "cannot be decoded",
    }
    said = refused(desk, taken(camera, "good.jpg"), *bad)
    for photo, reason in bad.items():
        assert f"{photo} {reason}" in said
    assert said.rstrip().endswith(": none was added")
    assert "is no image that can be read" in refused(desk, shot(camera, "x.jpg", b"#!/bin/sh"))
    assert "is empty" in refused(desk, shot(camera, "x.jpg", b""))


def test_a_photo_that_takes_a_decoder_seconds_is_no_danger(desk: Desk, camera: Path) -> None:
    assert add(desk, shot(camera, "slow.webp", slow_photo())).code in {0, 1}
    assert desk.lepinet("known-images", "check").code in {0, 1}


def test_a_link_that_a_person_names_is_followed(desk: Desk, camera: Path) -> None:
    (camera / "link.jpg").symlink_to(taken(camera, "IMG_1.jpg"))
    assert add(desk, str(camera / "link.jpg")).code == 0
    assert not (desk.folder / "photos" / "link.jpg").is_symlink()


def test_no_file_is_overwritten(desk: Desk, camera: Path) -> None:
    (desk.folder / "photos" / "stray.jpg").write_bytes(b"somebody's")
    for name in ("stray.jpg", "stray.png", "blue_tiger_01.jpeg"):
        said = refused(desk, taken(camera, name))
        assert "which is there already: give it another name" in said
    assert (desk.folder / "photos" / "stray.jpg").read_bytes() == b"somebody's"
    (camera / "other").mkdir()
    two = (taken(camera, "IMG_1.jpg"), taken(camera / "other", "IMG_1.jpg", "blue_tiger_03"))
    assert "would be IMG_1.jpg, which is there already" in refused(desk, *two)


@pytest.mark.parametrize(
    "name", [" a.jpg", ".jpg", ".hidden.jpg", "a\nb.jpg", "a\x1b[2J.jpg", os.fsdecode(b"\xff.jpg")]
)
def test_a_name_that_no_list_holds_is_refused(desk: Desk, camera: Path, name: str) -> None:
    said = refused(desk, taken(camera, name))
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("species", "says"),
    [("Blue Tigre", "did you mean Blue Tiger?"), ("01", "did you mean 0"), ("Swallowtail", "no species Swallowtail")],
)
def test_a_species_that_there_is_not_is_wrong_usage(desk: Desk, camera: Path, species: str, says: str) -> None:
    assert says in refused(desk, taken(camera, "a.jpg"), species=species, code=2)


def test_without_a_list_of_species_and_photos_it_says_what_to_write(desk: Desk, camera: Path) -> None:
    desk.alter("known_images: photos", "known_images: none_yet")
    assert "write species.csv" in refused(desk, taken(camera, "a.jpg"), code=2)


@pytest.mark.parametrize("folder", [None, "empty", "kept"])
def test_the_first_photos_of_a_repository_get_a_list(desk: Desk, camera: Path, folder: str | None) -> None:
    if folder:
        (desk.folder / "new" / "photos").mkdir(parents=True)
    if folder == "kept":
        (desk.folder / "new" / "photos" / ".gitkeep").touch()
    (desk.folder / "species.csv").write_text("species_id,species_name\n001,Blue Tiger\n")
    desk.alter("known_images: photos", "known_images: new/photos\nspecies: species.csv")
    assert add(desk, taken(camera, "a.jpg")).code == 0
    listed = (desk.folder / "new" / "photos" / "metadata.csv").read_text()
    assert listed == "file_name,species_id,species_name\na.jpg,001,Blue Tiger\n"


@pytest.mark.parametrize(
    ("there", "wanted"), [(["Blue_Tiger"], "Blue_Tiger"), (["002"], "001"), (["Common Crow"], "Blue Tiger")]
)
def test_where_each_species_has_a_folder_it_goes_there(desk: Desk, camera: Path, there: list[str], wanted: str) -> None:
    (desk.folder / "species.csv").write_text("species_id,species_name\n001,Blue Tiger\n002,Common Crow\n")
    for name in there:
        (desk.folder / "folders" / name).mkdir(parents=True)
        (desk.folder / "folders" / name / "old.jpg").write_bytes(saved(drawing("plain_tiger_01")))
    desk.alter("known_images: photos", "known_images: folders\nspecies: species.csv")
    done = add(desk, taken(camera, "a.jpg"))
    assert f"folders has 1 photo of Blue Tiger more: {wanted}/a.jpg" in done.out
    assert (desk.folder / "folders" / wanted / "a.jpg").is_file()
    assert "metadata.csv" not in done.out


def test_a_folder_that_leads_elsewhere_gets_no_photo(desk: Desk, camera: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (desk.folder / "folders").mkdir()
    (desk.folder / "folders" / "Blue Tiger").symlink_to(tmp_path / "outside")
    (desk.folder / "species.csv").write_text("species_id,species_name\n001,Blue Tiger\n")
    desk.alter("known_images: photos", "known_images: folders\nspecies: species.csv")
    assert "leads out of" in refused(desk, taken(camera, "a.jpg"))
    assert list((tmp_path / "outside").iterdir()) == []


def test_known_images_behind_a_link_get_no_photo(desk: Desk, camera: Path, tmp_path: Path) -> None:
    (desk.folder / "species.csv").write_text("species_id,species_name\n045,Blue Tiger\n")
    (tmp_path / "outside").mkdir()
    (desk.folder / "linked").symlink_to(tmp_path / "outside")
    desk.alter("known_images: photos", "known_images: linked\nspecies: species.csv")
    assert "is a link" in refused(desk, taken(camera, "a.jpg"))
    assert list((tmp_path / "outside").iterdir()) == []


def test_when_the_list_cannot_be_written_no_photo_stays(desk: Desk, camera: Path) -> None:
    list_ = desk.folder / "photos" / "metadata.csv"
    blocked = desk.folder / "photos" / f"metadata.csv.lepinet-{os.getpid()}"
    blocked.mkdir()
    (blocked / "in the way").touch()
    before = list_.read_bytes()
    done = add(desk, taken(camera, "a.jpg"), taken(camera, "b.jpg", "blue_tiger_03"))
    assert done.code == 3, done.err
    assert list_.read_bytes() == before
    assert not {"a.jpg", "b.jpg"} & photos(desk)
