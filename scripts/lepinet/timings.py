"""Every wait and limit in one value, so that a test can shorten them all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Seconds, unless a name says otherwise."""

    connect: float = 5
    """Reaching a database or a server."""
    request: float = 10
    """One call to the registry or the endpoint, answer included; also the time limit of one write."""
    lease: float = 60
    """How long a claim holds without renewal."""
    renew: float = 15
    """Renewals while waiting come this often."""
    wait_for_lease: float = 600
    """How long a run waits for another run's lease."""
    move: float = 1800
    """How long an endpoint may take until it runs the new model."""
    poll: float = 2
    """Between two looks at something that is on its way."""
    look: float = 3
    """Between two looks at a registry that does not tell by itself what happens, while somebody follows it."""
    doubt: float = 4
    """How long the dashboard waits for a registry until its other pages await the same answer, none by itself."""
    outage: float = 10
    """How long the dashboard leaves a registry alone that did not answer."""
    prediction: float = 30
    """One image, decoded and answered, offline or live; loading a model may take ten times as long."""
    known_images: float = 3600
    """All known images against a live endpoint."""
    start: float = 900
    """How long an endpoint that was scaled to zero may take until it answers its first photo."""
    follow: float = 300
    """How long a backend may take until it answers with the version that its registry has flipped to."""
    managing: float = 300
    """One call to an endpoint's management, pauses and repetitions included."""
    fetch: float = 3600
    """All of a model's files from the Hub, pauses included."""
    git: float = 120
    """One git command, a fetch too."""
    head: float = 15
    """Until a client has sent all that comes before a request's body; else the server hangs up."""
    form: float = 30
    """Until a form of the dashboard has arrived; one that may bring files has longer, by its size."""
    drain: float = 3
    """How long a server that was told to stop still takes photos, while whoever spreads them turns to others."""
    retry: float = 1
    """The first pause before a call that may be repeated is; it doubles."""
    retries: int = 4
    """How often such a call is repeated."""
    github: float = 300
    """How long one call to GitHub waits, all in all, when it came too soon after others."""
