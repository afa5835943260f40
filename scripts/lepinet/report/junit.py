"""A test, a comparison and a check as JUnit XML, which CI systems show case by case.

The form is what Ant's schema and Jenkins' both take: no text beside a case, so the sentences of a suite stand in its
system-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from lepinet import __version__
from lepinet.evaluation.gates import Decision, Gate, State
from lepinet.evaluation.results import Result, Results, Unanswered
from lepinet.report import headline, wording
from lepinet.report.documents import CheckDocument, ComparisonDocument, EnvironmentCheck
from lepinet.report.escape import for_xml as text


def test(results: Results) -> str:
    """A case for each known image: named wrong is a failure, not answered an error."""
    cases = tuple(_image(result, results.sample_size) for result in results.results)
    about = {"known images": results.known_images.sha256, "model": results.model.sha256}
    told = (wording.right_of(results),)
    return _written([_Suite(results.model.name, results.timestamp, cases, told, about)])


def comparison(document: ComparisonDocument, *, undecided_blocks: bool) -> str:
    """A case for each gate.

    Args:
        document: what the comparison found.
        undecided_blocks: `when_undecided: block`, so that a gate that is undecided fails.
    """
    blocking = {State.FAILED, State.UNDECIDED} if undecided_blocks else {State.FAILED}
    held = document.reasons[0].sentence if document.verdict is Decision.HOLD else None
    cases = _gates(document.gates, "compare", blocking, held=held)
    about = {
        "known images": document.new.known_images.sha256,
        "old model": document.old.model.sha256,
        "new model": document.new.model.sha256,
    }
    title = headline.of_comparison(document).title
    return _written([_Suite(title, document.new.timestamp, cases, _told(document.gates), about)])


def check(document: CheckDocument) -> str:
    """A case for each gate of each environment, for each version that is registered, and for models.yaml itself.

    Whatever fails here keeps the change back: a gate that a decision or a rollback passes over is skipped.
    """
    about = {"commit": document.head, "base": document.base}
    broken = tuple(
        _Case("models.yaml", f"line {problem.line}", "failure", "invalid", problem.message, str(problem).splitlines())
        for problem in document.problems
    )
    suites = [_Suite("models.yaml", document.timestamp, broken or (_Case("models.yaml", "valid"),), (), about)]
    for part in document.environments:
        said, gates = headline.of_environment(part), wording.gates_of(part)
        told = (f"{said.word}{f': {part.override}' if part.override else ''}", *_told(gates))
        suites.append(_Suite(said.title, document.timestamp, tuple(_environment(part, gates)), told))
    if document.registered:
        cases = tuple(
            _Case("registered", new.version, "error" if new.error else None, "untested", new.error or "")
            for new in document.registered
        )
        suites.append(_Suite("registered", document.timestamp, cases))
    return _written(suites)


@dataclass(frozen=True)
class _Case:
    group: str
    name: str
    outcome: str | None = None
    """failure, error or skipped; None: passed."""
    kind: str = ""
    message: str = ""
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class _Suite:
    name: str
    timestamp: datetime
    cases: Sequence[_Case]
    told: Sequence[str] = ()
    about: Mapping[str, str | None] = field(default_factory=dict)


def _image(result: Result | Unanswered, size: int) -> _Case:
    group, name = result.expected_name, result.file_name
    if isinstance(result, Unanswered):
        return _Case(group, name, "error", "unanswered", result.error)
    if result.correct:
        return _Case(group, name)
    message = f"it is {result.expected_name}, said {wording.said(result.top[0], size)}"
    guesses = [wording.said(score, size) for score in result.top]
    return _Case(group, name, "failure", "wrong", message, guesses)


def _environment(part: EnvironmentCheck, gates: Sequence[Gate]) -> Iterator[_Case]:
    if part.error:
        yield _Case(part.name, "loads and answers", "error", "untested", part.error)
        return
    yield _Case(part.name, "loads and answers")
    verdict = part.verdict if part.blocks else None
    if verdict is None:
        yield from _gates(gates, part.name, set(), held=None)
    else:
        blocking = {State.UNDECIDED if verdict.answer is Decision.UNDECIDED else State.FAILED}
        yield from _gates(gates, part.name, blocking, held=verdict.sentence)


def _gates(gates: Sequence[Gate], group: str, blocking: set[State], *, held: str | None) -> tuple[_Case, ...]:
    """Failed is what holds; what neither holds nor passed is skipped, for viewers show why beside it.

    A verdict without gates, as that there are no photos, is a case of its own when it holds.
    """
    cases = tuple(_gate(gate, group, blocking) for gate in gates)
    if held and not any(case.outcome == "failure" for case in cases):
        cases += (_Case(group, "verdict", "failure", "hold", held),)
    return cases


def _gate(gate: Gate, group: str, blocking: set[State]) -> _Case:
    if gate.state is State.PASSED:
        return _Case(group, gate.name)
    outcome = "failure" if gate.state in blocking else "skipped"
    return _Case(group, gate.name, outcome, gate.state, f"{wording.STATES[gate.state]}: {gate.sentence}")


def _told(gates: Sequence[Gate]) -> tuple[str, ...]:
    return tuple(f"{wording.STATES[gate.state]}: {gate.name}: {gate.sentence}" for gate in gates)


def _written(suites: Sequence[_Suite]) -> str:
    root = ET.Element("testsuites")
    for number, suite in enumerate(suites):
        root.append(_suite(suite, number))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(suite: _Suite, number: int) -> ET.Element:
    counts = {word: sum(case.outcome == word for case in suite.cases) for word in ("failure", "error", "skipped")}
    element = ET.Element(
        "testsuite",
        {
            "name": text(suite.name),
            "package": "lepinet",
            "id": str(number),
            "timestamp": f"{suite.timestamp.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
            "hostname": "localhost",
            "tests": str(len(suite.cases)),
            "failures": str(counts["failure"]),
            "errors": str(counts["error"]),
            "skipped": str(counts["skipped"]),
            "time": "0",
        },
    )
    properties = ET.SubElement(element, "properties")
    for name, value in {"lepinet": __version__, **suite.about}.items():
        if value is not None:
            ET.SubElement(properties, "property", {"name": name, "value": text(value)})
    element.extend(_case(case) for case in suite.cases)
    ET.SubElement(element, "system-out").text = "\n".join(text(line, 600) for line in suite.told)
    ET.SubElement(element, "system-err").text = ""
    return element


def _case(case: _Case) -> ET.Element:
    element = ET.Element("testcase", {"name": text(case.name), "classname": text(case.group), "time": "0"})
    if case.outcome:
        about = {"type": case.kind, "message": text(case.message, 1000)}
        ET.SubElement(element, case.outcome, about).text = "\n".join(text(line, 600) for line in case.lines)
    return element
