"""`plan`, `reconcile`, `rollback --now`, `unpin`: main's commit, one environment after the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from lepinet.changes import standing
from lepinet.endpoints import Progress
from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.cases import KnownImages, known_images
from lepinet.evaluation.gates import Decision, Verdict, judge, judge_without_baseline
from lepinet.evaluation.run import answers_of_endpoint
from lepinet.git import Repository
from lepinet.manifest.history import Activation, ChangeClass
from lepinet.manifest.load import FILE
from lepinet.reconcile.apply import reconcile
from lepinet.reconcile.emergency import rollback_now
from lepinet.reconcile.lease import Place
from lepinet.reconcile.plan import Declared, Plan, make_plan
from lepinet.reconcile.proof import Proof, prove
from lepinet.reconcile.run import Judgement, Outcome, Run
from lepinet.registry import Registry
from lepinet.registry.records import DeploymentStatus, Snapshot
from lepinet.target import Target
from lepinet.workflow.evaluate import Bench, answers_of, bench
from lepinet.workflow.workspace import Workspace, actor


@dataclass(frozen=True)
class Options:
    """What a person may ask of a run."""

    mend: bool = False
    retry: bool = False
    accept_history: str | None = None
    reason: str | None = None


def plan(workspace: Workspace, environment: str | None) -> Iterator[Plan]:
    """What reconcile would do, environment after environment; reads only."""
    for name in _declaring(workspace, environment):
        with workspace.registry(name) as registry:
            endpoint = workspace.endpoint(name)
            state = endpoint.observe() if endpoint else None
            yield make_plan(declared(workspace, name), registry.snapshot(name), state)


def reconcile_all(workspace: Workspace, environment: str | None, options: Options, tell: Progress) -> Iterator[Outcome]:
    """Make each environment serve what main declares, in promotion order.

    Raises:
        RefusedError: the tree is dirty, or HEAD is not on main's first-parent line.
        UnfinishedError: an environment is left open; those after it are not touched.
    """
    # One commit for the whole run: a person may commit or pull meanwhile.
    commit = workspace.git.head()
    _must_be_main(workspace, commit)
    stands = standing(workspace.git, commit)
    for name in _declaring(workspace, environment):
        activation = stands.activations[name]
        # Whoever reads the history wants to know why: without other words, those of the commit that set `active`.
        because = replace(options, reason=options.reason or activation.state.commit.subject)
        with _run(workspace, name, commit, because, tell) as run:
            wanted = declared(workspace, name)
            judging = Judge(workspace, bench(workspace, None), run.registry, activation, tell)
            yield reconcile(run, wanted, judging.judgement, mend=options.mend, retry=options.retry)


def emergency(workspace: Workspace, environment: str, version: str, reason: str, tell: Progress) -> Outcome:
    """Move endpoint and database to a version at once, and pin it. Neither a commit nor a clean tree is needed."""
    with _run(workspace, environment, workspace.git.head(), Options(reason=reason), tell) as run:
        return rollback_now(run, environment, _known_target(workspace, run.registry, environment, version), reason)


def unpin(workspace: Workspace, environment: str, reason: str) -> Snapshot:
    with workspace.registry(environment) as registry:
        return registry.unpin(environment, reason)


@dataclass(frozen=True)
class Judge:
    """Judges an environment's declared version against what the registry says is active."""

    workspace: Workspace
    bench: Bench
    registry: Registry
    activation: Activation
    tell: Progress

    def judgement(self, snapshot: Snapshot) -> Judgement:
        """As an activation, unless the version is the last succeeded one, or a rollback to one that succeeded here."""
        target = self.activation.target
        version = target.version or ""
        self.tell(f"{self.activation.environment}: testing {version} on the known images")
        answers = answers_of(target, self.bench)
        back = self.activation.change is ChangeClass.ROLLBACK and version in snapshot.succeeded
        if back or version == _last_succeeded(snapshot):
            return Judgement(held=False, sentence=f"{version} has served here before", verdict=None, answers=answers)
        verdict = self._verdict(snapshot, answers)
        environment = self.workspace.manifest.environments[self.activation.environment]
        blocks = verdict.answer is Decision.HOLD or (
            verdict.answer is Decision.UNDECIDED and self.workspace.manifest.gates.when_undecided == "block"
        )
        document = verdict.model_dump(mode="json")
        sentence = verdict.sentence
        if blocks and environment.override:
            sentence = f"{sentence}; ships by override: {environment.override.reason}"
            document["override"] = environment.override.reason
        return Judgement(
            held=blocks and environment.override is None, sentence=sentence, verdict=document, answers=answers
        )

    def _verdict(self, snapshot: Snapshot, answers: Answers | None) -> Verdict:
        active = snapshot.environment.active
        gates = self.workspace.manifest.gates
        if active is None or answers is None:
            return judge(None, answers, gates)
        baseline = self._answers_of_active(active, answers.known_images_sha256)
        return judge(baseline, answers, gates) if baseline else judge_without_baseline(active, answers, gates)

    def _answers_of_active(self, active: str, known_images: str) -> Answers | None:
        """What the active version says of the same images: by its files, else as it was stored when it was tested."""
        versions = self.workspace.manifest.versions
        target = self.workspace.manifest.target(active) if active in versions else self.activation.baseline
        if target and target.version == active and (answers := _offline(target, self.bench)):
            return answers
        stored = self.registry.stored_answers(active, known_images)
        try:
            return Answers.model_validate(stored) if stored else None
        except ValidationError:
            return None


def _last_succeeded(snapshot: Snapshot) -> str | None:
    return next((row.version for row in snapshot.deployments if row.status is DeploymentStatus.SUCCEEDED), None)


def _declaring(workspace: Workspace, environment: str | None) -> tuple[str, ...]:
    """Environments that have an active version."""
    names = workspace.environments(environment)
    return tuple(name for name in names if workspace.manifest.environments[name].active)


def declared(workspace: Workspace, environment: str) -> Declared:
    manifest = workspace.manifest
    active = manifest.environments[environment].active or ""
    return Declared(environment, manifest.target(active), manifest.versions, _conditions(workspace, environment))


def _conditions(workspace: Workspace, environment: str) -> str:
    """Digest of all that a refusal or a failed proof depends on; while it is equal, trying again gives the same."""
    manifest = workspace.manifest
    declared = manifest.environments[environment]
    known = workspace.known_images
    parts = [
        manifest.target(declared.active or "").revision,
        declared.active,
        declared.override.model_dump(mode="json") if declared.override else None,
        manifest.gates.model_dump(mode="json"),
        known.sha256 if known else None,
        declared.endpoint.model_dump(mode="json"),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _must_be_main(workspace: Workspace, commit: str) -> None:
    git = workspace.git
    git.require_history()
    if dirty := git.dirty():
        shown = ", ".join(dirty[:3]) + (", …" if len(dirty) > len(dirty[:3]) else "")
        raise RefusedError(
            f"the working tree is not what is committed: {shown}",
            todo="commit, stash or remove that; reconcile ships commits",
        )
    main = git.fetch_main()
    if not git.on_first_parent_line(commit, main):
        raise RefusedError(
            f"HEAD ({commit[:7]}) is not on main's first-parent line: reconcile ships what was merged",
            todo="git switch main, or merge this branch first",
        )


def _place(git: Repository, recorded: str, commit: str) -> Place:
    if git.on_first_parent_line(recorded, commit):
        return Place.REACHED
    ahead = git.on_first_parent_line(recorded, git.fetch_main()) and git.on_first_parent_line(commit, recorded)
    return Place.AHEAD if ahead else Place.ELSEWHERE


@contextmanager
def _run(workspace: Workspace, environment: str, commit: str, options: Options, tell: Progress) -> Iterator[Run]:
    git = workspace.git
    tested = bench(workspace, None)

    def ask(url: str, target: Target, keep: Callable[[], None]) -> Proof:
        def counted(done: int, total: int) -> None:
            del done, total
            keep()

        with _something_to_ask(tested.known) as known:
            live = answers_of_endpoint(url, known, tested.species, timings=workspace.timings, progress=counted)
        return prove(live, _offline(target, tested))

    with workspace.registry(environment) as registry:
        yield Run(
            registry=registry,
            endpoint=workspace.endpoint(environment),
            timings=workspace.timings,
            tell=tell,
            prove=ask,
            actor=actor(workspace.settings),
            reason=options.reason,
            repository=git.first_commit(),
            commit=commit,
            generation=git.generation(commit),
            place=lambda recorded: _place(git, recorded, commit),
            accept_history=options.accept_history,
        )


def _offline(target: Target, bench: Bench) -> Answers | None:
    """A target's own answers; None when its files are not to be had, so that nobody can tell."""
    try:
        return answers_of(target, bench)
    except (RefusedError, UsageError):
        return None


@contextmanager
def _something_to_ask(known: KnownImages | None) -> Iterator[KnownImages]:
    """The known images; without any, one drawn photo, which shows at least that the model loads and answers."""
    if known and known.images:
        yield known
        return
    from PIL import Image  # noqa: PLC0415 -- only a repository without known images draws one

    with TemporaryDirectory(prefix="lepinet-") as folder:
        photo = Path(folder, "drawn.png")
        Image.linear_gradient("L").convert("RGB").save(photo)
        yield known_images([(photo, "none", "none")])


def _known_target(workspace: Workspace, registry: Registry, environment: str, version: str) -> Target:
    if version in workspace.manifest.versions:
        return workspace.manifest.target(version)
    rows = {row.version_name: row.target for row in registry.snapshot(environment).versions}
    found = rows.get(version)
    if found is None:
        raise UsageError(f"neither {FILE} nor the registry knows {version} with a revision", todo="lepinet versions")
    return found
