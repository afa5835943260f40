"""How long two models take for the same photos."""

from __future__ import annotations

from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.speed import Speed
from lepinet.evaluation.timing import time_both
from lepinet.target import Target
from lepinet.workflow.contents import ModelFolder
from lepinet.workflow.evaluate import Bench


def speed_of(old: Target, new: Target, answers: Answers, bench: Bench) -> Speed | None:
    """How long two versions take for the same photos, run in turn; None when nobody can tell, or need not again.

    Args:
        old: the baseline.
        new: the candidate.
        answers: the candidate's: where they were kept from before, so was the verdict on its time.
        bench: the known images.
    """
    if bench.workspace is None:
        return None
    try:
        return time_models(bench.workspace.model(old), bench.workspace.model(new), answers, bench)
    except RefusedError:
        return None


def time_models(old: ModelFolder, new: ModelFolder, answers: Answers, bench: Bench) -> Speed | None:
    """Both timed, when the new one was asked just now; else None, as for photos or a gate that there are not."""
    just_now = any(answer.latency_ms is not None for answer in answers.answers)
    if not just_now or bench.known is None or bench.gates.max_latency_ratio is None:
        return None
    return time_both(old.path, new.path, bench.known, bench.timings)
