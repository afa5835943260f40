"""A model small enough to be written by hand: it answers with the colour that a photo has most of.

Its three outputs are the means of the photo's channels, 0 to 1, so that a test knows every score beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from evaluation.onnx_file import model as onnx_model
from evaluation.onnx_file import node, tensor, value

LABELS = ("red", "green", "blue")
EDGE = 8


def colour_model(
    folder: Path,
    *,
    labels: Sequence[str] = LABELS,
    operator: str = "Identity",
    batch: int | str = "photos",
    weights: str | None = None,
    **config: Any,
) -> Path:
    """Write a model's folder.

    Args:
        folder: where to; it need not exist.
        labels: `id2label` of config.json.
        operator: applied to the photo first; `Sqrt` makes no number of what is below zero.
        batch: the first dimension of its input; a number is the only one that it takes.
        weights: a file that it names as the place of its weights.
        config: more of config.json.
    """
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx/model.onnx").write_bytes(_onnx(operator, batch, weights))
    _write(folder / "config.json", {"id2label": dict(enumerate(labels)), **config})
    set_preprocessing(folder)
    return folder


def set_preprocessing(folder: Path, **changes: Any) -> None:
    """Plain, but for the changes."""
    plain = {
        "image_processor_type": "ViTImageProcessor",
        "do_normalize": False,
        "resample": 0,
        "size": {"height": EDGE, "width": EDGE},
    }
    _write(folder / "preprocessor_config.json", plain | changes)


def photo(colour: str | tuple[int, int, int], size: tuple[int, int] = (16, 12)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def slow_photo() -> bytes:
    """34 bytes, allowed by their 126 million pixels, that take a processor some seconds."""
    return b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0/\x7f\xfe\xb6\x07\x07\x10\x11\xfd\x0fDD\xff\x03"


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _onnx(operator: str, batch: int | str, weights: str | None) -> bytes:
    first = node("Add", "photo", "weights", to="begun") if weights else node("Identity", "photo", to="begun")
    nodes = [
        first,
        node(operator, "begun", to="own"),
        node("GlobalAveragePool", "own", to="mean"),
        node("Flatten", "mean", to="scores"),
    ]
    stored = [tensor("weights", [1], None, elsewhere=weights)] if weights else []
    return onnx_model(nodes, [value("photo", batch, 3, EDGE, EDGE)], [value("scores", batch, 3)], stored)
