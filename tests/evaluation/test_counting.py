"""Copies count once, photos that nobody can trust not at all: in the comparison, not in the floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.answering import SOMETHING_ELSE, answers_of
from lepinet.evaluation.answers import Answer, Answers, Score
from lepinet.evaluation.comparison import compare
from lepinet.evaluation.counting import LeftOut, Why
from lepinet.evaluation.gates import Decision, State
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.paired import Paired
from lepinet.evaluation.results import read_results, results_of
from lepinet.manifest.model import Gates
from report.reports import NOW

TIGER, CROW = "Blue Tiger", "Common Crow"


def answer(name: str, *, right: bool = True, species: str = TIGER, content: str | None = None) -> Answer:
    """Of a photo whose bytes are those of `content`; by default, as no other's."""
    truth = Score(id=species, name=species, confidence=0.9)
    return Answer(
        file_name=name,
        sha256=f"{(content or name).encode().hex():0>64}",
        expected_id=species,
        expected_name=species,
        top=(truth,) if right else (SOMETHING_ELSE, truth),
    )


def both(
    *photos: Answer,
    wrong: Sequence[str] = (),
    alike: Sequence[Sequence[str]] = (),
    old_learned: Sequence[str] = (),
    new_learned: Sequence[str] = (),
) -> tuple[Answers, Answers]:
    """The old model's answers as given, the new one's wrong where it says so."""
    told = {"alike": tuple(map(tuple, alike))}
    after = [
        answer(
            photo.file_name, right=photo.correct and photo.file_name not in wrong, species=photo.expected_id
        ).model_copy(update={"sha256": photo.sha256})
        for photo in photos
    ]
    old, new = answers_of("v1.0.0", photos), answers_of("v2.0.0", after)
    return (
        old.model_copy(update=told | {"trained_on": tuple(old_learned)}),
        new.model_copy(update=told | {"trained_on": tuple(new_learned)}),
    )


def test_a_copy_counts_once_whether_its_bytes_are_the_same_or_only_what_it_shows() -> None:
    photos = (answer("a"), answer("b", content="a"), answer("c"), answer("d"), answer("e"))
    found = compare(*both(*photos, wrong=["a", "b", "c", "d"], alike=[["c", "d"]]))
    assert found.paired == Paired(1, 2, 0, 0)
    assert found.negative_flips == ("a", "c")
    assert found.left_out == (
        LeftOut(file_name="b", why=Why.COPY, of="a"),
        LeftOut(file_name="d", why=Why.COPY, of="c"),
    )
    assert [one.support for one in found.species] == [3]


def test_copies_of_copies_are_one_photo() -> None:
    """A burst, one of whose photos was also saved twice."""
    photos = (answer("a"), answer("b"), answer("c"), answer("d", content="c"))
    found = compare(*both(*photos, alike=[["b", "a"], ["b", "c"]]))
    assert found.paired.size == 1
    assert {one.of for one in found.left_out} == {"a"}


def test_one_photo_under_two_species_counts_for_neither() -> None:
    photos = (answer("a"), answer("b", species=CROW, content="a"), answer("c"), answer("d", species=CROW))
    found = compare(*both(*photos, alike=[["c", "d"]]))
    assert found.paired.size == 0
    assert [(one.file_name, one.why, one.of) for one in found.left_out] == [
        ("a", Why.TWO_SPECIES, "b"),
        ("b", Why.TWO_SPECIES, "a"),
        ("c", Why.TWO_SPECIES, "d"),
        ("d", Why.TWO_SPECIES, "c"),
    ]


def test_what_either_model_was_trained_on_is_left_out_with_its_copies() -> None:
    photos = (answer("a"), answer("b"), answer("c", content="b"), answer("d"), answer("e"))
    found = compare(*both(*photos, old_learned=["a", "d"], new_learned=["c", "d"]))
    assert found.paired.size == 1
    assert [(one.file_name, one.of) for one in found.left_out] == [
        ("a", "v1.0.0"),
        ("b", "v2.0.0"),
        ("c", "v2.0.0"),
        ("d", "v1.0.0 and v2.0.0"),
    ]
    assert {one.why for one in found.left_out} == {Why.TRAINED_ON}


def test_names_that_no_photo_has_are_no_harm() -> None:
    """A file that was handed over may say anything."""
    found = compare(*both(answer("a"), answer("b"), alike=[["a", "x"], ["y", "z"], [], ["b"]], new_learned=["q"]))
    assert (found.paired.size, found.left_out) == (2, ())


photos = st.dictionaries(
    st.sampled_from([f"photo {number}" for number in range(9)]),
    st.tuples(st.booleans(), st.sampled_from([TIGER, CROW]), st.sampled_from("pqrstuvwxyz")),
    min_size=1,
)
names = st.lists(st.sampled_from([f"photo {number}" for number in range(9)]), max_size=3)


@given(photos, st.lists(names, max_size=3), st.tuples(names, names, names), st.data())
def test_neither_the_order_of_photos_nor_of_models_matters(
    drawn: Mapping[str, tuple[bool, str, str]],
    groups: list[list[str]],
    said: tuple[list[str], list[str], list[str]],
    data: st.DataObject,
) -> None:
    listed = [answer(name, right=right, species=s, content=content) for name, (right, s, content) in drawn.items()]
    told = partial(both, wrong=said[0], alike=groups, old_learned=said[1], new_learned=said[2])
    old, new = told(*listed)
    found = compare(old, new)
    assert compare(*told(*data.draw(st.permutations(listed)))) == found
    swapped = compare(new, old)
    assert swapped.left_out == found.left_out
    assert swapped.paired == found.paired.swapped()


@given(photos, names, st.lists(names, max_size=3))
def test_what_models_say_does_not_decide_what_counts(
    drawn: Mapping[str, tuple[bool, str, str]], wrong: list[str], groups: list[list[str]]
) -> None:
    def counted(*, right: bool) -> tuple[LeftOut, ...]:
        listed = [answer(name, right=right, species=s, content=content) for name, (_, s, content) in drawn.items()]
        return compare(*both(*listed, wrong=wrong if right else (), alike=groups)).left_out

    assert counted(right=True) == counted(right=False)


def test_floors_count_all_photos_and_the_comparison_those_that_show_something() -> None:
    old, new = both(*(answer(f"{number:03}", content=f"{number % 50}") for number in range(100)))
    verdict = judge(old, new.model_copy(update={"model": old.model}), Terms(Gates()))
    sizes = {gate.name: gate.sample_size for gate in verdict.gates}
    assert (sizes["min_accuracy"], sizes["non_inferiority"]) == (100, 50)


def test_a_hundred_copies_show_no_more_than_one_photo() -> None:
    """149 equal answers show that a model is at most two points worse; copies of a single photo do not."""
    gates = Gates(min_accuracy=None, min_top3_accuracy=None)
    different = [answer(f"{number:03}") for number in range(200)]
    unsure = (answer("other"), answer("another"))
    old, new = both(*different, *unsure)
    shaky = new.answers[0].model_copy(update={"top": (new.answers[0].top[0].model_copy(update={"confidence": 0.5}),)})
    new = new.model_copy(update={"answers": (shaky, *new.answers[1:])})
    assert judge(old, new, Terms(gates)).answer is Decision.PROMOTE
    alike = ([photo.file_name for photo in different],)
    told = {"alike": tuple(map(tuple, alike))}
    verdict = judge(old.model_copy(update=told), new.model_copy(update=told), Terms(gates))
    assert verdict.answer is Decision.UNDECIDED
    assert verdict.gates[0].sample_size == 3


def test_where_no_photo_counts_nothing_is_shown() -> None:
    old, new = both(answer("a"), answer("b"), wrong=["a"], old_learned=["a", "b"])
    verdict = judge(old, new, Terms(Gates(min_accuracy=Decimal("0.5"))))
    (gate,) = (gate for gate in verdict.gates if gate.name == "non_inferiority")
    assert (gate.state, gate.sample_size) == (State.UNDECIDED, 0)
    assert "none of the known images that count" in gate.sentence


def test_a_species_without_a_label_is_lost_though_none_of_its_photos_counts() -> None:
    old, new = both(answer("a"), *(answer(str(number), species=CROW) for number in range(30)), old_learned=["a"])
    everything = frozenset({TIGER, CROW})
    old = old.model_copy(update={"nameable": everything})
    new = new.model_copy(
        update={"nameable": frozenset({CROW}), "answers": (answer("a", right=False), *new.answers[1:])}
    )
    verdict = judge(old, new, Terms(Gates()))
    assert verdict.answer is Decision.HOLD
    assert verdict.sentence == "Blue Tiger, 1 of 1 right before, the new model has no such label"


def test_of_files_that_test_wrote_copies_are_known_by_their_bytes(tmp_path: Path) -> None:
    old, new = both(answer("a"), answer("b", content="a"), answer("c"), answer("d"), alike=[["c", "d"]])
    read = []
    for name, answers in (("old", old), ("new", new)):
        (tmp_path / f"{name}.json").write_text(results_of(answers, NOW).model_dump_json())
        read.append(read_results(tmp_path / f"{name}.json").answers())
    assert [one.file_name for one in compare(*read).left_out] == ["b"]
    # One of two that were run here is enough to know what the photos show.
    assert [one.file_name for one in compare(read[0], new).left_out] == ["b", "d"]


@pytest.mark.parametrize("why", Why)
def test_answers_that_are_handed_over_keep_what_counts(why: Why) -> None:
    old, new = both(
        answer("a"),
        answer("b", content="a"),
        answer("c"),
        answer("d", species=CROW),
        answer("e"),
        alike=[["c", "d"]],
        new_learned=["e"],
    )
    handed = [Answers.model_validate_json(one.model_dump_json()) for one in (old, new)]
    assert compare(*handed) == compare(old, new)
    assert why in {one.why for one in compare(*handed).left_out}
