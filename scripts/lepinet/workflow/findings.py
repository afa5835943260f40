"""What a check found, put together: each environment's part, and the one answer to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lepinet.evaluation.answers import Answers
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.counting import Why, left_out
from lepinet.evaluation.gates import Decision, Verdict
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.results import Unanswered, results_of, summarise
from lepinet.manifest.history import ChangeClass
from lepinet.manifest.model import ModelVersion
from lepinet.manifest.problems import Problem
from lepinet.report.documents import (
    CheckAnswer,
    CheckDocument,
    DeclaredVersion,
    EnvironmentCheck,
    RegisteredVersion,
    comparison_document,
)
from lepinet.report.wording import BY_DECISION

_NAMED = 4
"""So many of the photos that count for none are named."""


def check_document(
    *,
    base: str | None,
    head: str,
    known_images: str,
    problems: Sequence[Problem],
    environments: Sequence[EnvironmentCheck],
    registered: Sequence[RegisteredVersion],
    timestamp: datetime,
    photos: KnownImages | None = None,
) -> CheckDocument:
    """The whole document, with the answer that follows from its parts; arguments as its fields.

    `photos` are those that were read; None where there are none, or a problem was found before.
    """
    answer, sentence = _answer(problems, environments, registered, photos)
    return CheckDocument(
        base=base,
        head=head,
        known_images=known_images,
        problems=tuple(problems),
        environments=tuple(environments),
        registered=tuple(registered),
        answer=answer,
        sentence=sentence,
        timestamp=timestamp,
    )


def declared_version(name: str, version: ModelVersion) -> DeclaredVersion:
    return DeclaredVersion(name=name, **version.model_dump(include={*DeclaredVersion.model_fields}))


def environment_check(
    name: str,
    change_class: ChangeClass,
    *,
    baseline: DeclaredVersion | None,
    candidate: DeclaredVersion,
    old: Answers | None,
    new: Answers | None,
    verdict: Verdict | None,
    terms: Terms,
    plan: Sequence[str],
    override: str | None,
    timestamp: datetime,
    error: str | None = None,
) -> EnvironmentCheck:
    """What a change of an environment's active version was found to do.

    Args:
        name: of the environment.
        change_class: activate or rollback, for this environment.
        baseline: the active version.
        candidate: the one that would be active.
        old: the baseline's answers, where there are any.
        new: the candidate's; None without known images.
        verdict: what `judge` said of both; None when the candidate could not be tested. Of a rollback it is shown, but
            blocks nothing.
        terms: what it was judged by.
        plan: its lines.
        override: the reason of an override for this candidate.
        timestamp: when, with its time zone.
        error: why the candidate could not be tested; that blocks whatever the change is.
    """
    comparison = comparison_document(old, new, verdict, terms, timestamp) if old and new and verdict else None
    unanswered = results_of(new, timestamp).results if new else ()
    judged = change_class is ChangeClass.ACTIVATE
    undecided_blocks = terms.gates.when_undecided == "block"
    blocking = (Decision.HOLD, Decision.UNDECIDED) if undecided_blocks else (Decision.HOLD,)
    blocks = error is not None or bool(judged and override is None and verdict and verdict.answer in blocking)
    stays = f"{baseline.name} stays" if baseline else "nothing becomes active"
    return EnvironmentCheck(
        name=name,
        change_class=change_class,
        baseline=baseline,
        candidate=candidate,
        test=summarise(new, timestamp) if new else None,
        unanswered=tuple(result for result in unanswered if isinstance(result, Unanswered)),
        comparison=comparison,
        verdict=verdict if judged else None,
        blocks=blocks,
        error=error,
        plan=(f"reconcile refuses it, {stays}",) if blocks else tuple(plan),
        override=override,
    )


def _answer(
    problems: Sequence[Problem],
    environments: Sequence[EnvironmentCheck],
    registered: Sequence[RegisteredVersion],
    photos: KnownImages | None,
) -> tuple[CheckAnswer, str]:
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        return CheckAnswer.INVALID, f"models.yaml cannot be merged: {problems[0].message}{more}"
    for new in registered:
        if new.error is not None:
            return CheckAnswer.HOLD, f"{new.version} cannot be tested: {new.error}"
    for part in environments:
        if part.blocks:
            return CheckAnswer.HOLD, f"{_move(part)} is held: {part.error or _why(part)}"
    judged = [part for part in environments if part.verdict is not None]
    for part in judged:
        if part.override is None and part.verdict and part.verdict.answer is Decision.UNDECIDED:
            return CheckAnswer.UNDECIDED, f"{_move(part)} is undecided, a person decides: {_why(part)}"
    if not environments and not registered:
        return CheckAnswer.NOTHING, f"nothing to judge: no active version changes against main; {_valid(photos)}"
    if not judged:
        return CheckAnswer.NOTHING, "nothing to judge: no environment gets a version that it has not had"
    return CheckAnswer.PROMOTE, "; ".join(f"{_move(part)} {_ships(part)}" for part in judged)


def _valid(photos: KnownImages | None) -> str:
    """What was looked at all the same."""
    if not photos:
        return "models.yaml is valid"
    flaws = []
    if unread := sum(image.problem is not None for image in photos.images):
        flaws.append(f"{unread} of {len(photos)} known images cannot be read")
    # What only looks alike is found by looking at each photo, as `known-images check` does.
    out = left_out(sorted(photos.images, key=lambda image: image.file_name), alike=(), trained_on={})
    if mixed := [one.file_name for one in out if one and one.why is Why.TWO_SPECIES]:
        more = f" and {len(mixed) - _NAMED} more" if len(mixed) > _NAMED else ""
        flaws.append(
            f"{len(mixed)} of {len(photos)} known images count for none, the same photos under more than one species: "
            f"{', '.join(mixed[:_NAMED])}{more}"
        )
    if flaws:
        return f"models.yaml is valid, but {' and '.join(flaws)}"
    return f"models.yaml is valid, and so is the list of {len(photos)} known images"


def _move(part: EnvironmentCheck) -> str:
    return f"{part.candidate.name if part.candidate else 'nothing'} → {part.name}"


def _ships(part: EnvironmentCheck) -> str:
    if part.verdict and part.verdict.answer is not Decision.PROMOTE:
        return f"{BY_DECISION} ({part.override}) although {_why(part)}"
    return "is fine to ship"


def _why(part: EnvironmentCheck) -> str:
    return part.verdict.sentence if part.verdict else ""
