"""A part of the known images that stands for all of them."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lepinet.evaluation.answers import Answer
from lepinet.evaluation.sample import stratified


def photo(number: int, species: str) -> Answer:
    return Answer(
        file_name=f"{number}.jpg", sha256=f"{number * 7919 % 65521:064x}", expected_id=species, expected_name=species
    )


PHOTOS = st.lists(st.sampled_from("abcd"), max_size=40).map(
    lambda species: tuple(photo(number, one) for number, one in enumerate(species))
)


@given(PHOTOS, st.integers(1, 45))
def test_no_species_has_two_more_than_one_that_has_photos_left(photos: tuple[Answer, ...], most: int) -> None:
    chosen = stratified(photos, most)
    assert len(chosen) == min(most, len(photos))
    assert list(chosen) == sorted(chosen, key=photos.index), "in their own order, each once"
    there, taken = (Counter(one.expected_id for one in some) for some in (photos, chosen))
    short = [taken[species] for species in there if taken[species] < there[species]]
    assert not short or max(taken.values()) - min(short) <= 1


@given(PHOTOS, st.integers(1, 45), st.integers(1, 45), st.randoms())
def test_the_photos_choose_and_not_their_order(photos: tuple[Answer, ...], one: int, other: int, any_: object) -> None:
    few, many = sorted((one, other))
    shuffled = list(photos)
    any_.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands on a Random
    assert set(stratified(photos, few)) <= set(stratified(shuffled, many))
