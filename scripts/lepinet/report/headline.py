"""What every report says first: the answer in a few words, and why."""

from __future__ import annotations

from dataclasses import dataclass

from lepinet.evaluation.gates import SMOKE_TEST, Decision
from lepinet.report import wording
from lepinet.report.documents import CheckAnswer, CheckDocument, ComparisonDocument, EnvironmentCheck


@dataclass(frozen=True)
class Headline:
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
    """What else a person should know of it, most important first."""


def of_comparison(document: ComparisonDocument) -> Headline:
    first, *others = document.reasons
    return Headline(
        title=f"{document.old.model.name} → {document.new.model.name}",
        word=wording.DECISIONS[document.verdict],
        decision=document.verdict,
        sentence=wording.sentence(first.sentence),
        counted=_counted(document),
        further=(*wording.cautions(document.new), *(wording.sentence(reason.sentence) for reason in others)),
    )


def of_check(document: CheckDocument) -> Headline | None:
    """The one answer to a change, where its environments do not say it themselves."""
    if document.environments and not document.problems and not any(new.error for new in document.registered):
        return None
    fine = document.answer in {CheckAnswer.PROMOTE, CheckAnswer.NOTHING}
    undecided = document.answer is CheckAnswer.UNDECIDED
    return Headline(
        title="models.yaml" if document.problems else "this change",
        word=document.answer,
        decision=Decision.PROMOTE if fine else Decision.UNDECIDED if undecided else Decision.HOLD,
        sentence=wording.sentence(document.sentence),
    )


def of_environment(part: EnvironmentCheck) -> Headline:
    reasons = tuple(wording.sentence(reason.sentence) for reason in wording.reasons_of(part))
    if part.error:
        sentence, reasons = wording.sentence(part.error), ()
    elif part.verdict is None:
        sentence = "A version that was active here before; it loads and answers, and nothing below blocks."
    else:
        clear = " Nothing is known to be wrong with it." if _nothing_against_it(part) else ""
        sentence, reasons = f"{reasons[0]}{clear}", reasons[1:]
    return Headline(
        title=f"{part.candidate.name if part.candidate else 'no version'} → {part.name}",
        word=_word(part),
        decision=_decision(part),
        sentence=sentence,
        counted=_counted(part.comparison) if part.comparison else "",
        further=(*wording.cautions(part.test), *reasons),
    )


def _counted(document: ComparisonDocument) -> str:
    """Empty for identical models and without images; how much worse only where the sentence does not say it itself."""
    old, new, code = document.old.model.name, document.new.model.name, document.reasons[0].code
    if code == "identical" or not document.paired.size:
        return ""
    said = code in {"shown_not_worse", "too_few_images"}
    return wording.counts(document, old, new) if said else wording.difference(document, old, new)


def _word(part: EnvironmentCheck) -> str:
    if part.error:
        return "hold"
    if part.verdict is None:
        return "rollback"
    if part.override and part.verdict.answer is not Decision.PROMOTE:
        return wording.BY_DECISION
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
    enough = part.test is not None and part.test.sample_size >= SMOKE_TEST
    more_wrong = flips is not None and flips.negative > flips.positive
    return alone and enough and not part.unanswered and not wording.cautions(part.test) and not more_wrong
