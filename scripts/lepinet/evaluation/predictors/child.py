"""The process that runs a model on photos."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lepinet.evaluation.confined import inside
from lepinet.evaluation.confined.wire import read_request, send
from lepinet.evaluation.predictors import wire

if TYPE_CHECKING:
    from lepinet.evaluation.predictors.inference import Model

_TOGETHER = 16
_SOON = 0.05
"""Seconds that an answer may wait for company."""


def main() -> None:
    """Load the model that the parent names; then answer until the parent hangs up."""
    connection, reader = inside.connect()
    start = wire.read_start(reader)
    # Reading, parsing and optimising a model holds a few copies of it.
    inside.limit(inside.MEMORY + 5 * Path(start.weights).stat().st_size, start.seconds * 10 * start.threads)
    model = inside.loaded(connection, lambda: _load(start))
    if model is None:
        return
    with ThreadPoolExecutor(start.threads) as pool:
        while images := read_request(reader):
            # With one thread nothing is gained by decoding ahead; with more it runs beside inference.
            prepared = pool.map(model.prepare, images) if start.threads > 1 else map(model.prepare, images)
            for some in _grouped(model.answer(inside.timed(prepared, start.seconds * start.threads))):
                send(connection, some)


def _load(start: wire.Start) -> Model:
    from lepinet.evaluation.predictors.inference import Model  # noqa: PLC0415 - NumPy, only under the limits

    model = Model(start)
    # What is loaded now stays: the garbage collector need not look at it again after every few photos.
    gc.freeze()
    return model


def _grouped(answers: Iterable[wire.Scores]) -> Iterator[list[wire.Scores]]:
    """A few answers at a time: the parent need not wake for each of many, nor wait long for a single one."""
    group: list[wire.Scores] = []
    due = time.monotonic() + _SOON
    for scores in answers:
        group.append(scores)
        if len(group) == _TOGETHER or time.monotonic() > due:
            yield group
            group = []
            due = time.monotonic() + _SOON
    if group:
        yield group


if __name__ == "__main__":
    main()
