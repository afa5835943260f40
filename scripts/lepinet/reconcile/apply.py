"""One run that makes one environment serve what its commit of main declares: claim, plan, move, prove, flip."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from lepinet.endpoints import EndpointState
from lepinet.errors import OutsideError, RefusedError, UnfinishedError
from lepinet.reconcile.deployment import Deployment, FailedError, MovedByHandError
from lepinet.reconcile.lease import Lease, Place
from lepinet.reconcile.plan import Action, Declared, Plan, make_plan
from lepinet.reconcile.run import Ending, Judgement, Outcome, Run
from lepinet.registry.records import EnvironmentRow, Failure, Snapshot
from lepinet.registry.refusals import RegistryRefusal
from lepinet.target import Target

ROUNDS = 5
"""How often a run looks again when the world has changed under it, before it leaves that to the next run."""

_NO_LEASE = 100
"""A lease that still lasts so many times as long as runs ask for is none of theirs."""


def reconcile(
    run: Run,
    declared: Declared,
    judge: Callable[[Snapshot], Judgement],
    *,
    mend: bool = False,
    retry: bool = False,
) -> Outcome:
    """Make the environment serve what is declared, or leave it as it was and say why.

    Judging may take minutes, so it is done before the claim; what it judged is looked at again under the claim.

    Raises:
        UnfinishedError: something was begun and is open; the next run goes on.
        OutsideError: nothing was begun.
    """
    judged: tuple[Snapshot, Judgement] | None = None
    for _ in range(ROUNDS):
        before = run.registry.snapshot(declared.environment, declared.versions)
        plan = make_plan(declared, before, _observe(run), mend=mend, retry=retry)
        if _needs_judgement(plan, declared) and not (judged and _same_question(judged[0], before)):
            judged = (before, judge(before))
        claimed = _claim(run, declared)
        if isinstance(claimed, Outcome):
            return claimed
        lease, snapshot = claimed
        with lease:
            judgement = judged[1] if judged and _same_question(judged[0], snapshot) else None
            held = judgement is not None and judgement.refused is not None
            plan = make_plan(declared, snapshot, _observe(run), held=held, mend=mend, retry=retry)
            if _needs_judgement(plan, declared) and judgement is None:
                continue
            outcome = _carry_out(run, lease, declared, plan, judgement)
        if outcome is not None:
            return outcome
    raise UnfinishedError(
        f"{declared.environment} changed under this run {ROUNDS} times", todo="run it again: lepinet reconcile"
    )


def _observe(run: Run) -> EndpointState | None:
    return run.endpoint.observe() if run.endpoint else None


def _needs_judgement(plan: Plan, declared: Declared) -> bool:
    return plan.action is Action.DEPLOY and plan.aim == declared.target


def _same_question(then: Snapshot, now: Snapshot) -> bool:
    return (then.environment.active, then.succeeded) == (now.environment.active, now.succeeded)


def _claim(run: Run, declared: Declared) -> tuple[Lease, Snapshot] | Outcome:
    environment = declared.environment
    claimant = uuid4()
    waiting_for = None
    deadline = time.monotonic() + run.timings.wait_for_lease
    while True:
        snapshot = run.registry.snapshot(environment)
        if ended := _history_says(run, environment, snapshot.environment.commit):
            return ended
        try:
            claim = run.registry.claim(
                environment,
                generation=run.generation,
                commit=run.commit,
                seen_commit=snapshot.environment.commit,
                claimant=claimant,
                claimant_label=run.actor,
                lease_seconds=run.timings.lease,
                declares=declared.version,
                versions=declared.versions,
                accept_history=run.accept_history,
            )
        except RegistryRefusal as refusal:
            if refusal.hint == "superseded":
                raise _generation_by_hand(run, snapshot) from refusal
            if refusal.hint != "read again" or time.monotonic() > deadline:
                raise
            continue
        if claim.granted:
            return Lease(run.registry, environment, claimant, run.timings), claim.snapshot
        holder = claim.snapshot.environment
        if holder.lease_seconds > _NO_LEASE * run.timings.lease:
            raise _lease_by_hand(holder)
        if time.monotonic() > deadline:
            raise UnfinishedError(
                f"{holder.claimant} has held {environment} for longer than {run.timings.wait_for_lease:.0f} s",
                todo="run it again when that run has ended: lepinet reconcile",
            )
        if holder.claimant != waiting_for:
            waiting_for = holder.claimant
            most = f"{holder.lease_seconds:.0f} s, unless it is renewed"
            run.tell(f"{environment}: waiting for {holder.claimant} to end, its lease holds for {most}")
        time.sleep(min(run.timings.poll, max(0.05, holder.lease_seconds)))


def _generation_by_hand(run: Run, snapshot: Snapshot) -> RefusedError:
    """Git says that the recorded commit is reached, the number beside it says that it is not."""
    row = snapshot.environment
    return RefusedError(
        f"{row.name} has recorded generation {row.generation} beside commit {(row.commit or 'none')[:7]}, and "
        f"{run.commit[:7]}, which is not older, is generation {run.generation}: that number was changed by hand",
        where="the registry's table environments",
        todo=f"lepinet reconcile -e {row.name} --accept-history REASON writes the right one",
    )


def _lease_by_hand(row: EnvironmentRow) -> RefusedError:
    none = "claimant = null, claimant_label = null, claimant_commit = null, lease_until = null"
    free = f"update public.environments set {none} where name = '{row.name}';"  # noqa: S608 -- for people
    return RefusedError(
        f"{row.claimant} holds {row.name} for another {timedelta(seconds=int(row.lease_seconds))}, which no run asks "
        "for: the lease was changed by hand, or the database's clock was set back",
        where="the registry's table environments",
        todo=f"has that run ended, free it in the SQL editor: {free}",
    )


def _history_says(run: Run, environment: str, recorded: str | None) -> Outcome | None:
    if recorded is None or recorded == run.commit:
        return None
    match run.place(recorded):
        case Place.REACHED:
            return None
        case Place.AHEAD:
            sentence = f"superseded: {environment} already follows the newer commit {recorded[:7]}"
            return Outcome(environment, Ending.SUPERSEDED, sentence)
        case Place.ELSEWHERE if run.accept_history is not None:
            return None
        case Place.ELSEWHERE:
            sentence = (
                f"main was rewritten: {environment} follows {recorded[:7]}, which is not on the first-parent line of "
                f"{run.commit[:7]}. If that is right: lepinet reconcile -e {environment} --accept-history REASON"
            )
            return Outcome(environment, Ending.REFUSED, sentence)


def _carry_out(run: Run, lease: Lease, declared: Declared, plan: Plan, judgement: Judgement | None) -> Outcome | None:
    """Do what the plan says; None when a look again is due."""
    if steps := plan.steps():
        run.tell(f"{plan.environment}: to do: {' · '.join(steps)}")
    for note in plan.notes:
        run.tell(f"{plan.environment}: {note}")
    _restore(run, lease, declared, plan)
    _register(run, declared, plan)
    if plan.restore:
        return None
    if plan.action is Action.NOTHING:
        return _stopped(plan) or Outcome(plan.environment, Ending.DONE, f"in step: {plan.aim.version} is live")
    try:
        return _act(run, lease, declared, plan, judgement)
    except RegistryRefusal as refusal:
        return _lost(run, lease, refusal)
    except OutsideError as error:
        raise UnfinishedError(
            f"{plan.environment} is not finished: {error.what}",
            where=error.where,
            todo=f"{error.todo or 'when that is mended'}; then run it again: lepinet reconcile -e {plan.environment}",
        ) from error


def _act(run: Run, lease: Lease, declared: Declared, plan: Plan, judgement: Judgement | None) -> Outcome | None:
    if plan.action is Action.REFUSE:
        return _refuse(run, lease, declared, plan, judgement)
    if plan.deployment:
        deployment = Deployment(run, lease, plan.deployment.id, plan.environment)
    else:
        deployment = _begin(run, lease, declared, plan, judgement)
    if plan.action is Action.PUT_BACK:
        deployment.put_back(plan.aim)
        return _stopped(plan)
    try:
        proof = deployment.reach(plan.aim, plan.way_back)
        deployment.flip(plan.aim, judgement if plan.aim == declared.target else None, proof)
    except RegistryRefusal:
        raise
    except MovedByHandError:
        return None  # the next plan names what it is set to, with both ways out
    except FailedError as failed:
        return deployment.fail(plan.aim, plan.way_back, failed)
    except RefusedError as refused:
        # Such as figures that the database does not take: visitors must not be left with what cannot be recorded.
        return deployment.fail(plan.aim, plan.way_back, FailedError(Failure.PROOF, refused.what))
    if not _still_there(run, plan):
        return None
    live = Outcome(plan.environment, Ending.DONE, f"{plan.aim} is live", deployed=True)
    return _stopped(plan) or (live if plan.aim == declared.target else None)


def _still_there(run: Run, plan: Plan) -> bool:
    """Whether what was flipped still answers: a hand may have moved or paused the endpoint, or it has failed."""
    state = _observe(run)
    if state is None or state.follows_registry:
        return True
    if state.asleep:
        run.tell(f"{plan.environment}: the endpoint sleeps: the first photo wakes it")
    elif not state.ready:
        run.tell(f"{plan.environment}: the endpoint does not run any more: {state.detail}")
    return plan.aim.same_files(state.target) and not (state.failed or state.stopped)


def _stopped(plan: Plan) -> Outcome | None:
    return Outcome(plan.environment, Ending.REFUSED, plan.stop) if plan.stop else None


def _restore(run: Run, lease: Lease, declared: Declared, plan: Plan) -> None:
    for name in plan.restore:
        version = declared.versions[name]
        files = Target(version.file_path, version.revision, name)
        run.registry.restore_version(plan.environment, lease.claimant, files)


def _register(run: Run, declared: Declared, plan: Plan) -> None:
    for name in plan.register:
        version = declared.versions[name]
        run.registry.log_version(
            name,
            version.file_path,
            training_image_count=version.training_image_count,
            accuracy_score=version.accuracy_score,
            revision=version.revision,
            notes=version.notes,
            links=dict(version.links) if version.links else None,
            created_at=version.created_at,
        )


def _begin(run: Run, lease: Lease, declared: Declared, plan: Plan, judgement: Judgement | None) -> Deployment:
    aims_at_declared = plan.aim == declared.target or plan.action is Action.REFUSE
    deployment = Deployment(run, lease, uuid4(), plan.environment)
    run.registry.begin_deployment(
        deployment.id,
        plan.environment,
        lease.claimant,
        version_name=declared.version if aims_at_declared else plan.aim.version or "",
        way_back=plan.way_back,
        actor=run.actor,
        reason=plan.reason or run.reason,
        verdict=dict(judgement.verdict) if judgement and judgement.verdict and aims_at_declared else None,
        conditions=declared.conditions if aims_at_declared else None,
    )
    return deployment


def _refuse(run: Run, lease: Lease, declared: Declared, plan: Plan, judgement: Judgement | None) -> Outcome | None:
    sentence = judgement.sentence if judgement else "refused"
    deployment = _begin(run, lease, declared, plan, judgement)
    failure = (judgement.refused if judgement else None) or Failure.VERDICT
    run.registry.fail_deployment(deployment.id, lease.claimant, failure, sentence)
    if plan.flip:
        return None  # a killed run has flipped it unproved; the next plan brings the way back
    if plan.move:
        deployment.put_back(plan.aim)
    serves = f"{plan.environment} still serves {plan.aim.version}; " if plan.way_back else ""
    return Outcome(plan.environment, Ending.REFUSED, f"{serves}{declared.version} was not activated. {sentence}")


def _lost(run: Run, lease: Lease, refusal: RegistryRefusal) -> Outcome:
    """The registry refused a write: an emergency pinned the environment, or another run has it."""
    if refusal.hint in {"superseded", "taken over"}:
        recorded = run.registry.snapshot(lease.environment).environment.commit
        if recorded and run.place(recorded) is Place.AHEAD:
            return Outcome(lease.environment, Ending.SUPERSEDED, f"superseded: {refusal.what}")
        raise UnfinishedError(refusal.what, todo="the other run goes on; see: lepinet history") from refusal
    return Outcome(lease.environment, Ending.REFUSED, f"{refusal.what}. {refusal.hint or ''}".strip())
