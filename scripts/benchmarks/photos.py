"""Photos for the benchmarks: a few drawings, and many files that decode alike and differ in their digest."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from fixtures.draw import species_names
from fixtures.scene import DRY, photograph
from fixtures.species import LOOKS


def write(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """`count` JPEG photos of one size, with their metadata.csv."""
    folder.mkdir(parents=True)
    names = species_names()
    drawn = [(species, _jpeg(species, size)) for species in LOOKS]
    with (folder / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "species_id", "species_name"])
        for number in range(count):
            species, jpeg = drawn[number % len(drawn)]
            name = f"{number:05}.jpg"
            # Decoders stop at the end of the image, digests do not.
            (folder / name).write_bytes(jpeg + name.encode())
            rows.writerow([name, species, names[species]])
    return folder


def _jpeg(species: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    photograph(LOOKS[species], DRY, size, np.random.default_rng(int(species))).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
