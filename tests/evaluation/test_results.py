"""What `lepinet test --json` says, and that it can be read back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evaluation.answering import Counts, two_models
from lepinet.errors import RefusedError
from lepinet.evaluation.results import read_results, results_of

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_each_species_and_what_it_was_taken_for() -> None:
    old, _ = two_models({"001": Counts(3, 1, 0, 1), "002": Counts(2)})
    found = results_of(old, NOW)
    assert [(one.id, one.support, one.recall, one.precision) for one in found.species] == [
        ("001", 5, 0.8, 1.0),
        ("002", 2, 1.0, 1.0),
    ]
    assert [(one.expected_id, one.predicted_id, one.count) for one in found.confusion] == [
        ("001", "001", 4),
        ("001", "999", 1),
        ("002", "002", 2),
    ]


def test_a_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    _, new = two_models({"001": Counts(2, 1)})
    found = results_of(new, NOW)
    file = tmp_path / "results.json"
    file.write_text(found.model_dump_json())
    assert read_results(file) == found
    assert [answer.correct for answer in read_results(file).answers().answers] == [True, True, False]


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    _, new = two_models({"001": Counts(2, 1)})
    file = tmp_path / "results.json"
    file.write_text(results_of(new, NOW).model_dump_json().replace('"expected_id":"001"', '"expected_id":"002"', 1))
    with pytest.raises(RefusedError, match="was it edited"):
        read_results(file).answers()
