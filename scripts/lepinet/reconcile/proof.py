"""Whether the live endpoint is the model that was tested: its answers beside the candidate's own offline answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest

from lepinet.evaluation.answers import Answer, Answers, Score
from lepinet.target import Target

ASKED = 400
"""Of more known images than this, so many are asked about: each species' share of them, always the same ones."""
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
    reason: str | None = None
    """How the first of the differing images differs."""
    other: Target | None = None
    """The files that the endpoint says it answers with, where those are others."""
    contract: str | None = None
    """How it was asked."""

    @property
    def agreed(self) -> bool:
        return self.other is None and self.asked > 0 and len(self.differing) <= self.allowed

    @property
    def sentence(self) -> str:
        if self.other:
            return f"the endpoint runs, but says that it answers with {self.other}"
        if not self.compared:
            answered = self.asked - self.unanswered
            return f"the endpoint answered {answered} of {self.asked} photos; no tested answers to compare them with"
        if self.agreed:
            how = f", asked by {self.contract}" if self.contract else ""
            return (
                f"the endpoint answers {self.asked - len(self.differing)} of {self.asked} known images as tested{how}"
            )
        shown = ", ".join(self.differing[:3]) + (", …" if len(self.differing) > len(self.differing[:3]) else "")
        silent = f"; {self.unanswered} got no answer" if self.unanswered else ""
        first = f" ({self.reason})" if self.reason else ""
        return (
            f"the endpoint runs, but {len(self.differing)} of {self.asked} answers differ from the tested ones "
            f"(allowed: {self.allowed}): {shown}{first}{silent}"
        )


def prove(live: Answers, offline: Answers | None, target: Target) -> Proof:
    """Hold the endpoint's answers against the offline ones, image by image.

    Args:
        live: what the endpoint said of the known images, or of some of them, in their order.
        offline: what the same files said of the same images when they were tested; None when nobody can tell.
        target: what it should answer with; an endpoint that names other files is not believed.
    """
    said = live.model
    named = Target(said.file_path, said.revision) if said.file_path and said.revision else None
    other = named if named and not named.same_files(target) else None
    if offline is None:
        silent = tuple(answer.file_name for answer in live.answers if answer.error)
        count = len(live.answers)
        return Proof(count, silent, 0, len(silent), compared=False, other=other, contract=said.contract)
    # Images that the model could not be asked offline prove nothing; how they fail live does not matter.
    pairs = [
        (said, tested)
        for said, tested in zip_longest(live.answers, offline.answers)
        if tested is None or tested.error is None
    ]
    differing: dict[str, str] = {}
    for answer, tested in pairs:
        if why := _difference(answer, tested):
            differing[tested.file_name if tested else answer.file_name] = why
    return Proof(
        asked=len(pairs),
        differing=tuple(differing),
        allowed=math.ceil(ALLOWED * len(pairs)) if len(pairs) >= FEW else 0,
        unanswered=sum(answer is None or answer.error is not None for answer, _ in pairs),
        reason=next(iter(differing.values()), None),
        other=other,
        contract=said.contract,
    )


def _difference(said: Answer | None, tested: Answer | None) -> str | None:
    """In a few words; None when both say the same."""
    if said is None or tested is None or said.file_name != tested.file_name:
        return "another photo"
    if said.error:
        return said.error
    live, offline = said.top[0], tested.top[0]
    margin = offline.confidence - (tested.top[1].confidence if len(tested.top) > 1 else 0.0)
    closely = live.id == offline.id or margin <= 2 * TOLERANCE
    if closely and abs(live.confidence - offline.confidence) <= TOLERANCE:
        return None
    return f"tested: {_shown(offline)}, live: {_shown(live)}"


def _shown(score: Score) -> str:
    return f"{score.name} {score.confidence:.0%}"
