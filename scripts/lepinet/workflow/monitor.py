"""`monitor`: the proof again, for as long as a version is live. It looks and writes down what it saw; nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from pydantic import ValidationError

from lepinet.endpoints import Endpoint, EndpointState, Progress
from lepinet.errors import LepinetError, MayNotAskError, OutsideError, RefusedError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.run import answers_of_endpoint
from lepinet.monitor import A_FEW, WHOLE, Look, Looked, Monitored, monitor, whole_is_due
from lepinet.reconcile.plan import Plan, make_plan
from lepinet.registry import Registry
from lepinet.registry.records import PerformanceLog, Snapshot
from lepinet.target import Target
from lepinet.workflow.declared import declared, declaring, must_outlive_the_job
from lepinet.workflow.workspace import Workspace

CountedFor = Callable[[str], Callable[[int, int], None]]
"""Makes the progress of work that is called so."""


def monitor_all(
    workspace: Workspace, environment: str | None, counted: CountedFor, tell: Progress
) -> Iterator[Monitored]:
    """Look at each environment that has an active version, and log what was seen.

    One that lives on another machine is told and left out, unless it was asked for by name. What is wrong with one does
    not keep the next one from being watched.

    Raises:
        LepinetError: one could not be looked at, for its registry does not answer or a setting is missing; in the end.
    """
    failed: list[LepinetError] = []
    for name in declaring(workspace, environment):
        try:
            must_outlive_the_job(workspace, name)
        except RefusedError as elsewhere:
            if environment:
                raise
            tell(f"not watched: {elsewhere.what}")
            continue
        try:
            with workspace.registry(name) as registry:
                run = _monitored(workspace, name, registry, counted)
        except LepinetError as error:
            tell(f"not watched: {name}: {error.what}")
            failed.append(error)
        else:
            yield run
    if failed:
        raise failed[0]


def _monitored(workspace: Workspace, environment: str, registry: Registry, counted: CountedFor) -> Monitored:
    snapshot = registry.snapshot(environment, workspace.manifest.versions)
    looking = _Looking(workspace, environment, registry, snapshot, counted)
    look = looking.look()
    run = monitor(environment, look, workspace.manifest.gates, snapshot.monitored)
    if snapshot.environment.active is not None:
        figures = run.figures
        log = PerformanceLog(
            id=uuid4(),
            version_name=snapshot.environment.active,
            kind="monitor",
            test_accuracy=figures.accuracy if figures else None,
            top3_accuracy=figures.top3_accuracy if figures else None,
            test_sample_size=figures.sample_size if figures else None,
            notes=run.sentence,
            details=run.kept.model_dump(mode="json"),
            commit_sha=workspace.git.head(),
        )
        registry.log_performance(log, environment)
    return run


@dataclass(frozen=True)
class _Looking:
    """One look at one environment."""

    workspace: Workspace
    environment: str
    registry: Registry
    snapshot: Snapshot
    counted: CountedFor

    def look(self) -> Look:
        """What is there now; where a deployment began meanwhile, that alone."""
        if holder := self.snapshot.environment.claimant:
            return Look(Looked.DEPLOYING, holder)
        if self.snapshot.environment.active is None:
            return Look(Looked.NOTHING, "nothing is live yet")
        look = self._look()
        after = self.registry.snapshot(self.environment)
        if after.environment.claimant or _newest(after) != _newest(self.snapshot):
            return Look(Looked.DEPLOYING, after.environment.claimant or "it began and ended meanwhile")
        return look

    def _look(self) -> Look:
        endpoint = self.workspace.endpoint(self.environment)
        if endpoint is None:
            return Look(Looked.NOTHING, "the models run on the phones", self._plan(None))
        try:
            state = endpoint.observe()
        except OutsideError as error:
            return Look(Looked.SILENT, error.what)
        plan = self._plan(state)
        if state.asleep:
            return Look(Looked.ASLEEP, plan=plan)
        if not state.ready:
            return Look(Looked.SILENT, state.detail or "it is not ready", plan)
        return self._ask(endpoint, state, plan)

    def _ask(self, endpoint: Endpoint, state: EndpointState, plan: Plan | None) -> Look:
        known = self.workspace.known_images
        if known is None:
            return Look(Looked.NOTHING, "there are no known images", plan)
        target = state.target or self._named(self.snapshot.environment.active)
        if target is None:
            return Look(Looked.NOTHING, "nobody knows which files should answer", plan)
        photos, tested = self._photos(known, target)
        whole = whole_is_due(self.snapshot.monitored)
        some = photos.sample(WHOLE if whole else A_FEW)
        if not some.images:
            return Look(Looked.NOTHING, "no known image can be read", plan)
        try:
            address = endpoint.address()
            if address is None:
                return Look(Looked.NOTHING, "this kind of endpoint cannot be asked", plan)
            live = answers_of_endpoint(
                address.url,
                some,
                self.workspace.species or known.species(),
                token=address.token,
                timings=self.workspace.timings,
                progress=self.counted(f"{self.environment}: asking the endpoint"),
            )
        except MayNotAskError as error:
            return Look(Looked.BARRED, f"{error.what}; {error.todo}", plan)
        except OutsideError as error:
            return Look(Looked.SILENT, error.what, plan)
        if tested is not None:
            said = {answer.file_name: answer for answer in tested.answers}
            tested = tested.model_copy(update={"answers": tuple(said[photo.file_name] for photo in some.images)})
        return Look(Looked.ASKED, plan=plan, live=live, tested=tested, target=target, whole=whole)

    def _photos(self, known: KnownImages, target: Target) -> tuple[KnownImages, Answers | None]:
        """What can be asked about, and what the target's version said of it when it was activated.

        A photo that was changed or added since is left out; where all were, or nothing was said, all are asked about.
        """
        tested = self._tested(target)
        said = {answer.file_name: answer.sha256 for answer in tested.answers if not answer.error} if tested else {}
        readable = {photo.file_name: photo.sha256 for photo in known.images if photo.sha256}
        same = {name for name, sha256 in readable.items() if said.get(name) == sha256}
        return known.among(same or readable.keys()), tested if same else None

    def _tested(self, target: Target) -> Answers | None:
        version = next((it.version for it in self._targets() if it.same_files(target)), None)
        stored = self.registry.tested_answers(version, self.environment) if version else None
        try:
            return Answers.model_validate(stored) if stored else None
        except ValidationError:
            return None

    def _named(self, version: str | None) -> Target | None:
        return next((target for target in self._targets() if target.version == version), None)

    def _targets(self) -> Iterator[Target]:
        """The versions that the manifest knows, then those of the registry."""
        manifest = self.workspace.manifest
        yield from (manifest.target(name) for name in manifest.versions)
        yield from (row.target for row in self.snapshot.versions if row.target)

    def _plan(self, state: EndpointState | None) -> Plan | None:
        """What reconcile would do; None where this checkout is not main as it was reconciled last, or newer."""
        git = self.workspace.git
        recorded = self.snapshot.environment.commit
        if not git.on_first_parent_line("HEAD", git.main()):
            return None
        if recorded is not None and not git.on_first_parent_line(recorded, "HEAD"):
            return None
        return make_plan(declared(self.workspace, self.environment), self.snapshot, state)


def _newest(snapshot: Snapshot) -> object:
    return snapshot.deployments[0].id if snapshot.deployments else None
