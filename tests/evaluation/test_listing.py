"""Lines of metadata.csv added, changed, taken out: nobody else's are touched, and the new ones look like them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.errors import RefusedError
from lepinet.evaluation.cases import read_known_images
from lepinet.evaluation.listing import NEW, relabelled, with_photos, without_photo

CROW = {"file_name": "crow.jpg", "species_id": "002", "species_name": "Common Crow"}


@pytest.mark.parametrize(
    ("content", "added"),
    [
        (NEW, b"crow.jpg,002,Common Crow\n"),
        (b"file_name,species_id,species_name\r\na.jpg,001,Blue Tiger\r\n", b"crow.jpg,002,Common Crow\r\n"),
        (b"file_name,species_id\na.jpg,001", b"\ncrow.jpg,002\n"),
        (b"\xef\xbb\xbfspecies_id,by,file_name\n001,Asha,a.jpg\n", b"002,,crow.jpg\n"),
        (b'"file_name","species_id"\n"a.jpg","001"\n', b'"crow.jpg","002"\n'),
        (b'file_name,species_id\n"a, b.jpg",001\n', b"crow.jpg,002\n"),
        (b"image_path,expected_species_id,expected_name\na.jpg,001,x\n", b"crow.jpg,002,Common Crow\n"),
        (b"file_name , species_id\na.jpg,001\n\n\n", b"crow.jpg,002\n"),
    ],
    ids=["new", "CRLF", "no end", "BOM and own columns", "all quoted", "quoted where needed", "old names", "spaces"],
)
def test_new_lines_look_as_the_others_do(content: bytes, added: bytes) -> None:
    assert with_photos(content, [CROW]) == content + added


def test_several_photos_are_several_lines() -> None:
    assert with_photos(NEW, [CROW, CROW | {"file_name": "a,b.jpg"}]).count(b"\n") == 3


@pytest.mark.parametrize("content", [b"", b"\n", b"name,species\na,b\n"])
def test_a_list_without_the_columns_is_refused(content: bytes) -> None:
    with pytest.raises(RefusedError, match="column names"):
        with_photos(content, [CROW])


names = st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="\0/"), min_size=1, max_size=12)


@given(
    names.map(str.strip).filter(bool),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_added_is_read_back(name: str, end: str, quoting: Literal[0, 1]) -> None:
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator=end, quoting=quoting)
    writer.writerows([["file_name", "species_id"], ["a", "001"]])
    found = with_photos(content.getvalue().encode(), [CROW | {"file_name": name}]).decode()
    rows = list(csv.reader(io.StringIO(found, newline="")))
    assert rows == [["file_name", "species_id"], ["a", "001"], [name, "002"]]
    assert found.count(end) == 3


def test_the_list_is_one_that_lepinet_reads(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(with_photos(NEW, [CROW | {"file_name": 'it\'s "a", b.jpg'}]))
    (image,) = read_known_images(tmp_path).images
    assert (image.file_name, image.expected_id, image.expected_name) == ('it\'s "a", b.jpg', "002", "Common Crow")


QUOTED = (
    b'\xef\xbb\xbfby,file_name,species_id\r\n"A, sha","crow.jpg","001"\r\n\r\nBen,b.jpg,001\r\nc,"two\r\nlines.jpg",001'
)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("crow.jpg", b'"A, sha","crow.jpg","001"', b'"A, sha","crow.jpg","002"'),
        ("b.jpg", b"Ben,b.jpg,001", b"Ben,b.jpg,002"),
        ("two\r\nlines.jpg", b'"two\r\nlines.jpg",001', b'"two\r\nlines.jpg",002\r\n'),
    ],
)
def test_another_label_changes_one_line_alone(name: str, before: bytes, after: bytes) -> None:
    assert relabelled(QUOTED, name, "002", "Common Crow") == QUOTED.replace(before, after)


def test_old_columns_get_the_new_name_too() -> None:
    old = b"image_path,expected_species_id,expected_name\na.jpg,001,Blue Tiger\nb.jpg,001,Blue Tiger\n"
    assert relabelled(old, "a.jpg", "002", "Common Crow") == old.replace(
        b"a.jpg,001,Blue Tiger", b"a.jpg,002,Common Crow"
    )


def test_a_photo_that_is_taken_out_leaves_the_other_lines() -> None:
    assert without_photo(QUOTED, "b.jpg") == QUOTED.replace(b"Ben,b.jpg,001\r\n", b"")
    assert without_photo(without_photo(QUOTED, "crow.jpg"), "b.jpg").startswith(
        b"\xef\xbb\xbfby,file_name,species_id\r\n"
    )


@pytest.mark.parametrize("name", ["file_name", "by", "001", "", "nobody.jpg"])
def test_a_photo_that_is_not_listed_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="not in the list"):
        without_photo(QUOTED, name)


@given(st.lists(names.map(str.strip).filter(bool), min_size=1, max_size=5, unique=True), st.data())
def test_what_is_taken_out_is_what_was_added(listed: list[str], data: st.DataObject) -> None:
    before = with_photos(NEW, [CROW | {"file_name": name} for name in listed])
    place = data.draw(st.integers(0, len(listed) - 1))
    left = [name for name in listed if name != listed[place]]
    assert without_photo(before, listed[place]) == with_photos(NEW, [CROW | {"file_name": name} for name in left])
