"""One model in memory: photos in, probabilities out; runs in the model's process only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from lepinet.errors import RefusedError
from lepinet.evaluation.images import decode, limit_decoding, prepare
from lepinet.evaluation.predictors import TOP
from lepinet.evaluation.predictors.wire import Scores, Start
from lepinet.evaluation.preprocessing import Preprocessing, ShortestEdge, parse_preprocessing
from lepinet.files import open_regular
from lepinet.model_files import read_json_object

if TYPE_CHECKING:
    from numpy.typing import NDArray

Prepared = tuple["NDArray[np.float32] | str", float]
"""The model's input for one photo or why there is none, and the milliseconds it took."""

_QUIET = 4
"""Only fatal errors; the others come as exceptions."""


class Model:
    """An ONNX classifier with the preprocessing that its folder asks for."""

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
        self._session = _session(Path(start.onnx), start.threads)
        self._input = _only_input(self._session)
        self._output = self._session.get_outputs()[0].name
        try:
            self._scores(_blank(self._steps))
        except Exception as error:  # noqa: BLE001 - the runtime raises types of its own
            raise RefusedError(f"it loads, but answers nothing: {_short(error)}") from None

    def prepare(self, image: Path | bytes) -> Prepared:
        """Never raises: a photo that cannot be read is an answer too."""
        begun = time.perf_counter()
        try:
            prepared: NDArray[np.float32] | str = prepare(decode(image), self._steps)
        except RefusedError as error:
            prepared = error.what
        except MemoryError:
            prepared = "needs more memory than a photo may"
        return prepared, _milliseconds_since(begun)

    def answer(self, photos: Iterable[Prepared]) -> Iterator[Scores]:
        """One answer for each photo, in their order.

        Photos are inferred one by one: on a CPU a batch gains next to nothing, and so an answer depends on its photo
        alone, not on its neighbours, and is the same offline, from the cache and from a live endpoint.
        """
        for photo, milliseconds in photos:
            begun = time.perf_counter()
            if isinstance(photo, str):
                yield Scores([], photo, milliseconds)
                continue
            try:
                scores = self._scores(photo)
            except Exception as error:  # noqa: BLE001 - the runtime raises types of its own, and one photo is not all
                yield Scores([], f"the model fails on it: {_short(error)}", milliseconds)
                continue
            yield Scores(self._best(scores), None, milliseconds + _milliseconds_since(begun))

    def _scores(self, photo: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities, shape (outputs,)."""
        (logits,) = self._session.run([self._output], {self._input: photo})
        if logits.shape != (1, self._outputs):
            raise ValueError(f"its output has the shape {logits.shape}, and config.json names {self._outputs} labels")
        values = logits[0].astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("its scores are not numbers")
        if self._independent:
            return np.asarray(1 / (1 + np.exp(-values)))
        powers = np.exp(values - values.max())
        return np.asarray(powers / powers.sum())

    def _best(self, scores: NDArray[np.float64]) -> list[tuple[int, float]]:
        best = np.argsort(-scores, kind="stable")[:TOP]
        return [(int(output), float(scores[output])) for output in best]


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # Threads that wait should not burn the cores that decoding needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with open_regular(path) as file:
        data = file.read()
    try:
        # From memory, so that the runtime never follows a path that the model names.
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - the runtime raises types of its own
        raise RefusedError(_why_not_loaded(error)) from None


def _why_not_loaded(error: Exception) -> str:
    said = str(error)
    if "xternal data" in said:
        return "its weights lie in another file (external data); export it as one file"
    if "is not a registered function/op" in said:
        return f"it needs an operator that onnxruntime does not have: {_short(error)}"
    return f"onnxruntime cannot load it: {_short(error)}"


def _only_input(session: onnxruntime.InferenceSession) -> str:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        found = ", ".join(f"{value.name}: {value.type} {value.shape}" for value in inputs)
        raise RefusedError(f"it should take one image tensor (float, 4 dimensions), not {found or 'nothing'}")
    return str(inputs[0].name)


def _blank(steps: Preprocessing) -> NDArray[np.float32]:
    edge = steps.resize.pixels if isinstance(steps.resize, ShortestEdge) else 224
    return np.zeros((1, 3, *(steps.shape or (edge, edge))), np.float32)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _milliseconds_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
