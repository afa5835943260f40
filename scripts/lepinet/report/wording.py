"""Words and figures that the reports share; an answer reads the same in a terminal and on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lepinet.evaluation.answers import Score
from lepinet.evaluation.counting import Why
from lepinet.evaluation.gates import SMOKE_TEST, Decision, Gate, Reason, State, at_most, percents, points
from lepinet.evaluation.labels import LIST_NEEDED, strange_labels
from lepinet.evaluation.results import Results, Summary, Unanswered
from lepinet.report.documents import (
    CheckDocument,
    ComparisonDocument,
    DeclaredVersion,
    EnvironmentCheck,
    ReferenceDocument,
    RegisteredVersion,
    SpeciesRecall,
)

STATES = {
    State.PASSED: "passed",
    State.WATCH: "to watch",
    State.UNDECIDED: "undecided",
    State.FAILED: "failed",
    State.TOO_FEW: "too few images",
    State.NOT_MEASURED: "not measured",
}
"""In the order in which they are counted."""

BY_DECISION = "ships by decision"
"""Of a version that is held, or of which nobody can tell, and that a person ships all the same."""
DECISIONS = {
    Decision.PROMOTE: "fine to ship",
    Decision.HOLD: "hold",
    Decision.UNDECIDED: "undecided, a person decides",
}


WORDS = {
    "known images, known photos": "photos whose species is certain",
    "active": "the model that names the butterflies now",
    "newly wrong, newly right": "a photo that the active model names right and the new one wrong, and the reverse",
    "right among the first three": "the right species is one of the model's three likeliest",
    "2 points": "2 of 100 photos: from 90 right of 100 to 88 is 2 points worse",
    "limit, margin": "the new model may be at most so much worse; `models.yaml` says how much",
    "confidence": "at 95 percent: of 100 models that are really worse than the limit, at most 5 get through",
    "smoke test": "a few photos, which show that a model loads and answers, and nothing more",
    "fine to ship": "the photos show that the new model is at most the limit worse, and nothing else speaks against it",
    "hold": "the photos show that something is worse; it ships only when a person decides so, with a reason",
    "undecided": "the photos are too few to know; nothing is shown to be wrong",
    "tried before": "the more versions are tried on the same photos, the likelier one looks good by luck; "
    "so each further one must be shown more surely, with more photos or with newer ones",
    "to watch": "over a limit, but that may be chance; it does not stop the change",
    "lost": "a species that the active model names right and the new one mostly does not",
    "gate": "one of the rules, with its limit",
}
"""What a reader may ask about, and the answers."""


@dataclass(frozen=True)
class Row:
    """A figure of both models; `old` is empty where there is no baseline."""

    label: str
    old: str
    new: str
    change: str
    telling: bool = False
    """What to look at first."""


def gates_of(part: EnvironmentCheck) -> tuple[Gate, ...]:
    """Of the verdict; of a rollback, whose verdict blocks nothing, those of its comparison."""
    return part.verdict.gates if part.verdict else part.comparison.gates if part.comparison else ()


def reasons_of(part: EnvironmentCheck) -> tuple[Reason, ...]:
    """As `gates_of`; the most important first."""
    return part.verdict.reasons if part.verdict else part.comparison.reasons if part.comparison else ()


def sentence(text: str) -> str:
    """With a capital letter where it begins with a word, not with a version or a file, and a full stop."""
    first = text.partition(" ")[0].rstrip(",:;")
    text = text[:1].upper() + text[1:] if first.isalpha() else text
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


def tested(results: Results) -> str:
    """`89 of 96 known images right (92.7 %); 86 to 96 % of all such photos, at 95 % confidence`."""
    if results.accuracy_interval is None or results.sample_size < SMOKE_TEST:
        return right_of(results)
    return f"{right_of(results)}; {percents(*results.accuracy_interval)} of all such photos, at 95 % confidence"


def cautions(summary: Summary | None) -> tuple[str, ...]:
    """What else lies in the model's repository, a sentence each."""
    return tuple(map(sentence, summary.model.cautions)) if summary else ()


def strange(results: Results) -> str:
    """That the model can name hardly any species of the photos, and the mend; empty where it can, or nobody knows."""
    unknown = results.model.unknown_species
    if unknown is None:
        return ""
    species = {result.expected_id for result in results.results}
    nameable = len(species) - len(unknown)
    said = strange_labels(results.model.name, nameable=nameable, species=len(species))
    return sentence(f"{said}: {LIST_NEEDED}") if said else ""


def none_answered(results: Results) -> str:
    """That all photos met one and the same error, and what may be meant; empty where it is otherwise."""
    errors = {one.error for one in unanswered(results)}
    if len(errors) != 1 or len(unanswered(results)) != results.sample_size:
        return ""
    name, (error,) = results.model.name, errors
    elsewhere = error.startswith(("HTTP 404", "HTTP 405")) and not name.endswith("/predict")
    meant = f" Did you mean {name.rstrip('/')}/predict?" if elsewhere else ""
    return f"{name}: none of {results.sample_size} photos was answered: {sentence(error)}{meant}"


def unanswered(results: Results) -> tuple[Unanswered, ...]:
    return tuple(result for result in results.results if isinstance(result, Unanswered))


def moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def made_from(document: CheckDocument) -> tuple[str, ...]:
    """The commit that was checked, the one that it was compared with, and the tool."""
    base = (f"compared with {document.base[:7]}",) if document.base else ()
    return (f"commit {document.head[:7]}", *base, f"LepiNet {document.tool_version}")


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
    flipped = f"{document.paired.negative} / {document.paired.positive}"
    rows.append(Row("newly wrong / newly right", "", flipped, "", telling=True))
    if times := document.times:
        ratio = f"×{times.ratio:.2f}"  # noqa: RUF001 -- the sign that people read as `times`
        rows.append(Row("time for a photo, median", f"{times.old_ms:.0f} ms", f"{times.new_ms:.0f} ms", ratio))
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
    numbers = ((sum(gate.state is state for gate in gates), word) for state, word in STATES.items())
    return ", ".join(f"{number} {word}" for number, word in numbers if number).replace(" too few", " with too few")


def statistics(document: ComparisonDocument) -> str:
    """The figures for who asks for them; empty for a smoke test."""
    difference, interval = document.accuracy_difference, document.difference_interval
    if difference is None or interval is None or document.new.sample_size < SMOKE_TEST:
        return ""
    low, high = (f"{bound * 100:+.1f}" for bound in interval)
    between = f"{difference * 100:+.1f} points, two-sided interval {low} to {high} (Tango)"
    return f"For statisticians: difference in accuracy {between}; exact McNemar p {document.mcnemar_p:.2g}."


def counts(document: ComparisonDocument | ReferenceDocument, old: str, new: str) -> str:
    """How many are right in both, over the images of species that the old model can name."""
    paired = document.paired
    before, now = paired.both_right + paired.negative, paired.both_right + paired.positive
    if before == now:
        return f"Both name {now} of {paired.size} right."
    return f"{new} names {now} of {paired.size} right, {old} {before}."


def difference(document: ComparisonDocument | ReferenceDocument, old: str, new: str) -> str:
    """As `counts`, and how much worse the new model is at most; a smoke test has no points."""
    tested, counted = document.non_inferiority, counts(document, old, new)
    if tested is None or document.paired.size < SMOKE_TEST:
        return counted
    sure = f"{(1 - tested.alpha) * 100:.4g} % confidence"
    worst = -tested.lower_bound
    worse = f"at most {at_most(worst, tested.margin)} worse" if worst > 0 else "not worse"
    return f"{counted} Over all species together it is {worse}, at {sure}; your limit is {points(tested.margin)}."


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


def registered(new: RegisteredVersion) -> str:
    """What is known of a version that no environment gets yet."""
    if new.error:
        return f"It cannot be tested, which keeps this change back: {sentence(new.error)}"
    if new.test is None or not new.test.sample_size:
        return "There are no known images to test it on."
    return " ".join((f"It loads and answers: {right_of(new.test)}.", *cautions(new.test)))


def changes(old: DeclaredVersion | None, new: DeclaredVersion | None) -> tuple[str, ...]:
    """What models.yaml says of the new version, beside what it says of the old one; empty without both."""
    return tuple(_changes(old, new)) if old and new else ()


def _changes(old: DeclaredVersion, new: DeclaredVersion) -> Iterator[str]:
    if new.notes:
        yield f"{new.name}: {new.notes}"
    if new.training_image_count is not None and new.training_image_count != old.training_image_count:
        before = f", before {old.training_image_count:,}" if old.training_image_count is not None else ""
        yield f"trained on {new.training_image_count:,} images{before}"
    if new.accuracy_score is not None and new.accuracy_score != old.accuracy_score:
        before = f", before {old.accuracy_score * 100:.2f} %" if old.accuracy_score is not None else ""
        yield f"its trainer's own test: {new.accuracy_score * 100:.2f} % right{before}"
    files, before = (f"{one.file_path} @ {one.revision.removeprefix('sha256:')[:7]}" for one in (new, old))
    yield f"files: {files}, before {before}"
