"""The gates beside the margin: how often they hold an equally good model, and how often they find a lost species."""

from __future__ import annotations

import numpy as np

from calibration.models import RUNS, USUAL, Counts, dice, pair
from calibration.tables import Cell, Part, counted
from lepinet.evaluation.comparison import Comparison, SpeciesChange
from lepinet.evaluation.gates import Gate, State
from lepinet.evaluation.gates.flips import flips
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.species import species
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.paired import Paired
from lepinet.manifest.model import Gates

LAYOUTS = {
    "12 of 25": (25,) * 12,
    "50 of 6": (6,) * 50,
    "100 of 10": (10,) * 100,
    "20 of 3 to 80": tuple(np.geomspace(3, 80, 20).round().astype(int).tolist()),
}
"""Species and their photos."""
MOST_FALSE_HOLDS = 0.05
_DIFFERING = 0.5
"""Up to this coefficient of variation among species it is promised."""
_GATES = Gates(non_inferiority_margin=None, min_accuracy=None, min_top3_accuracy=None, max_latency_ratio=None)
_AGAIN = 50


def equal(layout: str, discordance: float, differing: float, runs: int = RUNS) -> Part:
    """What the two gates say of candidates that are exactly as good, on each species.

    Args:
        layout: of the species.
        discordance: on average over species.
        differing: the coefficient of variation of the species' discordances, which follow a gamma distribution; 0 for
            species that are all as hard.
        runs: so many candidates.
    """
    sizes = np.array(LAYOUTS[layout])
    rng = dice("equal", layout, discordance, differing)
    each = np.full((runs, len(sizes)), discordance)
    if differing:
        each = np.minimum(1.0, each * rng.gamma(1 / differing**2, differing**2, each.shape))
    negative = rng.binomial(sizes, each / 2)
    positive = rng.binomial(sizes - negative, each / (2 - each))
    states = [_states(*one) for one in zip(np.broadcast_to(sizes, each.shape), negative, positive, strict=True)]
    lost, many = (np.array([one[gate] is State.FAILED for one in states]) for gate in _NAMES)
    by_points = np.array([one["max_species_recall_drop"] is not State.PASSED for one in states])
    again = rng.integers(0, runs, _AGAIN).tolist()
    unlike = sum(_judged(sizes, negative[one], positive[one]) != states[one] for one in again)
    bound = MOST_FALSE_HOLDS if differing <= _DIFFERING else 1.0
    row: tuple[str | Cell, ...] = (
        *(layout, f"{discordance * 100:g} %", "alike" if not differing else f"{differing * 100:g} %"),
        counted(lost, at_most=bound),
        counted(many, at_most=bound),
        counted(lost | many, at_most=bound if discordance / 2 < float(_GATES.max_negative_flips or 1) else 1.0),
        counted(by_points),
    )
    return Part((row,), _AGAIN, unlike)


_NAMES = ("max_species_recall_drop", "max_negative_flips")


def _paired(sizes: Counts, negative: Counts, positive: Counts) -> list[Paired]:
    return [
        Paired(size - b - c, b, c, 0)
        for size, b, c in zip(sizes.tolist(), negative.tolist(), positive.tolist(), strict=True)
    ]


def _states(sizes: Counts, negative: Counts, positive: Counts) -> dict[str, State]:
    """By the gates' own functions, on counts: as the whole verdict asks them, without answers photo by photo."""
    each = _paired(sizes, negative, positive)
    b, c = int(negative.sum()), int(positive.sum())
    together = Paired(int(sizes.sum()) - b - c, b, c, 0)
    comparison = Comparison(
        paired=together,
        negative_flips=(),
        positive_flips=(),
        species=tuple(
            SpeciesChange(
                id=f"{place:03}",
                name=f"{place:03}",
                support=one.size,
                old_correct=one.both_right + one.negative,
                new_correct=one.both_right + one.positive,
                negative=one.negative,
                positive=one.positive,
            )
            for place, one in enumerate(each)
        ),
        other_species=(),
        dropped=(),
        identical=False,
        left_out=(),
    )
    return _by_name([one.gate for one in (*species(comparison, _GATES), *flips(together, _GATES))])


def _judged(sizes: Counts, negative: Counts, positive: Counts) -> dict[str, State]:
    """By the whole verdict, on complete answers."""
    return _by_name(judge(*pair(_paired(sizes, negative, positive)), Terms(_GATES)).gates)


def _by_name(gates: tuple[Gate, ...] | list[Gate]) -> dict[str, State]:
    return {gate.name: gate.state for gate in gates}


def lost_species(species_: int, photos: int, loss: float, promised: float, runs: int = RUNS) -> Part:
    """How often it holds a candidate that loses one species, and is as good as before on all others.

    Args:
        species_: so many.
        photos: of each.
        loss: so many of the lost one's, as a share, are newly wrong.
        promised: how often that is found, at least; 0 promises nothing.
        runs: so many candidates.
    """
    rng = dice("lost species", species_, photos, loss)
    sizes = np.full(species_, photos)
    negative = rng.binomial(sizes, USUAL / 2, (runs, species_))
    positive = rng.binomial(sizes - negative, USUAL / (2 - USUAL))
    negative[:, 0], positive[:, 0] = rng.binomial(photos, loss, runs), 0
    states = [_states(sizes, *one)["max_species_recall_drop"] for one in zip(negative, positive, strict=True)]
    held = np.array([state is State.FAILED for state in states])
    return Part(((f"{species_} of {photos}", f"{loss * 100:g} %", counted(held, at_least=promised)),))
