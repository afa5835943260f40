"""The gate against the best version shown so far: small losses, each inside the margin, must not add up."""

from __future__ import annotations

from lepinet.evaluation.answers import Answers
from lepinet.evaluation.comparison import compare
from lepinet.evaluation.gates.non_inferiority import non_inferiority
from lepinet.evaluation.gates.terms import Best
from lepinet.evaluation.gates.tries import alpha
from lepinet.evaluation.gates.verdict import Gate, Judged, Reason, State
from lepinet.evaluation.paired import mcnemar_worse
from lepinet.manifest.model import Gates


def reference(best: Best, candidate: Answers, gates: Gates, *, tries: int) -> tuple[Judged, ...]:
    """As the gate against the active version, by the same margin; identical to the reference is as good as it.

    Args:
        best: the reference.
        candidate: on the same known images.
        gates: the limits.
        tries: the candidate's place among those tried on the same photos.

    Raises:
        RefusedError: both were tested on different known images.
    """
    if best.answers is None:
        return (_gone(best.name, candidate, gates),) if gates.non_inferiority_margin is not None else ()
    comparison = compare(best.answers, candidate)
    if comparison.identical:
        return ()
    judged = non_inferiority(comparison.paired, gates, old=best.name, new=candidate.model.name, tries=tries)
    better = mcnemar_worse(comparison.paired.swapped()) <= alpha(gates, 1)
    return tuple(_named(one, best.name, outgrown=better) for one in judged)


def _gone(best: str, candidate: Answers, gates: Gates) -> Judged:
    sentence = f"{best} is the reference, and neither its files nor its answers on these images are to be had"
    margin = gates.non_inferiority_margin
    gate = Gate(
        name="reference",
        state=State.UNDECIDED,
        threshold=None if margin is None else float(margin),
        value=None,
        sample_size=len(candidate.answers),
        sentence=sentence,
    )
    return Judged(gate, (Reason(code="reference_gone", sentence=sentence),))


def _named(judged: Judged, best: str, *, outgrown: bool) -> Judged:
    """Called after what it is held against; a reference that is outgrown is moved by a person, in its own change."""
    advice = f"; it is shown to be better than {best}: `reference` may move to it, in a change of its own"
    sentence = f"against the reference {best}: {judged.gate.sentence}{advice if outgrown else ''}"
    return Judged(
        judged.gate.model_copy(update={"name": "reference", "sentence": sentence}),
        tuple(
            reason.model_copy(
                update={
                    "code": f"reference_{reason.code}",
                    "sentence": f"against the reference {best}: {reason.sentence}",
                }
            )
            for reason in judged.reasons
        ),
    )
