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
    """The protocol buffer; numbers of fields are those of onnx.proto."""
    first = [_node("Add", "photo", "weights", to="begun")] if weights else [_node("Identity", "photo", to="begun")]
    nodes = [*first, _node(operator, "begun", to="own"), _node("GlobalAveragePool", "own", to="mean")]
    nodes.append(_node("Flatten", "mean", to="scores"))
    stored = _field(13, _field(1, "location") + _field(2, weights)) + _field(14, 1) if weights else b""
    tensors = [_field(1, 1) + _field(2, 1) + _field(8, "weights") + stored] if weights else []
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, "colours"),
            *(_field(5, tensor) for tensor in tensors),
            _field(11, _value("photo", batch, 3, EDGE, EDGE)),
            _field(12, _value("scores", batch, 3)),
        ]
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13))


def _node(operator: str, *inputs: str, to: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, to) + _field(4, operator)


def _value(name: str, *shape: int | str) -> bytes:
    dimensions = (_field(1, size) if isinstance(size, int) else _field(2, size) for size in shape)
    tensor = _field(1, 1) + _field(2, b"".join(_field(1, dimension) for dimension in dimensions))
    return _field(1, name) + _field(2, _field(1, tensor))


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    *most, last = [value >> shift & 127 for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([part | 128 for part in most] + [last])
