"""`monitor`: the proof again, for as long as a version is live. It looks and writes down what it saw; nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from pydantic import ValidationError

from lepinet.endpoints import Endpoint, EndpointState
from lepinet.errors import OutsideError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.cases import KnownImage, KnownImages, part_of
from lepinet.evaluation.run import answers_of_endpoint
from lepinet.evaluation.sample import stratified
from lepinet.monitor import A_FEW, WHOLE, Look, Looked, Monitored, monitor, whole_is_due
from lepinet.reconcile.plan import Plan, make_plan
from lepinet.registry import Registry
from lepinet.registry.records import PerformanceLog, Snapshot
from lepinet.workflow.declared import declared, declaring
from lepinet.workflow.workspace import Workspace

CountedFor = Callable[[str], Callable[[int, int], None]]
"""Makes the progress of work that is called so."""


def monitor_all(workspace: Workspace, environment: str | None, counted: CountedFor) -> Iterator[Monitored]:
    """Look at each environment that has an active version, and log what was seen.

    Raises:
        OutsideError: the registry cannot be asked, so nobody knows what should be live.
    """
    for name in declaring(workspace, environment):
        with workspace.registry(name) as registry:
            yield _monitored(workspace, name, registry, counted)


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
        if self.snapshot.environment.active is None:
            return Look(Looked.NOTHING, "nothing is live yet", plan)
        if state.asleep:
            return Look(Looked.ASLEEP, plan=plan)
        if not state.ready:
            return Look(Looked.SILENT, state.detail or "it is not ready", plan)
        return self._ask(endpoint, state, plan)

    def _ask(self, endpoint: Endpoint, state: EndpointState, plan: Plan | None) -> Look:
        url = endpoint.predict_url()
        known = self.workspace.known_images
        if url is None or known is None:
            return Look(Looked.NOTHING, "this endpoint cannot be asked" if url is None else "no known images", plan)
        photos, tested = self._photos(known, state)
        if not photos:
            return Look(Looked.NOTHING, "no known image can be read", plan)
        whole = whole_is_due(self.snapshot.monitored)
        chosen = stratified(photos, WHOLE if whole else A_FEW)
        try:
            live = answers_of_endpoint(
                url,
                part_of(known, chosen),
                self.workspace.species or known.species(),
                timings=self.workspace.timings,
                progress=self.counted(f"{self.environment}: asking the endpoint"),
            )
        except OutsideError as error:
            return Look(Looked.SILENT, error.what, plan)
        if tested is not None:
            said = {answer.file_name: answer for answer in tested.answers}
            same = tuple(said[photo.file_name] for photo in chosen)
            tested = tested.model_copy(update={"answers": same})
        return Look(Looked.ASKED, plan=plan, live=live, tested=tested, whole=whole)

    def _photos(self, known: KnownImages, state: EndpointState) -> tuple[list[KnownImage], Answers | None]:
        """Those that can be asked about, and what the version said of them: all of them, where it was asked at all."""
        readable = [photo for photo in known.images if photo.sha256]
        tested = self._tested(state)
        said = {answer.file_name: answer.sha256 for answer in tested.answers if not answer.error} if tested else {}
        same = [photo for photo in readable if said.get(photo.file_name) == photo.sha256]
        return (same, tested) if same else (readable, None)

    def _tested(self, state: EndpointState) -> Answers | None:
        """What the version that the endpoint is set to said when it was activated; None when nobody can tell."""
        version = self._version_of(state)
        stored = self.registry.tested_answers(version, self.environment) if version else None
        try:
            return Answers.model_validate(stored) if stored else None
        except ValidationError:
            return None

    def _version_of(self, state: EndpointState) -> str | None:
        """By its files, where the endpoint tells them: whether it should serve these is what the plan says."""
        if state.target is None:
            return self.snapshot.environment.active
        manifest = self.workspace.manifest
        known = (
            *(manifest.target(name) for name in manifest.versions),
            *(row.target for row in self.snapshot.versions if row.target),
        )
        return next((target.version for target in known if target.same_files(state.target)), None)

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
