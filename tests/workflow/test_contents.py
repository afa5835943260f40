"""What lies beside a model: what runs code when somebody loads it is refused, or said."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.colour_model import colour_model
from lepinet.errors import RefusedError
from lepinet.hub import Kept
from lepinet.hub.listing import Flagged, ListedFile, Listing
from lepinet.workflow.contents import ModelFolder, judged_folder, judged_repository

PICKLE = b"\x80\x04N."
KINDS = {
    "a pickle": "pytorch_model.bin m.pt m.pth m.ckpt m.pkl m.joblib x/training_args.bin M.PKL m.pt.",
    "Python": "handler.py modeling_x.py deep/er/m.pyc",
    "of Keras or TensorFlow, whose layers may hold code": "tf_model.h5 m.keras saved_model.pb",
    "a program": "custom_ops.so run.sh",
    "an archive, whose contents nobody sees": "m.zip m.tar.gz m.tgz",
    "an array of pickled objects": "unreadable.npy",
}
HARMLESS = "README.md LICENSE model.safetensors onnx/model.onnx species.csv photo.webp .gitattributes bin"


def array(values: Any) -> bytes:
    file = BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


def in_folder(folder: Path, files: dict[str, bytes], *, allow_code: bool = False) -> ModelFolder:
    colour_model(folder)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return judged_folder(folder, where="v1.0.0", allow_code=allow_code)


def on_hub(
    folder: Path, names: tuple[str, ...], *, allow_code: bool = False, scanned: bool = True, **more: Any
) -> ModelFolder:
    files = tuple(ListedFile(name=name, size=1, blob_id="0" * 40, sha256=None) for name in names)
    listing = Listing(repository="a/b", revision="0" * 40, files=files, scanned=scanned, **more)
    return judged_repository(Kept(colour_model(folder), listing), where="v1.0.0", allow_code=allow_code)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KINDS.items() for name in names.split()])
def test_what_runs_code_when_it_is_loaded_is_refused_or_said_wherever_it_lies(
    tmp_path: Path, kind: str, name: str
) -> None:
    said = f"it holds what runs code when somebody loads it: {name} ({kind})"
    with pytest.raises(RefusedError) as in_a_folder:
        in_folder(tmp_path / "folder", {name: PICKLE})
    with pytest.raises(RefusedError) as in_a_repository:
        on_hub(tmp_path / "hub", ("config.json", name))
    assert in_a_folder.value.what == in_a_repository.value.what == said
    assert in_folder(tmp_path / "folder-said", {name: PICKLE}, allow_code=True).cautions == (said,)
    assert on_hub(tmp_path / "hub-said", ("config.json", name), allow_code=True).cautions == (said,)


def test_everything_else_may_lie_there(tmp_path: Path) -> None:
    assert in_folder(tmp_path / "folder", dict.fromkeys(HARMLESS.split(), b"{}")).cautions == ()
    assert on_hub(tmp_path / "hub", tuple(HARMLESS.split())).cautions == ()


def test_an_array_in_a_folder_is_looked_into(tmp_path: Path) -> None:
    plain = {f"{number}.npy": array(values) for number, values in enumerate([[1.5], np.zeros((2, 3), "<i4"), ["text"]])}
    assert in_folder(tmp_path / "plain", plain).cautions == ()
    for number, content in enumerate(
        [
            array(np.array([{}, None], dtype=object)),
            array(np.zeros(1, [("a", "<f4"), ("b", object)])),
            array([1.5])[:9],
            array([1.5]).replace(b"'<f8'", b"'\\x7c'"),
            b"\x93NUMPY\x01\x00\xff\xff{",
            b"",
        ]
    ):
        with pytest.raises(RefusedError, match=r"vectors\.npy \(an array of pickled objects\)"):
            in_folder(tmp_path / str(number), {"vectors.npy": content})


@pytest.mark.parametrize(
    "configuration",
    [
        {"auto_map": {"AutoModelForImageClassification": "somebody/else--modeling.Model"}},
        {"vision_config": {"auto_map": {"AutoConfig": "configuration.Config"}}},
        {"custom_pipelines": {"butterflies": {"impl": "pipeline.Own"}}},
    ],
)
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_configuration_that_has_python_loaded_is_code(tmp_path: Path, name: str, configuration: Any) -> None:
    with pytest.raises(RefusedError, match=rf"{name} \(names Python to be loaded \(auto_map\)\)"):
        in_folder(tmp_path / "folder", {name: json.dumps(configuration).encode()})
    folder = colour_model(tmp_path / "hub")
    (folder / name).write_text(json.dumps(configuration))
    listing = Listing(repository="a/b", revision="0" * 40, files=(), scanned=True)
    with pytest.raises(RefusedError, match="names Python"):
        judged_repository(Kept(folder, listing), where="v1.0.0", allow_code=False)


def test_packages_for_a_handler_are_named_beside_it(tmp_path: Path) -> None:
    assert on_hub(tmp_path / "alone", ("requirements.txt",)).cautions == ()
    with pytest.raises(RefusedError, match=r"handler.py \(Python\), requirements.txt \(packages that an Inference End"):
        on_hub(tmp_path / "both", ("requirements.txt", "handler.py"))


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    names = tuple(f"{number}.pkl" for number in range(9))
    with pytest.raises(RefusedError, match=r"4\.pkl \(a pickle\), and 4 more"):
        on_hub(tmp_path / "hub", names)


def test_what_the_hubs_scan_warns_of_is_refused_or_said(tmp_path: Path) -> None:
    flagged = (Flagged(name="onnx/model.onnx", level="suspicious"),)
    said = "the Hub's scan warns of onnx/model.onnx (suspicious)"
    with pytest.raises(RefusedError) as caught:
        on_hub(tmp_path / "refused", ("onnx/model.onnx",), flagged=flagged)
    assert caught.value.what == said
    assert on_hub(tmp_path / "said", (), flagged=flagged, allow_code=True).cautions == (said,)


def test_a_scan_that_is_not_done_is_never_taken_for_safe(tmp_path: Path) -> None:
    unknown = "the Hub's scan of it is not done, or not told: nobody knows whether its files are safe"
    assert on_hub(tmp_path / "hub", ("onnx/model.onnx",), scanned=False).cautions == (unknown,)
