"""What a run of reconcile has in its hands, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lepinet.endpoints import Address, Endpoint, Progress
from lepinet.errors import OutsideError
from lepinet.evaluation.answers import Answers
from lepinet.reconcile.lease import Place
from lepinet.reconcile.proof import Proof
from lepinet.registry import Registry
from lepinet.registry.records import Failure
from lepinet.target import Target
from lepinet.timings import Timings


class UntestedError(OutsideError):
    """What a version answers by its own files cannot be told now, so that nothing can be compared with it."""


class Ending(Enum):
    """How a run ended."""

    DONE = "done"
    SUPERSEDED = "superseded by a newer commit"
    REFUSED = "the answer is no; what served before still serves"
    OUTSIDE = "something outside failed; what served before still serves"


@dataclass(frozen=True)
class Outcome:
    """What a run came to. Unfinished work is an `UnfinishedError` instead."""

    environment: str
    ending: Ending
    sentence: str
    deployed: bool = False
    """It brought what is live now."""


@dataclass(frozen=True)
class Judgement:
    """What the known images say of the declared version, as an activation at the registry's present state."""

    refused: Failure | None
    """Verdict: it is held, and no override ships it. Proof: it could not be loaded and asked."""
    sentence: str
    verdict: Mapping[str, Any] | None
    """Kept with the deployment, as JSON; None where nothing was compared."""
    answers: Answers | None
    """The version's own offline answers; None without known images."""


@dataclass(frozen=True)
class Run:
    """What a run has in its hands, and where its commit stands."""

    registry: Registry
    endpoint: Endpoint | None
    """None: nothing is served from a machine of ours (models on the phone)."""
    timings: Timings
    tell: Progress
    prove: Callable[[Address, Target], Proof]
    """Asks the endpoint at an address about the known images, as a target should answer them.

    Raises UntestedError where nobody can tell how it should, MayNotAskError where we may not ask, OutsideError where it
    does not answer.
    """
    actor: str
    reason: str | None
    commit: str
    generation: int
    place: Callable[[str], Place]
    """How a recorded commit stands to this run's."""
    tag: Callable[[Target], str | None] | None = None
    """Tags what was flipped to where its files are, and says what came of that; a failure to tag changes nothing."""
    accept_history: str | None = None
    """The reason why a rewritten main is right."""
