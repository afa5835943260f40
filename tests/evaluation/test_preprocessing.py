"""preprocessor_config.json as image processors write it, the old ones too; what is not understood is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lepinet.errors import RefusedError
from lepinet.evaluation.preprocessing import Exactly, Preprocessing, ShortestEdge, parse_preprocessing

VIT: dict[str, Any] = {
    "image_processor_type": "ViTImageProcessor",
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.6, 0.7],
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 200},
}
WHERE = Path("models/v1.0.0/preprocessor_config.json")


def parse(kind: str = "ViT", **changes: Any) -> Preprocessing:
    """A change to None leaves the key out."""
    config = VIT | {"image_processor_type": f"{kind}ImageProcessor"} | changes
    return parse_preprocessing({key: value for key, value in config.items() if value is not None}, WHERE)


def test_every_step_is_read() -> None:
    assert parse(do_center_crop=True, crop_size={"height": 192, "width": 160}) == Preprocessing(
        resize=Exactly(224, 200),
        resample=2,
        crop=Exactly(192, 160),
        rescale=0.00392156862745098,
        mean=(0.5, 0.4, 0.3),
        std=(0.5, 0.6, 0.7),
    )


def test_steps_that_are_switched_off_are_left_out() -> None:
    nothing = parse(do_resize=False, do_rescale=False, do_normalize=False)
    assert nothing == Preprocessing(resize=None, resample=0, crop=None, rescale=None, mean=None, std=None)
    assert nothing.shape is None


def test_what_is_not_said_is_as_transformers_has_it() -> None:
    assert parse(do_normalize=None, do_rescale=None, do_resize=None, rescale_factor=None).rescale == 1 / 255


@pytest.mark.parametrize(
    ("kind", "config", "resize", "crop"),
    [
        ("ViT", {"size": 224}, Exactly(224, 224), None),
        ("DeiT", {"size": 256, "crop_size": 224}, Exactly(256, 256), Exactly(224, 224)),
        ("CLIP", {"size": 224, "crop_size": 224}, ShortestEdge(224), Exactly(224, 224)),
        ("Bit", {"size": {"shortest_edge": 448}, "do_center_crop": False}, ShortestEdge(448), None),
        ("ConvNext", {"size": {"shortest_edge": 224}}, ShortestEdge(256), Exactly(224, 224)),
        ("ConvNext", {"size": {"shortest_edge": 224}, "crop_pct": 0.95}, ShortestEdge(235), Exactly(224, 224)),
        ("ConvNext", {"size": 384}, Exactly(384, 384), None),
    ],
)
def test_a_size_means_what_its_image_processor_makes_of_it(
    kind: str, config: dict[str, Any], resize: Exactly | ShortestEdge, crop: Exactly | None
) -> None:
    found = parse(kind, **config)
    assert (found.resize, found.crop) == (resize, crop)


@pytest.mark.parametrize("name", ["ViTImageProcessor", "ViTImageProcessorFast", "ViTFeatureExtractor"])
def test_every_name_of_an_image_processor(name: str) -> None:
    assert parse(image_processor_type=name) == parse()
    assert parse(image_processor_type=None, feature_extractor_type=name) == parse()


def test_keys_without_effect_on_a_photo_are_ignored() -> None:
    assert parse(processor_class="CLIPProcessor", do_convert_rgb=True, do_pad=False) == parse()


@pytest.mark.parametrize(
    "config",
    [
        {"do_pad": True},
        {"image_processor_type": "EfficientNetImageProcessor"},
        {"image_processor_type": None},
        {"size": None},
        {"size": {"longest_edge": 224}},
        {"size": {"height": 224}},
        {"size": {"height": 224, "width": 224, "longest_edge": 300}},
        {"size": {"height": 0, "width": 224}},
        {"size": {"height": 1_000_000, "width": 224}},
        {"size": True},
        {"size": "224"},
        {"do_center_crop": True},
        {"do_center_crop": True, "crop_size": 1_000_000},
        {"resample": 6},
        {"resample": "bilinear"},
        {"resample": True},
        {"resample": None},
        {"rescale_factor": "1/255"},
        {"rescale_factor": float("nan")},
        {"do_resize": "yes"},
        {"image_mean": None},
        {"image_mean": 0.5},
        {"image_mean": [0.5, 0.5]},
        {"image_mean": [0.5, 0.5, float("inf")]},
        {"image_std": [0.5, 0.5, 0]},
    ],
    ids=str,
)
def test_nothing_is_guessed(config: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        parse(**config)
    assert refused.value.where == str(WHERE)
