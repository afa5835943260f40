"""JUnit XML: as its readers take it, a case for each photo or gate, and red only where the exit code is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from evaluation.answering import Counts
from lepinet.manifest.history import ChangeClass
from lepinet.manifest.model import Gates
from lepinet.report import junit
from lepinet.report.documents import CheckAnswer, RegisteredVersion
from lepinet.report.escape import for_xml
from report.hostile import NAMES
from report.reports import (
    CHECKS,
    FINE,
    HOSTILE,
    LOST,
    SMOKE,
    TOO_FEW,
    comparison,
    document,
    environment,
    problem,
    registered,
    results,
)

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))


class Case(NamedTuple):
    group: str
    name: str
    outcome: str
    message: str


def read(written: str) -> ET.Element:
    """A file that its schema takes."""
    SCHEMA.validate(written)
    return ET.fromstring(written)  # noqa: S314 -- our own


def cases(written: str) -> list[Case]:
    """The cases of a file whose counts are right."""
    found: list[Case] = []
    for suite in read(written):
        its = [_case(element) for element in suite.iter("testcase")]
        counts = {word: sum(case.outcome == word for case in its) for word in ("failure", "error", "skipped")}
        assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == [
            str(number) for number in (len(its), *counts.values())
        ]
        found += its
    return found


def _case(element: ET.Element) -> Case:
    why = next(iter(element), None)
    outcome, message = ("passed", "") if why is None else (why.tag, why.get("message", ""))
    return Case(element.get("classname", ""), element.get("name", ""), outcome, message)


def outcomes(written: str) -> dict[str, str]:
    return {case.name: case.outcome for case in cases(written)}


def test_each_photo_is_a_case_of_its_species() -> None:
    found = cases(junit.test(results(LOST, unanswered="it is no photo")))
    assert len(found) == 96
    assert found[0] == ("Blue Tiger", "Blue Tiger/00000.jpg", "error", "it is no photo")
    assert found[1] == ("Blue Tiger", "Blue Tiger/00001.jpg", "passed", "")
    wrong = [case for case in found if case.outcome == "failure"]
    assert len(wrong) == 9
    assert wrong[-1].message == "it is Common Jezebel, said Something Else 50 %"


def test_what_else_the_model_thought_stands_in_the_failure() -> None:
    failure = next(read(junit.test(results(LOST))).iter("failure"))
    assert failure.text == "Something Else 50 %\nBlue Tiger 10 %"


def test_a_smoke_test_never_speaks_in_percent() -> None:
    assert "%" not in junit.test(results(SMOKE))
    assert "%" not in junit.comparison(comparison(SMOKE), undecided_blocks=False)
    assert "%" not in junit.check(document(environment(SMOKE), registered=[registered(SMOKE)]))


def test_a_gate_that_holds_fails_and_what_is_to_watch_is_skipped_with_its_sentence() -> None:
    found = {case.name: case for case in cases(junit.comparison(comparison(LOST), undecided_blocks=False))}
    assert found["max_species_recall_drop"].outcome == "failure"
    assert "Common Jezebel, 7 of 7 right before, 1 of 7 now" in found["max_species_recall_drop"].message
    assert found["max_negative_flips"][2:] == (
        "skipped",
        "to watch: 6 of 96 newly wrong; 4 allowed, but that may be chance and stops nothing",
    )
    assert found["non_inferiority"].outcome == "skipped"
    assert found["min_accuracy"].outcome == "passed"


@pytest.mark.parametrize(("blocks", "outcome"), [(False, "skipped"), (True, "failure")])
def test_undecided_fails_only_where_it_blocks(blocks: bool, outcome: str) -> None:  # noqa: FBT001 -- a parameter
    compared = junit.comparison(comparison(TOO_FEW), undecided_blocks=blocks)
    checked = junit.check(document(environment(TOO_FEW, blocks=blocks)))
    for written in (compared, checked):
        assert outcomes(written)["non_inferiority"] == outcome


def test_a_hold_without_gates_fails_all_the_same() -> None:
    identical = comparison({"Blue Tiger": Counts(96)}, Gates(require_improvement=True), same=True)
    assert identical.gates == ()
    (case,) = cases(junit.comparison(identical, undecided_blocks=False))
    assert case[1:3] == ("verdict", "failure")
    assert "answers exactly as v1.0.0 does" in case.message


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_red_exactly_where_the_change_is_kept_back(name: str) -> None:
    written, answer = CHECKS[name]
    red = {case.outcome for case in cases(junit.check(written))} & {"failure", "error"}
    assert bool(red) is (answer in {CheckAnswer.HOLD, CheckAnswer.INVALID})


def test_what_a_decision_passes_over_is_said() -> None:
    written = junit.check(document(environment(LOST, override="Season opens")))
    assert outcomes(written)["max_species_recall_drop"] == "skipped"
    assert "ships by decision: Season opens" in written


def test_a_rollback_shows_its_gates_and_none_of_them_fails() -> None:
    written = junit.check(document(environment(LOST, change=ChangeClass.ROLLBACK)))
    assert outcomes(written)["max_species_recall_drop"] == "skipped"
    assert "failed: max_species_recall_drop: 2 species judged, 1 lost" in written


def test_every_part_of_a_check_has_cases_of_its_own() -> None:
    broken = RegisteredVersion(version="v2.4.0", error="its files are not there")
    parts = environment(FINE, name="staging"), environment(FINE, error="it does not load")
    found = cases(junit.check(document(*parts, registered=[registered(FINE), broken])))
    assert found[0] == ("models.yaml", "valid", "passed", "")
    assert ("staging", "min_accuracy", "passed", "") in found
    assert ("production", "loads and answers", "error", "it does not load") in found
    assert found[-2:] == [
        ("registered", "v2.1.0", "passed", ""),
        ("registered", "v2.4.0", "error", "its files are not there"),
    ]


def test_each_mistake_in_models_yaml_is_a_case_at_its_line() -> None:
    found = cases(junit.check(document(problems=[problem(), problem("versions.v9 is no version", 9)])))
    assert [case.name for case in found] == ["line 5", "line 9"]
    assert found[1][2:] == ("failure", "versions.v9 is no version")


def test_what_somebody_else_wrote_stays_text() -> None:
    every = "; ".join(NAMES)
    part = environment(HOSTILE, name="production", override=every, unanswered=every, notes=every)
    broken = RegisteredVersion(version=every, error=every)
    for written in (
        junit.test(results(HOSTILE, unanswered=every)),
        junit.comparison(comparison(HOSTILE), undecided_blocks=True),
        junit.check(document(part, registered=[broken])),
        junit.check(document(problems=[problem(every)])),
    ):
        cases(written)


@given(st.text(max_size=30) | st.text("<&>\"'\x00\x08\x0b\x1b\x85\ud800\ufffe\uffff\u2028 a", max_size=30))
def test_any_name_of_a_photo_is_one_attribute(name: str) -> None:
    known = results({"Blue Tiger": Counts(1)})
    named = known.results[0].model_copy(update={"file_name": name, "expected_name": name})
    (case,) = cases(junit.test(known.model_copy(update={"results": (named,)})))
    assert case[:2] == (for_xml(name), for_xml(name))
