"""Words and figures that the reports share; an answer reads the same in a terminal and on a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lepinet.evaluation.answers import Score
from lepinet.evaluation.counting import Why
from lepinet.evaluation.gates import SMOKE_TEST, Decision, Gate, State
from lepinet.evaluation.results import Summary
from lepinet.manifest.history import ChangeClass
from lepinet.report.documents import ComparisonDocument, EnvironmentCheck, SpeciesRecall

STATES = {
    State.PASSED: "passed",
    State.WATCH: "to watch",
    State.UNDECIDED: "undecided",
    State.FAILED: "failed",
    State.TOO_FEW: "too few images",
    State.NOT_MEASURED: "not measured",
}
"""In the order in which they are counted."""

DECISIONS = {
    Decision.PROMOTE: "fine to ship",
    Decision.HOLD: "hold",
    Decision.UNDECIDED: "undecided, a person decides",
}


@dataclass(frozen=True)
class Row:
    """A figure of both models; `old` is empty where there is no baseline."""

    label: str
    old: str
    new: str
    change: str


def answer_of(part: EnvironmentCheck) -> str:
    """A check's answer for one environment, in a few words."""
    if part.error:
        return "hold"
    if part.change_class is ChangeClass.ROLLBACK:
        return "rollback"
    if part.verdict is None:
        return "nothing to judge"
    if part.override and part.verdict.answer is not Decision.PROMOTE:
        return "ships by decision"
    if part.blocks and part.verdict.answer is Decision.UNDECIDED:
        return "undecided, and so held"
    return DECISIONS[part.verdict.answer]


def sentence(text: str) -> str:
    """With a capital letter where it begins with a word, and a full stop."""
    text = text if text[:1] == "v" and text[1:2].isdigit() else text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def of(count: int, size: int) -> str:
    """`89 (92.7 %)`; a smoke test has no percent."""
    return f"{count} ({count / size:.1%})".replace("%", " %") if size >= SMOKE_TEST else str(count)


def said(score: Score | None, size: int) -> str:
    """What a model says first, and how sure it is; a smoke test has no percent."""
    if score is None:
        return "no answer"
    sure = f"{score.confidence:.0%}".replace("%", " %") if size >= SMOKE_TEST else f"({score.confidence:.2f})"
    return f"{score.name} {sure}"


def right_of(summary: Summary) -> str:
    """`89 of 96 known images right (92.7 %)`."""
    size, count = summary.sample_size, right(summary)
    share = f"{count / size:.1%}".replace("%", " %") if size >= SMOKE_TEST else "a smoke test"
    return f"{count} of {size} known image{'s' if size != 1 else ''} right ({share})"


def signed(number: int) -> str:
    return f"{number:+}" if number else "±0"


def counted_images(summary: Summary) -> str:
    """`96 known images`; few of them are called what they are."""
    size = summary.sample_size
    return f"{'a smoke test of ' if size < SMOKE_TEST else ''}{size} known image{'s' if size != 1 else ''}"


def right(summary: Summary) -> int:
    return round((summary.accuracy or 0) * summary.sample_size)


def right_in_top3(summary: Summary) -> int | None:
    """None for an endpoint that tells its first guess alone, and without images."""
    return None if summary.top3_accuracy is None else round(summary.top3_accuracy * summary.sample_size)


def figures(document: ComparisonDocument) -> tuple[Row, ...]:
    """Counts of both models, over all known images."""
    old, new = document.old, document.new
    rows = [
        Row("right", of(right(old), old.sample_size), of(right(new), new.sample_size), signed(right(new) - right(old)))
    ]
    old_top3, new_top3 = right_in_top3(old), right_in_top3(new)
    if old_top3 is not None and new_top3 is not None:
        rows.append(Row("right among the first three", str(old_top3), str(new_top3), signed(new_top3 - old_top3)))
    before, now = old.latency_ms.p50, new.latency_ms.p50
    if before and now:
        ratio = f"×{now / before:.2f}"  # noqa: RUF001 -- the sign that people read as `times`
        rows.append(Row("time for a photo, median", f"{before:.0f} ms", f"{now:.0f} ms", ratio))
    return tuple(rows)


def figures_alone(summary: Summary) -> tuple[Row, ...]:
    """Counts of a model that is compared with none."""
    rows = [Row("right", "", of(right(summary), summary.sample_size), "")]
    if (in_top3 := right_in_top3(summary)) is not None:
        rows.append(Row("right among the first three", "", str(in_top3), ""))
    if summary.latency_ms.p50:
        rows.append(Row("time for a photo, median", "", f"{summary.latency_ms.p50:.0f} ms", ""))
    return tuple(rows)


def gates_counted(gates: Sequence[Gate]) -> str:
    """`6 passed, 1 to watch, 1 undecided`."""
    counts = ((sum(gate.state is state for gate in gates), word) for state, word in STATES.items())
    return ", ".join(f"{count} {word}" for count, word in counts if count).replace(" too few", " with too few")


def statistics(document: ComparisonDocument) -> str:
    """The figures for who asks for them; empty for a smoke test."""
    difference, interval = document.accuracy_difference, document.difference_interval
    if difference is None or interval is None or document.new.sample_size < SMOKE_TEST:
        return ""
    low, high = (f"{bound * 100:+.1f}" for bound in interval)
    points = f"{difference * 100:+.1f} points, two-sided interval {low} to {high} (Tango)"
    return f"Difference in accuracy: {points}; exact McNemar p {document.mcnemar_p:.2g}."


def by_change(document: ComparisonDocument) -> tuple[SpeciesRecall, ...]:
    """Species, the one that lost most images first."""
    return tuple(
        sorted(document.species, key=lambda one: (round((one.new_recall - one.old_recall) * one.support), one.id))
    )


def label_of(document: ComparisonDocument, species_id: str) -> str:
    """Whether the models have a label for a species; empty when both have."""
    old, new = (species_id not in (one.model.unknown_species or ()) for one in (document.old, document.new))
    return {(True, True): "", (False, True): "new", (True, False): "gone", (False, False): "no label"}[old, new]


def left_out(document: ComparisonDocument) -> str:
    """Which images do not count in the comparison, and why; empty when all do."""
    by_reason: dict[tuple[Why, str], list[str]] = {}
    for one in sorted(document.left_out, key=lambda one: list(Why).index(one.why)):
        by_reason.setdefault((one.why, one.of if one.why is Why.TRAINED_ON else ""), []).append(one.file_name)
    told = "; ".join(_left_out(why, models, names) for (why, models), names in by_reason.items())
    return f"only the floors count {len(document.left_out)} of them: {told}" if told else ""


def _left_out(why: Why, models: str, names: Sequence[str]) -> str:
    said = {
        Why.COPY: "are copies of others" if len(names) > 1 else "is a copy of another",
        Why.TWO_SPECIES: "show the same under two species",
        Why.TRAINED_ON: f"{'are' if len(names) > 1 else 'is'} among the training photos of {models}",
    }[why]
    shown = ", ".join(names[:3]) + (", …" if len(names) > len(names[:3]) else "")
    return f"{len(names)} {said} ({shown})"


def set_apart(document: ComparisonDocument) -> str:
    """Which images only the floors look at; empty when there are none."""
    unknown = document.old.model.unknown_species or ()
    count = sum(one.support for one in document.species if one.id in unknown)
    if not count:
        return ""
    return f"{count} of them show species that {document.old.model.name} cannot name: only the floors count these"
