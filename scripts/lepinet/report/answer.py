"""What every report says first and last: the answer, why, and what a person can do now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lepinet.evaluation.gates import Decision
from lepinet.report import wording
from lepinet.report.documents import (
    CheckAnswer,
    CheckDocument,
    ComparisonDocument,
    DeclaredVersion,
    EnvironmentCheck,
    RegisteredVersion,
)


@dataclass(frozen=True)
class Answer:
    """The answer to one question, with the reasons for it; texts of others are in it as they were written."""

    title: str
    word: str
    decision: Decision
    """Which of the three it comes to, for the colour and the sign."""
    sentence: str
    """Why, in one sentence."""
    counted: str = ""
    """How many photos both models name right, and how much worse the new one is at most; empty without an old one."""
    further: tuple[str, ...] = ()
    """What else speaks for it, most important first."""


@dataclass(frozen=True)
class Choice:
    """One thing that a person can do now."""

    name: str
    text: str
    command: str | None = None
    """To be typed; it stands before the text."""


def of_comparison(document: ComparisonDocument) -> Answer:
    first, *others = document.reasons
    return Answer(
        title=f"{document.old.model.name} → {document.new.model.name}",
        word=wording.DECISIONS[document.verdict],
        decision=document.verdict,
        sentence=wording.sentence(first.sentence),
        counted=_counted(document),
        further=tuple(wording.sentence(reason.sentence) for reason in others),
    )


def of_check(document: CheckDocument) -> Answer | None:
    """The one answer to a change, where its environments do not say it themselves."""
    if document.environments and not document.problems and not any(new.error for new in document.registered):
        return None
    fine = document.answer in {CheckAnswer.PROMOTE, CheckAnswer.NOTHING}
    undecided = document.answer is CheckAnswer.UNDECIDED
    return Answer(
        title="models.yaml" if document.problems else "this change",
        word=document.answer,
        decision=Decision.PROMOTE if fine else Decision.UNDECIDED if undecided else Decision.HOLD,
        sentence=wording.sentence(document.sentence),
    )


def of_environment(part: EnvironmentCheck) -> Answer:
    reasons = tuple(wording.sentence(reason.sentence) for reason in wording.reasons_of(part))
    if part.error:
        sentence, reasons = wording.sentence(part.error), ()
    elif part.verdict is None:
        sentence = "A version that was active here before; it loads and answers, and nothing below blocks."
    else:
        clear = " Nothing is known to be wrong with it." if _nothing_against_it(part) else ""
        sentence, reasons = f"{reasons[0]}{clear}", reasons[1:]
    return Answer(
        title=f"{part.candidate.name if part.candidate else 'no version'} → {part.name}",
        word=_word(part),
        decision=_decision(part),
        sentence=sentence,
        counted=_counted(part.comparison) if part.comparison else "",
        further=reasons,
    )


def choices(part: EnvironmentCheck, known_images: str) -> tuple[Choice, ...]:
    """What a person can do about a change that is judged; nothing about another one.

    Args:
        part: of the check.
        known_images: their folder.
    """
    if part.verdict is None or part.candidate is None:
        return ()
    new = part.candidate.name
    stays = f"{part.baseline.name} stays; " if part.baseline else ""
    not_now = Choice("Not now", f"close. {stays}{new} remains registered.")
    return (_ship(part, new), *_know_more(part, known_images), not_now)


def changes(old: DeclaredVersion | None, new: DeclaredVersion | None) -> tuple[str, ...]:
    """What models.yaml says of the new version, beside what it says of the old one; empty without both."""
    return tuple(_changes(old, new)) if old and new else ()


def of_registered(new: RegisteredVersion) -> str:
    """What is known of a version that no environment gets yet."""
    if new.error:
        return f"It cannot be tested, which keeps this change back: {wording.sentence(new.error)}"
    if new.test is None or not new.test.sample_size:
        return "There are no known images to test it on."
    return f"It loads and answers: {wording.right_of(new.test)}."


def _counted(document: ComparisonDocument) -> str:
    """Empty for identical models, which are never worse; how much worse only where the answer says it not."""
    old, new, code = document.old.model.name, document.new.model.name, document.reasons[0].code
    if code == "identical":
        return ""
    said = code in {"shown_not_worse", "too_few_images"}
    return wording.counts(document, old, new) if said else wording.difference(document, old, new)


def _word(part: EnvironmentCheck) -> str:
    if part.error:
        return "hold"
    if part.verdict is None:
        return "rollback"
    if part.override and part.verdict.answer is not Decision.PROMOTE:
        return "ships by decision"
    if part.blocks and part.verdict.answer is Decision.UNDECIDED:
        return "undecided, and so held"
    return wording.DECISIONS[part.verdict.answer]


def _decision(part: EnvironmentCheck) -> Decision:
    if part.error:
        return Decision.HOLD
    return part.verdict.answer if part.verdict else Decision.PROMOTE


def _nothing_against_it(part: EnvironmentCheck) -> bool:
    """Only the number of images keeps it back: nothing is to watch, and no more photos are newly wrong than right."""
    alone = [reason.code for reason in wording.reasons_of(part)] == ["too_few_images"]
    flips = part.comparison.paired if part.comparison else None
    return alone and not part.unanswered and (flips is None or flips.negative <= flips.positive)


def _ship(part: EnvironmentCheck, new: str) -> Choice:
    if part.blocks:
        override = f'lepinet activate {new} -e {part.name} --override "reason"'
        return Choice("Ship it anyway", "The history keeps your name, the reason and this page.", override)
    return Choice("Ship it", "approve and merge. The history keeps your name and this page.")


def _know_more(part: EnvironmentCheck, known_images: str) -> Iterator[Choice]:
    if part.verdict is None or part.verdict.answer is not Decision.UNDECIDED:
        return
    for reason in part.verdict.reasons:
        needed, size = (reason.figures.get(key) for key in ("images_needed", "images"))
        if isinstance(needed, int) and isinstance(size, int) and needed > size > 0:
            yield Choice(
                "Know more",
                f"about {needed - size:,} more photos ({needed:,} in all) would be enough, were both equally good. "
                f"They go into {known_images}.",
            )


def _changes(old: DeclaredVersion, new: DeclaredVersion) -> Iterator[str]:
    if new.notes:
        yield f"{new.name}: {new.notes}"
    if new.training_image_count is not None:
        before = f", before {old.training_image_count:,}" if old.training_image_count is not None else ""
        yield f"trained on {new.training_image_count:,} images{before}"
    if new.accuracy_score is not None:
        before = f", before {old.accuracy_score:g}" if old.accuracy_score is not None else ""
        yield f"right in its trainer's own test: {new.accuracy_score:g}{before}"
    files, before = (f"{one.file_path} @ {one.revision.removeprefix('sha256:')[:7]}" for one in (new, old))
    yield f"files: {files}, before {before}"
