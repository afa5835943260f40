"""What is read of a model's card and configuration, whatever stands in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.evaluation.labels import Species, SpeciesNames
from lepinet.report.card import changed, figures

CARD = "---\nmodel-index:\n- results:\n  - dataset: {{name: Sri Lanka}}\n    metrics:\n    - {}\n---\n# It\n"

NO_LIST = SpeciesNames(())


def test_the_figures_are_those_of_the_front_matter() -> None:
    assert figures(CARD.format("{type: accuracy, value: 0.92341}")) == ("accuracy 0.92341 on Sri Lanka",)
    assert figures(CARD.format("{name: F1, type: f1, value: 90}")) == ("F1 90 on Sri Lanka",)


@pytest.mark.parametrize(
    "card",
    [
        "",
        "# It\n",
        "---\n- [\n---\n",
        "---\nmodel-index: 7\n---\n",
        "---\nmodel-index: [{results: [7, {metrics: {a: 1}}]}]\n---\n",
        CARD.format("{type: accuracy, value: .inf}"),
        CARD.format("{type: accuracy, value: high}"),
        CARD.format("{type: accuracy, value: " + "[" * 5000 + "}"),
        "---\n!!python/object/apply:os.system [touch pwned]\n---\n",
        "---\n" + "a: 1\n" * 100_000 + "---\n",
    ],
)
def test_a_card_without_figures_that_can_be_read_has_none(card: str) -> None:
    assert figures(card) == ()


@given(st.text())
def test_no_card_is_an_error(text: str) -> None:
    assert figures(f"---\n{text}\n---\n") is not None
    assert changed(text, text, NO_LIST) == ()


def test_labels_and_settings_that_are_other_are_named() -> None:
    old = json.dumps({"id2label": {"0": "Blue Tiger", "1": "Moth"}, "image_size": 224, "dtype": "float32"})
    new = json.dumps({"id2label": {"0": "Blue Tiger", "1": "Crow"}, "image_size": 512, "dtype": "float16"})
    assert changed(old, new, NO_LIST) == (
        "new labels (1): Crow",
        "gone labels (1): Moth",
        "image_size: 512, before 224",
    )
    assert changed(None, new, NO_LIST) == ()
    assert changed("[" * 100_000, new, NO_LIST) == ()


def test_labels_that_are_only_spelled_otherwise_are_neither_new_nor_gone() -> None:
    old = json.dumps({"id2label": {"0": "blue_tiger", "1": "Danaus chrysippus", "2": "a-moth", "3": "Crow"}})
    new = json.dumps({"id2label": {"0": "Blue Tiger", "1": "038", "2": "A Moth", "3": "Jay"}})
    listed = SpeciesNames([Species("045", "Blue Tiger"), Species("038", "Plain Tiger", "Danaus chrysippus")])
    told = ("3 labels spelled otherwise: the same species as before", "new labels (1): Jay", "gone labels (1): Crow")
    assert changed(old, new, listed) == told
