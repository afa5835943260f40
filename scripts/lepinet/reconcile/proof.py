"""Whether the live endpoint is the model that was tested: its answers beside the candidate's own offline answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest

from lepinet.evaluation.answers import Answer, Answers

TOLERANCE = 0.01
"""A confidence may differ by this much: other batches and other machines round differently, other models do not."""
ALLOWED = 0.01
"""The share of images that may differ, rounded up to whole images: one decoder's rounding is not another model."""
FEW = 20
"""Of fewer images than this none may differ: one of three would be a third."""


@dataclass(frozen=True)
class Proof:
    """The comparison of live and offline answers."""

    asked: int
    differing: tuple[str, ...]
    """File names, in the images' order."""
    allowed: int
    unanswered: int
    """How many of the differing images got no answer at all."""
    compared: bool = True
    """False when there was nothing to compare with: then answering is all that is asked for."""

    @property
    def agreed(self) -> bool:
        return self.asked > 0 and len(self.differing) <= self.allowed

    @property
    def sentence(self) -> str:
        if not self.compared:
            answered = self.asked - self.unanswered
            return f"the endpoint answered {answered} of {self.asked} photos; no tested answers to compare them with"
        if self.agreed:
            return f"the endpoint answers {self.asked - len(self.differing)} of {self.asked} known images as tested"
        shown = ", ".join(self.differing[:3]) + (", …" if len(self.differing) > len(self.differing[:3]) else "")
        silent = f"; {self.unanswered} got no answer" if self.unanswered else ""
        return (
            f"the endpoint runs, but {len(self.differing)} of {self.asked} answers differ from the tested ones "
            f"(allowed: {self.allowed}): {shown}{silent}"
        )


def prove(live: Answers, offline: Answers | None) -> Proof:
    """Hold the endpoint's answers against the offline ones, image by image.

    Args:
        live: what the endpoint said, in the known images' order.
        offline: what the same files said when they were tested; None when nobody can tell.
    """
    if offline is None:
        silent = tuple(answer.file_name for answer in live.answers if answer.error)
        return Proof(len(live.answers), silent, 0, len(silent), compared=False)
    # Images that the model could not be asked offline prove nothing; how they fail live does not matter.
    pairs = [
        (said, tested)
        for said, tested in zip_longest(live.answers, offline.answers)
        if tested is None or tested.error is None
    ]
    differing = tuple(
        tested.file_name if tested else said.file_name
        for said, tested in pairs
        if said is None or tested is None or _differs(said, tested)
    )
    unanswered = sum(said is None or said.error is not None for said, _ in pairs)
    allowed = math.ceil(ALLOWED * len(pairs)) if len(pairs) >= FEW else 0
    return Proof(len(pairs), differing, allowed, unanswered)


def _differs(said: Answer, tested: Answer) -> bool:
    if said.error or said.file_name != tested.file_name:
        return True
    if abs(said.top[0].confidence - tested.top[0].confidence) > TOLERANCE:
        return True
    margin = tested.top[0].confidence - (tested.top[1].confidence if len(tested.top) > 1 else 0.0)
    return said.predicted_id != tested.predicted_id and margin > 2 * TOLERANCE
