"""What somebody would write without LepiNet: Pillow, numpy and onnxruntime in a loop. `by_hand.py MODEL PHOTOS`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

BATCH = 32


def main(model: Path, photos: Path) -> None:
    """Print how many photos got a label."""
    settings = json.loads((model / "preprocessor_config.json").read_text())
    size = (settings["size"]["width"], settings["size"]["height"])
    mean, deviation = np.float32(settings["image_mean"]), np.float32(settings["image_std"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model / "onnx" / "model.onnx"), options)
    names = sorted(photos.glob("*.jpg"))
    labels: list[int] = []
    for start in range(0, len(names), BATCH):
        batch = []
        for name in names[start : start + BATCH]:
            with Image.open(name) as photo:
                upright = ImageOps.exif_transpose(photo).convert("RGB").resize(size, settings["resample"])
            pixels = np.asarray(upright, np.float32) * np.float32(settings["rescale_factor"])
            batch.append(((pixels - mean) / deviation).transpose(2, 0, 1))
        scores = session.run(None, {session.get_inputs()[0].name: np.stack(batch)})[0]
        labels += scores.argmax(axis=1).tolist()
    print(len(labels))  # noqa: T201 -- its result


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
