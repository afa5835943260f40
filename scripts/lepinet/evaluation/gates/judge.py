"""The verdict: every gate asked, and the severest answer taken."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from lepinet.evaluation.answers import Answers
from lepinet.evaluation.comparison import compare
from lepinet.evaluation.gates.flips import flips
from lepinet.evaluation.gates.floors import floors
from lepinet.evaluation.gates.improvement import improvement
from lepinet.evaluation.gates.latency import latency
from lepinet.evaluation.gates.non_inferiority import non_inferiority
from lepinet.evaluation.gates.reference import reference
from lepinet.evaluation.gates.species import species
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.gates.verdict import Decision, Gate, Judged, Reason, State, Verdict
from lepinet.evaluation.labels import LIST_NEEDED, strange_labels
from lepinet.evaluation.metrics import measure
from lepinet.manifest.model import Gates

_TOLD = {
    Decision.HOLD: (State.FAILED, State.UNDECIDED, State.WATCH),
    Decision.UNDECIDED: (State.UNDECIDED, State.WATCH),
    Decision.PROMOTE: (State.PASSED, State.WATCH),
}
"""Whose reasons an answer gives, in this order."""


def judge(baseline: Answers | None, candidate: Answers | None, terms: Terms) -> Verdict:
    """What the known images say of making the candidate active in place of the baseline.

    Args:
        baseline: None for an environment's first version; its floors and that it answers then decide.
        candidate: None, or no images in it: there are no known images.
        terms: the limits, and what else counts.

    Raises:
        RefusedError: both were tested on different known images.
    """
    if candidate is None or not candidate.answers:
        sentence = "there are no known images, so nothing can be shown"
        return Verdict(answer=Decision.HOLD, gates=(), reasons=(Reason(code="no_images", sentence=sentence),))
    gates = terms.gates
    absolute = floors(measure(candidate), gates)
    strange = _strange_labels(candidate)
    if baseline is None:
        sentence = "the first version of this environment: nothing to compare with, floors and loading decide"
        return _together(absolute, Reason(code="no_baseline", sentence=sentence), strange)
    old, new = baseline.model.name, candidate.model.name
    comparison = compare(baseline, candidate)
    if comparison.identical and gates.require_improvement:
        sentence = f"{new} answers exactly as {old} does, and models.yaml asks for a better one"
        return Verdict(answer=Decision.HOLD, gates=(), reasons=(Reason(code="identical", sentence=sentence),))
    if comparison.identical:
        return _identical(f"{new} answers exactly as {old} does", comparison.paired.size, absolute, gates)
    judged = (
        *non_inferiority(comparison.paired, gates, old=old, new=new, tries=terms.tries),
        *(reference(terms.best, candidate, gates, tries=terms.tries) if terms.best else ()),
        *improvement(comparison.paired, gates, old=old, new=new, tries=terms.tries),
        *absolute,
        *species(comparison, gates),
        *flips(comparison.paired, gates),
        *latency(terms.speed, gates),
    )
    return _together(judged, Reason(code="passed", sentence=f"nothing speaks against {new}"), strange)


def judge_without_baseline(active: str, candidate: Answers, gates: Gates) -> Verdict:
    """The verdict when nobody can tell what the active version says of these images: floors, else undecided."""
    sentence = f"{active} is active, and neither its files nor its answers on these images are to be had"
    gate = Gate(
        name="non_inferiority",
        state=State.UNDECIDED,
        threshold=_float(gates.non_inferiority_margin),
        value=None,
        sample_size=len(candidate.answers),
        sentence=sentence,
    )
    gone = Judged(gate, (Reason(code="baseline_gone", sentence=sentence),))
    return _together((gone, *floors(measure(candidate), gates)), None, _strange_labels(candidate))


def _strange_labels(candidate: Answers) -> tuple[Reason, ...]:
    """Before all other reasons, which are no news where the model cannot name what it is shown."""
    if candidate.nameable is None:
        return ()
    known = {answer.expected_id for answer in candidate.answers}
    nameable = len(candidate.nameable & known)
    sentence = strange_labels(candidate.model.name, nameable=nameable, species=len(known))
    if sentence is None:
        return ()
    figures = {"nameable": nameable, "species": len(known)}
    return (Reason(code="strange_labels", sentence=f"{sentence}: {LIST_NEEDED}", figures=figures),)


def _identical(sentence: str, size: int, absolute: Sequence[Judged], gates: Gates) -> Verdict:
    gate = Gate(
        name="non_inferiority",
        state=State.PASSED,
        threshold=_float(gates.non_inferiority_margin),
        value=0.0,
        sample_size=size,
        sentence=sentence,
    )
    return Verdict(
        answer=Decision.PROMOTE,
        gates=(gate, *(one.gate for one in absolute)),
        reasons=(Reason(code="identical", sentence=sentence),),
    )


def _together(judged: Sequence[Judged], promoted: Reason | None, first: Sequence[Reason]) -> Verdict:
    """The severest answer, with the reasons for it, then what else to know.

    Args:
        judged: the gates.
        promoted: leads the reasons of a promotion when no gate gives one; None where nothing can be promoted.
        first: what a person should know before all reasons.
    """
    states = {one.gate.state for one in judged}
    held, undecided = State.FAILED in states, State.UNDECIDED in states
    answer = Decision.HOLD if held else Decision.UNDECIDED if undecided else Decision.PROMOTE
    reasons = [reason for state in _TOLD[answer] for one in judged if one.gate.state is state for reason in one.reasons]
    shown = any(one.reasons for one in judged if one.gate.state is State.PASSED)
    if answer is Decision.PROMOTE and promoted and not shown:
        reasons.insert(0, promoted)
    return Verdict(answer=answer, gates=tuple(one.gate for one in judged), reasons=(*first, *reasons))


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
