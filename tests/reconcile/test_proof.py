"""Whether live answers are those of the tested model."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.colour_model import photo
from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.evaluation.cases import known_images
from lepinet.reconcile.proof import TOLERANCE, prove
from lepinet.target import Target

TARGET = Target("asha/butterflies", "a" * 40, "v1.1.0")
SAYS = {"file_path": TARGET.file_path, "revision": TARGET.revision}


def answers(*first: tuple[str, float, str, float] | str, **model: str) -> Answers:
    """A best and a second species for each photo, or what went wrong with it."""
    return Answers(
        model=ModelIdentity(name="https://api.example.org", **model),
        known_images_sha256="0" * 64,
        nameable=None,
        answers=tuple(
            Answer(file_name=f"{place}.jpg", sha256="0" * 64, expected_id="001", expected_name="x", error=one)
            if isinstance(one, str)
            else Answer(
                file_name=f"{place}.jpg",
                sha256="0" * 64,
                expected_id="001",
                expected_name="x",
                top=(
                    Score(id=one[0], name=one[0], confidence=one[1]),
                    Score(id=one[2], name=one[2], confidence=one[3]),
                ),
            )
            for place, one in enumerate(first)
        ),
    )


CLEAR, CLOSE = ("Blue Tiger", 0.81, "Glassy Tiger", 0.12), ("Blue Tiger", 0.481, "Glassy Tiger", 0.479)


def test_the_same_answers_are_agreed() -> None:
    proof = prove(answers(CLEAR, CLOSE, contract="LepiNet's /predict"), answers(CLEAR, CLOSE), TARGET)
    assert proof.agreed
    assert proof.sentence == "the endpoint answers 2 of 2 known images as tested, asked by LepiNet's /predict"


def test_a_photo_between_two_species_may_go_to_either() -> None:
    turned = ("Glassy Tiger", 0.481, "Blue Tiger", 0.479)
    assert prove(answers(turned), answers(CLOSE), TARGET).agreed


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (("Glassy Tiger", 0.81, "Blue Tiger", 0.12), "tested: Blue Tiger 81%, live: Glassy Tiger 81%"),
        (("Blue Tiger", 0.81 - 2 * TOLERANCE, "Glassy Tiger", 0.1), "tested: Blue Tiger 81%, live: Blue Tiger 79%"),
        ("HTTP 400: no", "HTTP 400: no"),
    ],
)
def test_another_answer_is_told_with_the_reason(live: tuple[str, float, str, float] | str, reason: str) -> None:
    proof = prove(answers(CLEAR, live), answers(CLEAR, CLEAR), TARGET)
    assert not proof.agreed
    assert f"1 of 2 answers differ from the tested ones (allowed: 0): 1.jpg ({reason})" in proof.sentence


def test_one_in_a_hundred_may_differ() -> None:
    other = ("Common Crow", 0.9, "Blue Tiger", 0.1)
    assert prove(answers(*[CLEAR] * 99, other), answers(*[CLEAR] * 100), TARGET).agreed
    assert not prove(answers(*[CLEAR] * 98, other, other), answers(*[CLEAR] * 100), TARGET).agreed


def test_who_names_other_files_is_not_believed_whatever_it_answers() -> None:
    proof = prove(answers(CLEAR, **SAYS | {"revision": "b" * 40}), answers(CLEAR), TARGET)
    assert not proof.agreed
    assert proof.sentence == "the endpoint runs, but says that it answers with asha/butterflies @ bbbbbbb"
    assert not prove(answers(CLEAR, **SAYS | {"file_path": "asha/moths"}), None, TARGET).agreed
    assert prove(answers(CLEAR, **SAYS), answers(CLEAR), TARGET).agreed


def test_a_sample_has_of_each_species_its_share_and_is_always_the_same(tmp_path: Path) -> None:
    cases = []
    for number in range(120):
        (tmp_path / f"{number:03}.png").write_bytes(photo((number, 0, 0)))
        species = "rare" if number == 60 else "common" if number % 3 else "middling"
        cases.append((tmp_path / f"{number:03}.png", species, species))
    known = known_images(cases)
    sample = known.sample(30)
    counted = {
        name: sum(image.expected_id == name for image in sample.images) for name in ("common", "middling", "rare")
    }
    assert counted["rare"] == 1
    assert 18 <= counted["common"] <= 21
    assert sum(counted.values()) == 30
    assert sample == known_images(cases).sample(30)
    assert [image.file_name for image in sample.images] == sorted(image.file_name for image in sample.images)
    assert known.sample(120) is known
    assert sample.sha256 != known.sha256
