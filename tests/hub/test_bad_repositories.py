"""Whatever a repository holds: it is refused with its reason, soon, in little memory, and touches nothing else."""

from __future__ import annotations

import os
import re
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.colour_model import colour_model, photo
from hf_stand_in.server import StandIn
from hub.bad_repositories import BAD, CONFIG, ONNX, PREPROCESSOR, sound
from hub.conftest import SHORT, Machine
from lepinet.errors import LepinetError, RefusedError
from lepinet.evaluation.answers import Answers, ModelIdentity
from lepinet.evaluation.cases import known_images
from lepinet.evaluation.run import answers_of_folder
from lepinet.workflow.contents import ModelFolder, judged_folder, judged_repository

LIMITS = replace(SHORT, request=2, retries=1, prediction=0.5)
"""A model may take ten times as long to load."""
KEPT = {"config.json", "preprocessor_config.json", "model.onnx", "model.safetensors", "listing.json"}
SECONDS = 30
MIB = 1024
"""Of a model's process, all libraries included; its own limit is twice that."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where this machine's cache and a photo lie, and files that are none of a model's."""
    (tmp_path / "photo.png").write_bytes(photo("red"))
    (tmp_path / "secret.txt").write_text("canary")
    return tmp_path


def outside(place: Path) -> dict[str, tuple[int, bytes]]:
    """Everything that is not in the cache."""
    files = (path for path in place.rglob("*") if path.is_file() and "cache" not in path.relative_to(place).parts)
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def ask(machine: Machine, name: str, commit: str, place: Path) -> Answers:
    """From the Hub to the answer about a photo, as `test` and `check` go."""
    kept = machine.fetch(name, commit, timings=LIMITS)
    return ask_folder(judged_repository(kept, where=name, allow_code=False), place)


def ask_folder(model: ModelFolder, place: Path) -> Answers:
    answers = answers_of_folder(
        model.path,
        ModelIdentity(name="bad"),
        known_images([(place / "photo.png", "red", "red")]),
        timings=LIMITS,
        jobs=1,
    )
    if error := answers.answers[0].error:
        raise RefusedError(error)
    return answers


def test_a_sound_one_answers(hub: StandIn, machine: Machine, place: Path) -> None:
    """Or the refusals below would prove nothing."""
    repository = hub.create("bad/sound", sound())
    answers = ask(machine, repository.name, repository.references("heads")["main"], place)
    assert answers.answers[0].correct


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_refused_with_its_reason(hub: StandIn, machine: Machine, place: Path, name: str) -> None:
    bad = BAD[name]
    repository = hub.create(f"bad/{re.sub('[^a-zA-Z0-9]+', '-', name).strip('-')}", dict(bad.files()))
    commit = repository.references("heads")["main"]
    if bad.fault:
        hub.order(bad.fault, on=bad.on, times=99)
    before, begun = outside(place), time.monotonic()
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LepinetError) as caught:
        ask(machine, repository.name, commit, place)
    assert re.search(bad.reason, str(caught.value)), str(caught.value)
    assert "canary" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert time.monotonic() - begun < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - ours < 300 << 10, "KiB of this process"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MIB << 10, "KiB of the model's process"
    assert outside(place) == before
    assert not Path("/tmp/lepinet-pickle-was-loaded").exists()  # noqa: S108 -- as the pickles would write it
    assert {path.name for path in machine.folder.rglob("*") if path.is_file()} <= {*KEPT, f"{commit}.lock"}


def linked(target: Path, place: Path) -> None:
    target.unlink()
    target.symlink_to(place / "secret.txt")


def linked_folder(target: Path, place: Path) -> None:
    target.parent.rename(place / "onnx")
    target.parent.symlink_to(place / "onnx")


def piped(target: Path, _: Path) -> None:
    target.unlink()
    os.mkfifo(target)


def endless(target: Path, _: Path) -> None:
    target.unlink()
    target.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("harm", "file", "reason"),
    [
        (linked, ONNX, "leads out of"),
        (linked, CONFIG, "leads out of"),
        (linked, PREPROCESSOR, "leads out of"),
        (linked_folder, ONNX, "is a link to a folder"),
        (piped, ONNX, "is a pipe or a device"),
        (piped, CONFIG, "is a pipe or a device"),
        (endless, ONNX, "leads out of"),
    ],
)
def test_a_folder_of_this_machine_with_a_way_out_is_refused(
    place: Path, harm: Callable[[Path, Path], None], file: str, reason: str
) -> None:
    folder = colour_model(place / "cache" / "model")
    harm(folder / file, place)
    with pytest.raises(RefusedError, match=reason) as caught:
        ask_folder(judged_folder(folder, where="model", allow_code=False), place)
    assert "canary" not in str(caught.value)
