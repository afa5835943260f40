"""A test, a comparison and a check as plain text: the answer first, then why, then the figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from lepinet.evaluation.gates import SMOKE_TEST, Decision, Gate, State
from lepinet.evaluation.results import Result, Results, Summary
from lepinet.report import headline, wording
from lepinet.report.documents import CheckDocument, ComparisonDocument, EnvironmentCheck, Flip, SpeciesRecall
from lepinet.report.escape import for_terminal as text
from lepinet.report.headline import Headline

_ROWS = 20
"""So many lines of a list; --json has all."""
_COLOURS = {
    State.FAILED: "red",
    State.UNDECIDED: "yellow",
    State.WATCH: "yellow",
    State.PASSED: "green",
}


def test(results: Results, *, colour: bool) -> str:
    """One model on the known images."""
    return "\n".join(_test(results, _Paint(colour)))


def comparison(document: ComparisonDocument, *, colour: bool) -> str:
    """Two models side by side, with the verdict."""
    return "\n".join(_comparison(document, _Paint(colour)))


def check(document: CheckDocument, *, colour: bool) -> str:
    """What a change would do, environment by environment."""
    return "\n".join(_check(document, _Paint(colour)))


class _Paint:
    """Colours where they are wanted."""

    def __init__(self, wanted: bool) -> None:  # noqa: FBT001 -- the one thing it is about
        self._wanted = wanted

    def bold(self, line: str) -> str:
        return click.style(line, bold=True) if self._wanted else line

    def state(self, state: State, line: str) -> str:
        return click.style(line, fg=_COLOURS.get(state)) if self._wanted else line


def _test(results: Results, paint: _Paint) -> Iterator[str]:
    size = results.sample_size
    if none := wording.none_answered(results):
        yield text(none, 600)
        return
    yield paint.bold(f"{text(results.model.name)}: {wording.tested(results)}")
    if results.model.contract:
        yield text(f"asked by {results.model.contract}")
    if strange := wording.strange(results):
        yield text(strange, 600)
    yield from map(text, wording.cautions(results))
    yield from _rows(_figures_of(results))
    unknown = results.model.unknown_species or ()
    if unknown:
        names = {result.expected_id: result.expected_name for result in results.results}
        yield f"It has no label for {len(unknown)} species: {_listed(names.get(id_, id_) for id_ in unknown)}"
    missed = sorted((one for one in results.species if one.recall < 1), key=lambda one: (one.recall, one.id))
    rights = ((one.name, f"{round(one.recall * one.support)} of {one.support} right") for one in missed)
    yield from _list("species with photos named wrong", rights)
    failed = ((one.file_name, one.error) for one in wording.unanswered(results))
    yield from _list("not answered, and counted as wrong", failed)
    wrong = [result for result in results.results if isinstance(result, Result) and not result.correct]
    rows = ((one.file_name, f"it is {one.expected_name}", f"said {wording.said(one.top[0], size)}") for one in wrong)
    yield from _list("wrong", rows)


def _figures_of(summary: Summary) -> Iterator[tuple[str, ...]]:
    yield from ((row.label, row.new) for row in wording.figures_alone(summary)[1:])
    if summary.sample_size >= SMOKE_TEST and summary.macro_f1 is not None:
        yield "macro F1", f"{summary.macro_f1:.3f}"
    if summary.sample_size >= SMOKE_TEST and summary.expected_calibration_error is not None:
        yield "calibration error", f"{summary.expected_calibration_error:.3f}"


def _comparison(document: ComparisonDocument, paint: _Paint) -> Iterator[str]:
    old, new = text(document.old.model.name), text(document.new.model.name)
    yield from _answer(headline.of_comparison(document), paint)
    yield from _side_by_side(document, old, new)
    yield from _newly_wrong(document)
    moved = (one for one in wording.by_change(document) if one.old_recall != one.new_recall)
    yield from _list("species that changed, right before and now", (_species(document, one) for one in moved))
    yield from _gates(document.gates, paint)
    yield wording.statistics(document)


def _check(document: CheckDocument, paint: _Paint) -> Iterator[str]:
    if said := headline.of_check(document):
        yield from _answer(said, paint)
    for problem in document.problems:
        yield ""
        yield str(problem)
    for part in document.environments:
        yield from _environment(part, paint)
    for version in document.registered:
        shown = version.error or (wording.right_of(version.test) if version.test else "no known images to test it on")
        yield f"{text(version.version)}, registered: {text(shown, 1000)}"


def _environment(part: EnvironmentCheck, paint: _Paint) -> Iterator[str]:
    candidate = part.candidate.name if part.candidate else "no version"
    yield from _answer(headline.of_environment(part), paint)
    if part.override:
        yield f"It ships by decision: {text(part.override, 1000)}"
    if part.comparison and part.baseline:
        yield from _side_by_side(part.comparison, text(part.baseline.name), text(candidate))
    elif part.test:
        rows = [(row.label, row.new) for row in wording.figures_alone(part.test)]
        yield from _rows([(wording.counted_images(part.test), text(candidate)), *rows])
    unanswered = ((one.file_name, one.error) for one in part.unanswered)
    yield from _list("not answered, and counted as wrong", unanswered)
    if part.comparison:
        yield from _newly_wrong(part.comparison)
    yield from _gates(wording.gates_of(part), paint)
    if part.plan and not part.error:
        yield "if it is merged all the same" if part.blocks else "after the merge"
        yield from (f"  {text(line)}" for line in part.plan)
    yield ""


def _answer(said: Headline, paint: _Paint) -> Iterator[str]:
    states = {Decision.PROMOTE: State.PASSED, Decision.HOLD: State.FAILED, Decision.UNDECIDED: State.UNDECIDED}
    yield f"{paint.bold(text(said.title))}: {paint.state(states[said.decision], said.word)}"
    yield text(said.sentence, 1000)
    if said.counted:
        yield text(said.counted, 600)
    yield from (text(line) for line in said.further[:4])
    if len(said.further) > 4:
        yield f"… and {len(said.further) - 4} more reasons (--json has all)"


def _side_by_side(document: ComparisonDocument, old: str, new: str) -> Iterator[str]:
    yield ""
    rows = [(row.label, row.old, row.new, row.change) for row in wording.figures(document)]
    yield from _rows([(wording.counted_images(document.new), old, new, ""), *rows])
    for apart in filter(None, (wording.set_apart(document), wording.left_out(document))):
        yield text(wording.sentence(apart), 600)


def _species(document: ComparisonDocument, one: SpeciesRecall) -> tuple[str, ...]:
    old, new = (round(recall * one.support) for recall in (one.old_recall, one.new_recall))
    return one.name, f"{old} → {new} of {one.support}", wording.label_of(document, one.id)


def _newly_wrong(document: ComparisonDocument) -> Iterator[str]:
    yield from _list("newly wrong", (_flip(flip, document.new.sample_size) for flip in document.newly_wrong))


def _flip(flip: Flip, size: int) -> tuple[str, ...]:
    before, now = (wording.said(score, size) for score in (flip.old, flip.new))
    return flip.file_name, f"it is {flip.expected_name}", f"said {before}", f"says {now}"


def _gates(gates: Sequence[Gate], paint: _Paint) -> Iterator[str]:
    if not gates:
        return
    yield f"gates: {wording.gates_counted(gates)}"
    word = max(len(wording.STATES[gate.state]) for gate in gates)
    name = max(len(gate.name) for gate in gates)
    for gate in gates:
        state = paint.state(gate.state, f"{wording.STATES[gate.state]:<{word}}")
        yield f"  {state}  {gate.name:<{name}}  {text(gate.sentence, 600)}"


def _list(title: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = list(rows)
    if not lines:
        return
    yield f"{title}: {len(lines)}"
    yield from _rows(lines[:_ROWS])
    if len(lines) > _ROWS:
        yield f"  … and {len(lines) - _ROWS} more (--json has all)"


def _rows(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Cells in columns, two spaces before and between them."""
    lines = [[text(cell, 80) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield f"  {'  '.join(f'{cell:<{width}}' for cell, width in zip(line, widths, strict=True))}".rstrip()


def _listed(names: Iterable[str], most: int = 8) -> str:
    shown = list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(text(name, 80) for name in shown[:most]) + more
