"""Sets of known images as users keep them: what is read, what is refused with its line, which photos are named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.cases import KnownImages, known_images, read_known_images, read_species
from lepinet.evaluation.labels import Species

SPECIES = (
    Species("001", "Common Mormon", "Papilio polytes"),
    Species("1", "Nawab"),
    Species("012", "Ceylon Birdwing"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of photos; what is in them does not matter here."""
    folder = tmp_path / "known"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.png"):
        (folder / name).write_text(f"content of {name}")
    return folder


def listed(folder: Path, *lines: str, header: str = "file_name,species_id,species_name") -> KnownImages:
    (folder / "metadata.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    return read_known_images(folder, SPECIES)


def problems(known: KnownImages) -> dict[str, str | None]:
    return {image.file_name: image.problem for image in known.images}


def truths(known: KnownImages) -> list[tuple[str, str, str]]:
    return [(image.file_name, image.expected_id, image.expected_name) for image in known.images]


def refusal(folder: Path, *lines: str, header: str = "file_name,species_id,species_name") -> str:
    with pytest.raises(RefusedError) as refused:
        listed(folder, *lines, header=header)
    return str(refused.value)


def test_ids_are_text(folder: Path) -> None:
    """001 and 1 are two species, and neither becomes the other on its way."""
    known = listed(folder, "a.jpg,001,Common Mormon", "b.jpg,1,Nawab")
    assert truths(known) == [("a.jpg", "001", "Common Mormon"), ("b.jpg", "1", "Nawab")]
    assert [species.id for species in known.species()] == ["001", "1"]
    assert refusal(folder, "a.jpg,01,Common Mormon").startswith(f"{folder / 'metadata.csv'}:2: species_id 01 is not")


def test_the_list_of_species_names_the_species(folder: Path) -> None:
    assert truths(listed(folder, "a.jpg,001,mormon")) == [("a.jpg", "001", "Common Mormon")]
    assert truths(listed(folder, "a.jpg,001", header="file_name,species_id")) == [("a.jpg", "001", "Common Mormon")]


def test_without_a_list_of_species_every_id_is_one(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file_name,species_id,species_name\na.jpg,77,Leopard\nb.jpg,78,\n")
    assert truths(read_known_images(folder)) == [("a.jpg", "77", "Leopard"), ("b.jpg", "78", "78")]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbffile_name,species_id,species_name\r\na.jpg,001,Common Mormon\r\n",
        b"file_name,species_id,species_name\na.jpg,001,Common Mormon",
        b"species_name, species_id ,file_name,photographer\n Common Mormon , 001 , a.jpg ,Bhanura\n\n",
        b'file_name,species_id,species_name\n"a.jpg","001","Common Mormon"\n',
        b"image_path,expected_species_id,expected_name\na.jpg,001,Common Mormon\n",
    ],
    ids=["of a spreadsheet with BOM", "no last newline", "other order, spaces, more columns", "quoted", "old guide"],
)
def test_files_as_programs_write_them(folder: Path, text: bytes) -> None:
    (folder / "metadata.csv").write_bytes(text)
    assert truths(read_known_images(folder, SPECIES)) == [("a.jpg", "001", "Common Mormon")]


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (["a.jpg,001,x", "b.jpg,999,Plain Tiger"], 3, "species_id 999 is not in the list"),
        (["a.jpg,001,x", "b.jpg,001,x", "a.jpg,012,x"], 4, "a.jpg is there twice"),
        (["a.jpg,001,x", "", "b.jpg,001"], 4, "2 columns instead of 3"),
        (["a.jpg,001,x", ",001,x"], 3, "file_name and species_id may not be empty"),
        (["a.jpg, ,x"], 2, "file_name and species_id may not be empty"),
        (['"a.jpg,001,x'], 2, "is not CSV"),
    ],
    ids=["unknown species", "photo twice", "columns", "no photo", "no species", "quote without end"],
)
def test_a_line_that_is_wrong_is_named(folder: Path, lines: list[str], line: int, said: str) -> None:
    assert refusal(folder, *lines).startswith(f"{folder / 'metadata.csv'}:{line}: {said}")


def test_a_list_without_its_column_names_is_refused(folder: Path) -> None:
    assert "metadata.csv:1: should begin with a line of column names, among them species_id" in refusal(
        folder, "a.jpg,Common Mormon", header="file_name,species_name"
    )
    (folder / "metadata.csv").write_bytes(b"")
    with pytest.raises(RefusedError, match="line of column names, among them file_name"):
        read_known_images(folder)


def test_a_list_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "metadata.csv").write_bytes("file_name,species_id\nébène.jpg,001\n".encode("latin-1"))
    with pytest.raises(RefusedError, match="is not UTF-8"):
        read_known_images(folder)


def test_photos_that_cannot_be_read_are_named_and_stay_in_the_set(folder: Path, tmp_path: Path) -> None:
    """Waiting on the pipe would be a hang, and leaving any of them out would make a model look better."""
    os.mkfifo(folder / "pipe.jpg")
    (folder / "dangling.jpg").symlink_to("nothing.jpg")
    (folder / "folder.jpg").mkdir()
    (tmp_path / "secret.jpg").write_text("outside")
    (folder / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "outside").symlink_to(tmp_path)
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "good.jpg").symlink_to("a.jpg")
    long = "x" * 300 + ".jpg"
    names = [
        "a.jpg",
        "good.jpg",
        "pipe.jpg",
        "dangling.jpg",
        "folder.jpg",
        "out.jpg",
        "outside/secret.jpg",
        "loop.jpg",
        "missing.jpg",
        "../secret.jpg",
        str(tmp_path / "secret.jpg"),
        "a.jpg/b.jpg",
        "..",
        "nul\x00.jpg",
        long,
    ]
    known = listed(folder, *(f"{name},001,x" for name in names))
    found = problems(known)
    assert list(found) == names
    assert found["a.jpg"] is found["good.jpg"] is None
    assert found["pipe.jpg"] == "is a pipe or a device"
    assert found["dangling.jpg"] == found["missing.jpg"] == found["a.jpg/b.jpg"] == "there is no such file"
    assert found["folder.jpg"] == "is a folder"
    for name in ("out.jpg", "outside/secret.jpg", "../secret.jpg", str(tmp_path / "secret.jpg"), ".."):
        assert "leads out of" in (found[name] or "")
    assert found["loop.jpg"] in {"is a link", "there is no such file"}
    assert found["nul\0.jpg"]
    assert found[long] == "has a name that is too long"
    assert all((image.sha256 is None) == (image.problem is not None) for image in known.images)


def test_a_folder_that_is_itself_a_link_is_read(folder: Path, tmp_path: Path) -> None:
    listed(folder, "a.jpg,001,x")
    (tmp_path / "link").symlink_to(folder)
    known = read_known_images(tmp_path / "link", SPECIES)
    assert problems(known) == {"a.jpg": None}
    assert known.images[0].path == folder.resolve() / "a.jpg"


def test_two_photos_with_the_same_content_stay_two(folder: Path) -> None:
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes())
    known = listed(folder, "a.jpg,001,x", "b.jpg,012,x")
    assert len(known) == 2
    assert len({image.sha256 for image in known.images}) == 1


def test_the_digest_is_that_of_names_contents_and_truths_in_any_order(folder: Path) -> None:
    known = listed(folder, "a.jpg,001,x", "b.jpg,012,x")
    assert listed(folder, "b.jpg,012,Birdwing", "a.jpg,001,y").sha256 == known.sha256
    others = [
        listed(folder, "a.jpg,001,x"),
        listed(folder, "a.jpg,001,x", "b.jpg,1,x"),
        listed(folder, "a.jpg,001,x", "c.png,012,x"),
    ]
    (folder / "b.jpg").write_text("another photo")
    others.append(listed(folder, "a.jpg,001,x", "b.jpg,012,x"))
    (folder / "b.jpg").unlink()
    others.append(listed(folder, "a.jpg,001,x", "b.jpg,012,x"))
    digests = [one.sha256 for one in others]
    assert len({known.sha256, *digests}) == 1 + len(digests)


def test_photos_of_no_line_are_unlisted(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more/d.JPG").write_text("d")
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails/a.jpg").write_text("a")
    (folder / "README.md").write_text("no photo")
    known = listed(folder, "a.jpg,001,x", "missing.jpg,001,x")
    assert known.unlisted() == ("b.jpg", "c.png", "more/d.JPG")
    assert listed(folder, "./a.jpg,001,x", "b.jpg,001,x", "more/../c.png,1,x", "more/d.JPG,1,x").unlisted() == ()


def test_a_folder_for_each_species_by_id_or_name(tmp_path: Path) -> None:
    for name in ("001/x.jpg", "ceylon_BIRDWING/y.JPEG", "papilio-polytes/z.png", "Nawab/w.webp"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    known = read_known_images(tmp_path, SPECIES)
    assert truths(known) == [
        ("001/x.jpg", "001", "Common Mormon"),
        ("Nawab/w.webp", "1", "Nawab"),
        ("ceylon_BIRDWING/y.JPEG", "012", "Ceylon Birdwing"),
        ("papilio-polytes/z.png", "001", "Common Mormon"),
    ]
    assert known.unlisted() == ()


def test_what_lies_beside_the_photos_of_a_species_is_no_photo(tmp_path: Path) -> None:
    """A folder or a file of an unknown kind is one that somebody forgot: it is named and counts as wrong."""
    place = tmp_path / "001"
    place.mkdir()
    for name in ("x.jpg", "raw.nef", "notes.txt", "Thumbs.db", ".DS_Store"):
        (place / name).write_text(name)
    (place / "more").mkdir()
    (place / "more/y.jpg").write_text("y")
    (tmp_path / "top.jpg").write_text("top")
    known = read_known_images(tmp_path, SPECIES)
    assert problems(known) == {"001/more": "is a folder", "001/raw.nef": None, "001/x.jpg": None}
    assert known.unlisted() == ("001/more/y.jpg", "top.jpg")


def test_a_species_folder_that_leads_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.jpg").write_text("x")
    (tmp_path / "known").mkdir()
    (tmp_path / "known/001").symlink_to(tmp_path / "elsewhere")
    (problem,) = problems(read_known_images(tmp_path / "known", SPECIES)).values()
    assert "leads out of" in (problem or "")


def test_a_folder_named_like_no_species_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Atlas Moth").mkdir()
    (tmp_path / "Atlas Moth/x.jpg").write_text("x")
    with pytest.raises(RefusedError, match="named like no species") as refused:
        read_known_images(tmp_path, SPECIES)
    assert refused.value.where == str(tmp_path / "Atlas Moth")
    assert truths(read_known_images(tmp_path)) == [("Atlas Moth/x.jpg", "Atlas Moth", "Atlas Moth")]


def test_a_folder_with_neither_list_nor_folders_says_what_to_write(folder: Path) -> None:
    with pytest.raises(RefusedError, match=r"holds neither metadata\.csv nor") as refused:
        read_known_images(folder)
    assert refused.value.todo


def test_a_damaged_list_is_not_taken_for_none(folder: Path) -> None:
    """Otherwise the folders would be read instead, which may say something else."""
    (folder / "001").mkdir()
    (folder / "001/x.jpg").write_text("x")
    (folder / "metadata.csv").symlink_to("moved.csv")
    with pytest.raises(RefusedError, match=r"metadata\.csv: is a link"):
        read_known_images(folder, SPECIES)
    (folder / "metadata.csv").unlink()
    os.mkfifo(folder / "metadata.csv")
    with pytest.raises(RefusedError, match=r"metadata\.csv: is a pipe"):
        read_known_images(folder, SPECIES)


def test_a_list_by_itself_is_relative_to_its_folder(folder: Path) -> None:
    (folder / "test.csv").write_text("image_path,expected_species_id,expected_name\nb.jpg,012,Ceylon Birdwing\n")
    known = read_known_images(folder / "test.csv", SPECIES)
    assert problems(known) == {"b.jpg": None}
    with pytest.raises(UsageError, match="no such folder"):
        read_known_images(folder / "missing.csv", SPECIES)


def test_the_old_guides_list_takes_photos_from_anywhere(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(folder / "b.jpg")
    cases: list[tuple[str | Path, str, str]] = [
        (folder / "a.jpg", "001", "Common Mormon"),
        (str(tmp_path / "link.jpg"), "012", "Ceylon Birdwing"),
        (tmp_path / "pipe.jpg", "012", "Ceylon Birdwing"),
        (tmp_path / "missing.jpg", "012", "Ceylon Birdwing"),
        ("nul\0.jpg", "012", "Ceylon Birdwing"),
    ]
    known = known_images(cases)
    found = list(problems(known).values())
    assert found[:4] == [None, None, "is a pipe or a device", "there is no such file"]
    assert found[4]
    assert known.images[1].path == folder.resolve() / "b.jpg"
    assert known.unlisted() == ()


def test_species_keep_their_ids_and_names(tmp_path: Path) -> None:
    file = tmp_path / "species.csv"
    file.write_bytes(
        b"\xef\xbb\xbfspecies_id,species_name,scientific_name\r\n001,Common Mormon,Papilio polytes\r\n"
        b"1,Nawab,\r\n012,Ceylon Birdwing,\r\n"
    )
    assert read_species(file) == SPECIES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("001,A\n012,B\n001,C\n", "species.csv:4: species_id 001 is there twice"),
        ("001,A\n,B\n", "species.csv:3: species_id and species_name may not be empty"),
        ("001,A\n012,\n", "species.csv:3: species_id and species_name may not be empty"),
        ("", "species.csv: lists no species"),
    ],
    ids=["twice", "no id", "no name", "empty"],
)
def test_a_list_of_species_with_a_mistake_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "species.csv"
    file.write_text(f"species_id,species_name\n{text}")
    with pytest.raises(RefusedError) as refused:
        read_species(file)
    assert str(refused.value).endswith(said)
