"""Whole processes timed in turn, A B A B …: machines drift, ratios of neighbours do not."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 5


@dataclass(frozen=True)
class Cost:
    """What one process cost, with the children that it waited for."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system."""
    memory: int
    """Bytes, the largest single process."""


@dataclass(frozen=True)
class Program:
    """A command that is timed from its start to its end."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    cores: int | None = None
    """So many processors only; None: all."""

    def run(self) -> Cost:
        """Run it once.

        Raises:
            RuntimeError: it failed; a race against a failure is won by whoever fails first.
        """
        allowed = sorted(os.sched_getaffinity(0))[: self.cores]
        with (self.folder / "output.txt").open("w+b") as output:
            begun = time.perf_counter()
            process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, allowed),  # noqa: PLW1509 -- no threads are running yet
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                output.seek(0)
                raise RuntimeError(f"{' '.join(self.command)}: {output.read().decode(errors='replace')[-2000:]}")
        return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def in_turn(*programs: Program | Callable[[], Cost], rounds: int = ROUNDS) -> list[list[Cost]]:
    """Each program's costs, round after round, after one round that does not count."""
    costs: list[list[Cost]] = [[] for _ in programs]
    for number in range(rounds + 1):
        for program, its in zip(programs, costs, strict=True):
            cost = program.run() if isinstance(program, Program) else program()
            if number:
                its.append(cost)
    return costs


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of neighbours."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
