"""`make calibration`: measure every section on all cores, write the page and its pictures; 1 on a broken promise."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from calibration.page import Measured, page, pictures
from calibration.sections import SECTIONS
from calibration.tables import broken

DOCS = Path(__file__).parents[2] / "docs"


def main() -> int:
    """Measure, write, and say how it went."""
    measured = []
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        running = [[pool.submit(section.measure, *arguments) for arguments in section.parts] for section in SECTIONS]
        for section, parts in zip(SECTIONS, running, strict=True):
            measured.append(Measured(section, tuple(part.result() for part in parts)))
            print(section.title, flush=True)  # noqa: T201 -- it takes minutes
    (DOCS / "calibration.md").write_text(page(measured), encoding="utf-8")
    (DOCS / "calibration").mkdir(exist_ok=True)
    for name, picture in pictures(measured).items():
        (DOCS / "calibration" / name).write_text(picture, encoding="utf-8")
    parts_of_all = [part for one in measured for part in one.parts]
    wrong, differing = len(broken(parts_of_all)), sum(part.differing for part in parts_of_all)
    print(f"{wrong} promises broken, {differing} answers otherwise: docs/calibration.md")  # noqa: T201 -- its result
    return int(bool(wrong or differing))


if __name__ == "__main__":
    sys.exit(main())
