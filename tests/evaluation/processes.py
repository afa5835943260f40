"""This process's children, as the kernel tells of them."""

from __future__ import annotations

import os
import select
from pathlib import Path

PATIENCE = 20
"""Seconds that a test waits for what takes a fraction of one."""


def ended(pid: int, within: float = PATIENCE) -> bool:
    """Waits for it so many seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    found, _, _ = select.select([process], [], [], within)
    os.close(process)
    return bool(found)


def children() -> set[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def limits_of(pid: int) -> dict[str, str]:
    """Its soft limits by their names."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {line[:26].strip(): line[26:].split()[0] for line in lines}


def environment_of(pid: int) -> set[str]:
    """The names in its environment."""
    return {line.partition("=")[0] for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if line}
