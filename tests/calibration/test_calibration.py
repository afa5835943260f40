"""The calibration in small: it measures what the verdict says, its page is today's, and a broken promise is seen."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import beside, many, single
from calibration.models import Border, dice, flips, gates_of
from calibration.page import Measured, line, page
from calibration.sections import SECTIONS
from calibration.tables import Cell, Part, broken, counted
from calibration.whole import whole
from lepinet.evaluation.gates import Decision
from lepinet.evaluation.gates.terms import Terms

PAGE = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("measure", "arguments"),
    [
        (single.wrong_promotions, ("0.02", 20)),
        (single.wrong_promotions, ("0.05", 40)),
        (single.undecided, ("0.05", 40, 0.77)),
        (single.wide, (40, 0.16)),
        (single.old_rule, (300, 0.12)),
    ],
)
def test_the_page_says_what_the_verdict_does_today(measure: Callable[..., Part], arguments: tuple[Any, ...]) -> None:
    found = measure(*arguments)
    for row in found.rows:
        assert line(row) in PAGE.splitlines(), "run: make calibration"
    assert not found.differing


@pytest.mark.parametrize(
    ("measure", "arguments", "runs"),
    [
        (single.power, (100,), 20_000),
        (single.enough, ("0.05", 0.08, 0.0), 20_000),
        (many.tries, ("0.05", 100), 1000),
        (many.between, ("0.08", 0.5, False), 200),
        (beside.equal, ("12 of 25", 0.08, 0.5), 300),
        (beside.lost_species, (50, 10, 0.6, 0.84), 300),
        (whole, (12, 8, -0.05), 300),
        (whole, (12, 8, 0.0), 300),
    ],
)
def test_a_few_runs_break_no_promise(measure: Callable[..., Part], arguments: tuple[Any, ...], runs: int) -> None:
    found = measure(*arguments, runs=runs)
    assert not broken([found])
    assert not found.differing


def test_a_verdict_that_is_less_sure_than_it_says_is_found_out() -> None:
    gates = gates_of("0.02").model_copy(update={"confidence": Decimal("0.90")})
    negative, positive = flips(dice("less sure"), 20_000, 100, 0.08, -0.02)
    cell = counted(Border(100, Terms(gates)).encloses(negative, positive), at_most=0.05)
    assert broken([Part(((cell,),))]) == [cell]


@pytest.mark.parametrize("mildest", [Decision.PROMOTE, Decision.UNDECIDED])
def test_the_border_is_where_the_verdict_changes(mildest: Decision) -> None:
    size = 14
    border = Border(size, Terms(gates_of("0.3")), mildest=mildest)
    outcomes = [(b, c) for b, c in product(range(size + 1), repeat=2) if b + c <= size]
    negative, positive = np.array(outcomes).T
    assert border.encloses(negative, positive).tolist() == [border.judges(*one) for one in outcomes]


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        (Cell(0.0512, 20_000, at_most=0.05), False),
        (Cell(0.0600, 20_000, at_most=0.05), True),
        (Cell(0.0512, None, at_most=0.05), True),
        (Cell(0.0500, None, at_most=0.05), False),
        (Cell(0.7750, 20_000, at_least=0.78, at_most=0.82), False),
        (Cell(0.7600, 20_000, at_least=0.78, at_most=0.82), True),
        (Cell(0.9900, 20_000), False),
    ],
)
def test_a_promise_is_broken_when_chance_does_not_explain_it(cell: Cell, seen: bool) -> None:  # noqa: FBT001 -- a column
    assert cell.broken(100) is seen


def test_the_page_marks_what_is_broken() -> None:
    section = SECTIONS[0]
    parts = (Part((("40", Cell(0.3, 1000, at_most=0.05), Cell(0.5, 1000)),)),)
    text = page([Measured(section, parts)])
    assert "| 40 | **30.00, broken** | 50.00 |" in text
    assert "1 of the promises on this page are broken" in text
