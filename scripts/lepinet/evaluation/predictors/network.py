"""What a runtime makes of a model's weights: the one thing in which ONNX and safetensors differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LONGEST = 300


class Network(Protocol):
    """A loaded network, from photos to scores."""

    @property
    def one_at_a_time(self) -> bool:
        """It takes no batch."""

    def logits(self, photos: NDArray[np.float32]) -> NDArray[Any]:
        """From shape (photos, 3, height, width) to (photos, outputs); raises whatever its runtime does."""


def short(error: Exception) -> str:
    """What a runtime says, in a line."""
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__
