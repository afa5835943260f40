"""An ONNX file made of a model's safetensors, in a process of its own that can do no harm."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lepinet.errors import RefusedError
from lepinet.evaluation.confined.process import ConfinedProcess
from lepinet.evaluation.confined.wire import MAX_ERROR, Lines, parse
from lepinet.evaluation.predictors.runtime import EXPORTING
from lepinet.evaluation.predictors.wire import start_of
from lepinet.model_files import ModelFiles
from lepinet.timings import Timings

_SLOWER = 10
"""Following a network takes so many times as long as a photo may."""
_GRAPH = 64 << 20
"""Bytes of an ONNX file beside its weights, at most."""


class Made(NamedTuple):
    """What the process says of a file, before the file's bytes."""

    size: int
    """Bytes; 0 where there is none."""
    refused: str | None = None


def onnx_of(name: str, files: ModelFiles, photo: Path, timings: Timings) -> bytes:
    """The same network as an ONNX file, with its weights inside.

    Args:
        name: of the model, as errors call it.
        files: its files, with safetensors.
        photo: what the network is followed with.
        timings: `prediction`, ten times of which it may take.

    Raises:
        UsageError: the packages that it needs are not installed.
        RefusedError: it cannot be loaded, or not followed.
        ConfinedError: the process died, took too long, or talks nonsense.
    """
    EXPORTING.versions(name)
    seconds = _SLOWER * timings.prediction
    largest = files.weights.stat().st_size + _GRAPH

    def read(lines: Lines, deadline: float) -> list[bytes | str]:
        match parse(lines.read(deadline)):
            case [0, str(refused)]:
                return [refused[:MAX_ERROR]]
            case [int(size), None] if 0 < size <= largest:
                return [lines.read_bytes(size, deadline)]
        raise ValueError

    start = start_of(files, threads=1, seconds=seconds)
    where = str(files.folder)
    process = ConfinedProcess(
        "lepinet.evaluation.export.child", start, called="the model", where=where, seconds=seconds
    )
    try:
        (made,) = process.ask([photo], read)
    finally:
        process.close()
    if isinstance(made, str):
        raise RefusedError(made, where=where)
    return made
