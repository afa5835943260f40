"""One begun deployment: its writes to endpoint and registry, each behind a fresh lease."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

from lepinet.endpoints import Address, Endpoint, EndpointState, Order
from lepinet.errors import MayNotAskError, OutsideError, RefusedError, UnfinishedError
from lepinet.evaluation.metrics import Metrics, measure
from lepinet.reconcile.lease import Lease
from lepinet.reconcile.proof import Proof
from lepinet.reconcile.run import Ending, Judgement, Outcome, Run, UntestedError
from lepinet.registry.records import DeploymentKind, Failure, PerformanceLog
from lepinet.registry.refusals import RegistryRefusal
from lepinet.target import Target


class FailedError(RefusedError):
    """The endpoint did not get to a target, or is not what was tested."""

    def __init__(self, failure: Failure, what: str) -> None:
        super().__init__(what)
        self.failure = failure


class UnaskedError(FailedError):
    """The endpoint does not let us ask it: that says nothing of the model.

    A `Failure.MOVE` of one that got there, as it says itself; a `Failure.PROOF` of one that follows the registry.
    """

    def __init__(self, failure: Failure, error: MayNotAskError) -> None:
        super().__init__(failure, f"the endpoint runs, but {error.what}: {error.todo}")


class MovedByHandError(FailedError):
    """Somebody has set the endpoint to something else meanwhile."""

    def __init__(self, target: Target | None) -> None:
        super().__init__(Failure.MOVE, f"the endpoint was set to {target or 'nothing'} meanwhile")


@dataclass(frozen=True)
class Deployment:
    """A begun deployment: each of its writes to the endpoint needs the lease, renewed just before."""

    run: Run
    lease: Lease
    id: UUID
    environment: str

    def reach(self, target: Target, before: Target | None = None, *, back: bool = False) -> Proof | None:
        """Set the endpoint to the target, wait until it answers, and prove it.

        Args:
            target: the deployment's, else its way back.
            before: what it served, as far as that is known.
            back: it is the way back: a registry that flips before the proof was flipped when the failure was recorded.

        Raises:
            FailedError: it did not get there, or is not what was tested.
        """
        endpoint = self.run.endpoint
        if endpoint is None:
            self._step("prove", "no endpoint: nothing to move or prove")
            return None
        state = endpoint.observe()
        if state.follows_registry:
            if not back:
                self.run.registry.activate(self.id, self.lease.claimant, proved=False)
                self._step("flip", f"to {target}, not proved yet: it may answer meanwhile")
            return self._followed(endpoint, target)
        # The claim has judged history. What the endpoint follows beyond that is no newer commit of main: main was
        # rewritten, or an emergency came from a branch. Looked at before the lease is renewed, so that a run which
        # a newer one has overtaken is refused there.
        backwards = (state.generation or 0) > self.run.generation
        order = Order(target, self.run.generation, accept_history=backwards)
        there = target.same_files(state.target) and state.ready
        if not there:
            self._move(endpoint, order)
        if not there or endpoint.steady > 1:
            self._wait(endpoint, order, state.target)
        # The service may not have noticed yet what a killed run has ordered, and old replicas say that they are ready.
        return self._proved(endpoint, order, before if there and endpoint.steady > 1 else None)

    def _proved(self, endpoint: Endpoint, order: Order, unnoticed: Target | None) -> Proof | None:
        """Ask until it answers as tested; more than once only where it may still answer as `unnoticed`."""
        target = order.target
        deadline = time.monotonic() + self.run.timings.move
        while True:
            address = endpoint.address()
            if address is None:
                self._step("prove", "this kind of endpoint cannot be asked")
                return None
            # A model that is loaded and does not answer photos has failed; visitors must not wait for a next run.
            proof, sentence = self._asked(address, target, "the endpoint runs, but does not answer", Failure.MOVE)
            if proof:
                return proof
            state = endpoint.observe()
            if not target.same_files(state.target):
                self.lease.fresh()
                raise MovedByHandError(state.target)
            if unnoticed is None or time.monotonic() > deadline:
                raise self._unproved(sentence, state, unnoticed)
            if state.ready and not self._answers_as(address, unnoticed):
                unnoticed = None  # all of it has turned meanwhile, or it is something else: the next answers decide
            else:
                self.run.tell(f"{self.environment}: the endpoint still answers as before: {unnoticed}")
            self.lease.still_held()
            time.sleep(self.run.timings.poll)
            self._wait(endpoint, order, target)

    def _asked(self, address: Address, target: Target, silent: str, barred: Failure) -> tuple[Proof | None, str]:
        """The proof, where it answers as tested; and in a sentence what it does: `silent`, and why, for no answer.

        Raises:
            UntestedError: nobody can tell what it should answer; it stays where it is, for a next run.
            UnaskedError: we may not ask it; its failure is `barred`.
        """
        try:
            proof = self.run.prove(address, target)
        except UntestedError as error:
            what = f"the endpoint is set to {target}, and nothing could be proved, for {error.what}"
            self._step("prove", what)
            raise UntestedError(what, where=error.where, todo=error.todo) from error
        except MayNotAskError as error:
            unasked = UnaskedError(barred, error)
            self._step("prove", unasked.what)
            raise unasked from error
        except OutsideError as error:
            return None, f"{silent}: {error.what}"
        if proof.agreed:
            self._step("prove", proof.sentence)
            return proof, proof.sentence
        return None, proof.sentence

    def _unproved(self, sentence: str, state: EndpointState, unnoticed: Target | None) -> FailedError:
        """A failure of the model only where the endpoint ran, and with this model; else a next run tries again."""
        if unnoticed:
            failure = Failure.MOVE
            sentence = f"the endpoint still answers as {unnoticed} after {self.run.timings.move:.0f} s"
        elif state.asleep or not (state.ready or state.failed):
            what = state.detail or "it is not ready"
            failure = Failure.MOVE
            sentence = f"the endpoint stopped while it was asked ({what}), and the next run tries again"
        else:
            failure = Failure.PROOF
        self._step("prove", sentence)
        return FailedError(failure, sentence)

    def _answers_as(self, address: Address, target: Target) -> bool:
        try:
            proof = self.run.prove(address, target)
        except UntestedError:
            raise
        except OutsideError:
            return False
        return proof.compared and proof.agreed

    def flip(self, aim: Target, judgement: Judgement | None, proof: Proof | None) -> None:
        """Let the database say what the endpoint has proved, with the figures that it was decided on."""
        self.run.registry.activate(self.id, self.lease.claimant, _logs(self, aim, judgement, proof))
        self.run.tell(f"{self.environment}: {aim.version} is active")
        if self.run.tag and (said := self.run.tag(aim)):
            self.run.tell(f"{self.environment}: {said}")

    def fail(self, aim: Target, way_back: Target | None, failed: FailedError) -> Outcome:
        """Record the failure first, then put the endpoint back: a kill in between leaves something to go by."""
        row = self.run.registry.fail_deployment(self.id, self.lease.claimant, failed.failure, failed.what)
        no = f"{aim.version} was not activated: {failed.what}."
        if way_back is None or way_back.same_files(aim):
            where = "there is no way back" if way_back is None else "the way back is the same version"
            database = "the database says so too" if row.flipped_at else "the database was not touched"
            sentence = f"{no} The endpoint stays on {aim}, since {where}; {database}."
            return Outcome(self.environment, Ending.REFUSED, sentence)
        if row.kind is DeploymentKind.EMERGENCY and self._follows_registry():
            sentence = f"{aim.version} is not proved: {failed.what}. The database stays on it, as a person pinned it."
            return Outcome(self.environment, Ending.REFUSED, sentence)
        back = self.put_back(way_back)
        answered = failed.failure is Failure.PROOF and not isinstance(failed, UnaskedError)
        ending = Ending.REFUSED if answered else Ending.OUTSIDE
        serves = f"{self.environment} still serves {way_back.version or way_back}"
        return Outcome(self.environment, ending, f"{serves}; {no} The {back}.")

    def _follows_registry(self) -> bool:
        return self.run.endpoint is not None and self.run.endpoint.observe().follows_registry

    def put_back(self, way_back: Target) -> str:
        """Return the endpoint to the way back, and prove that; what is back, in a few words.

        Of one that does not let us ask it no next run could find out more.

        Raises:
            UnfinishedError: it is not back; the next run goes on.
        """
        try:
            self.reach(way_back, back=True)
            back = f"endpoint is back on {way_back}, proved"
        except UnaskedError as unasked:
            what = "database" if unasked.failure is Failure.PROOF else "endpoint"
            back = f"{what} is back on {way_back}, which cannot be proved either"
        except FailedError as failed:
            raise UnfinishedError(
                f"the endpoint of {self.environment} is not back on {way_back}: {failed.what}",
                todo=f"run it again: lepinet reconcile -e {self.environment}",
            ) from failed
        self._step("put back", f"the {back}")
        return back

    def _move(self, endpoint: Endpoint, order: Order) -> None:
        self._step("move", f"to {order.target}")
        try:
            endpoint.move(order, self.lease.fresh)
        except RegistryRefusal:
            raise
        except RefusedError as error:
            raise FailedError(Failure.MOVE, f"the endpoint refuses {order.target}: {error.what}") from error

    def _wait(self, endpoint: Endpoint, order: Order, before: Target | None) -> None:
        """Until it is believed to serve the order's target; what is paused meanwhile is started again."""
        target = order.target
        deadline = time.monotonic() + self.run.timings.move
        pause, said, steady = 0.05, "", 0
        while True:
            detail = "not answering"
            try:
                state = endpoint.observe()
            except OutsideError as error:
                detail, steady = ": ".join(filter(None, (error.what, error.todo))), 0
            else:
                steady = steady + 1 if target.same_files(state.target) and state.ready else 0
                if steady >= endpoint.steady:
                    return
                if target.same_files(state.target) and state.failed:
                    raise FailedError(Failure.MOVE, f"the endpoint cannot serve {target}: {state.detail}")
                if state.target and not any(state.target.same_files(known) for known in (target, before)):
                    self.lease.fresh()
                    raise MovedByHandError(state.target)
                if state.stopped:
                    self._move(endpoint, order)
                detail = state.detail or detail
            if time.monotonic() > deadline:
                late = f"the endpoint did not serve {target} within {self.run.timings.move:.0f} s: {detail}"
                raise FailedError(Failure.MOVE, late)
            if detail != said:
                self.run.tell(f"{self.environment}: {detail}")
                said = detail
            self.lease.still_held()
            time.sleep(self.run.timings.poll if steady else pause)
            pause = min(2 * pause, self.run.timings.poll)

    def _followed(self, endpoint: Endpoint, target: Target) -> Proof | None:
        """Ask until the backend answers as the flipped version does; it looks at the registry when it likes.

        Raises:
            FailedError: it does not, in time, or we may not ask it.
        """
        deadline = time.monotonic() + self.run.timings.follow
        address = endpoint.address()
        said = ""
        while address is not None:
            # Barred, it stands: each run that tried again would give visitors the unproved version for a while.
            proof, sentence = self._asked(address, target, "the backend does not answer", Failure.PROOF)
            if proof:
                return proof
            if time.monotonic() > deadline:
                self._step("prove", sentence)
                late = f"{self.run.timings.follow:g} s after the flip {sentence}"
                raise FailedError(Failure.PROOF, late)
            if sentence != said:
                self.run.tell(f"{self.environment}: {sentence}")
                said = sentence
            self.lease.still_held()
            time.sleep(self.run.timings.poll)
        return None

    def _step(self, step: str, text: str) -> None:
        self.run.tell(f"{self.environment}: {step}: {text}")
        self.run.registry.record_step(uuid4(), self.id, step, text)


def _logs(
    deployment: Deployment, aim: Target, judgement: Judgement | None, proof: Proof | None
) -> tuple[PerformanceLog, ...]:
    """What goes with a flip; the ids come from the deployment's, so a repeated flip logs nothing twice."""
    logs = []

    def log(kind: str, figures: Metrics | None, size: int, notes: str, details: Mapping[str, Any]) -> None:
        logs.append(
            PerformanceLog(
                id=uuid5(deployment.id, kind),
                version_name=aim.version or "",
                kind=kind,
                test_accuracy=figures.accuracy if figures else None,
                top3_accuracy=figures.top3_accuracy if figures else None,
                test_sample_size=size,
                notes=notes,
                details=dict(details),
                commit_sha=deployment.run.commit or None,
            )
        )

    if judgement and judgement.answers:
        answers = judgement.answers
        size = len(answers.answers)
        figures = measure(answers)
        log("known-images", figures, size, judgement.sentence, answers.model_dump(mode="json"))
        if judgement.verdict:
            log("comparison", figures, size, judgement.sentence, judgement.verdict)
    if proof:
        agreed = 1 - len(proof.differing) / proof.asked
        log("proof", None, proof.asked, proof.sentence, {"agreed": agreed, "differing": proof.differing})
    return tuple(logs)
