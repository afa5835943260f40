"""How a model wants its photos: preprocessor_config.json as a value, or a refusal where it is not understood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepinet.errors import RefusedError

_MAX_EDGE = 4096
_RESAMPLE_MODES = range(6)
"""Pillow's numbers: nearest, Lanczos, bilinear, bicubic, box, Hamming."""


@dataclass(frozen=True)
class Exactly:
    """Resize to this size, whatever the photo's proportions."""

    height: int
    width: int


@dataclass(frozen=True)
class ShortestEdge:
    """Resize so that the shorter edge has this many pixels; proportions stay."""

    pixels: int


@dataclass(frozen=True)
class Preprocessing:
    """The steps from an RGB photo to the model's input, in the order of the fields; None leaves a step out."""

    resize: Exactly | ShortestEdge | None
    resample: int
    """Pillow's number of the filter."""
    crop: Exactly | None
    """Cut out of the middle; black where the photo is smaller."""
    rescale: float | None
    """Factor for pixel values of 0 to 255."""
    mean: tuple[float, float, float] | None
    """With `std`: each channel becomes (value - mean) / std."""
    std: tuple[float, float, float] | None

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width of what comes out, where every photo gives the same."""
        size = self.crop or self.resize
        return (size.height, size.width) if isinstance(size, Exactly) else None


@dataclass(frozen=True)
class _Kind:
    """What an image processor does when its configuration does not say (older ones say little)."""

    square: bool
    """A size that is one number means both edges; otherwise the shortest."""
    crop: bool = False


_KINDS = {
    "Beit": _Kind(square=True, crop=True),
    "Bit": _Kind(square=False, crop=True),
    "CLIP": _Kind(square=False, crop=True),
    "ConvNext": _Kind(square=False),
    "DeiT": _Kind(square=True, crop=True),
    "MobileNetV1": _Kind(square=False, crop=True),
    "MobileNetV2": _Kind(square=False, crop=True),
    "Pvt": _Kind(square=True),
    "Siglip": _Kind(square=False),
    "ViT": _Kind(square=True),
}

_UNDERSTOOD = frozenset(
    {
        "crop_pct",
        "crop_size",
        "do_center_crop",
        "do_normalize",
        "do_rescale",
        "do_resize",
        "feature_extractor_type",
        "image_mean",
        "image_processor_type",
        "image_std",
        "resample",
        "rescale_factor",
        "size",
    }
)
_WITHOUT_EFFECT = frozenset(
    {
        "_valid_processor_keys",
        "data_format",
        "default_to_square",
        "device",
        "disable_grouping",
        "do_convert_rgb",
        "do_reduce_labels",
        "input_data_format",
        "processor_class",
        "return_tensors",
    }
)
"""On one RGB photo that is only classified."""


def parse_preprocessing(config: dict[str, Any], where: Path) -> Preprocessing:
    """The steps that transformers takes for such a configuration, with its Pillow image processors.

    Raises:
        RefusedError: an image processor, key or value that is not understood; nothing is guessed.
    """
    return _Reader(config, where).read()


class _Reader:
    """One configuration with the file it came from, which every refusal names."""

    def __init__(self, config: dict[str, Any], where: Path) -> None:
        self.config = config
        self.where = where
        self.name = self._processor_name()
        self.kind = _KINDS[self.name]

    def read(self) -> Preprocessing:
        for key, value in self.config.items():
            if key not in _UNDERSTOOD | _WITHOUT_EFFECT and value not in (None, False):
                raise self._refusal(f"{key} is not understood")
        resize, crop = self._resize(), self._crop()
        if self.name == "ConvNext" and isinstance(resize, ShortestEdge):
            resize, crop = self._convnext(resize, crop)
        normalize = self._flag("do_normalize", default=True)
        return Preprocessing(
            resize=resize,
            resample=self._resample() if resize else 0,
            crop=crop,
            rescale=self._rescale() if self._flag("do_rescale", default=True) else None,
            mean=self._channels("image_mean") if normalize else None,
            std=self._channels("image_std", smallest=1e-6) if normalize else None,
        )

    def _refusal(self, what: str) -> RefusedError:
        return RefusedError(what, where=str(self.where))

    def _processor_name(self) -> str:
        said = self.config.get("image_processor_type") or self.config.get("feature_extractor_type")
        name = str(said)
        for ending in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor"):
            name = name.removesuffix(ending)
        if name not in _KINDS:
            known = ", ".join(f"{kind}ImageProcessor" for kind in _KINDS)
            raise self._refusal(f"image_processor_type {said!r} is not understood; known are {known}")
        return name

    def _flag(self, key: str, *, default: bool) -> bool:
        value = self.config.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._refusal(f"{key} should be true or false")
        return value

    def _resize(self) -> Exactly | ShortestEdge | None:
        if not self._flag("do_resize", default=True):
            return None
        match self.config.get("size"):
            case {"height": height, "width": width, **rest} if not rest:
                return Exactly(self._edge(height), self._edge(width))
            case {"shortest_edge": edge, **rest} if not rest:
                return ShortestEdge(self._edge(edge))
            case int(edge):
                return Exactly(self._edge(edge), edge) if self.kind.square else ShortestEdge(self._edge(edge))
            case other:
                raise self._refusal(f"size {other!r} is not understood")

    def _crop(self) -> Exactly | None:
        if not self._flag("do_center_crop", default=self.kind.crop):
            return None
        match self.config.get("crop_size"):
            case {"height": height, "width": width, **rest} if not rest:
                return Exactly(self._edge(height), self._edge(width))
            case int(edge):
                return Exactly(self._edge(edge), edge)
            case other:
                raise self._refusal(f"crop_size {other!r} is not understood")

    def _convnext(self, resize: ShortestEdge, crop: Exactly | None) -> tuple[Exactly | ShortestEdge, Exactly | None]:
        """Its sizes mean something else: under 384 a wider resize and a crop, from there a plain square."""
        square = Exactly(resize.pixels, resize.pixels)
        if resize.pixels >= 384:
            return square, crop
        if crop is not None and crop != square:
            raise self._refusal("crop_size beside crop_pct is not understood")
        share = self._number("crop_pct", 224 / 256)
        if not 0.1 <= share <= 1:
            raise self._refusal(f"crop_pct should be between 0.1 and 1, not {share}")
        return ShortestEdge(int(resize.pixels / share)), square

    def _edge(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_EDGE:
            raise self._refusal(f"an edge should be 1 to {_MAX_EDGE} pixels, not {value!r}")
        return value

    def _resample(self) -> int:
        value = self.config.get("resample")
        if isinstance(value, bool) or not isinstance(value, int) or value not in _RESAMPLE_MODES:
            raise self._refusal(f"resample should be a number from 0 to 5, not {value!r}")
        return value

    def _rescale(self) -> float:
        return self._number("rescale_factor", 1 / 255)

    def _number(self, key: str, default: float) -> float:
        value = self.config.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._refusal(f"{key} should be a number, not {value!r}")
        return float(value)

    def _channels(self, key: str, smallest: float = -math.inf) -> tuple[float, float, float]:
        match self.config.get(key):
            case [int() | float() as red, int() | float() as green, int() | float() as blue]:
                channels = (float(red), float(green), float(blue))
                if all(math.isfinite(value) and value >= smallest for value in channels):
                    return channels
        raise self._refusal(f"{key} should be three numbers, one for each of red, green and blue")
