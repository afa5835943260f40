"""Both models run in turn on the same photos, to tell which is faster on this machine."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

from lepinet.errors import LepinetError
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.evaluation.speed import Speed
from lepinet.model_files import read_model_files
from lepinet.timings import Timings

_PHOTOS = 40
_RUNS = 4
"""The first one warms up, and does not count."""


def time_both(old: Path, new: Path, known: KnownImages, timings: Timings | None = None) -> Speed | None:
    """Ask two models about the same photos in turn, one photo at a time, on one core each.

    Machines warm up, throttle and are shared: what is asked in turn suffers alike, and of a photo's few times the
    shortest is the one that nobody else's work has lengthened.

    Args:
        old: the baseline's folder.
        new: the candidate's.
        known: the photos; some of them, evenly chosen, are asked about.
        timings: limits for loading and for one image.

    Returns:
        Each model's shortest time for each of up to forty photos; None when one does not answer some photo, or when
        one runs by ONNX and the other has none: that would compare two runtimes, not two models.
    """
    readable = [image.path for image in known.images if image.problem is None]
    if not readable:
        return None
    chosen = readable[:: -(-len(readable) // _PHOTOS)]
    times = ([math.inf] * len(chosen), [math.inf] * len(chosen))
    try:
        if read_model_files(old).onnx != read_model_files(new).onnx:
            return None
        with ModelProcess(old, timings=timings) as before, ModelProcess(new, timings=timings) as after:
            for run, place in product(range(_RUNS), range(len(chosen))):
                # Who is asked first finds a colder photo: they take turns.
                for side in ((0, 1), (1, 0))[(run + place) % 2]:
                    (answer,) = (before, after)[side].answer([chosen[place]])
                    if answer.latency_ms is None or answer.error:
                        return None
                    if run:
                        times[side][place] = min(times[side][place], answer.latency_ms)
    except LepinetError:
        return None
    return Speed(old_ms=tuple(times[0]), new_ms=tuple(times[1]))
