"""Which species a model's label or an endpoint's answer means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Score
from lepinet.evaluation.labels import EndpointLabels, ModelLabels, Species, SpeciesNames
from lepinet.evaluation.predictors import Guess, RawAnswer

MORMON = Species("001", "Common Mormon", "Papilio polytes")
BIRDWING = Species("012", "Ceylon Birdwing")
NAMES = SpeciesNames([MORMON, BIRDWING, Species("1", "Nawab")])


@pytest.mark.parametrize(
    "text",
    [
        "001",
        " 001 ",
        "Common Mormon",
        "common_mormon",
        "COMMON-MORMON",
        "commonmormon",
        " common  mormon\t",
        "papilio_polytes",
        "Papilio polytes",
    ],
)
def test_a_species_by_id_or_name(text: str) -> None:
    assert NAMES.find(text) == MORMON


@pytest.mark.parametrize("text", ["", "01", "0001", "mormon", "Common Mormons", "LABEL_0", "-", "_"])
def test_nothing_is_guessed(text: str) -> None:
    assert NAMES.find(text) is None


def test_an_id_goes_before_a_name() -> None:
    names = SpeciesNames([Species("1", "Two"), Species("two", "Three")])
    assert names.find("two") == Species("two", "Three")
    assert names.find("Two") == Species("1", "Two")


def test_a_name_goes_before_a_scientific_name() -> None:
    names = SpeciesNames([Species("1", "Morpho", "Morpho peleides"), Species("2", "Blue Morpho", "morpho")])
    assert names.find("MORPHO") == Species("1", "Morpho", "Morpho peleides")


@pytest.mark.parametrize("count", [2, 3])
def test_a_name_that_several_species_share_finds_none_of_them(count: int) -> None:
    names = SpeciesNames(Species(str(number), spelt) for number, spelt in enumerate(["Crow", "crow", "CROW"][:count]))
    assert names.find("crow") is None
    assert names.find("1") == Species("1", "crow")


@given(st.lists(st.sampled_from([" ", "_", "-", ""]), min_size=12, max_size=12), st.booleans())
def test_no_spelling_of_a_name_matters(between: list[str], upper: bool) -> None:  # noqa: FBT001 - drawn
    spelt = "".join(letter + gap for letter, gap in zip("CommonMormon", between, strict=True))
    assert NAMES.find(spelt.upper() if upper else spelt.lower()) == MORMON


def test_a_models_labels_are_named_as_the_list_names_them() -> None:
    labels = ModelLabels(["common_mormon", "012", "background"], NAMES)
    answer = RawAnswer((Guess("012", 0.7), Guess("background", 0.2), Guess("common_mormon", 0.1)))
    assert labels.named(answer) == (
        Score(id="012", name="Ceylon Birdwing", confidence=0.7),
        Score(id="background", name="background", confidence=0.2),
        Score(id="001", name="Common Mormon", confidence=0.1),
    )
    assert labels.nameable == {"001", "012"}
    assert labels.named(RawAnswer(error="is empty")) == ()


def test_two_labels_of_one_species_are_refused() -> None:
    """Its probability would be split, and its photos lost to others."""
    with pytest.raises(RefusedError, match=r"two labels of the model mean Common Mormon: 'common_mormon' and '001'"):
        ModelLabels(["common_mormon", "Nawab", "001"], NAMES)


def test_an_endpoints_answer_by_id_else_by_name() -> None:
    labels = EndpointLabels(NAMES)
    answer = RawAnswer(
        (
            Guess("001", 0.5, "Ceylon Birdwing"),
            Guess("ceylon_birdwing", 0.3, "x"),
            Guess("7", 0.1, "Nawab"),
            Guess("8", 0.05, "Leopard"),
            Guess("LABEL_3", 0.05, ""),
        )
    )
    assert [(score.id, score.name) for score in labels.named(answer)] == [
        ("001", "Common Mormon"),
        ("012", "Ceylon Birdwing"),
        ("1", "Nawab"),
        ("8", "Leopard"),
        ("LABEL_3", "LABEL_3"),
    ]
