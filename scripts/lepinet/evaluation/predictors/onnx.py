"""Weights in ONNX, run by onnxruntime; in the model's process only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime

from lepinet.errors import RefusedError
from lepinet.evaluation.predictors.network import short
from lepinet.files import open_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_QUIET = 4
"""Only fatal errors; the others come as exceptions."""


class OnnxNetwork:
    """One image tensor in, the first output out."""

    def __init__(self, weights: Path, threads: int) -> None:
        """Load it.

        Raises:
            RefusedError: it cannot be loaded, or takes something else than one image tensor.
        """
        self._session = _session(weights, threads)
        self._input = _only_input(self._session)
        self._output = self._session.get_outputs()[0].name

    @property
    def one_at_a_time(self) -> bool:
        return isinstance(self._session.get_inputs()[0].shape[0], int)

    def logits(self, photos: NDArray[np.float32]) -> NDArray[Any]:
        (logits,) = self._session.run([self._output], {self._input: photos})
        return logits  # type: ignore[no-any-return]  # the runtime has no types


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
        return f"it needs an operator that onnxruntime does not have: {short(error)}"
    return f"onnxruntime cannot load it: {short(error)}"


def _only_input(session: onnxruntime.InferenceSession) -> str:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        found = ", ".join(f"{value.name}: {value.type} {value.shape}" for value in inputs)
        raise RefusedError(f"it should take one image tensor (float, 4 dimensions), not {found or 'nothing'}")
    return str(inputs[0].name)
