"""Kept answers: no model runs twice on the same photo, and none is believed about another photo or model."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from evaluation.colour_model import LABELS, colour_model, photo, set_preprocessing
from lepinet.evaluation.answers import Answers, ModelIdentity
from lepinet.evaluation.cache import AnswerCache
from lepinet.evaluation.cases import KnownImages, read_known_images
from lepinet.evaluation.predictors import Guess, RawAnswer
from lepinet.evaluation.run import answers_of_folder
from lepinet.timings import Timings

NO_TIME = Timings(prediction=1e-6)
"""No model loads in it: whoever is answered ran none."""
RED = {"1" * 64: RawAnswer((Guess("red", 0.75), Guess("green", 0.25)))}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return colour_model(tmp_path / "model")


@pytest.fixture
def known(tmp_path: Path) -> KnownImages:
    """Two photos of each colour."""
    for colour in LABELS:
        (tmp_path / "known" / colour).mkdir(parents=True)
        for edge in (10, 20):
            (tmp_path / "known" / colour / f"{edge}.png").write_bytes(photo(colour, (edge, edge)))
    return read_known_images(tmp_path / "known")


def ask(model: Path, known: KnownImages, cache: Path | None, timings: Timings | None = None) -> Answers:
    return answers_of_folder(model, ModelIdentity(name="v1.0.0"), known, timings=timings, cache=cache, jobs=1)


def said(answers: Answers) -> list[tuple[str, str | None, float]]:
    return [(one.file_name, one.predicted_id, one.top[0].confidence) for one in answers.answers]


def assert_runs(model: Path, known: KnownImages, cache: Path | None) -> None:
    assert any(answer.latency_ms is not None for answer in ask(model, known, cache).answers)


def test_a_second_run_needs_no_model(model: Path, known: KnownImages, tmp_path: Path) -> None:
    first = ask(model, known, tmp_path / "cache")
    assert [answer.predicted_id for answer in first.answers] == [label for label in sorted(LABELS) for _ in range(2)]
    again = ask(model, known, tmp_path / "cache", NO_TIME)
    assert said(again) == said(first)
    assert again.model == first.model
    assert all(answer.latency_ms is None for answer in again.answers)
    assert_runs(model, known, None)
    assert_runs(model, known, tmp_path / "other")


def test_the_same_files_elsewhere_are_the_same_model(model: Path, known: KnownImages, tmp_path: Path) -> None:
    first = ask(model, known, tmp_path / "cache")
    copy = colour_model(tmp_path / "copy")
    (copy / "README.md").write_text("Another card, the same answers.")
    assert said(ask(copy, known, tmp_path / "cache", NO_TIME)) == said(first)


def other_preprocessing(model: Path) -> None:
    set_preprocessing(model, resample=2)


def other_labels(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"id2label": {"0": "green", "1": "red", "2": "blue"}}))


def other_weights(model: Path) -> None:
    before = (model / "onnx/model.onnx").read_bytes()
    after = before.replace(b"begun", b"Begun")
    assert after != before
    (model / "onnx/model.onnx").write_bytes(after)


@pytest.mark.parametrize("change", [other_preprocessing, other_labels, other_weights])
def test_another_model_is_asked(
    model: Path, known: KnownImages, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    ask(model, known, tmp_path / "cache")
    change(model)
    assert_runs(model, known, tmp_path / "cache")


def test_only_about_new_photos_is_the_model_asked(model: Path, known: KnownImages, tmp_path: Path) -> None:
    """A photo under another name is the same photo; one under the same name with other content is another."""
    first = ask(model, known, tmp_path / "cache")
    folder = tmp_path / "known"
    (folder / "red/10.png").rename(folder / "blue/renamed.png")
    renamed = ask(model, read_known_images(folder), tmp_path / "cache", NO_TIME)
    found = {answer.file_name: answer for answer in renamed.answers}
    assert found["blue/renamed.png"].predicted_id == "red"
    assert not found["blue/renamed.png"].correct
    (folder / "red/20.png").write_bytes(photo("blue", (20, 21)))
    changed = read_known_images(folder)
    heard: list[int] = []
    answers = answers_of_folder(
        model, first.model, changed, cache=tmp_path / "cache", progress=lambda done, _: heard.append(done)
    )
    assert {answer.file_name: answer.predicted_id for answer in answers.answers}["red/20.png"] == "blue"
    assert heard == [len(changed) - 1, len(changed)]


def test_a_photo_that_could_not_be_answered_is_asked_about_again(model: Path, tmp_path: Path) -> None:
    (tmp_path / "known/red").mkdir(parents=True)
    (tmp_path / "known/red/half.png").write_bytes(photo("red")[:-30])
    known = read_known_images(tmp_path / "known")
    (answer,) = ask(model, known, tmp_path / "cache").answers
    assert "cannot be decoded" in (answer.error or "")
    assert_runs(model, known, tmp_path / "cache")


def empty(file: Path) -> None:
    file.write_bytes(b"")


def text(file: Path) -> None:
    file.write_text("no database, though somebody called it one\n" * 100)


def half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def damaged_in_the_middle(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100:] = b"\xa5" * (len(data) - 100)
    file.write_bytes(data)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("/nonexistent/answers.sqlite3")


def other_columns(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("create table kept (question text)")


@pytest.mark.parametrize("harm", [empty, text, half, damaged_in_the_middle])
def test_a_damaged_file_is_begun_anew(
    model: Path, known: KnownImages, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    cache = tmp_path / "cache"
    first = ask(model, known, cache)
    (file,) = cache.iterdir()
    harm(file)
    assert said(ask(model, known, cache)) == said(first)
    assert said(ask(model, known, cache, NO_TIME)) == said(first)


@pytest.mark.parametrize("harm", [folder, dangling, other_columns])
def test_what_cannot_be_used_is_no_error(
    model: Path, known: KnownImages, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    cache = tmp_path / "cache"
    first = ask(model, known, cache)
    (file,) = cache.iterdir()
    harm(file)
    assert said(ask(model, known, cache)) == said(first)


@pytest.mark.parametrize(
    "kept",
    [
        "[[",
        "[" * 100_000,
        "null",
        "{}",
        "[]",
        "[[]]",
        '{"red": 1}',
        '[["red", 0.5]]',
        '[["red", "much", null]]',
        '[["red", 7, null]]',
        '[["red", NaN, null]]',
        '[["violet", 0.5, null]]',
        "[[3, 0.5, null]]",
        "[[[], 0.5, null]]",
    ],
    ids=lambda kept: kept[:30],
)
def test_what_the_model_cannot_have_answered_is_not_believed(tmp_path: Path, kept: str) -> None:
    with AnswerCache(tmp_path, "model", (), LABELS) as cache:
        cache.put(RED)
    (file,) = tmp_path.iterdir()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("update kept set said = ?", (kept,))
    with AnswerCache(tmp_path, "model", (), LABELS) as cache:
        assert cache.get(list(RED)) == {}
        cache.put(RED)
        assert cache.get(list(RED)) == RED


def test_where_nothing_can_be_kept_the_model_is_asked(model: Path, known: KnownImages, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    assert len(ask(model, known, tmp_path / "file/cache").answers) == len(known)
    assert (tmp_path / "file").read_text() == "in the way of a folder"


def test_more_photos_than_one_statement_takes(tmp_path: Path) -> None:
    many = {f"{number:064}": RawAnswer((Guess("red", number / 2000),)) for number in range(1234)}
    with AnswerCache(tmp_path, "model", (), LABELS) as cache:
        cache.put(many)
        assert cache.get(list(many)) == many
        assert cache.get([]) == {}
    with AnswerCache(tmp_path, "model", (), LABELS) as cache:
        assert cache.get([*many, "0" * 63 + "x"]) == many


def test_a_new_answer_takes_the_old_ones_place(tmp_path: Path) -> None:
    with AnswerCache(tmp_path, "model", (), LABELS) as cache:
        cache.put(RED)
        new = {"1" * 64: RawAnswer((Guess("green", 1.0),))}
        cache.put(new)
        assert cache.get(list(RED)) == new
    with AnswerCache(tmp_path, "another model", (), LABELS) as other:
        assert other.get(list(RED)) == {}


WRITER = """
import sys
from pathlib import Path
from lepinet.evaluation.cache import AnswerCache
from lepinet.evaluation.predictors import Guess, RawAnswer
with AnswerCache(Path(sys.argv[1]), "model", (), "abc") as cache:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(150):
        cache.put({f"{sys.argv[2]}{number:063}": RawAnswer((Guess(sys.argv[2], 0.5),))})
        assert len(cache.get([f"{sys.argv[2]}{one:063}" for one in range(number + 1)])) == number + 1
"""


def test_several_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for name in names
    ]
    for writer in writers:
        assert writer.stdout
        writer.stdout.readline()
    for writer in writers:
        writer.communicate(b"go\n", timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    with AnswerCache(tmp_path, "model", (), names) as cache:
        digests = [f"{name}{number:063}" for name in names for number in range(150)]
        found = cache.get(digests)
    assert set(found) == set(digests)
    assert all(answer.top[0].label == digest[0] for digest, answer in found.items())
