"""What a person can do now about a change, as every report says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lepinet.evaluation.gates import SMOKE_TEST, Decision
from lepinet.report.documents import EnvironmentCheck

_ADD = "lepinet known-images add"


@dataclass(frozen=True)
class Choice:
    """One way to go on."""

    name: str
    text: str
    command: str | None = None
    """To be typed; it stands before the text."""


def choices(part: EnvironmentCheck, known_images: str) -> tuple[Choice, ...]:
    """What a person can do about a change that is judged; nothing about another one.

    Args:
        part: of the check.
        known_images: their folder.
    """
    if part.verdict is None or part.candidate is None:
        return ()
    new = part.candidate.name
    stays = f"{part.baseline.name} stays; " if part.baseline else ""
    not_now = Choice("Not now", f"close. {stays}{new} remains registered, and a better one comes under a new name.")
    return (_ship(part, new), *_know_more(part, known_images), not_now)


def _ship(part: EnvironmentCheck, new: str) -> Choice:
    if part.blocks:
        override = f'lepinet activate {new} -e {part.name} --override "reason"'
        return Choice("Ship it anyway", "The history keeps your name, the reason and this page.", override)
    return Choice("Ship it", "approve and merge. The history keeps your name and this page.")


def _know_more(part: EnvironmentCheck, known_images: str) -> Iterator[Choice]:
    """As many photos as the most demanding gate asks for."""
    if part.verdict is None or part.verdict.answer is not Decision.UNDECIDED:
        return
    wanted = f"whose species is certain, some of each, into {known_images}"
    if part.test and part.test.sample_size < SMOKE_TEST:
        yield Choice("Know more", f"Photos {wanted}; a few hundred would show it.", _ADD)
    asked = [
        (needed, size)
        for reason in part.verdict.reasons
        if isinstance(needed := reason.figures.get("images_needed"), int)
        and isinstance(size := reason.figures.get("images"), int)
        and needed > size > 0
    ]
    if asked:
        needed, size = max(asked)
        yield Choice(
            "Know more",
            f"About {needed - size:,} more photos {wanted}; {needed:,} in all would tell, if both are equally good.",
            _ADD,
        )
