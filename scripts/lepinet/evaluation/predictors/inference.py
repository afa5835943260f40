"""One model in memory: photos in, probabilities out; runs in the model's process only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lepinet.errors import RefusedError
from lepinet.evaluation.images import decode, limit_decoding, prepare
from lepinet.evaluation.predictors import TOP
from lepinet.evaluation.predictors.network import Network, short
from lepinet.evaluation.predictors.wire import Scores, Start
from lepinet.evaluation.preprocessing import Preprocessing, ShortestEdge, parse_preprocessing
from lepinet.model_files import read_json_object

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Prepared(NamedTuple):
    """One photo on its way to the model."""

    photo: NDArray[np.float32] | str
    """The model's input, shape (1, 3, height, width), or why there is none."""
    milliseconds: float
    """What it took."""
    pixels: int
    """Of the photo as it came."""


Outcome = list[tuple[int, float]] | str
"""Outputs with probabilities, best first, or why there are none."""


_AT_ONCE = 16
_INPUT_PIXELS = 16 * 128 * 128
"""Of a batch, all inputs together: a batch helps small inputs; large ones fill a core each, and take memory."""
_PHOTO_PIXELS = 4_000_000
"""Of a batch, all photos together: nobody waits long for an answer because of others' large photos."""


class Model:
    """A classifier with the preprocessing that its folder asks for."""

    def __init__(self, start: Start) -> None:
        """Load it, and ask it once, so that a model that cannot answer is refused now.

        Raises:
            RefusedError: it cannot be loaded, or is no classifier of RGB photos with that many outputs.
        """
        limit_decoding()
        preprocessor = Path(start.preprocessor)
        self._steps = parse_preprocessing(read_json_object(preprocessor), preprocessor)
        self._outputs = start.outputs
        self._independent = start.independent
        self._network = _network(start)
        self._at_once = _batch_size(self._network, self._steps)
        try:
            self._probabilities(_blank(self._steps))
        except Exception as error:  # noqa: BLE001 - the runtime raises types of its own
            raise RefusedError(f"it loads, but answers nothing: {short(error)}") from None

    def prepare(self, image: Path | bytes) -> Prepared:
        """Never raises: a photo that cannot be read is an answer too."""
        begun = time.perf_counter()
        try:
            decoded = decode(image)
            return Prepared(prepare(decoded, self._steps), _milliseconds_since(begun), decoded.width * decoded.height)
        except RefusedError as error:
            return Prepared(error.what, _milliseconds_since(begun), 0)
        except MemoryError:
            return Prepared("needs more memory than a photo may", _milliseconds_since(begun), 0)

    def answer(self, photos: Iterable[Prepared]) -> Iterator[Scores]:
        """One answer for each photo, in their order; which photos are inferred together depends on nothing but them."""
        for some in _batches(photos, self._at_once):
            begun = time.perf_counter()
            inputs = [one.photo for one in some if not isinstance(one.photo, str)]
            outcomes = iter(self._infer(inputs))
            each = _milliseconds_since(begun) / max(len(inputs), 1)
            for one in some:
                if isinstance(one.photo, str):
                    yield Scores([], one.photo, one.milliseconds)
                    continue
                outcome = next(outcomes)
                top, error = ([], f"the model fails on it: {outcome}") if isinstance(outcome, str) else (outcome, None)
                yield Scores(top, error, one.milliseconds + each)

    def _infer(self, photos: Sequence[NDArray[np.float32]]) -> list[Outcome]:
        """All at once; when that fails each alone, so that a photo's failure is its own."""
        if not photos:
            return []
        try:
            return [_best(row) for row in self._probabilities(np.concatenate(photos))]
        except Exception as error:  # noqa: BLE001 - the runtime raises types of its own
            if len(photos) == 1:
                return [short(error)]
        return [outcome for photo in photos for outcome in self._infer([photo])]

    def _probabilities(self, photos: NDArray[np.float32]) -> NDArray[np.float64]:
        """From shape (photos, 3, height, width) to (photos, outputs)."""
        logits = self._network.logits(photos)
        if logits.shape != (len(photos), self._outputs):
            raise ValueError(f"its output has the shape {logits.shape}, and config.json names {self._outputs} labels")
        values = logits.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("its scores are not numbers")
        if self._independent:
            return np.asarray(1 / (1 + np.exp(-values)))
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _batches(photos: Iterable[Prepared], at_once: int) -> Iterator[list[Prepared]]:
    some: list[Prepared] = []
    for photo in photos:
        some.append(photo)
        if len(some) == at_once or sum(one.pixels for one in some) >= _PHOTO_PIXELS:
            yield some
            some = []
    if some:
        yield some


def _best(probabilities: NDArray[np.float64]) -> list[tuple[int, float]]:
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return [(int(output), float(probabilities[output])) for output in best]


def _network(start: Start) -> Network:
    """By its runtime, of which only the one that is needed is imported."""
    weights = Path(start.weights)
    if start.onnx:
        from lepinet.evaluation.predictors.onnx import OnnxNetwork  # noqa: PLC0415 -- see above

        return OnnxNetwork(weights, start.threads)
    from lepinet.evaluation.predictors.transformers import TransformersNetwork  # noqa: PLC0415 -- see above

    return TransformersNetwork(Path(start.config), weights, start.threads)


def _batch_size(network: Network, steps: Preprocessing) -> int:
    """Photos that may be inferred together: one where the model says so, or where their sizes differ."""
    if steps.shape is None or network.one_at_a_time:
        return 1
    height, width = steps.shape
    return max(1, min(_AT_ONCE, _INPUT_PIXELS // (height * width)))


def _blank(steps: Preprocessing) -> NDArray[np.float32]:
    edge = steps.resize.pixels if isinstance(steps.resize, ShortestEdge) else 224
    return np.zeros((1, 3, *(steps.shape or (edge, edge))), np.float32)


def _milliseconds_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
