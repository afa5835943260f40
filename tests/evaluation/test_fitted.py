"""Limits for a repository that has none: the active version keeps them, and each says why it is what it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.evaluation.gates.fitted import fitted
from lepinet.evaluation.gates.floors import floors
from lepinet.evaluation.gates.verdict import State
from lepinet.evaluation.metrics import Metrics
from lepinet.manifest.model import Gates


def figures(size: int, right: int, top3: int | None) -> Metrics:
    nothing: dict[str, Any] = dict.fromkeys(Metrics.__dataclass_fields__)
    return Metrics(**{**nothing, "sample_size": size, "correct": right, "correct_in_top3": top3})


@given(st.integers(1, 5000).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size), st.integers(0, size))))
def test_the_active_version_keeps_its_own_floors(counts: tuple[int, int, int]) -> None:
    measured = figures(*counts)
    limits = {limit.key: limit.limit for limit in fitted("v1.0.0", measured)}
    gates = Gates.model_validate(limits)
    assert {judged.gate.state for judged in floors(measured, gates)} == {State.PASSED}


@pytest.mark.parametrize(
    ("size", "margin", "said"),
    [
        (12, "0.10", "12 known images cannot even show 10 points, so a person decides"),
        (300, "0.05", "300 known images can show that a new version is at most 5 points worse"),
        (2000, "0.02", "2,000 known images are enough to show that a new version is at most 2 points worse"),
    ],
)
def test_the_margin_is_the_smallest_that_so_many_photos_can_show(size: int, margin: str, said: str) -> None:
    limit = fitted("v1.0.0", figures(size, size, size))[0]
    assert (limit.key, limit.limit) == ("non_inferiority_margin", Decimal(margin))
    assert limit.reason.startswith(said)


def test_floors_lie_where_chance_ends() -> None:
    _, accuracy, top3 = fitted("v1.0.0", figures(300, 264, 290))
    assert (accuracy.limit, top3.limit) == (Decimal("0.83"), Decimal("0.93"))
    assert accuracy.reason.startswith("v1.0.0 names 264 of 300 right, so 84 to 91 % of all such photos")


def test_an_endpoint_that_tells_its_first_guess_alone_gets_no_floor_for_three() -> None:
    assert [limit.key for limit in fitted("v1.0.0", figures(50, 40, None))] == [
        "non_inferiority_margin",
        "min_accuracy",
    ]
