"""`rollback --now`: endpoint and database moved at once by a person with the keys, and pinned until git agrees."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import uuid4

from lepinet.errors import OutsideError, UnfinishedError
from lepinet.reconcile.deployment import Deployment, FailedError
from lepinet.reconcile.lease import Lease
from lepinet.reconcile.run import Ending, Outcome, Run
from lepinet.target import Target


def rollback_now(run: Run, environment: str, target: Target, reason: str) -> Outcome:
    """Pin the environment to the target first, whoever holds the lease; then move, prove, flip.

    Raises:
        UnfinishedError: the pin stands and something is open; the next run of reconcile goes on.
        RegistryRefusal: the registry knows no such version or environment; nothing was done.
    """
    deployment, claimant = uuid4(), uuid4()
    found = run.registry.essentials(environment)
    before = found.environment
    active = next((row.target for row in found.versions if row.version_name == before.active), None)
    # What an unfinished run was moving to has proved nothing: back is where the database says.
    way_back = active or _served(run)
    run.registry.begin_emergency(
        deployment,
        environment,
        version_name=target.version or "",
        reason=reason,
        actor=run.actor,
        claimant=claimant,
        claimant_label=run.actor,
        lease_seconds=run.timings.lease,
        way_back=way_back,
    )
    run.tell(f"{environment}: pinned to {target.version}")
    with Lease(run.registry, environment, claimant, run.timings) as lease:
        if before.claimant:
            # That run is refused from now on, but a write that it had begun may still arrive.
            run.tell(f"{environment}: waiting {run.timings.request:.0f} s for the last write of {before.claimant}")
            time.sleep(run.timings.request)
        own = Deployment(run, lease, deployment, environment)
        try:
            proof = own.reach(target, way_back)
            own.flip(target, None, proof)
        except FailedError as failed:
            outcome = own.fail(target, way_back, failed)
            pinned = (
                f"{environment} is still pinned to {target.version}: pin another version with rollback --now, "
                f"or lift the pin: lepinet unpin -e {environment} --reason …"
            )
            return replace(outcome, sentence=f"{outcome.sentence} {pinned}")
        except OutsideError as error:
            goes_on = f"then run: lepinet reconcile -e {environment}, which goes on"
            raise UnfinishedError(
                f"{environment} is pinned to {target.version}, and not finished: {error.what}",
                where=error.where,
                todo=f"{error.todo or 'when that is mended'}; {goes_on}",
            ) from error
    return Outcome(environment, Ending.DONE, f"{target} is live and pinned: {reason}", deployed=True)


def _served(run: Run) -> Target | None:
    """What the endpoint serves; None as well when it cannot be asked, since the pin must not wait for it."""
    try:
        return run.endpoint.observe().target if run.endpoint else None
    except OutsideError:
        return None
