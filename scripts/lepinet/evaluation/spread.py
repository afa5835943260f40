"""Photos handed out to several that answer, so that all cores, or several connections, have something to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeVar

T = TypeVar("T")


class Answering(Protocol[T]):
    """Something that answers photos."""

    def answer(self, images: Sequence[Path | bytes]) -> list[T]:
        """One answer for each image, in their order."""
        ...

    def close(self) -> None:
        """End what another thread waits for, too."""
        ...


def spread(photos: Mapping[str, Path], answering: Sequence[Answering[T]], batch: int) -> Iterator[dict[str, T]]:
    """Answers by the photos' keys, batch after batch; each goes to whichever is idle."""
    keys = list(photos)
    batches = [keys[start : start + batch] for start in range(0, len(keys), batch)]
    idle: SimpleQueue[Answering[T]] = SimpleQueue()
    for one in answering:
        idle.put(one)

    def ask(some: list[str]) -> dict[str, T]:
        one = idle.get()
        try:
            return dict(zip(some, one.answer([photos[key] for key in some]), strict=True))
        finally:
            idle.put(one)

    with ThreadPoolExecutor(len(answering)) as pool:
        try:
            yield from pool.map(ask, batches)
        except BaseException:
            # Ends what the other threads are waiting for, so that leaving the pool takes no time.
            for one in answering:
                one.close()
            raise


def cores() -> int:
    """Those that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
