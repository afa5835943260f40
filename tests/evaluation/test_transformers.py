"""Models that have no ONNX file: run by transformers, answered as ONNX answers them, confined as ONNX is."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evaluation.processes import children, environment_of, limits_of
from fixtures.agreement import TOLERANCE
from lepinet.errors import RefusedError
from lepinet.evaluation.answers import Answers, ModelIdentity
from lepinet.evaluation.cases import KnownImage, KnownImages, read_known_images
from lepinet.evaluation.predictors.process import ModelProcess
from lepinet.evaluation.run import answers_of_folder

pytestmark = pytest.mark.torch

TESTS = Path(__file__).parents[1]
PHOTO = TESTS / "known_images/blue_tiger_01.webp"
VERSIONS = ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
ORIENTATION = 274
"""EXIF's number for how a photo is turned."""


@pytest.fixture(scope="module")
def known() -> KnownImages:
    """Some are stored turned, as phones do."""
    known = read_known_images(TESTS / "known_images")
    assert sum(map(is_turned, known.images)) > 30
    return known


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as `push_to_hub` leaves it."""
    return without_onnx("v1.1.0", tmp_path)


def is_turned(image: KnownImage) -> bool:
    with Image.open(image.path) as photo:
        return bool(photo.getexif().get(ORIENTATION, 1) != 1)


def without_onnx(version: str, place: Path) -> Path:
    return Path(
        shutil.copytree(TESTS / "models" / version, place / "model", ignore=shutil.ignore_patterns("onnx", "*.md"))
    )


def ask(folder: Path, known: KnownImages, cache: Path | None = None) -> Answers:
    return answers_of_folder(folder, ModelIdentity(name="model"), known, cache=cache)


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_are_those_of_the_same_model_in_onnx(version: str, known: KnownImages, tmp_path: Path) -> None:
    by_onnx = ask(TESTS / "models" / version, known).answers
    by_torch = ask(without_onnx(version, tmp_path), known).answers
    assert len(by_torch) == len(known)
    for one, other in zip(by_onnx, by_torch, strict=True):
        assert other.error is None
        assert [score.id for score in other.top] == [score.id for score in one.top]
        assert [score.confidence for score in other.top] == pytest.approx(
            [score.confidence for score in one.top], abs=TOLERANCE / 10
        )


def test_what_onnx_answered_is_not_taken_for_its_answer(folder: Path, tmp_path: Path) -> None:
    known = read_known_images(TESTS / "few_images")
    ask(TESTS / "models/v1.1.0", known, tmp_path / "cache")
    assert all(answer.latency_ms is not None for answer in ask(folder, known, tmp_path / "cache").answers)
    assert all(answer.latency_ms is None for answer in ask(folder, known, tmp_path / "cache").answers)


def test_its_process_knows_no_secret_and_is_limited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPINET_CANARY", "canary-in-the-environment")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with ModelProcess(folder) as model:
        assert model.answer([PHOTO])[0].top
        assert environment_of(model.pid) == {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
        soft = limits_of(model.pid)
    assert soft["Max file size"] == soft["Max core file size"] == "0"
    assert int(soft["Max open files"]) <= 64
    assert int(soft["Max address space"]) < 3 << 30
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def configured(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def weights(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        file = folder / "model.safetensors"
        file.write_bytes(change(file.read_bytes()))

    return harm


def configuration(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: configured(folder, **changes)


def other_names(data: bytes) -> bytes:
    return data.replace(b'"classifier.', b'"classifieR.')


def no_numbers(data: bytes) -> bytes:
    length = 8 + int(struct.unpack("<Q", data[:8])[0])
    return data[:length] + b"\xff" * (len(data) - length)


LYING = struct.pack("<Q", 100 << 30) + b'{"w":{"dtype":"F32","shape":[9999999999],"data_offsets":[0,107374182400]}}'


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (weights(lambda _: LYING), "cannot load it: .*header"),
        (weights(lambda _: pickle.dumps({"weights": [0.0]})), "transformers cannot load it"),
        (weights(other_names), r"model\.safetensors lacks weights of it: classifier\.1\.bias, classifier\.1\.weight"),
        (weights(no_numbers), "its scores are not numbers"),
        (configuration(hidden_sizes=[1 << 20] * 3), "transformers cannot load it"),
        (configuration(id2label={"0": "a", "1": "b"}), "transformers cannot load it"),
        (configuration(model_type="butterfly"), "transformers cannot load it: .*butterfly"),
        (configuration(model_type="bert"), "no classifier of images of the kind 'bert'"),
        (configuration(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}), "cannot load it"),
    ],
    ids=[
        *("a lying header", "a pickle", "other weights", "no numbers", "1 TB", "fewer labels", "an unknown kind"),
        *("texts", "quantized"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    folder: Path, harm: Callable[[Path], None], reason: str
) -> None:
    harm(folder)
    before = children()
    with pytest.raises(RefusedError, match=reason):
        ModelProcess(folder)
    assert children() == before


def test_code_of_its_repository_does_not_run(folder: Path, tmp_path: Path) -> None:
    """Neither Python that the configuration names, nor a kernel that it wants fetched, nor a pickle that lies there."""
    trap = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    names = {"AutoConfig": "modeling.Config", "AutoModelForImageClassification": "modeling.Model"}
    configured(folder, auto_map=names, attn_implementation="evil/kernel", _attn_implementation="evil/kernel")
    for name in ("modeling.py", "configuration_resnet.py", "torch.py", "sitecustomize.py"):
        (folder / name).write_text(trap)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/base"}')
    with ModelProcess(folder) as model:
        assert model.answer([PHOTO])[0].top
    assert not (tmp_path / "ran").exists()
