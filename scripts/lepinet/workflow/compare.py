"""`compare`: two models side by side on the known images."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lepinet.changes import tries_with
from lepinet.errors import UsageError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.results import read_results
from lepinet.evaluation.speed import Speed
from lepinet.manifest.model import Gates
from lepinet.report.documents import ComparisonDocument, comparison_document
from lepinet.workflow.declared import most_tries
from lepinet.workflow.evaluate import Bench, Counted, answers_named, model_named
from lepinet.workflow.speed import time_models


@dataclass(frozen=True)
class SideBySide:
    """Two models on the same known images."""

    document: ComparisonDocument
    undecided_blocks: bool
    """As the gates have it."""


def compare(
    old: str, new: str, bench: Callable[[], Bench], counted: Callable[[str], Counted] | None = None
) -> SideBySide:
    """Compare two of: a version, a folder, a model on the Hub, the JSON that `test` wrote.

    `bench` is asked for only when a model has to be run; `counted` makes the progress of each model.
    """
    before, after = (_either(what, bench, counted(what) if counted else None) for what in (old, new))
    terms = Terms(_gates(old, new, bench), _tries(old, new, bench), speed=_speed(old, new, after, bench))
    document = comparison_document(before, after, judge(before, after, terms), terms, datetime.now(UTC))
    return SideBySide(document, undecided_blocks=terms.gates.when_undecided == "block")


def _tries(old: str, new: str, bench: Callable[[], Bench]) -> int:
    """As a check counts, on the repository's own known images; other photos forget what was tried on these.

    1 as well where git cannot tell.
    """
    if _is_results(old) or _is_results(new):
        return 1
    tested = bench()
    workspace = tested.workspace
    if workspace and tested.known is workspace.known_images:
        with suppress(UsageError):
            number = tries_with(workspace.git, workspace.manifest).number
            return most_tries(workspace.manifest, number, old, new)
    return 1


def _either(what: str, bench: Callable[[], Bench], counted: Counted | None) -> Answers:
    if _is_results(what):
        return read_results(Path(what)).answers()
    return answers_named(what, bench(), counted=counted, judged=True)


def _is_results(what: str) -> bool:
    return what.endswith(".json") and Path(what).is_file()


def _gates(old: str, new: str, bench: Callable[[], Bench]) -> Gates:
    return Gates() if _is_results(old) and _is_results(new) else bench().gates


def _speed(old: str, new: str, after: Answers, bench: Callable[[], Bench]) -> Speed | None:
    if _is_results(old) or _is_results(new):
        return None
    tested = bench()
    return time_models(model_named(old, tested).model, model_named(new, tested).model, after, tested)
