"""The gates: each rule with its limit and what was measured, and all of them together as one verdict."""

from __future__ import annotations

from lepinet.evaluation.gates.verdict import (
    SMOKE_TEST,
    Decision,
    Gate,
    Reason,
    State,
    Verdict,
    at_most,
    percents,
    points,
)

__all__ = ["SMOKE_TEST", "Decision", "Gate", "Reason", "State", "Verdict", "at_most", "percents", "points"]
