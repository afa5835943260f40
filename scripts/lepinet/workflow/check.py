"""`check`: all that a pull request needs, from the rules to the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from lepinet.changes import EnvironmentChange, change_between
from lepinet.errors import LepinetError, RefusedError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.gates import Verdict
from lepinet.evaluation.gates.judge import judge, judge_without_baseline
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.evaluation.labels import OWN_LABELS, Species
from lepinet.evaluation.results import summarise
from lepinet.evaluation.speed import Speed
from lepinet.manifest.history import Activation, ChangeClass
from lepinet.manifest.model import Environment, Manifest
from lepinet.manifest.problems import ManifestError
from lepinet.report.documents import CheckDocument, DeclaredVersion, EnvironmentCheck, RegisteredVersion
from lepinet.target import Target
from lepinet.workflow.evaluate import LOOKING, Bench, Counted, answers_of, bench
from lepinet.workflow.findings import check_document, declared_version, environment_check
from lepinet.workflow.judging import require_room
from lepinet.workflow.speed import speed_of
from lepinet.workflow.testable import why_untested
from lepinet.workflow.workspace import Workspace

CountedFor = Callable[[str], Counted | None]
"""Makes the progress of one model by its name."""


def check(workspace: Workspace, base: str | None, counted: CountedFor) -> CheckDocument:
    """Judge the working tree's models.yaml as if it were merged on top of `base` now.

    Args:
        workspace: with the change in its working tree.
        base: a commit of main; None for where this line of work left main.
        counted: progress.
    """
    git = workspace.git
    git.require_history()
    start = git.resolve(base) if base else git.merge_base("HEAD", git.main())
    if start is None:
        raise RefusedError("this branch and main have no common history", todo="name a base: --base REF")
    now = datetime.now(UTC)
    document = partial(check_document, base=start, head=git.head(), timestamp=now)
    try:
        judgement = change_between(git, start)
    except ManifestError as error:
        return document(known_images="", problems=error.problems, environments=(), registered=())
    manifest = judgement.manifest
    document = partial(document, known_images=manifest.known_images, problems=judgement.problems)
    if judgement.problems:
        return document(environments=(), registered=())
    judging = _Judging(manifest, bench(workspace, None, looking=counted(LOOKING)), counted, now)
    environments = tuple(
        judging.environment(change, change.activation)
        for change in judgement.environments
        if change.activation and _ships(change, manifest)
    )
    candidates = {one.candidate.name for one in environments if one.candidate}
    registered = tuple(judging.registered(name) for name in judgement.change.registered if name not in candidates)
    return document(environments=environments, registered=registered, photos=judging.tested.known)


def _ships(change: EnvironmentChange, manifest: Manifest) -> bool:
    """Whether the merge would make another version active, one that was held until now by an override."""
    overridden = "override" in change.altered and manifest.environments[change.environment].override is not None
    return overridden or change.change in {ChangeClass.ACTIVATE, ChangeClass.ROLLBACK}


@dataclass(frozen=True)
class _Judging:
    manifest: Manifest
    tested: Bench
    counted: CountedFor
    now: datetime

    def environment(self, change: EnvironmentChange, activation: Activation) -> EnvironmentCheck:
        """One environment whose active version changes."""
        settings = self.manifest.environments[change.environment]
        terms = Terms(self.manifest.gates, change.tries)
        old, new, verdict, error = None, None, None, None
        try:
            new = self._answers(activation.target)
            require_room(new)
            old = self._compared_with(activation)
            terms = replace(terms, best=self._best(settings, activation), speed=self._speed(activation, old, new))
            verdict = self._verdict(activation.baseline, old, new, terms)
        except RefusedError as refused:
            error = why_untested(activation.target.version or "", refused)
        return environment_check(
            change.environment,
            activation.change,
            baseline=self._declared(activation.baseline) if activation.baseline else None,
            candidate=self._declared(activation.target),
            old=old,
            new=new,
            verdict=verdict,
            terms=terms,
            plan=_plan(settings, activation, new, self.tested.species),
            override=settings.override.reason if settings.override else None,
            timestamp=self.now,
            error=error,
        )

    def registered(self, name: str) -> RegisteredVersion:
        """A new version that no environment gets yet: it must load and answer."""
        try:
            answers = self._answers(self.manifest.target(name))
        except RefusedError as error:
            return RegisteredVersion(version=name, error=why_untested(name, error))
        return RegisteredVersion(version=name, test=summarise(answers, self.now) if answers else None)

    def _answers(self, target: Target) -> Answers | None:
        """A candidate's answers; one that answers none of the photos cannot ship."""
        answers = answers_of(target, self.tested, self.counted(target.version or target.file_path))
        if answers and all(answer.error for answer in answers.answers):
            raise RefusedError(f"it answers none of the known images: {answers.answers[0].error}")
        return answers

    def _compared_with(self, activation: Activation) -> Answers | None:
        """The active version's answers. A rollback's comparison is shown only: what it lacks is in nobody's way."""
        try:
            return self._baseline(activation.baseline)
        except LepinetError:
            if activation.change is not ChangeClass.ROLLBACK:
                raise
            return None

    def _baseline(self, baseline: Target | None) -> Answers | None:
        """The active version's answers; None when there is none, no photo, or its files are not to be had any more."""
        if baseline is None or not self.tested.known:
            return None
        try:
            return answers_of(baseline, self.tested, self.counted(baseline.version or baseline.file_path))
        except RefusedError:
            return None

    def _best(self, settings: Environment, activation: Activation) -> Best | None:
        """The reference, where it is neither of the two that are compared anyway."""
        if settings.reference is None:
            return None
        best = self.manifest.target(settings.reference)
        others = (activation.baseline, activation.target)
        same = any(best.same_files(one) for one in others)
        return None if same else Best(settings.reference, self._baseline(best))

    def _speed(self, activation: Activation, old: Answers | None, new: Answers | None) -> Speed | None:
        if activation.baseline is None or old is None or new is None:
            return None
        return speed_of(activation.baseline, activation.target, new, self.tested)

    def _verdict(self, baseline: Target | None, old: Answers | None, new: Answers | None, terms: Terms) -> Verdict:
        if baseline is not None and old is None and new is not None:
            return judge_without_baseline(baseline.version or "", new, self.manifest.gates)
        return judge(old, new, terms)

    def _declared(self, target: Target) -> DeclaredVersion:
        version = self.manifest.versions.get(target.version or "")
        if version is not None:
            return declared_version(target.version or "", version)
        # The active version may have been retired by the change itself.
        return DeclaredVersion(
            name=target.version or target.file_path,
            file_path=target.file_path,
            revision=target.revision,
            training_image_count=None,
            accuracy_score=None,
            notes=None,
        )


def _plan(
    settings: Environment, activation: Activation, new: Answers | None, species: Sequence[Species]
) -> tuple[str, ...]:
    """What the merge would do, as far as git can tell; a pull request sees neither endpoint nor database."""
    asked = [f"it answers the {len(new.answers)} known images" if new else "it answers one drawn photo"]
    if new is None and not species:
        asked.append(OWN_LABELS)
    steps = [] if settings.endpoint.kind == "none" else [f"the endpoint moves to {activation.target}", *asked]
    steps.append(f"the database flips to {activation.target.version}")
    return (*steps, f"way back: {activation.baseline}") if activation.baseline else tuple(steps)
