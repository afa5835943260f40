"""The JSON of test, compare and check: as its schema says, and the same for whoever reads it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from evaluation.answering import Counts, answers_of, two_models
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.evaluation.results import Results, results_of
from lepinet.evaluation.speed import Speed
from lepinet.manifest.model import Gates
from lepinet.report.documents import CheckDocument, ComparisonDocument, comparison_document
from lepinet.report.schemas import DOCUMENTS, schema_text
from report.reports import (
    CHECKS,
    FINE,
    HOSTILE,
    LOST,
    NOW,
    SMOKE,
    TOO_FEW,
    comparison,
    results,
)

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def valid(command: str, written: BaseModel) -> Any:
    """What the command prints for this, which its schema takes."""
    schema = json.loads((SCHEMAS / f"{command}.json").read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    printed = json.loads(json.dumps(written.model_dump(mode="json"), ensure_ascii=False))
    assert [error.message for error in checker.iter_errors(printed)] == []
    return printed


@pytest.mark.parametrize("command", DOCUMENTS)
def test_the_schemas_of_the_repository_are_current(command: str) -> None:
    assert (SCHEMAS / f"{command}.json").read_text(encoding="utf-8") == schema_text(command)


@pytest.mark.parametrize("case", CHECKS)
def test_a_check_is_as_its_schema_says_and_has_one_answer(case: str) -> None:
    written, answer = CHECKS[case]
    printed = valid("check", written)
    assert printed["answer"] == answer
    assert printed["sentence"]
    assert CheckDocument.model_validate_json(json.dumps(printed)) == written


@pytest.mark.parametrize("table", [FINE, LOST, TOO_FEW, SMOKE, HOSTILE, {}])
def test_a_comparison_is_as_its_schema_says(table: dict[str, Counts]) -> None:
    printed = valid("compare", comparison(table))
    flips = [sum(counts.negative for counts in table.values()), sum(counts.positive for counts in table.values())]
    assert [len(printed["negative_flips"]), len(printed["positive_flips"])] == flips
    assert (printed["difference_interval"] is None) == (not table)
    assert ComparisonDocument.model_validate_json(json.dumps(printed))


def test_what_stands_behind_a_verdict_is_told() -> None:
    old, new = two_models(TOO_FEW)
    speed = Speed(old_ms=(40.0, 41.0, 42.0), new_ms=(80.0, 82.0, 84.0))
    terms = Terms(
        Gates(), tries=3, best=Best("v1.5.0", two_models({"Blue Tiger": Counts(94, 0, 0, 2)})[0]), speed=speed
    )
    printed = valid("compare", comparison_document(old, new, judge(old, new, terms), terms, NOW))
    shown = printed["non_inferiority"]
    assert (shown["try"], shown["alpha"]) == (3, pytest.approx(0.05 / 9))
    assert shown["p"] == max(shown["p_asymptotic"], shown["p_exact"]) > shown["alpha"]
    assert shown["lower_bound"] < printed["accuracy_difference"] < shown["upper_bound"]
    assert shown["images_needed"] > printed["old"]["sample_size"]
    assert shown["smallest_margin"] > shown["margin"]
    assert (printed["times"]["ratio"], printed["times"]["sample_size"]) == (2.0, 3)
    reference = printed["reference"]
    assert (reference["name"], reference["non_inferiority"]["try"]) == ("v1.5.0", 3)
    assert reference["accuracy_difference"] < printed["accuracy_difference"]


@pytest.mark.parametrize("table", [FINE, LOST, SMOKE, HOSTILE])
def test_a_test_is_as_its_schema_says(table: dict[str, Counts]) -> None:
    written = results(table, unanswered="it is no photo")
    printed = valid("test", written)
    assert printed["sample_size"] == sum(map(sum, table.values()))
    assert Results.model_validate_json(json.dumps(printed)) == written


def test_a_test_without_images_is_as_its_schema_says() -> None:
    assert valid("test", results_of(answers_of("v1.0.0", []), NOW))["accuracy"] is None


def test_a_schema_takes_no_document_that_lacks_a_key() -> None:
    printed = valid("check", CHECKS["held"][0])
    del printed["environments"][0]["blocks"]
    schema = json.loads((SCHEMAS / "check.json").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError, match="blocks"):
        jsonschema.validate(printed, schema)
