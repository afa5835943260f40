"""Answers are paired by image: a list that somebody has sorted anew must not make other flips of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.evaluation.comparison import compare
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
from lepinet.manifest.model import Gates

SPECIES = ("Blue Tiger", "Common Crow", "Tailed Jay")


def answers(model: str, right: list[bool], order: list[int]) -> Answers:
    """A model that is right on the images as told, in the order in which its list had them."""
    return Answers(
        model=ModelIdentity(name=model),
        known_images_sha256="0" * 64,
        nameable=frozenset(SPECIES),
        answers=tuple(answer(number, correct=right[number]) for number in order),
    )


def answer(number: int, *, correct: bool) -> Answer:
    truth = SPECIES[number % len(SPECIES)]
    said = truth if correct else SPECIES[(number + 1) % len(SPECIES)]
    return Answer(
        file_name=f"photo_{number:03}.jpg",
        sha256=f"{number:064x}",
        expected_id=truth,
        expected_name=truth,
        top=(Score(id=said, name=said, confidence=0.9),),
    )


@given(st.data())
def test_order_of_the_images_does_not_matter(data: st.DataObject) -> None:
    right = data.draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
    before, now = ([pair[model] for pair in right] for model in (0, 1))
    listed = list(range(len(right)))
    resorted = data.draw(st.permutations(listed))
    baseline = answers("v1.0.0", before, listed)
    as_listed, sorted_anew = (answers("v1.1.0", now, order) for order in (listed, resorted))
    assert compare(baseline, sorted_anew) == compare(baseline, as_listed)
    assert judge(baseline, sorted_anew, Terms(Gates())) == judge(baseline, as_listed, Terms(Gates()))


def test_flips_are_the_images_that_changed() -> None:
    baseline = answers("v1.0.0", [True, True, False, False], [0, 1, 2, 3])
    candidate = answers("v1.1.0", [True, False, True, False], [3, 1, 0, 2])
    comparison = compare(baseline, candidate)
    assert comparison.negative_flips == ("photo_001.jpg",)
    assert comparison.positive_flips == ("photo_002.jpg",)
