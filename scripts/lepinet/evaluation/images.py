"""A photo's bytes to its pixels, and to what a model sees; runs in a confined process, for photos may be hostile."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import (  # noqa: F401 -- a plugin's import makes its format known; else Pillow looks for all that it has
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from lepinet.errors import RefusedError
from lepinet.evaluation.photos import DAMAGED, FORMATS, MAX_BYTES, MAX_PIXELS, NO_IMAGE
from lepinet.evaluation.preprocessing import Exactly, Preprocessing, ShortestEdge
from lepinet.files import read_small

if TYPE_CHECKING:
    from numpy.typing import NDArray


def limit_decoding() -> None:
    """Make Pillow refuse photos of more than `MAX_PIXELS`, for the whole process, before it decodes anything."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def decode(source: Path | bytes) -> Image.Image:
    """The photo upright and in RGB, as `load_image` of transformers gives it: its first frame, turned as EXIF says.

    Raises:
        RefusedError: no readable photo; `what` says why in a few words.
    """
    with refused():
        image = upright(read_photo(source))
        return image if image.mode == "RGB" else image.convert("RGB")


def read_photo(source: Path | bytes) -> bytes:
    """A photo's bytes, not yet looked at.

    Raises:
        RefusedError: as `open_regular`, or there are too many of them, or none.
    """
    data = source if isinstance(source, bytes) else read_small(source, at_most=MAX_BYTES)
    if not data:
        raise RefusedError("is empty")
    return data


def opened(data: bytes) -> Image.Image:
    """The photo, of which nothing but its notes has been looked at."""
    return Image.open(BytesIO(data), formats=FORMATS)


def upright(data: bytes, edge: int | None = None) -> Image.Image:
    """The photo's first frame in its own mode, turned as EXIF says; what is wrong with it shows within `refused`.

    Args:
        data: the file.
        edge: so many pixels a side are enough: a JPEG is then decoded smaller, several times as fast.
    """
    image = opened(data)
    if edge is not None:
        image.draft("RGB", (edge, edge))
    ImageOps.exif_transpose(image, in_place=True)
    return image


@contextmanager
def refused() -> Iterator[None]:
    """Say in a few words what is wrong with a photo.

    Raises:
        RefusedError: in place of whatever was raised within.
    """
    try:
        yield
    except RefusedError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RefusedError(f"has more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except UnidentifiedImageError:
        raise RefusedError(NO_IMAGE) from None
    except MemoryError:
        raise RefusedError("needs more memory than a photo may") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise whatever their damaged input leads them to
        raise RefusedError(f"{DAMAGED}: {str(error)[:200] or type(error).__name__}") from None


def prepare(image: Image.Image, steps: Preprocessing) -> NDArray[np.float32]:
    """What the model is given for an RGB photo: shape (1, 3, height, width)."""
    if steps.resize:
        image = image.resize(_size(image, steps.resize), resample=Image.Resampling(steps.resample))
    if steps.crop:
        image = _center_crop(image, steps.crop)
    pixels = np.asarray(image)
    tensor = np.empty((1, 3, *pixels.shape[:2]), np.float32)
    for channel, table in enumerate(_tables(steps)):
        np.take(table, pixels[:, :, channel], out=tensor[0, channel], mode="clip")
    return tensor


def _size(image: Image.Image, resize: Exactly | ShortestEdge) -> tuple[int, int]:
    """Width and height after resizing; the longer edge is rounded down, as transformers does."""
    if isinstance(resize, Exactly):
        return resize.width, resize.height
    short, long = sorted(image.size)
    edge = int(resize.pixels * long / short)
    if edge * resize.pixels > MAX_PIXELS:
        raise RefusedError(f"is {image.width} by {image.height} pixels, too narrow to be resized")
    return (resize.pixels, edge) if image.width <= image.height else (edge, resize.pixels)


def _center_crop(image: Image.Image, crop: Exactly) -> Image.Image:
    left, top = (image.width - crop.width) // 2, (image.height - crop.height) // 2
    return image.crop((left, top, left + crop.width, top + crop.height))


@lru_cache(maxsize=1)
def _tables(steps: Preprocessing) -> NDArray[np.float32]:
    """Each channel's input for each of the 256 pixel values; shape (3, 256).

    Rescaled in double and normalised in single precision, which is the rounding of transformers.
    """
    values = np.arange(256, dtype=np.float64) * (1 if steps.rescale is None else steps.rescale)
    table = np.repeat(values.astype(np.float32)[np.newaxis], 3, axis=0)
    if steps.mean is None or steps.std is None:
        return table
    mean, std = (np.array(channel, np.float32)[:, np.newaxis] for channel in (steps.mean, steps.std))
    return (table - mean) / std
