"""The gate that asks whether the candidate is better than the baseline, for teams who ship nothing less."""

from __future__ import annotations

from lepinet.evaluation.gates.tries import alpha, told
from lepinet.evaluation.gates.verdict import Gate, Judged, Reason, State
from lepinet.evaluation.paired import Paired, mcnemar_worse
from lepinet.manifest.model import Gates


def improvement(paired: Paired, gates: Gates, *, old: str, new: str, tries: int) -> tuple[Judged, ...]:
    """Passed when shown to be better, failed when shown to be worse, else undecided.

    Both by the exact one-sided McNemar test at the gates' confidence, over the images of species that the baseline can
    name.

    Args:
        paired: the answers of both.
        gates: the limits.
        old: the baseline's name.
        new: the candidate's.
        tries: its place among those tried on the same photos, 1 for the first.
    """
    if not gates.require_improvement:
        return ()
    better = mcnemar_worse(paired.swapped()) <= alpha(gates, tries)
    worse = mcnemar_worse(paired) <= alpha(gates, 1)
    flips = f"{paired.positive} of {paired.size} newly right, {paired.negative} newly wrong"
    if better:
        state, code, sentence = State.PASSED, "shown_better", f"shown to be better: {flips}"
    elif worse:
        state, code, sentence = State.FAILED, "not_better", f"shown to be worse: {flips}"
    else:
        state, code = State.UNDECIDED, "improvement_not_shown"
        sentence = f"{flips}: too little to show that {new} is better than {old}, as models.yaml asks for{told(tries)}"
    gate = Gate(
        name="require_improvement",
        state=state,
        threshold=0.0,
        value=paired.difference,
        sample_size=paired.size,
        sentence=sentence,
    )
    figures = {"positive": paired.positive, "negative": paired.negative, "images": paired.size}
    return (Judged(gate, () if better else (Reason(code=code, sentence=sentence, figures=figures),)),)
