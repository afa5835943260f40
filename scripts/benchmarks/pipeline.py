"""What most teams run today: the transformers pipeline, 32 photos at a time. `pipeline.py MODEL PHOTOS`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from transformers import pipeline


def main(model: Path, photos: Path) -> None:
    """Print how many photos were named right."""
    with (photos / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    classify = pipeline("image-classification", model=str(model), device="cpu")
    answers = classify([str(photos / row["file_name"]) for row in rows], batch_size=32)
    right = sum(
        answer[0]["label"].replace("_", " ").casefold() == row["species_name"].casefold()
        for answer, row in zip(answers, rows, strict=True)
    )
    print(right)  # noqa: T201 -- its result


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
