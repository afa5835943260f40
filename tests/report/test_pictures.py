"""Pictures show the figures where they are, say in words what is to be seen, and take no markup from anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.evaluation.results import CalibrationBin
from lepinet.report.escape import for_terminal
from lepinet.report.pictures import MeasuredRun, SpeciesRow, calibration, confusion, difference, over_time, species
from report.hostile import NAMES

SHARES = st.floats(0, 1)
BIN = CalibrationBin(lower=12 / 15, upper=13 / 15, count=10, correct=7, confidence=0.85)


def drawn(picture: str) -> ET.Element:
    """A picture that has a title and a description, and takes its looks from the page's stylesheet alone."""
    root = ET.fromstring(picture)  # noqa: S314 -- our own
    assert root.get("role") == "img"
    told = [(element.tag.rpartition("}")[2], bool(element.text)) for element in list(root)[:2]]
    assert told == [("title", True), ("desc", True)]
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        assert kind in {"svg", "title", "desc", "line", "circle", "rect", "text"}
        looks = {"style", "fill", "stroke", "href", "id"} | {key for key in element.attrib if key.startswith("on")}
        assert not looks & element.attrib.keys()
    return root


def marks(picture: str, kind: str) -> Iterator[ET.Element]:
    return (element for element in drawn(picture).iter() if kind in element.get("class", "").split())


def mark(picture: str, kind: str) -> ET.Element:
    (found,) = marks(picture, kind)
    return found


def place(element: ET.Element, key: str) -> float:
    """In percent."""
    return float(element.get(key, "").removesuffix("%"))


def words(picture: str) -> list[str]:
    return [element.text or "" for element in drawn(picture).iter() if element.tag.endswith("text")]


@given(st.lists(st.integers(-100, 100), min_size=3, max_size=3).map(sorted), st.integers(1, 1000))
def test_the_bar_crosses_the_limit_where_the_interval_contains_it(points: list[int], margin: int) -> None:
    low, middle, high = (number / 100 for number in points)
    picture = difference("v1.0.0", middle, (low, high), margin / 1000)
    bar, limit, estimate = mark(picture, "interval"), mark(picture, "limit"), mark(picture, "new")
    left, right, border = place(bar, "x1"), place(bar, "x2"), place(limit, "x1")
    assert 0 <= left <= place(estimate, "cx") <= right <= 100
    assert (left < border) == (low < -margin / 1000)
    assert (right < border) == (high < -margin / 1000)
    assert place(mark(picture, "beyond"), "width") == border, "what is not allowed ends at the limit"
    assert 2 <= sum(word.lstrip("+-").replace(".", "").isdigit() for word in words(picture)) <= 7


def test_without_a_limit_none_is_drawn() -> None:
    picture = difference("v1.0.0", 0.0, (-0.02, 0.02), None)
    assert not list(marks(picture, "limit"))
    assert "limit" not in picture


def test_a_difference_says_what_is_seen() -> None:
    picture = difference("v1.0.0", -0.042, (-0.099, 0.012), 0.02)
    title, seen = list(drawn(picture))[:2]
    assert title.text == "Better or worse than v1.0.0"
    assert seen.text == "-4.2 points, between -9.9 and +1.2. The limit is -2."
    assert "limit: 2 points worse" in words(picture)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))))
def test_a_species_has_its_dots_where_its_shares_are(counts: tuple[int, int, int]) -> None:
    old, new, images = counts
    picture = species([SpeciesRow("Blue Tiger", images, old, new)], "Species")
    assert place(mark(picture, "old"), "cx") == pytest.approx(100 * old / images, abs=0.01)
    assert place(mark(picture, "new"), "cx") == pytest.approx(100 * new / images, abs=0.01)
    moved = "down" if new < old else "up" if new > old else "same"
    assert moved in mark(picture, "new").get("class", "").split()
    assert (f"{old} → {new} of {images}" if old != new else f"{new} of {images}") in words(picture)


def test_a_model_alone_has_one_dot_for_each_species() -> None:
    rows = [SpeciesRow("Blue Tiger", 8, None, 6), SpeciesRow("Common Crow", 5, None, 5)]
    picture = species(rows, "Species")
    assert not list(marks(picture, "old"))
    assert [place(dot, "cx") for dot in marks(picture, "new")] == [75, 100]
    assert "6 of 8" in words(picture)


@given(st.integers(0, 14), st.integers(1, 500), st.data())
def test_calibration_has_a_dot_where_confidence_and_share_meet(number: int, count: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, count))
    sure = data.draw(st.floats(number / 15, (number + 1) / 15))
    one = CalibrationBin(lower=number / 15, upper=(number + 1) / 15, count=count, correct=correct, confidence=sure)
    picture = calibration([one], "v2.0.0")
    dot, spread, bar = (mark(picture, kind) for kind in ("new", "spread", "tally"))
    assert place(dot, "cx") == pytest.approx(100 * sure, abs=0.01)
    assert place(dot, "cy") == pytest.approx(100 - 100 * correct / count, abs=0.01)
    assert place(spread, "y2") <= place(dot, "cy") <= place(spread, "y1"), "its interval is around it"
    assert place(bar, "x") + place(bar, "width") <= 100
    assert f"{count} photos" in words(picture)


def test_the_fuller_a_bin_the_larger_its_dot_and_the_higher_its_bar() -> None:
    fuller = BIN.model_copy(update={"lower": 14 / 15, "upper": 1.0, "count": 40, "correct": 39, "confidence": 0.98})
    picture = calibration([BIN, fuller], "v2.0.0")
    radii = [float(dot.get("r", "")) for dot in marks(picture, "new")]
    heights = [place(bar, "height") for bar in marks(picture, "tally")]
    assert radii == sorted(radii)
    assert heights[1] == pytest.approx(4 * heights[0])
    assert list(drawn(picture))[1].text == "50 answers. Where most of them are, it says 98 % and 39 of 40 are right."


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_in_every_picture(name: str) -> None:
    dots = species([SpeciesRow(name, 3, 1, 2)], name)
    matrix = confusion([name, name], {(0, 1): 2}, name)
    for picture in (difference(name, 0, (-0.1, 0.1), 0.02), dots, calibration([BIN], name), matrix):
        assert for_terminal(name) in (next(iter(drawn(picture))).text or "")
    assert for_terminal(name, 30) in words(dots)


@given(
    st.integers(1, 10).flatmap(lambda n: st.dictionaries(st.tuples(*[st.integers(0, n - 1)] * 2), st.integers(1, 99)))
)
def test_a_mistake_is_marked_in_the_row_of_what_it_is_and_the_column_of_what_it_was_called(
    counts: dict[tuple[int, int], int],
) -> None:
    names = [f"species {number}" for number in range(10)]
    picture = confusion(names, counts, "v2.0.0")
    columns = sorted({place(cell, "x") for cell in marks(picture, "cell")})
    rows = sorted({float(cell.get("y", "")) for cell in marks(picture, "cell")})
    assert len(columns) == len(rows) == len(names)
    for kind in ("right", "wrong"):
        found = {
            (rows.index(float(cell.get("y", ""))), columns.index(place(cell, "x"))) for cell in marks(picture, kind)
        }
        assert found == {cell for cell in counts if (cell[0] == cell[1]) == (kind == "right")}
    assert sorted(word for word in words(picture) if word.isdigit()) == sorted(
        [*map(str, counts.values()), *(str(number + 1) for number in range(len(names)))]
    )


def test_a_matrix_says_which_mistake_is_the_most_frequent() -> None:
    picture = confusion(["Blue Tiger", "Glassy Tiger"], {(0, 0): 9, (0, 1): 2, (1, 0): 5}, "v2.0.0")
    assert list(drawn(picture))[1].text == "Glassy Tiger is taken for Blue Tiger most often: 5 photos."
    assert list(drawn(confusion(["Blue Tiger"], {(0, 0): 9}, "v2.0.0")))[1].text == "None is mistaken."


RUNS = st.lists(
    st.builds(
        MeasuredRun,
        at=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 -- theirs
        version=st.sampled_from(["v1.0.0", "v1.1.0", *NAMES]),
        right=st.integers(0, 12),
        images=st.integers(12, 100),
    ),
    min_size=1,
).map(lambda runs: sorted(runs, key=lambda run: run.at))


@given(RUNS, st.none() | SHARES)
def test_runs_stand_in_their_time_and_each_dot_within_what_its_photos_leave_possible(
    runs: list[MeasuredRun], floor: float | None
) -> None:
    picture = over_time(runs, floor, "right")
    dots, bars = list(marks(picture, "new")), list(marks(picture, "spread"))
    assert len(dots) == len(bars) == len(runs)
    across = [place(dot, "cx") for dot in dots]
    assert across == sorted(across)
    assert 0 <= across[0] <= across[-1] <= 100
    for dot, bar in zip(dots, bars, strict=True):
        assert 0 <= place(bar, "y2") <= place(dot, "cy") <= place(bar, "y1") <= 100
    assert len(list(marks(picture, "limit"))) == (floor is not None)
    changes = sum(before.version != run.version for before, run in pairwise(runs))
    assert len(list(marks(picture, "zero"))) == changes


def test_runs_of_one_day_are_told_apart_by_the_time_of_the_day() -> None:
    def below(*moments: datetime) -> list[str]:
        runs = [MeasuredRun(at=at, version="v1.0.0", right=11, images=12) for at in moments]
        return [text for label in marks(over_time(runs, None, "right"), "number") if ":" in (text := label.text or "")]

    morning, evening = datetime(2026, 11, 26, 7, 5, tzinfo=UTC), datetime(2026, 11, 26, 19, 20, tzinfo=UTC)
    assert below(morning, evening) == ["26 Nov 07:05 UTC", "19:20 UTC"]
    assert below(morning, evening + timedelta(days=1)) == []
    assert below(morning) == ["26 Nov 07:05 UTC"]
