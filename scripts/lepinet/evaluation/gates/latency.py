"""The gate on time: how much longer a photo may take than with the baseline."""

from __future__ import annotations

from lepinet.evaluation.gates.verdict import Gate, Judged, Reason, State
from lepinet.evaluation.speed import Speed
from lepinet.manifest.model import Gates


def latency(speed: Speed | None, gates: Gates) -> tuple[Judged, ...]:
    """Failed when shown to be over the limit, over it without being shown is something to watch.

    Args:
        speed: both models' times; None where they were not run side by side.
        gates: the limits.
    """
    if gates.max_latency_ratio is None:
        return ()
    limit = float(gates.max_latency_ratio)
    if speed is None:
        sentence = "not timed: the answers come from a file, a cache or an endpoint"
        gate = Gate(
            name="max_latency_ratio",
            state=State.NOT_MEASURED,
            threshold=limit,
            value=None,
            sample_size=0,
            sentence=sentence,
        )
        return (Judged(gate),)
    ratio = speed.ratio
    state = State.FAILED if speed.lower_bound() > limit else State.WATCH if ratio > limit else State.PASSED
    sentence = (
        f"a photo takes {ratio:.2f} times as long, {limit:g} times allowed: "
        f"median {speed.new_median:.1f} ms, before {speed.old_median:.1f} ms"
    )
    gate = Gate(
        name="max_latency_ratio",
        state=state,
        threshold=limit,
        value=ratio,
        sample_size=len(speed.new_ms),
        sentence=sentence,
    )
    figures = {"ratio": ratio, "old_ms": speed.old_median, "new_ms": speed.new_median}
    reason = Reason(code="slower", sentence=sentence, figures=figures)
    return (Judged(gate, () if state is State.PASSED else (reason,)),)
