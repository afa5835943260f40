"""What a model's folder holds: its revision, the files that decide its answers, and its labels."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lepinet.errors import RefusedError, UsageError
from lepinet.files import inside, open_regular, read_small
from lepinet.manifest.problems import HIDDEN

_CHUNK = 1 << 20
_LONGEST_LABEL = 200
_POINTER = b"version https://git-lfs.github.com/spec/"
CONFIG, _PREPROCESSOR = "config.json", "preprocessor_config.json"
CARD = "README.md"
"""In a model's folder: what its makers say of it, in Markdown."""
TRAINING = "training_fingerprints.txt"
"""In a model's folder: what its training photos look like, as `lepinet fingerprint` writes it."""
ONNX = "onnx/model.onnx"
"""Where exporters put it."""
_ONNX_NAMES = (ONNX, "model.onnx")
_SAFETENSORS = "model.safetensors"
_OTHER_TASK = re.compile(
    r"For\w*(Answering|AudioClassification|Detection|Estimation|Generation|LM|Modeling|Segmentation"
    r"|SequenceClassification|TokenClassification|VideoClassification)$"
)
"""Ends of the names that transformers gives to networks with another head; a name of somebody's own tells nothing."""
_TIMM = (
    f"A timm model: export the module with torch.onnx.export to {ONNX}, and write its labels into {CONFIG}"
    f" (id2label) and its size, crop, mean and std into {_PREPROCESSOR} (ViTImageProcessor)."
)


@dataclass(frozen=True)
class Outputs:
    """What a model's numbers mean."""

    labels: tuple[str, ...]
    """`id2label` of config.json, in the order of the model's outputs."""
    independent: bool
    """Each label has a probability of its own (sigmoid); otherwise they sum to one (softmax)."""


@dataclass(frozen=True)
class ModelFiles:
    """A model laid out as a Hub repository, as far as LepiNet reads it. The paths are real: no links left in them."""

    folder: Path
    config: Path
    preprocessor: Path
    weights: Path
    onnx: bool
    """Whether the weights are in ONNX; else they are in safetensors."""
    labels: tuple[str, ...]
    """As of `Outputs`."""
    independent: bool
    """As of `Outputs`."""

    def sha256(self) -> str:
        """Digest over the three files that decide the answers, read now; equal digests mean identical answers."""
        return _digest((path.name, path) for path in (self.config, self.weights, self.preprocessor))


def read_model_files(folder: Path) -> ModelFiles:
    """Find and check what is needed to run the model, without running anything.

    Raises:
        UsageError: there is no such folder.
        RefusedError: a file is missing, is no regular file of the folder, or says something that is not understood.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), todo="Give the folder of a model.")
    names = needed_files(tuple(file_names(folder)), str(folder))
    onnx = is_onnx(names[-1])
    config, preprocessor, weights = (inside(folder, name) for name in names)
    with open_regular(weights) as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise RefusedError("is a Git LFS pointer, not the file itself", where=str(weights), todo="git lfs pull")
    outputs = read_outputs(config, onnx=onnx)
    return ModelFiles(
        folder=folder,
        config=config,
        preprocessor=preprocessor,
        weights=weights,
        onnx=onnx,
        labels=outputs.labels,
        independent=outputs.independent,
    )


def read_outputs(file: Path, *, onnx: bool) -> Outputs:
    """What config.json says of the model's outputs.

    Args:
        file: it.
        onnx: whether the weights are in ONNX; else transformers runs them, and must know the network.

    Raises:
        RefusedError: it says something that is not understood, or that the model does something else.
    """
    config = read_json_object(file)
    if not onnx:
        _must_be_a_classifier(config, file)
    labels = _labels(config, file)
    return Outputs(labels, _independent(config, labels, file))


def needed_files(names: Collection[str], where: str) -> tuple[str, str, str]:
    """Of a repository's files the three that decide the answers: configuration, preprocessing, weights.

    Raises:
        RefusedError: one is missing, and what to do about it.
    """
    weights = next((name for name in (*_ONNX_NAMES, _SAFETENSORS) if name in names), None)
    if weights is None:
        what = f"neither {', '.join(_ONNX_NAMES)} nor {_SAFETENSORS} is there"
        raise RefusedError(what, where=where, todo=_todo(names))
    for name in (CONFIG, _PREPROCESSOR):
        if name not in names:
            todo = "Save model and image processor with `save_pretrained`."
            if weights == _SAFETENSORS:
                todo = f"{todo} {_TIMM}"
            raise RefusedError(f"{name} is missing", where=where, todo=todo)
    return CONFIG, _PREPROCESSOR, weights


def is_onnx(weights: str) -> bool:
    """Whether weights of that name are run by onnxruntime; else transformers and torch run them."""
    return weights != _SAFETENSORS


def wanted_files(names: Collection[str], where: str) -> tuple[str, ...]:
    """What is fetched of a repository: the needed files, and what tells of the training photos and of the model.

    Raises:
        RefusedError: as `needed_files`.
    """
    return (*needed_files(names, where), *(name for name in (TRAINING, CARD) if name in names))


def folder_revision(folder: Path) -> str:
    """`sha256:` and 64 hex digits over the folder's files: sorted path, size, content.

    Hidden files and folders (`.git`, `.cache`) are none of the model's and do not count.

    Raises:
        UsageError: there is no such folder.
        RefusedError: it holds no file, or something that is neither a file nor a folder of its own.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder))
    names = sorted(file_names(folder))
    if not names:
        raise RefusedError("the folder holds no files", where=str(folder))
    return "sha256:" + _digest((name, inside(folder, name)) for name in names)


def read_json_object(path: Path) -> dict[str, Any]:
    """One JSON object from a small file.

    Raises:
        RefusedError: it is no readable file, or something else than one JSON object.
    """
    try:
        value = json.loads(read_small(path))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"is not JSON: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise RefusedError("should hold one JSON object", where=str(path))
    return value


def _todo(names: Collection[str]) -> str:
    """What makes weights that LepiNet reads of those that are there: one sentence for each way to save a model."""
    suffixes = {PurePosixPath(name).suffix for name in names}
    if other := next((name for name in sorted(names) if name.endswith(".onnx")), None):
        return f"Call {other} {ONNX}."
    if other := next((name for name in sorted(names) if name.endswith(".safetensors")), None):
        return f"{other} is a part, or has another name: save the model in one file, with `save_pretrained`."
    if suffixes & {".keras", ".h5", ".pb"}:
        return f"A Keras model: save it as SavedModel and convert it with tf2onnx (--inputs-as-nchw) to {ONNX}."
    if suffixes & {".pkl", ".pickle"}:
        return f"A fastai learner: export the PyTorch module `learn.model` with torch.onnx.export to {ONNX}."
    if ".bin" in suffixes:
        return (
            "Only a pickle (.bin) holds the weights: load it where you trust it, and save it with `save_pretrained`,"
            " which writes safetensors."
        )
    return f"Save the model with `save_pretrained`, or export it to {ONNX}."


def _must_be_a_classifier(config: dict[str, Any], where: Path) -> None:
    if not isinstance(config.get("model_type"), str):
        raise RefusedError("names no model_type of transformers", where=str(where), todo=_TIMM)
    named = config.get("architectures")
    other = next((one for one in named if _OTHER_TASK.search(str(one))), None) if isinstance(named, list) else None
    if other:
        what = f"says that the model is a {str(other)[:_LONGEST_LABEL]!r}, which does not classify images"
        raise RefusedError(what, where=str(where), todo="register a model for image classification")


def _labels(config: dict[str, Any], where: Path) -> tuple[str, ...]:
    table = config.get("id2label")
    if not isinstance(table, dict) or not table:
        raise RefusedError("has no id2label, so the model's outputs have no names", where=str(where))
    labels = tuple(table.get(str(index)) for index in range(len(table)))
    names = tuple(label for label in labels if isinstance(label, str) and label.strip())
    if len(names) != len(table):
        raise RefusedError(f"id2label should name the outputs 0 to {len(table) - 1}, each once", where=str(where))
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise RefusedError(f"id2label gives two outputs the name {name!r}", where=str(where))
    unusable = next((name for name in names if len(name) > _LONGEST_LABEL or _unprintable(name)), None)
    if unusable is not None:
        what = f"id2label has a name that is too long or holds characters that cannot be seen: {unusable[:40]!r}"
        raise RefusedError(what, where=str(where))
    return names


def _unprintable(name: str) -> bool:
    """Controls and halves of characters, which no database or terminal takes, and what turns a line's direction."""
    return bool(HIDDEN.search(name)) or any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)


def _independent(config: dict[str, Any], labels: tuple[str, ...], where: Path) -> bool:
    match config.get("problem_type"):
        case None | "single_label_classification":
            return len(labels) == 1
        case "multi_label_classification":
            return True
        case other:
            raise RefusedError(f"problem_type is {other!r}, which is no classification", where=str(where))


def file_names(folder: Path) -> Iterator[str]:
    """Paths relative to the folder, `/` between parts, in no order."""
    for where, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        linked = [name for name in folders if Path(where, name).is_symlink()]
        if linked:
            raise RefusedError(
                "is a link to a folder; a model's files lie in its own folder", where=f"{where}/{linked[0]}"
            )
        for name in files:
            if not name.startswith("."):
                yield Path(where, name).relative_to(folder).as_posix()


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, path in files:
        with open_regular(path) as file:
            digest.update(f"{name}\0{os.fstat(file.fileno()).st_size}\0".encode(errors="surrogateescape"))
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
