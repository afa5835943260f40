"""`reconcile` and `rollback --now`: main's commit, one environment after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from lepinet.changes import standing
from lepinet.endpoints import Address, Progress
from lepinet.errors import LepinetError, OutsideError, RefusedError, UsageError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.run import answers_of_endpoint
from lepinet.evaluation.speed import Speed
from lepinet.git import Repository
from lepinet.manifest.load import FILE
from lepinet.reconcile.apply import reconcile
from lepinet.reconcile.emergency import rollback_now
from lepinet.reconcile.lease import Place
from lepinet.reconcile.proof import ASKED, Proof, prove
from lepinet.reconcile.run import Outcome, Run
from lepinet.registry import Registry
from lepinet.report.escape import for_terminal, one_line
from lepinet.target import Target
from lepinet.webhook import Message
from lepinet.workflow.alerts import log_url, send
from lepinet.workflow.declared import declared, declaring, must_outlive_the_job
from lepinet.workflow.evaluate import LOOKING, Bench, Counted, answers_of, bench, something_to_ask
from lepinet.workflow.handover import Handover, Offline, grounds_of, make_handover, read_handover
from lepinet.workflow.judging import Judge, tested_answers
from lepinet.workflow.propose import requested_by, words_of
from lepinet.workflow.speed import speed_of
from lepinet.workflow.workspace import Workspace, actor

CountedFor = Callable[[str], Counted]
"""Makes the progress of work that is called so."""

_REASON = 500
"""Characters of a commit's message that are kept as a deployment's reason."""


@dataclass(frozen=True)
class Telling:
    """How a person is told what a run does."""

    line: Progress
    counted: CountedFor


@dataclass(frozen=True)
class Options:
    """What a person may ask of a run."""

    mend: bool = False
    retry: bool = False
    accept_history: str | None = None
    reason: str | None = None
    verdict: Path | None = None
    """What a job without secrets tested beforehand, by `judge`; None: models are tested here."""


def reconcile_all(
    workspace: Workspace, environment: str | None, options: Options, telling: Telling
) -> Iterator[Outcome]:
    """Make each environment serve what main declares, in promotion order.

    Raises:
        RefusedError: the tree is dirty, or HEAD is not on main's first-parent line.
        UnfinishedError: an environment is left open; those after it are not touched.
    """
    # One commit for the whole run: a person may commit or pull meanwhile.
    commit = workspace.git.head()
    _must_be_main(workspace, commit)
    stands = standing(workspace.git, commit)
    handed = read_handover(options.verdict, grounds_of(workspace), workspace.manifest) if options.verdict else None
    offline: Offline = handed or _TestedHere(workspace, telling.counted)
    for name in declaring(workspace, environment):
        activation = stands.activations[name]
        # Whoever reads the history wants to know why: without other words, those of the commit that set `active`.
        message = workspace.git.message(activation.state.commit.id)
        because = replace(options, reason=options.reason or _reason(message))
        with _run(workspace, name, commit, because, telling=telling, offline=offline) as run:
            wanted = declared(workspace, name)
            judging = Judge(
                workspace.manifest,
                offline,
                run.registry,
                activation,
                stands.tries.number,
                workspace.forbidden(name),
                telling.line,
            )
            outcome = reconcile(run, wanted, judging.judgement, mend=options.mend, retry=options.retry)
        _tell_chat(workspace, outcome, run, telling)
        yield outcome


def _reason(message: str) -> str:
    """What a commit says, in lines, and who asked for it."""
    said, asker = words_of(message), requested_by(message)
    shown = said if len(said) <= _REASON else f"{said[: _REASON - 1].rstrip()}…"
    return f"{shown}\nasked by {asker}" if asker else shown


def judge(workspace: Workspace, environment: str | None, counted: CountedFor) -> Handover:
    """Test all that reconcile may have to judge at this commit, where there is no secret that a model could take.

    Raises:
        RefusedError: the tree is dirty, or HEAD is not on main's first-parent line.
    """
    commit = workspace.git.head()
    _must_be_main(workspace, commit)
    environments = declaring(workspace, environment)
    offline = _TestedHere(workspace, counted)
    return make_handover(workspace, standing(workspace.git, commit), environments, offline)


def emergency(workspace: Workspace, environment: str, version: str, reason: str, telling: Telling) -> Outcome:
    """Move endpoint and database to a version at once, and pin it. Neither a commit nor a clean tree is needed."""
    commit, offline = workspace.git.head(), _TestedHere(workspace, telling.counted, judged=False)
    with _run(workspace, environment, commit, Options(reason=reason), telling=telling, offline=offline) as run:
        target = _known_target(workspace, run.registry, environment, version)
        _must_be_there(workspace, environment, target)
        outcome = rollback_now(run, environment, target, reason)
    _tell_chat(workspace, outcome, run, telling)
    return outcome


def _tell_chat(workspace: Workspace, outcome: Outcome, run: Run, telling: Telling) -> None:
    """Of a deployment that has succeeded; that it cannot be told takes nothing back."""
    if not outcome.deployed:
        return
    because = f" · {one_line(run.reason)}" if run.reason else ""
    text = for_terminal(f"{outcome.environment}: {outcome.sentence} · moved by {run.actor}{because}", longest=800)
    try:
        send(workspace, outcome.environment, Message(text, log_url(workspace)))
    except LepinetError as error:
        telling.line(f"{outcome.environment}: the chat was not told: {error.what}")


def _must_be_there(workspace: Workspace, environment: str, target: Target) -> None:
    """Pin nothing that the endpoint could not load. Where nobody can tell, an emergency does not wait for that.

    Raises:
        RefusedError: the Hub has not got its files, or may not give them.
    """
    if workspace.manifest.environments[environment].endpoint.kind == "local":
        return  # it may have kept them
    if not workspace.settings.get("HF_TOKEN"):
        return  # what is private does not exist for somebody without a token
    with suppress(OutsideError, UsageError):
        workspace.seek(target)


def _must_be_main(workspace: Workspace, commit: str) -> None:
    git = workspace.git
    git.require_history()
    material = [workspace.manifest.known_images, *filter(None, [workspace.manifest.species])]
    # What git ignores elsewhere is nobody's business; a photo that it ignores would be tested and is in no commit.
    if dirty := (*git.dirty(), *git.dirty(material)):
        shown = ", ".join(dirty[:3]) + (", …" if len(dirty) > len(dirty[:3]) else "")
        raise RefusedError(
            f"the working tree is not what is committed: {shown}",
            todo="commit, stash or remove that; reconcile ships commits",
        )
    blob = git.object_id(commit, FILE)
    if blob is None or _lines(git.blobs([blob])[blob]) != _lines(workspace.content):
        raise RefusedError(
            f"{FILE} is not what is committed, although git does not say so", todo="git update-index --really-refresh"
        )
    if git.object_id(commit, workspace.manifest.known_images) and not workspace.known_images:
        raise RefusedError(
            f"{workspace.manifest.known_images} is committed and not checked out", todo="git sparse-checkout disable"
        )
    main = git.fetch_main()
    if not git.on_first_parent_line(commit, main):
        raise RefusedError(
            f"HEAD ({commit[:7]}) is not on main's first-parent line: reconcile ships what was merged",
            todo="git switch main, or merge this branch first",
        )


def _lines(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def _place(git: Repository, recorded: str, commit: str) -> Place:
    if git.on_first_parent_line(recorded, commit):
        return Place.REACHED
    ahead = git.on_first_parent_line(recorded, git.fetch_main()) and git.on_first_parent_line(commit, recorded)
    return Place.AHEAD if ahead else Place.ELSEWHERE


@contextmanager
def _run(
    workspace: Workspace, environment: str, commit: str, options: Options, *, telling: Telling, offline: Offline
) -> Iterator[Run]:
    git = workspace.git
    must_outlive_the_job(workspace, environment)

    def ask(registry: Registry, address: Address, target: Target) -> Proof:
        with something_to_ask(workspace.known_images) as known:
            # First: an endpoint that costs money is not woken where its answers could prove nothing.
            tested = tested_answers(offline, registry, target, known.sha256)
            live = answers_of_endpoint(
                address.url,
                some := known.sample(ASKED),
                workspace.species,
                token=address.token,
                asleep=address.asleep,
                timings=workspace.timings,
                progress=telling.counted(f"{environment}: proving {target.version or target}"),
            )
        return prove(live, tested.among({image.file_name for image in some.images}) if tested else None, target)

    with workspace.registry(environment) as registry:
        yield Run(
            registry=registry,
            endpoint=workspace.endpoint(environment),
            timings=workspace.timings,
            tell=telling.line,
            prove=partial(ask, registry),
            actor=actor(workspace),
            reason=options.reason,
            commit=commit,
            generation=git.generation(commit),
            place=lambda recorded: _place(git, recorded, commit),
            tag=partial(_tagged, workspace, environment),
            accept_history=options.accept_history,
        )


def _tagged(workspace: Workspace, environment: str, target: Target) -> str | None:
    """Keep a deployed commit on the Hub by a tag, which a squash of its branch leaves alone; says what came of it."""
    if not target.on_hub:
        return None
    # With the commit, for two of them may be deployed on one day.
    name = f"deployed-{environment}-{datetime.now(UTC):%Y-%m-%d}-{target.revision[:7]}"
    try:
        workspace.hub.tag(target.file_path, target.revision, name, f"{target.version or 'It'} is live in {environment}")
    except LepinetError as error:
        return f"{target} is not tagged {name}: {error.what}"
    return f"{target} is tagged {name}"


@dataclass(frozen=True)
class _TestedHere:
    """Models run on this machine."""

    workspace: Workspace
    counted: CountedFor
    judged: bool = True
    """Whether there will be a verdict; an emergency takes no time for one."""
    _said: dict[Target, Answers | None] = field(default_factory=dict)

    @cached_property
    def _bench(self) -> Bench:
        # Read when the first answer is asked for: an emergency pins before it looks at any photo.
        return bench(self.workspace, None, looking=self.counted(LOOKING))

    def answers(self, target: Target) -> Answers | None:
        if target not in self._said:
            counted = self.counted(f"testing {target.version or target}")
            self._said[target] = answers_of(target, self._bench, counted, judged=self.judged)
        return self._said[target]

    def speed(self, old: Target, new: Target) -> Speed | None:
        answers = self.answers(new)
        return speed_of(old, new, answers, self._bench) if answers else None


def _known_target(workspace: Workspace, registry: Registry, environment: str, version: str) -> Target:
    if version in workspace.manifest.versions:
        return workspace.manifest.target(version)
    rows = {row.version_name: row.target for row in registry.essentials(environment, [version]).versions}
    found = rows.get(version)
    if found is None:
        raise UsageError(f"neither {FILE} nor the registry knows {version} with a revision", todo="lepinet versions")
    return found
