"""From a target to its running process: the files must be the ordered ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.target import Target
from lepinet.timings import Timings

Files = Callable[[Target], Path]
"""The folder of a target's files, seen to be those that its revision names."""


def start_process(target: Target, files: Files, timings: Timings) -> ModelProcess:
    """Load a target's model; this takes as long as it takes.

    Args:
        target: what is ordered.
        files: finds its files.
        timings: `prediction` limits loading and each answer.

    Raises:
        RefusedError: its files are not to be had, or no model that can be used.
        OutsideError: the Hub does not give them now, or the process died or hung.
    """
    return ModelProcess(files(target), threads=os.cpu_count() or 1, timings=timings)
