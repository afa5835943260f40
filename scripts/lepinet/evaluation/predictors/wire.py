"""What a model's process is told, and what it answers."""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, NamedTuple

from lepinet.evaluation.confined.wire import MAX_ERROR, parse
from lepinet.evaluation.predictors import TOP
from lepinet.model_files import ModelFiles


class Start(NamedTuple):
    """The first line to the process: what to load, and how much it may use."""

    config: str
    preprocessor: str
    weights: str
    onnx: bool
    """Else safetensors."""
    outputs: int
    independent: bool
    threads: int
    seconds: float
    """CPU time for one image on one thread."""


class Scores(NamedTuple):
    """What the process says of one image; a line holds those of a few images, in their order."""

    top: list[tuple[int, float]]
    """Output and probability, best first."""
    error: str | None
    milliseconds: float


def start_of(files: ModelFiles, *, threads: int, seconds: float) -> Start:
    return Start(
        config=str(files.config),
        preprocessor=str(files.preprocessor),
        weights=str(files.weights),
        onnx=files.onnx,
        outputs=len(files.labels),
        independent=files.independent,
        threads=threads,
        seconds=seconds,
    )


def read_start(reader: BinaryIO) -> Start:
    return Start(*json.loads(reader.readline()))


def parse_scores(line: bytes, outputs: int) -> list[Scores]:
    """One line's answers, at least one. Raises ValueError when the process does not keep to the form."""
    try:
        scores = [_scores(item, outputs) for item in parse(line)]
    except TypeError:
        raise ValueError from None
    if not scores:
        raise ValueError
    return scores


def _scores(item: Any, outputs: int) -> Scores:
    top, error, milliseconds = item
    # Plain comparisons: this runs for every photo, where matching patterns would take longer than all the rest.
    if type(milliseconds) is not float or not 0 <= milliseconds < math.inf:
        raise ValueError
    if top == [] and type(error) is str:
        return Scores([], error[:MAX_ERROR], milliseconds)
    if error is not None or len(top) != min(TOP, outputs):
        raise ValueError
    for output, probability in top:
        if type(output) is not int or type(probability) is not float:
            raise ValueError
        if not (0 <= output < outputs and 0 <= probability <= 1):
            raise ValueError
    return Scores([(output, probability) for output, probability in top], None, milliseconds)
