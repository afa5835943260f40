"""Both models run in turn on the same photos, to tell which is faster on this machine."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

from lepinet.errors import LepinetError
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.predictors.onnx import ModelProcess
from lepinet.evaluation.speed import Speed
from lepinet.timings import Timings

_TIMES = 40
_WARM_UP = 4


def time_both(old: Path, new: Path, known: KnownImages, timings: Timings | None = None) -> Speed | None:
    """Ask two models about the same photos in turn, one photo at a time, on one core each.

    Machines warm up, throttle and are shared: what is asked in turn suffers alike.

    Args:
        old: the baseline's folder.
        new: the candidate's.
        known: the photos; some of them, evenly chosen, are asked about.
        timings: limits for loading and for one image.

    Returns:
        Forty times of each; None when one of them does not answer some photo.
    """
    readable = [image.path for image in known.images if image.problem is None]
    if not readable:
        return None
    chosen = readable[:: max(1, len(readable) // _TIMES)]
    times: tuple[list[float], list[float]] = ([], [])
    try:
        with ModelProcess(old, timings=timings) as before, ModelProcess(new, timings=timings) as after:
            for turn, photo in enumerate(islice(cycle(chosen), _WARM_UP + _TIMES)):
                # Who is asked first finds a colder photo: they take turns.
                for side in ((0, 1), (1, 0))[turn % 2]:
                    (answer,) = (before, after)[side].answer([photo])
                    if answer.latency_ms is None or answer.error:
                        return None
                    if turn >= _WARM_UP:
                        times[side].append(answer.latency_ms)
    except LepinetError:
        return None
    return Speed(old_ms=tuple(times[0]), new_ms=tuple(times[1]))
