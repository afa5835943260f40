"""The JSON that `lepinet compare` and `lepinet check` write; every other kind of report is made from these values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from pydantic import ConfigDict, Field

from lepinet import __version__
from lepinet.evaluation.answers import Answer, Answers, Score, Value
from lepinet.evaluation.comparison import Comparison, SpeciesChange, compare
from lepinet.evaluation.counting import LeftOut
from lepinet.evaluation.gates import Decision, Gate, Reason, Verdict
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.gates.tries import alpha
from lepinet.evaluation.paired import (
    Paired,
    exact_p,
    images_needed,
    interval,
    lower_bound,
    mcnemar,
    mcnemar_mid_p,
    non_inferiority,
    smallest_margin,
)
from lepinet.evaluation.results import Summary, Unanswered, summarise
from lepinet.manifest.history import ChangeClass
from lepinet.manifest.problems import Problem


class SpeciesRecall(Value):
    """One species on the known images, in both models."""

    id: str
    name: str
    support: int
    """Known images of it."""
    old_recall: float
    new_recall: float


class McNemar(Value):
    """How often equally good models would differ so much in their flips, two-sided."""

    exact: float
    mid_p: float


class PairedCounts(Value):
    """Images by who was right, of the species that the old model can name."""

    both_right: int
    negative: int
    """The old model right, the new one wrong."""
    positive: int
    both_wrong: int

    @property
    def size(self) -> int:
        return self.both_right + self.negative + self.positive + self.both_wrong


class NonInferiorityDocument(Value):
    """How sure the images make us that the new model is at most the margin worse."""

    model_config = ConfigDict(validate_by_name=True)

    margin: float
    confidence: float
    """As models.yaml asks for it, one-sided."""
    tries: int = Field(alias="try")
    """The candidate's place among those tried on these images, 1 for the first."""
    alpha: float
    """The level of this try: 1 - confidence for the first, less for each further one."""
    statistic: float
    """Tango's z at the margin; positive speaks for the new model."""
    p_asymptotic: float
    p_exact: float
    p: float
    """The larger of both; shown when it is at most `alpha`."""
    lower_bound: float
    """Of new minus old, one-sided, at 1 - `alpha`."""
    upper_bound: float
    """Of new minus old, one-sided, at `confidence`; under -`margin` the new model is shown to be worse."""
    images_needed: int
    """So many would show an equally good model to be inside the margin in 8 of 10 cases."""
    smallest_margin: float
    """The smallest margin for which the images at hand are as many as that."""


class ReferenceDocument(Value):
    """The new model beside the best version shown so far, by the images of species that this one can name."""

    name: str
    accuracy_difference: float
    """New minus reference, -1 to 1."""
    difference_interval: tuple[float, float]
    """Tango's, two-sided, at the confidence that the gates ask for."""
    mcnemar: McNemar
    paired: PairedCounts
    non_inferiority: NonInferiorityDocument | None
    """Null where the gate is off."""


class TimesDocument(Value):
    """How long both models took for the same photos, run side by side."""

    old_ms: float
    """Median, decoding and inference."""
    new_ms: float
    ratio: float
    ratio_at_least: float
    """At 95 % confidence, one-sided."""
    sample_size: int


class Flip(Value):
    """A known image that one model gets right and the other wrong."""

    file_name: str
    expected_id: str
    expected_name: str
    old: Score | None
    """What the old model says first; null when it did not answer."""
    new: Score | None


class ComparisonDocument(Value):
    """Two models on the same known images.

    The difference, its interval, McNemar's p, the flips and the species are over images that are not left out, all but
    the species over those of species that the old model can name; the figures in `old` and `new`, and the floors among
    the gates, are over all of them.
    """

    schema_version: Literal[1] = 1
    tool_version: str = __version__
    old: Summary
    new: Summary
    accuracy_difference: float | None
    """New minus old, -1 to 1; null without images."""
    difference_interval: tuple[float, float] | None
    """Tango's, two-sided, at the confidence that the gates ask for."""
    mcnemar_p: float
    """Exact, two-sided; the same as `mcnemar.exact`."""
    mcnemar: McNemar
    paired: PairedCounts
    non_inferiority: NonInferiorityDocument | None
    """Null without images, and where the gate is off."""
    reference: ReferenceDocument | None
    """Null where the environment has none but these two models, or its answers are not to be had."""
    times: TimesDocument | None
    """Null where nobody ran both side by side."""
    negative_flips: tuple[str, ...]
    """File names that the old model gets right and the new one wrong."""
    positive_flips: tuple[str, ...]
    newly_wrong: tuple[Flip, ...]
    """The negative flips, with what both models say of them."""
    newly_right: tuple[Flip, ...]
    species: tuple[SpeciesRecall, ...]
    left_out: tuple[LeftOut, ...]
    """By file name: copies of others, one photo under two species, photos that a model was trained on."""
    gates: tuple[Gate, ...]
    verdict: Decision
    reasons: tuple[Reason, ...]


class DeclaredVersion(Value):
    """A model version as models.yaml has it."""

    name: str
    file_path: str
    revision: str
    training_image_count: int | None
    accuracy_score: float | None
    notes: str | None


class EnvironmentCheck(Value):
    """What a change would do to one environment."""

    name: str
    change_class: ChangeClass
    baseline: DeclaredVersion | None
    """The active version; null for an environment's first one."""
    candidate: DeclaredVersion | None
    """The version that would be active; null when the change leaves the active one alone."""
    test: Summary | None
    """The candidate on the known images."""
    unanswered: tuple[Unanswered, ...] = ()
    """Known images that the candidate did not answer."""
    comparison: ComparisonDocument | None
    """Null without a baseline's answers."""
    verdict: Verdict | None
    """Null where none is asked for: a rollback shows its comparison, and nothing in it blocks."""
    blocks: bool
    """It keeps the change from shipping: held, undecided where that blocks, or the model cannot be tested."""
    error: str | None = None
    """Why the candidate could not be tested."""
    plan: tuple[str, ...] = ()
    """What reconcile would do, a line a step."""
    override: str | None = None
    """The reason by which it ships all the same."""


class RegisteredVersion(Value):
    """A version that the change adds to models.yaml."""

    version: str
    test: Summary | None = None
    error: str | None = None
    """Why it could not be tested."""


class CheckAnswer(StrEnum):
    """What a check comes to."""

    PROMOTE = "promote"
    HOLD = "hold"
    UNDECIDED = "undecided"
    INVALID = "invalid"
    NOTHING = "nothing to judge"


class CheckDocument(Value):
    """All that a pull request needs to know of its change."""

    schema_version: Literal[1] = 1
    tool_version: str = __version__
    base: str | None
    """The commit that the change starts from, all hex digits; null when there is none."""
    head: str
    known_images: str
    """Their folder, relative to the repository's root."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with models.yaml, or with the change of it."""
    environments: tuple[EnvironmentCheck, ...] = ()
    registered: tuple[RegisteredVersion, ...] = ()
    answer: CheckAnswer
    sentence: str
    """The answer in one sentence."""
    timestamp: datetime


def comparison_document(
    old: Answers, new: Answers, verdict: Verdict, terms: Terms, timestamp: datetime
) -> ComparisonDocument:
    """Two models side by side.

    Args:
        old: the baseline's answers.
        new: the candidate's, on the same known images.
        verdict: what `judge` said of both.
        terms: what it was judged by.
        timestamp: when, with its time zone.

    Raises:
        RefusedError: they are about different known images.
    """
    comparison = compare(old, new)
    paired, confidence = comparison.paired, float(terms.gates.confidence)
    before, now = ({answer.file_name: answer for answer in answers.answers} for answers in (old, new))
    return ComparisonDocument(
        old=summarise(old, timestamp),
        new=summarise(new, timestamp),
        accuracy_difference=paired.difference if paired.size else None,
        difference_interval=interval(paired, confidence) if paired.size else None,
        mcnemar_p=mcnemar(paired),
        mcnemar=_mcnemar(paired),
        paired=PairedCounts(**vars(paired)),
        non_inferiority=_non_inferiority(paired, terms),
        reference=_reference(new, terms),
        times=_times(terms),
        negative_flips=comparison.negative_flips,
        positive_flips=comparison.positive_flips,
        newly_wrong=tuple(_flip(before[name], now[name]) for name in comparison.negative_flips),
        newly_right=tuple(_flip(before[name], now[name]) for name in comparison.positive_flips),
        species=tuple(_recall(change) for change in _all_species(comparison)),
        left_out=comparison.left_out,
        gates=verdict.gates,
        verdict=verdict.answer,
        reasons=verdict.reasons,
    )


def _mcnemar(paired: Paired) -> McNemar:
    return McNemar(exact=mcnemar(paired), mid_p=mcnemar_mid_p(paired))


def _non_inferiority(paired: Paired, terms: Terms) -> NonInferiorityDocument | None:
    gates = terms.gates
    if gates.non_inferiority_margin is None or not paired.size:
        return None
    margin, confidence, level = gates.non_inferiority_margin, float(gates.confidence), alpha(gates, terms.tries)
    tested = non_inferiority(paired, Fraction(margin), level)
    exact = exact_p(paired.negative, paired.positive, paired.size, Fraction(margin))
    return NonInferiorityDocument(
        margin=float(margin),
        confidence=confidence,
        tries=terms.tries,
        alpha=level,
        statistic=tested.statistic,
        p_asymptotic=tested.p_asymptotic,
        p_exact=exact,
        p=max(tested.p_asymptotic, exact),
        lower_bound=lower_bound(paired, 1 - level),
        upper_bound=-lower_bound(paired.swapped(), confidence),
        images_needed=images_needed(paired, float(margin), level),
        smallest_margin=smallest_margin(paired, level),
    )


def _reference(new: Answers, terms: Terms) -> ReferenceDocument | None:
    if terms.best is None or terms.best.answers is None:
        return None
    paired = compare(terms.best.answers, new).paired
    if not paired.size:
        return None
    return ReferenceDocument(
        name=terms.best.name,
        accuracy_difference=paired.difference,
        difference_interval=interval(paired, float(terms.gates.confidence)),
        mcnemar=_mcnemar(paired),
        paired=PairedCounts(**vars(paired)),
        non_inferiority=_non_inferiority(paired, terms),
    )


def _times(terms: Terms) -> TimesDocument | None:
    speed = terms.speed
    if speed is None:
        return None
    return TimesDocument(
        old_ms=speed.old_median,
        new_ms=speed.new_median,
        ratio=speed.ratio,
        ratio_at_least=speed.lower_bound(),
        sample_size=len(speed.new_ms),
    )


def _recall(change: SpeciesChange) -> SpeciesRecall:
    return SpeciesRecall(
        id=change.id,
        name=change.name,
        support=change.support,
        old_recall=change.old_correct / change.support,
        new_recall=change.new_correct / change.support,
    )


def _all_species(comparison: Comparison) -> Iterator[SpeciesChange]:
    """By id; those that the old model cannot name among them."""
    return iter(sorted((*comparison.species, *comparison.other_species), key=lambda change: change.id))


def _flip(old: Answer, new: Answer) -> Flip:
    return Flip(
        file_name=old.file_name,
        expected_id=old.expected_id,
        expected_name=old.expected_name,
        old=old.top[0] if old.top else None,
        new=new.top[0] if new.top else None,
    )
