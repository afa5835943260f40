"""Fingerprints: which are near, which photos belong together, and the file of a model's training photos."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.errors import RefusedError
from lepinet.evaluation.fingerprints import (
    NEAR,
    alike,
    among,
    fingerprints_text,
    read_fingerprints,
    training_fingerprints,
)
from lepinet.model_files import TRAINING

HEADER = "lepinet fingerprints 1\n"
BLANK = f"{0:064x}"


def bits(*places: int) -> str:
    """A fingerprint with these of its 256 bits set."""
    return f"{sum(1 << place for place in places):064x}"


def written(folder: Path, *fingerprints: str) -> Path:
    (folder / TRAINING).write_text(fingerprints_text(fingerprints))
    return folder


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_photos_are_alike_up_to_the_limit_and_not_beyond(tmp_path: Path) -> None:
    learned = training_fingerprints(written(tmp_path, BLANK))
    assert alike({"a": BLANK, "b": bits(*range(NEAR))}) == [["a", "b"]]
    assert alike({"a": BLANK, "b": bits(*range(NEAR + 1))}) == []
    assert among({"a": bits(*range(200, 200 + NEAR))}, learned) == {"a"}
    assert among({"a": bits(*range(200, 200 + NEAR + 1))}, learned) == frozenset()


def test_a_burst_is_one_group_though_its_ends_differ() -> None:
    burst = {str(number): bits(*range(number * NEAR)) for number in range(4)}
    assert alike({**burst, "other": bits(*range(128, 256))}) == [["0", "1", "2", "3"]]


@given(st.lists(st.integers(0, 2**256 - 1), max_size=30), st.lists(st.sets(st.integers(0, 255)), max_size=12))
def test_groups_are_those_of_every_pair_looked_at_alone(far: list[int], few: list[set[int]]) -> None:
    shown = {str(number): f"{value:064x}" for number, value in enumerate(far)}
    shown |= {f"few {number}": bits(*places) for number, places in enumerate(few)}
    groups = alike(shown)
    found = {frozenset(pair) for group in groups for pair in combinations(group, 2)}
    near = {frozenset(pair) for pair in combinations(shown, 2) if distance(*(shown[key] for key in pair)) <= NEAR}
    assert near <= found
    assert len({key for group in groups for key in group}) == len({key for pair in near for key in pair})


def test_more_photos_than_are_compared_at_once(tmp_path: Path) -> None:
    many = {str(number): f"{number * 2**200 + 2**180:064x}" for number in range(1500)}
    (group,) = alike(many)
    assert group == list(many)
    others = (f"{number + 2**180 - 2**90:064x}" for number in range(1500))
    assert among(many, training_fingerprints(written(tmp_path, *others))) == frozenset()


def test_a_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    kept = training_fingerprints(written(tmp_path, bits(1, 2, 3), BLANK, BLANK))
    assert (tmp_path / TRAINING).read_text() == f"{HEADER}{BLANK}\n{bits(1, 2, 3)}\n"
    assert len(kept) == 2
    assert among({"a": bits(*range(NEAR)), "b": bits(*range(100, 200))}, kept) == {"a"}


def test_line_ends_of_another_system_are_no_harm(tmp_path: Path) -> None:
    (tmp_path / TRAINING).write_bytes(f"{HEADER}{BLANK}\n".replace("\n", "\r\n").encode())
    assert len(training_fingerprints(tmp_path)) == 1


def test_a_model_without_the_file_is_known_to_be_trained_on_nothing(tmp_path: Path) -> None:
    assert among({"a": BLANK}, training_fingerprints(tmp_path)) == frozenset()


def pipe(file: Path) -> None:
    os.mkfifo(file)


def link(file: Path) -> None:
    (file.parent.parent / "elsewhere").write_text(HEADER)
    file.symlink_to("../elsewhere")


def folder(file: Path) -> None:
    file.mkdir()


def huge(file: Path) -> None:
    file.touch()
    os.truncate(file, 1 << 40)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (pipe, "is a pipe or a device"),
        (link, "leads out of"),
        (folder, "is a folder"),
        (huge, "is larger than 64 MiB"),
        (lambda file: file.write_bytes(b""), "should begin with the line `lepinet fingerprints 1`"),
        (lambda file: file.write_bytes(b"\xff" * 100), "should begin with the line"),
        (lambda file: file.write_text("lepinet fingerprints 2\n"), "should begin with the line"),
        (lambda file: file.write_text(f"{HEADER}{BLANK}\n{BLANK[:-1]}\n"), "should be 64 hex digits"),
        (lambda file: file.write_text(f"{HEADER}{BLANK[:-2]} 1\n"), "should be 64 hex digits"),
        (lambda file: file.write_text(f"{HEADER}{'g' * 64}\n"), "should be 64 hex digits"),
        (lambda file: file.write_bytes(f"{HEADER}{'0' * 63}".encode() + b"\xd9\xa0"), "should be 64 hex digits"),
    ],
)
def test_a_file_that_is_no_list_of_fingerprints_is_refused(
    tmp_path: Path, harm: Callable[[Path], object], reason: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    harm(model / TRAINING)
    with pytest.raises(RefusedError, match=reason):
        training_fingerprints(model)


def test_a_bad_line_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / TRAINING).write_text(f"{HEADER}{BLANK}\nnonsense\n")
    with pytest.raises(RefusedError) as refused:
        read_fingerprints(tmp_path / TRAINING)
    assert refused.value.where == f"{tmp_path / TRAINING}:3"
