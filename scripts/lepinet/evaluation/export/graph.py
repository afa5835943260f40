"""A network of torch as ONNX; in a process that can do no harm, or where models of one's own are trained."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from lepinet.errors import RefusedError
from lepinet.evaluation.predictors.network import short

AT_ONCE = 256
"""Photos in a batch, at most; any number up to that is taken."""


def to_onnx(module: torch.nn.Module, photo: NDArray[np.float32]) -> bytes:
    """The network with its weights inside, any number of photos a batch, and no trace of the machine it was made on.

    Args:
        module: takes `pixel_values`, and gives an object that has `logits`.
        photo: what it is followed with, shape (1, 3, height, width).

    Raises:
        RefusedError: the exporter cannot follow what it does.
    """
    try:
        program = torch.onnx.export(
            module,
            (torch.from_numpy(photo).repeat(2, 1, 1, 1),),
            dynamo=True,
            dynamic_shapes={"pixel_values": {0: torch.export.Dim("photos", min=1, max=AT_ONCE)}},
            input_names=["pixel_values"],
            output_names=["logits"],
            verbose=False,
        )
        proto = program.model_proto
        for part in (proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
            part.ClearField("metadata_props")
        onnx.checker.check_model(proto, full_check=True)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the exporter raises types of its own
        raise RefusedError(f"torch.onnx cannot follow it: {short(error)}") from None
    written: bytes = proto.SerializeToString()
    return written
