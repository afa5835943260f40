"""Repositories that somebody might push, by mistake or not, and the words with which each is refused."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import numpy as np

from evaluation import onnx_file as onnx
from evaluation.colour_model import EDGE, colour_model
from hf_stand_in import faults
from hf_stand_in.faults import Fault
from hf_stand_in.repository import files_of

Files = dict[str, bytes]
CONFIG, PREPROCESSOR, ONNX = "config.json", "preprocessor_config.json", "onnx/model.onnx"


@dataclass(frozen=True)
class Bad:
    """What a repository holds, and why it cannot be used."""

    files: Callable[[], Mapping[str, bytes]]
    reason: str
    """A regular expression."""
    fault: Fault | None = None
    """Met by each request that `on` matches."""
    on: str = "/api/models/"


class _Evil:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("/tmp/lepinet-pickle-was-loaded"), "")  # noqa: S108 -- never run


def sound() -> Files:
    with TemporaryDirectory() as folder:
        return files_of(colour_model(Path(folder, "model")))


def holding(name: str, content: bytes) -> Callable[[], Files]:
    """A sound model, and a file."""
    return lambda: sound() | {name: content}


def without(*names: str, **others: bytes) -> Callable[[], Files]:
    """A sound model that lacks some files; others as `model_safetensors=…`."""
    more = {name.replace("_safetensors", ".safetensors"): content for name, content in others.items()}
    return lambda: {name: content for name, content in sound().items() if name not in names} | more


def configured(**changes: Any) -> Callable[[], Files]:
    """A sound model with other values in config.json."""
    return lambda: sound() | {CONFIG: _altered(sound()[CONFIG], changes)}


def prepared(**changes: Any) -> Callable[[], Files]:
    """A sound model with other values in preprocessor_config.json."""
    return lambda: sound() | {PREPROCESSOR: _altered(sound()[PREPROCESSOR], changes)}


def _altered(content: bytes, changes: dict[str, Any]) -> bytes:
    return json.dumps(json.loads(content) | changes).encode()


PHOTO = onnx.value("photo", "photos", 3, EDGE, EDGE)
SCORES = onnx.value("scores", "photos", 3)
MEANS = [onnx.node("GlobalAveragePool", "photo", to="mean"), onnx.node("Flatten", "mean", to="flat")]


def network(
    *nodes: bytes, inputs: tuple[bytes, ...] = (PHOTO,), outputs: tuple[bytes, ...] = (SCORES,), **more: Any
) -> Callable[[], Files]:
    """Means of the channels as `flat`, then these operators to `scores`."""
    return holding(ONNX, onnx.model([*MEANS, *nodes], inputs, outputs, **more))


def added(value: float) -> Callable[[], Files]:
    """To every score."""
    weights = [onnx.tensor("value", [1], struct.pack("<f", value))]
    return network(onnx.node("Add", "flat", "value", to="scores"), weights=weights)


def huge_result() -> Callable[[], Files]:
    """Asks for 100 GB while it runs."""
    shape = onnx.tensor("shape", [1], struct.pack("<q", 25 << 30), kind=onnx.INT64)
    nodes = [
        onnx.node("ConstantOfShape", "shape", to="much"),
        onnx.node("ReduceMax", "much", to="largest"),
        onnx.node("Add", "flat", "largest", to="scores"),
    ]
    return network(*nodes, weights=[shape])


def endless() -> Callable[[], Files]:
    """A loop of nine quintillion turns."""
    turn = [onnx.value("turn", kind=onnx.INT64), onnx.value("on", kind=onnx.BOOL), onnx.value("before", "photos", 3)]
    inner = [onnx.node("Identity", "on", to="again"), onnx.node("Sin", "before", to="after")]
    body = onnx.graph(inner, turn, [onnx.value("again", kind=onnx.BOOL), onnx.value("after", "photos", 3)])
    weights = [
        onnx.tensor("turns", [], struct.pack("<q", (1 << 63) - 1), kind=onnx.INT64),
        onnx.tensor("yes", [], b"\1", kind=onnx.BOOL),
    ]
    return network(onnx.node("Loop", "turns", "yes", "flat", to="scores", body=("body", body)), weights=weights)


def external(place: str) -> Callable[[], Files]:
    weights = [onnx.tensor("value", [1], None, elsewhere=place)]
    return network(onnx.node("Add", "flat", "value", to="scores"), weights=weights)


def of_objects() -> bytes:
    file = BytesIO()
    np.save(file, np.array([_Evil()], dtype=object), allow_pickle=True)
    return file.getvalue()


def zipped(name: str) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr(name, pickle.dumps(_Evil()))
    return file.getvalue()


def listing(change: Callable[[dict[str, Any]], object]) -> Fault:
    """The model's description with its first file, the configuration, changed."""

    def changed(info: Any) -> Any:
        change(next(file for file in info["siblings"] if file["rfilename"] == CONFIG))
        return info

    return faults.altered(changed)


def named(name: str) -> Bad:
    return Bad(sound, "whose name leads out of its folder", listing(lambda file: file.update(rfilename=name)))


UNSEEN = "characters that cannot be seen"
NESTED = b'{"id2label": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
LYING = struct.pack("<Q", 100 << 30) + b'{"w":{"dtype":"F32","shape":[9999999999],"data_offsets":[0,107374182400]}}'
CODE = "it holds what runs code when somebody loads it: "
NO_WEIGHTS = "neither onnx/model.onnx, model.onnx nor model.safetensors is there"
NOT_AS_THE_HUB = "does not answer as the Hub"

BAD: dict[str, Bad] = {
    # What runs code.
    "a pickle": Bad(holding("pytorch_model.bin", pickle.dumps(_Evil())), CODE + r"pytorch_model\.bin"),
    "a pickle inside of torch's zip": Bad(holding("model.pt", zipped("archive/data.pkl")), CODE + r"model\.pt"),
    "a pickle inside of a zip": Bad(holding("extra.zip", zipped("data.pkl")), CODE + r"extra\.zip"),
    "a pickle called joblib": Bad(holding("scaler.joblib", pickle.dumps(_Evil())), CODE + r"scaler\.joblib"),
    "an array of objects": Bad(holding("means.npy", of_objects()), CODE + r"means\.npy"),
    "arrays of objects": Bad(holding("means.npz", zipped("a.npy")), CODE + r"means\.npz"),
    "a trainer's arguments": Bad(holding("training_args.bin", pickle.dumps(_Evil())), CODE + "training_args"),
    "a handler": Bad(
        lambda: sound() | {"handler.py": b"import os", "requirements.txt": b"evil"},
        CODE + r"handler\.py \(Python\), requirements\.txt",
    ),
    "Python named by the configuration": Bad(configured(auto_map={"AutoModel": "evil--m.M"}), CODE + r"config\.json"),
    "Python named by the preprocessing": Bad(
        prepared(auto_map={"AutoImageProcessor": "m.P"}), CODE + r"preprocessor_config\.json"
    ),
    "operators of its own": Bad(holding("ops.so", b"\x7fELF"), CODE + r"ops\.so"),
    "a layer of Keras": Bad(holding("model.keras", zipped("config.json")), CODE + r"model\.keras"),
    # Weights that LepiNet does not answer with.
    "no files": Bad(lambda: {"README.md": b"soon"}, NO_WEIGHTS),
    "safetensors of no library": Bad(
        without(ONNX, model_safetensors=LYING), r"(?s)names no model_type of transformers.*A timm model: export"
    ),
    "timm's": Bad(
        without(ONNX, PREPROCESSOR, model_safetensors=b"x"), r"(?s)preprocessor_config\.json is missing.*A timm model"
    ),
    "a part of the weights": Bad(
        lambda: without(ONNX)() | {"model-00001-of-00002.safetensors": b"x"}, r"(?s)neither.*save the model in one file"
    ),
    "Keras alone": Bad(lambda: {"model.keras": b"x"}, r"(?s)neither.*convert it with tf2onnx"),
    "fastai's": Bad(lambda: {"export.pkl": b"x"}, r"(?s)neither.*A fastai learner"),
    "a .bin alone": Bad(
        lambda: {CONFIG: b"{}", PREPROCESSOR: b"{}", "pytorch_model.bin": b"x"}, r"(?s)neither.*Only a pickle"
    ),
    "an ONNX file elsewhere": Bad(
        lambda: without(ONNX)() | {"exported.onnx": sound()[ONNX]}, r"(?s)neither.*Call exported\.onnx onnx/model\.onnx"
    ),
    # ONNX files that cannot be loaded.
    "an empty ONNX file": Bad(holding(ONNX, b""), "onnxruntime cannot load it"),
    "garbage for ONNX": Bad(holding(ONNX, b"no model" * 999), "onnxruntime cannot load it"),
    "half an ONNX file": Bad(lambda: sound() | {ONNX: sound()[ONNX][:100]}, "onnxruntime cannot load it"),
    "a pointer for ONNX": Bad(
        holding(ONNX, b"version https://git-lfs.github.com/spec/v1\noid"), "is a Git LFS pointer"
    ),
    "a link for ONNX": Bad(holding(ONNX, b"../../../../etc/passwd"), "onnxruntime cannot load it"),
    "weights beside": Bad(external("weights.bin"), "its weights lie in another file"),
    "weights outside": Bad(external("../../../../../etc/hostname"), "its weights lie in another file"),
    "weights at an absolute path": Bad(external("/etc/hostname"), "its weights lie in another file"),
    "operators that nobody knows": Bad(
        network(onnx.node("Evil", "flat", to="scores", domain="evil"), other_operators="evil"),
        "it needs an operator that onnxruntime does not have",
    ),
    "operators of the future": Bad(
        network(onnx.node("Identity", "flat", to="scores"), operators=999), "onnxruntime cannot load it"
    ),
    "a format of the future": Bad(
        network(onnx.node("Identity", "flat", to="scores"), format_version=999), "onnxruntime cannot load it"
    ),
    "weights that declare 100 GB": Bad(
        network(onnx.node("Add", "flat", "value", to="scores"), weights=[onnx.tensor("value", [25 << 30], b"1234")]),
        "onnxruntime cannot load it",
    ),
    # ONNX files that load, and are no classifier that can answer.
    "a result of 100 GB": Bad(huge_result(), "memory|llocat|SIG"),
    "a loop without end": Bad(endless(), r"the model took longer than|SIG(KILL|XCPU)"),
    "weights that are no numbers": Bad(added(float("nan")), "its scores are not numbers"),
    "weights without end": Bad(added(float("inf")), "its scores are not numbers"),
    "text for scores": Bad(
        network(
            onnx.node("Identity", "words", to="scores"),
            inputs=(PHOTO, onnx.value("words", 3, kind=onnx.STRING)),
            outputs=(onnx.value("scores", 3, kind=onnx.STRING),),
        ),
        "it should take one image tensor",
    ),
    "a model of texts": Bad(
        holding(
            ONNX,
            onnx.model(
                [onnx.node("Identity", "input_ids", to="logits")],
                [onnx.value("input_ids", "texts", 128, kind=onnx.INT64)],
                [onnx.value("logits", "texts", 128, kind=onnx.INT64)],
            ),
        ),
        "it should take one image tensor",
    ),
    "a model that draws": Bad(
        holding(ONNX, onnx.model([onnx.node("Identity", "photo", to="drawn")], [PHOTO], [PHOTO])),
        "answers nothing|cannot load",
    ),
    "photos of another size": Bad(
        network(
            onnx.node("Identity", "flat", to="scores"),
            inputs=(onnx.value("photo", 1, 3, 2 * EDGE, EDGE),),
            outputs=(onnx.value("scores", 1, 3),),
        ),
        "answers nothing",
    ),
    "photos of one channel": Bad(
        network(onnx.node("Identity", "flat", to="scores"), inputs=(onnx.value("photo", "photos", 1, EDGE, EDGE),)),
        "answers nothing|cannot load",
    ),
    # Labels.
    "more labels than scores": Bad(configured(id2label=dict(enumerate("abcd"))), "names 4 labels"),
    "no labels": Bad(configured(id2label={}), "has no id2label"),
    "labels with a gap": Bad(configured(id2label={"0": "a", "2": "b", "3": "c"}), "should name the outputs 0 to 2"),
    "a label twice": Bad(configured(id2label=dict.fromkeys(map(str, range(3)), "a")), "gives two outputs the name 'a'"),
    "a label that moves the cursor": Bad(configured(id2label={"0": "\x1b[2J", "1": "b", "2": "c"}), UNSEEN),
    "a label that turns what follows": Bad(configured(id2label={"0": "a\u202e", "1": "b", "2": "c"}), UNSEEN),
    "a label that hides a part of itself": Bad(configured(id2label={"0": "a\u2066b", "1": "b", "2": "c"}), UNSEEN),
    "a label as long as a book": Bad(configured(id2label={"0": "a" * 10_000, "1": "b", "2": "c"}), "too long"),
    "a model of numbers": Bad(configured(problem_type="regression"), "is no classification"),
    # Configurations.
    "no configuration": Bad(without(CONFIG), r"config\.json is missing"),
    "a configuration that is none": Bad(holding(CONFIG, b"<html>"), "is not JSON"),
    "a configuration of another form": Bad(holding(CONFIG, b"[]"), "should hold one JSON object"),
    "a configuration that is nested deeply": Bad(holding(CONFIG, NESTED), "is not JSON"),
    "a configuration of 20 MB": Bad(holding(CONFIG, b" " * (20 << 20)), "is larger than 16 MiB"),
    "no preprocessing": Bad(without(PREPROCESSOR), r"preprocessor_config\.json is missing"),
    "preprocessing that nobody knows": Bad(prepared(do_solarize=True), "do_solarize is not understood"),
    "photos of a billion pixels": Bad(
        prepared(size={"height": 1 << 15, "width": 1 << 15}), "an edge should be 1 to 4096"
    ),
    "photos of no pixels": Bad(prepared(size={"height": 0, "width": 0}), "an edge should be 1 to 4096"),
    "division by zero": Bad(
        prepared(do_normalize=True, image_mean=[0, 0, 0], image_std=[0, 0, 0]), "image_std should be three numbers"
    ),
    # What the Hub may say, or somebody in its place.
    "100 GB declared": Bad(
        sound, r"has 100\.0 GiB to fetch, and at most 2 GiB", listing(lambda file: file.update(size=100 << 30))
    ),
    "less than nothing declared": Bad(sound, NOT_AS_THE_HUB, listing(lambda file: file.update(size=-1))),
    "a hash that is none": Bad(sound, NOT_AS_THE_HUB, listing(lambda file: file.update(blobId="../../x"))),
    "a way out of the folder": named("../../../outside.json"),
    "an absolute path": named("/etc/passwd"),
    "a way out by the middle": named("onnx/../../outside.json"),
    "a name that ends early": named("config.json\0.png"),
    "a scan that warns": Bad(
        sound,
        r"the Hub's scan warns of onnx/model\.onnx \(unsafe\)",
        faults.altered(
            lambda info: (
                info
                | {"securityRepoStatus": {"scansDone": True, "filesWithIssues": [{"path": ONNX, "level": "unsafe"}]}}
            )
        ),
    ),
    "other bytes than listed": Bad(sound, "are not those that it lists", faults.wrong_bytes, "/resolve/|/lfs/"),
    "a gzip bomb": Bad(sound, "as gzip, which nobody asked for", faults.gzip_bomb, "/lfs/"),
    "a file without end": Bad(sound, "it sends more of onnx/model.onnx than it lists", faults.flood, "/lfs/"),
}
