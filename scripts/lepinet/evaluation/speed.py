"""How long two models take for the same photos, and how sure that is."""

from __future__ import annotations

import numpy as np
from pydantic import Field, PositiveFloat

from lepinet.evaluation.answers import Value

_RESAMPLES = 2000
_CONFIDENCE = 0.95
_SEED = 1


class Speed(Value):
    """Both models' times for the same photos, one after the other: in each place of the two lists the same photo."""

    old_ms: tuple[PositiveFloat, ...] = Field(min_length=1)
    """Decoding and inference, in milliseconds."""
    new_ms: tuple[PositiveFloat, ...] = Field(min_length=1)

    @property
    def old_median(self) -> float:
        return float(np.median(self.old_ms))

    @property
    def new_median(self) -> float:
        return float(np.median(self.new_ms))

    @property
    def ratio(self) -> float:
        """The new model's median over the old one's; over 1 is slower."""
        return self.new_median / self.old_median

    def lower_bound(self) -> float:
        """At 95 % confidence, one-sided, the ratio is at least this.

        The percentile bootstrap over photos (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13);
        seeded, so the same times have the same bound.
        """
        picks = np.random.default_rng(_SEED).integers(0, len(self.old_ms), (_RESAMPLES, len(self.old_ms)))
        old, new = (np.median(np.asarray(times)[picks], axis=1) for times in (self.old_ms, self.new_ms))
        return float(np.quantile(new / old, 1 - _CONFIDENCE))
