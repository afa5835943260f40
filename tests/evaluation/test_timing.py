"""Two models timed side by side."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lepinet.evaluation.cases import known_images, read_known_images
from lepinet.evaluation.speed import Speed
from lepinet.evaluation.timing import time_both

TESTS = Path(__file__).parents[1]
MODELS = TESTS / "models"
FEW = read_known_images(TESTS / "few_images")


def test_both_are_asked_as_often() -> None:
    speed = time_both(MODELS / "v1.0.0", MODELS / "v1.1.0", FEW)
    assert speed
    assert len(speed.old_ms) == len(speed.new_ms) == len(FEW)
    assert 0 < speed.lower_bound() <= speed.ratio


def test_a_model_that_does_not_answer_has_no_time(tmp_path: Path) -> None:
    assert time_both(MODELS / "v1.0.0", tmp_path, FEW) is None
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    assert (
        time_both(MODELS / "v1.0.0", MODELS / "v1.1.0", known_images([(tmp_path / "broken.jpg", "1", "One")])) is None
    )


@given(
    times=st.lists(st.tuples(st.floats(1, 100), st.floats(1, 100)), min_size=1, max_size=30),
    slower=st.floats(1.1, 10),
)
def test_a_slower_model_never_looks_faster(times: list[tuple[float, float]], slower: float) -> None:
    old, new = zip(*times, strict=True)
    speed, worse = Speed(old_ms=old, new_ms=new), Speed(old_ms=old, new_ms=tuple(one * slower for one in new))
    assert speed.lower_bound() < worse.lower_bound()
    assert speed.lower_bound() <= max(n / o for o in old for n in new)
