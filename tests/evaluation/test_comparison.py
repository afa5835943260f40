"""Two models side by side: what flipped, which species count where, and when two models are the same one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.answering import Counts, answers_of, two_models
from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Answer, Answers
from lepinet.evaluation.comparison import SpeciesChange, compare
from lepinet.evaluation.paired import Paired

counts = st.builds(Counts, *(st.integers(0, 4) for _ in range(4))).filter(sum)


def test_each_species_with_its_flips() -> None:
    old, new = two_models({"Blue Tiger": Counts(5, 2, 1, 0), "Common Crow": Counts(3, 0, 2, 4)})
    found = compare(old, new)
    assert found.paired == Paired(8, 2, 3, 4)
    assert found.species == (
        SpeciesChange("Blue Tiger", "Blue Tiger", support=8, old_correct=7, new_correct=6, negative=2, positive=1),
        SpeciesChange("Common Crow", "Common Crow", support=9, old_correct=3, new_correct=5, negative=0, positive=2),
    )
    assert found.negative_flips == ("Blue Tiger/00005.jpg", "Blue Tiger/00006.jpg")
    assert len(found.positive_flips) == 3


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), counts, min_size=1))
@settings(deadline=None)
def test_swapping_the_models_mirrors_the_comparison(table: dict[str, Counts]) -> None:
    old, new = two_models(table)
    there, back = compare(old, new), compare(new, old)
    assert back.paired == there.paired.swapped()
    assert (back.negative_flips, back.positive_flips) == (there.positive_flips, there.negative_flips)
    assert [(one.negative, one.positive) for one in back.species] == [
        (one.positive, one.negative) for one in there.species
    ]


def test_images_of_species_that_the_old_model_cannot_name_are_set_apart() -> None:
    table = {"Blue Tiger": Counts(6), "Common Crow": Counts(0, 0, 5, 1), "Nawab": Counts(0, 0, 0, 3)}
    old, new = two_models(table, old_names=["Blue Tiger"], new_names=["Blue Tiger", "Common Crow"])
    found = compare(old, new)
    assert found.paired == Paired(6, 0, 0, 0)
    assert found.positive_flips == ()
    assert [one.id for one in found.other_species] == ["Common Crow", "Nawab"]
    assert found.dropped == ()


def test_a_species_that_the_new_model_has_no_label_for_is_dropped() -> None:
    table = {"Blue Tiger": Counts(6), "Common Crow": Counts(0, 2, 0, 0)}
    found = compare(*two_models(table, new_names=["Blue Tiger"]))
    assert [one.id for one in found.dropped] == ["Common Crow"]
    assert found.paired == Paired(6, 2, 0, 0)


def test_an_endpoint_that_names_no_labels_is_judged_on_all_images() -> None:
    old, new = two_models({"Blue Tiger": Counts(3, 1, 0, 0)})
    found = compare(old.model_copy(update={"nameable": None}), new.model_copy(update={"nameable": None}))
    assert found.paired.size == 4
    assert found.dropped == found.other_species == ()


def test_answers_about_other_images_are_refused() -> None:
    old, _ = two_models({"Blue Tiger": Counts(3)})
    _, new = two_models({"Blue Tiger": Counts(4)})
    with pytest.raises(RefusedError, match="tested on different known images"):
        compare(old, new)


def with_digest(answers: Answers, digest: str) -> Answers:
    return answers.model_copy(update={"model": answers.model.model_copy(update={"sha256": digest})})


def test_models_of_the_same_files_are_identical() -> None:
    old, new = two_models({"Blue Tiger": Counts(3)})
    assert compare(with_digest(old, "1" * 64), with_digest(new, "1" * 64)).identical
    assert not compare(with_digest(old, "1" * 64), with_digest(new, "2" * 64)).identical


@pytest.mark.parametrize(("new_confidence", "identical"), [(0.8, True), (0.8000005, True), (0.80001, False)])
def test_models_are_identical_by_scores_not_by_being_right(new_confidence: float, identical: bool) -> None:  # noqa: FBT001 -- a column
    old, new = two_models({"Blue Tiger": Counts(3, 0, 0, 2)}, new_confidence=new_confidence)
    assert compare(old, new).identical is identical


def test_an_unanswered_image_shows_nothing_of_two_models_being_the_same() -> None:
    image = Answer(file_name="a.jpg", sha256=None, expected_id="1", expected_name="Blue Tiger", error="is a folder")
    silent = answers_of("v1.0.0", [image]), answers_of("v2.0.0", [image])
    assert not compare(*silent).identical
    assert compare(*silent).paired == Paired(0, 0, 0, 1)
