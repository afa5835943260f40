"""From a target to its running process: the files must be the ordered ones, and lie inside of the repository."""

from __future__ import annotations

import os
from pathlib import Path

from lepinet.errors import RefusedError
from lepinet.evaluation.predictors.onnx import ModelProcess
from lepinet.files import inside
from lepinet.model_files import folder_revision
from lepinet.target import Target
from lepinet.timings import Timings


def start_process(target: Target, root: Path, timings: Timings) -> ModelProcess:
    """Load a target's model; this takes as long as it takes.

    Args:
        target: its `file_path` is a folder below `root`.
        root: the repository's root.
        timings: `prediction` limits loading and each answer.

    Raises:
        UsageError: there is no such folder.
        RefusedError: its files are others than the revision says, or no model that can be used.
        ConfinedError: the process died or hung.
    """
    folder = inside(root, target.file_path)
    revision = folder_revision(folder)
    if revision != target.revision:
        raise RefusedError(f"its files are {revision}, the order is for {target.revision}", where=target.file_path)
    return ModelProcess(folder, threads=os.cpu_count() or 1, timings=timings)
