"""The photos that a change is about, as git has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.photo_files import drawing, saved
from github_stand_in.server import TOKEN, stand_in
from lepinet.settings import Settings
from lepinet.workflow.changed_photos import beyond_main, changed_photos, main_has
from lepinet.workflow.following import progress
from lepinet.workflow.photo_changes import addition, correction, removal
from lepinet.workflow.requested import Request, ask
from lepinet.workflow.workspace import Workspace
from workflow.desk import Desk, lay, put_on_github

ASHA = Request.of("asha@example.org", "Seen again")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return lay(tmp_path)


def changed(desk: Desk) -> list[tuple[str, str | None, str | None]]:
    """What the last commit did: file names, each with its species before and after."""
    found = changed_photos(desk.workspace, "HEAD^", "HEAD")
    return [(one.file_name, one.was, one.now) for one in found]


def test_a_species_that_comes_with_its_photos_is_called_as_they_are(desk: Desk) -> None:
    (desk.folder / "photos" / "moth.jpg").write_bytes(saved(drawing("blue_tiger_02")))
    with (desk.folder / "photos" / "metadata.csv").open("a") as listed:
        listed.write("moth.jpg,999,Moon Moth\n")
    desk.commit("Add a moth")
    assert changed(desk) == [("moth.jpg", None, "Moon Moth")]


def test_a_photo_that_only_moves_is_not_changed(desk: Desk) -> None:
    photos = desk.folder / "photos"
    (photos / "blue_tiger_01.jpg").rename(photos / "tiger.jpg")
    listed = photos / "metadata.csv"
    listed.write_text(listed.read_text().replace("blue_tiger_01.jpg", "tiger.jpg"))
    desk.commit("Rename")
    assert changed(desk) == []


def test_where_each_species_has_a_folder_its_name_is_the_species(desk: Desk) -> None:
    for name in ("Blue Tiger/a.jpg", "Common Crow/b.jpg", "Common Crow/notes.txt", "Common Crow/deep/c.jpg"):
        photo = desk.folder / "folders" / name
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(name.encode())
    desk.alter("known_images: photos", "known_images: folders")
    desk.commit("A folder for each species")
    (desk.folder / "folders" / "Blue Tiger" / "a.jpg").rename(desk.folder / "folders" / "Common Crow" / "a.jpg")
    desk.commit("It is a crow")
    assert changed(desk) == [("Common Crow/a.jpg", "Blue Tiger", "Common Crow")]
    (desk.folder / "folders" / "Common Crow" / "x.jfif").write_bytes(b"x")
    (desk.folder / "folders" / "Common Crow" / ".y.jpg").write_bytes(b"y")
    (desk.folder / "folders" / "Common Crow" / "notes.txt").write_bytes(b"more")
    (desk.folder / "folders" / "Common Crow" / "deep" / "c.jpg").write_bytes(b"z")
    desk.commit("A photo, and what is none")
    assert changed(desk) == [("Common Crow/x.jfif", None, "Common Crow")]


def test_of_two_equal_files_the_one_that_is_taken_out_is_told(desk: Desk) -> None:
    photos = desk.folder / "photos"
    listed = photos / "metadata.csv"
    before = listed.read_text()
    (photos / "again.jpg").write_bytes((photos / "blue_tiger_01.jpg").read_bytes())
    for species in ("045,Blue Tiger", "046,Common Crow"):
        listed.write_text(f"{before}again.jpg,{species}\n")
        desk.commit("Add it")
        name = species.partition(",")[2]
        assert changed(desk) == [("again.jpg", None if species.startswith("045") else "Blue Tiger", name)]
    listed.write_text(before)
    desk.commit("Take it out")
    assert changed(desk) == [("again.jpg", "Common Crow", None)]


def on_main(desk: Desk, commit: str) -> list[str]:
    """What main has otherwise of the photos of an open change."""
    between = beyond_main(desk.workspace, commit)
    assert between
    return [*main_has(desk.workspace, changed_photos(desk.workspace, *between)).values()]


def test_a_photo_that_main_has_already_is_told_also_after_the_conflict_was_settled(desk: Desk) -> None:
    photo = desk.folder.parent / "mine.jpg"
    photo.write_bytes(saved(drawing("blue_tiger_02")))
    tiger, crow = (addition(desk.workspace, [("mine.jpg", photo)], one) for one in ("Blue Tiger", "Common Crow"))
    first, second = (ask(desk.workspace, wanted, ASHA).key for wanted in (tiger, crow))
    assert on_main(desk, second) == []
    desk.git("merge", "--quiet", "--no-ff", first)
    (added,) = changed_photos(desk.workspace, "HEAD^", "HEAD")
    already = [f"main has it already, as Blue Tiger ({added.file_name})"]
    assert on_main(desk, second) == already
    (desk.folder / ".git" / "info" / "attributes").write_text("*.csv merge=union\n")
    desk.git("switch", "--quiet", crow.branch)
    desk.git("merge", "--quiet", "--no-edit", "main")
    assert on_main(desk, "HEAD") == already


def test_what_main_did_to_a_photo_since_a_change_began_is_told(desk: Desk) -> None:
    label = correction(desk.workspace, "blue_tiger_01.jpg", "Common Crow")
    gone = removal(desk.workspace, "blue_tiger_01.jpg")
    labelled, taken = (ask(desk.workspace, wanted, ASHA).key for wanted in (label, gone))
    before = desk.git("rev-parse", "HEAD")
    assert on_main(desk, taken) == []
    desk.git("merge", "--quiet", "--no-ff", labelled)
    assert on_main(desk, taken) == ["main has it as Common Crow now"]
    desk.git("reset", "--quiet", "--hard", before)
    desk.git("merge", "--quiet", "--no-ff", taken)
    assert on_main(desk, labelled) == ["main has taken it out"]


@pytest.mark.parametrize("listed", [b"", b"\xff", b"file_name\n", b'file_name,species_id\n"a\n'])
def test_a_list_that_cannot_be_read_tells_of_no_photo(desk: Desk, listed: bytes) -> None:
    (desk.folder / "photos" / "metadata.csv").write_bytes(listed)
    desk.commit("Break it")
    assert changed(desk) == []


def test_a_pull_request_shows_them_once_this_server_has_its_commit(desk: Desk) -> None:
    origin = put_on_github(desk)
    with stand_in() as github:
        github.origin = origin
        known = desk.variables | {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": TOKEN}
        workspace = Workspace(desk.workspace.git, Settings(known), desk.workspace.timings)
        key = ask(workspace, removal(workspace, "blue_tiger_01.jpg"), ASHA).key
        assert progress(workspace, key).between is None
        desk.git("fetch", "--quiet", "origin", github.pulls[0]["head"]["ref"])
        between = progress(workspace, key).between
        assert between
        (photo,) = changed_photos(workspace, *between)
        assert (photo.file_name, photo.was, photo.now) == ("blue_tiger_01.jpg", "Blue Tiger", None)
        desk.git("merge", "--quiet", "--no-ff", "FETCH_HEAD")
        desk.git("push", "--quiet", "origin", "main")
        github.merged(int(key), desk.git("rev-parse", "HEAD"))
        on_main = progress(workspace, key).between
        assert on_main
        assert changed_photos(workspace, *on_main) == (photo,)
