"""Documents of checks that no model was run for; what the reports' tests are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from evaluation.answering import Counts, two_models
from lepinet.evaluation.answers import Answer, Answers
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.results import Results, results_of, summarise
from lepinet.manifest.history import ChangeClass
from lepinet.manifest.model import Gates
from lepinet.manifest.problems import Problem
from lepinet.report.documents import (
    CheckAnswer,
    CheckDocument,
    ComparisonDocument,
    DeclaredVersion,
    EnvironmentCheck,
    RegisteredVersion,
    comparison_document,
)
from lepinet.workflow.findings import check_document, environment_check
from report.hostile import NAMES

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PLAN = ("the endpoint moves to models/v2.0.0", "the database flips to v2.0.0", "way back: models/v1.0.0")

FINE = {"Blue Tiger": Counts(500, 3, 20, 40), "Common Crow": Counts(300, 2, 8, 20)}
LOST = {"Blue Tiger": Counts(84, 0, 2, 3), "Common Jezebel": Counts(1, 6, 0, 0)}
TOO_FEW = {"Blue Tiger": Counts(84, 5, 5, 2)}
HOSTILE = {name: Counts(2, 1, 1, 1) for name in NAMES}
TRAINERS_OWN = re.compile(r"its trainer's own test: [^·\n<]*")
"""What a trainer says of its photos, which are not the few that a report is about."""
SMOKE = {"Blue Tiger": Counts(8, 0, 1, 0), "Common Jezebel": Counts(2, 1, 0, 0)}


def declared(name: str, notes: str | None = None) -> DeclaredVersion:
    return DeclaredVersion(
        name=name,
        file_path=f"models/{name}",
        revision=f"sha256:{'0' * 64}",
        training_image_count=5400,
        accuracy_score=0.9,
        notes=notes,
    )


def environment(
    table: Mapping[str, Counts],
    *,
    name: str = "production",
    change: ChangeClass = ChangeClass.ACTIVATE,
    first: bool = False,
    gates: Gates | None = None,
    blocks: bool = False,
    override: str | None = None,
    error: str | None = None,
    notes: str | None = None,
    unanswered: str | None = None,
    caution: str | None = None,
) -> EnvironmentCheck:
    """v2.0.0 in place of v1.0.0, by who was right how often.

    Args:
        table: as `two_models` takes it.
        name: of the environment.
        change: activate or rollback.
        first: there is no v1.0.0.
        gates: the defaults without.
        blocks: `when_undecided: block`.
        override: its reason.
        error: why v2.0.0 cannot be tested.
        notes: of v2.0.0.
        unanswered: an error that v2.0.0 has on the first image.
        caution: what else lies in the repository of v2.0.0.
    """
    limits = gates or Gates(when_undecided="block" if blocks else "ask")
    before, after = two_models(table)
    if caution:
        after = _cautioned(after, caution)
    if unanswered:
        after = _failing(after, unanswered)
    old, new = None if first else before, None if error else after
    return environment_check(
        name,
        change,
        baseline=None if first else declared("v1.0.0"),
        candidate=declared("v2.0.0", notes),
        old=old,
        new=new,
        verdict=judge(old, new, Terms(limits)) if new else None,
        terms=Terms(limits),
        plan=PLAN,
        override=override,
        timestamp=NOW,
        error=error,
    )


def document(
    *environments: EnvironmentCheck,
    registered: Iterable[RegisteredVersion] = (),
    problems: Iterable[Problem] = (),
    known_images: str = "photos",
) -> CheckDocument:
    return check_document(
        base="1" * 40,
        head="2" * 40,
        known_images=known_images,
        problems=tuple(problems),
        environments=environments,
        registered=tuple(registered),
        timestamp=NOW,
    )


def registered(table: Mapping[str, Counts], version: str = "v2.1.0") -> RegisteredVersion:
    return RegisteredVersion(version=version, test=summarise(two_models(table)[1], NOW))


def comparison(table: Mapping[str, Counts], gates: Gates | None = None, *, same: bool = False) -> ComparisonDocument:
    """v1.0.0 and v2.0.0 side by side, by who was right how often; `same`: with the same scores."""
    limits = gates or Gates()
    old, new = two_models(table, new_confidence=0.8 if same else 0.9)
    return comparison_document(old, new, judge(old, new, Terms(limits)), Terms(limits), NOW)


def results(table: Mapping[str, Counts], unanswered: str | None = None, caution: str | None = None) -> Results:
    new = two_models(table)[1]
    new = _cautioned(new, caution) if caution else new
    return results_of(_failing(new, unanswered) if unanswered else new, NOW)


def problem(message: str = "production.active is v2.0, and no version has that name", line: int = 5) -> Problem:
    return Problem(
        "models.yaml", line, 13, message, "    active: v2.0  # `the one`", "did you mean v2.0.0? (v1.0.0, v2.0.0)", 4
    )


def hostile_check() -> CheckDocument:
    """Hostile text wherever somebody else may write one."""
    every = "; ".join(NAMES)
    return document(
        environment({name: Counts(3, 2, 1, 0) for name in NAMES}, notes=every[:300], override=every),
        environment({"Blue Tiger": Counts(3)}, name="staging", error=every),
        environment({name: Counts(0, 1) for name in NAMES[:3]}, name="phones", unanswered=every[-300:], caution=every),
        registered=[RegisteredVersion(version="v2.1.0", error=every)],
    )


def _cautioned(answers: Answers, caution: str) -> Answers:
    return answers.model_copy(update={"model": answers.model.model_copy(update={"cautions": (caution,)})})


def _failing(answers: Answers, error: str) -> Answers:
    first, *others = answers.answers
    failed: Answer = first.model_copy(update={"top": (), "error": error})
    return answers.model_copy(update={"answers": (failed, *others)})


BROKEN = RegisteredVersion(version="v2.4.0", error="its files are not there")
CHECKS = {
    "fine": (document(environment(FINE)), CheckAnswer.PROMOTE),
    "held": (document(environment(LOST)), CheckAnswer.HOLD),
    "undecided": (document(environment(TOO_FEW)), CheckAnswer.UNDECIDED),
    "undecided and blocked": (document(environment(TOO_FEW, blocks=True)), CheckAnswer.HOLD),
    "first": (document(environment(SMOKE, first=True)), CheckAnswer.PROMOTE),
    "by decision": (document(environment(LOST, override="Season opens")), CheckAnswer.PROMOTE),
    "rollback": (document(environment(LOST, change=ChangeClass.ROLLBACK)), CheckAnswer.NOTHING),
    "broken rollback": (
        document(environment(FINE, change=ChangeClass.ROLLBACK, error="it does not load")),
        CheckAnswer.HOLD,
    ),
    "broken by decision": (document(environment(FINE, error="it does not load", override="so what")), CheckAnswer.HOLD),
    "registered": (document(registered=[registered(FINE)]), CheckAnswer.NOTHING),
    "registered broken": (document(environment(FINE), registered=[BROKEN]), CheckAnswer.HOLD),
    "one of two held": (document(environment(FINE, name="staging"), environment(LOST)), CheckAnswer.HOLD),
    "invalid": (document(problems=[problem()]), CheckAnswer.INVALID),
    "nothing": (document(), CheckAnswer.NOTHING),
    "hostile": (document(environment(HOSTILE, unanswered=NAMES[0], notes=NAMES[1])), CheckAnswer.HOLD),
}
"""Every kind of check, and what it comes to."""
