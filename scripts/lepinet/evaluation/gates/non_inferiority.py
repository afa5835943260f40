"""The gate that asks whether the candidate is at most a margin worse than the baseline, and how sure that is."""

from __future__ import annotations

from fractions import Fraction

from lepinet.evaluation import paired as statistics
from lepinet.evaluation.gates import tries as tried
from lepinet.evaluation.gates.verdict import SMOKE_TEST, Gate, Judged, Reason, State, at_most, points
from lepinet.evaluation.paired import Paired
from lepinet.manifest.model import Gates


def non_inferiority(paired: Paired, gates: Gates, *, old: str, new: str, tries: int) -> tuple[Judged, ...]:
    """Passed when shown to be inside the margin, failed when shown to be beyond it, else undecided.

    Args:
        paired: over the images of species that the baseline can name.
        gates: the limits.
        old: the baseline's name.
        new: the candidate's.
        tries: its place among those tried on the same photos, 1 for the first.
    """
    if gates.non_inferiority_margin is None:
        return ()
    margin, size = float(gates.non_inferiority_margin), paired.size
    alpha = tried.alpha(gates, tries)
    result = statistics.non_inferiority(
        paired, Fraction(gates.non_inferiority_margin), alpha, worse_alpha=float(1 - gates.confidence)
    )
    worst = -statistics.lower_bound(paired, 1 - alpha)
    figures: dict[str, float | int | str] = {
        "images": size,
        "old_right": paired.both_right + paired.negative,
        "new_right": paired.both_right + paired.positive,
        "negative": paired.negative,
        "positive": paired.positive,
        "at_most_worse": worst,
        "margin": margin,
        "try": tries,
    }
    if result.shown:
        state, code, sentence = State.PASSED, "shown_not_worse", _shown(paired, worst, margin, old, new)
    elif result.shown_worse:
        flipped = f"{paired.negative} of {size} newly wrong, {paired.positive} newly right"
        state, code, sentence = State.FAILED, "shown_worse", f"shown to be worse: {flipped}"
    else:
        state, code, sentence = State.UNDECIDED, "too_few_images", _undecided(paired, worst, margin, old, new)
        if size >= SMOKE_TEST:
            needed = statistics.images_needed(paired, margin, alpha)
            figures |= {"images_needed": needed, "smallest_margin": statistics.smallest_margin(paired, alpha)}
            enough = f"about {needed:,} images would show it" if needed > size else "so many mostly show it"
            as_here = f"differ as often as here ({paired.negative + paired.positive} of {size})"
            sentence += f"; {enough}, if both are equally good and {as_here}"
        sentence += tried.told(tries)
    own = f"; {points(margin)} = {margin * size:.1f} of your {size} images" if size >= SMOKE_TEST else ""
    gate = Gate(
        name="non_inferiority",
        state=state,
        threshold=margin,
        value=worst,
        sample_size=size,
        sentence=sentence + own,
    )
    return (Judged(gate, (Reason(code=code, sentence=sentence, figures=figures),)),)


def _shown(paired: Paired, worst: float, margin: float, old: str, new: str) -> str:
    limit = f"limit {points(margin)}"
    if paired.size < SMOKE_TEST:
        return f"{paired.negative} of {paired.size} newly wrong, {paired.positive} newly right: inside the {limit}"
    if worst <= 0:
        return f"the photos show that {new} is not worse than {old}"
    return f"the photos show that {new} is at most {at_most(worst, margin)} worse than {old} ({limit})"


def _undecided(paired: Paired, worst: float, margin: float, old: str, new: str) -> str:
    size, limit = paired.size, f"limit {points(margin)}"
    if not size:
        return f"none of the known images that count shows a species that {old} can name"
    if size < SMOKE_TEST:
        known = f"{size} known image{'s' if size > 1 else ''}"
        enough = "only a few hundred would show whether it is as good as"
        return f"a smoke test of {known} shows that {new} answers; {enough} {old}"
    if worst < margin:
        return f"{size} known images fall short of showing that {new} is as good as {old} ({limit})"
    bound = at_most(worst, margin)
    return (
        f"{size} known images cannot tell whether {new} is as good as {old}: "
        f"it may in truth be up to {bound} worse ({limit})"
    )
