"""Models in a process of their own: their answers, what is refused, what becomes of photos that end the process."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from evaluation.colour_model import EDGE, LABELS, colour_model, photo, set_preprocessing, slow_photo
from evaluation.processes import PATIENCE, children, ended, environment_of, limits_of
from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.answers import Answers, ModelIdentity
from lepinet.evaluation.cases import KnownImages, known_images, read_known_images, read_species
from lepinet.evaluation.confined import ConfinedError
from lepinet.evaluation.confined.process import ConfinedProcess
from lepinet.evaluation.predictors.process import ModelProcess, restarting_model
from lepinet.evaluation.run import answers_of_folder
from lepinet.timings import Timings

TESTS = Path(__file__).parents[1]
V1_1_0 = TESTS / "models/v1.1.0"
SHORT = Timings(prediction=0.5)
"""A model may still take ten times as long to load; the slow photo takes far longer."""


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_model(tmp_path_factory.mktemp("models") / "colours")


@pytest.fixture(scope="module")
def model(colours: Path) -> Iterator[ModelProcess]:
    """For tests that leave it alive."""
    with ModelProcess(colours) as model:
        yield model


def test_scores_are_probabilities_best_first(model: ModelProcess) -> None:
    red, purple, black = model.answer([photo("red"), photo((102, 0, 255)), photo("black")])
    assert [guess.label for guess in red.top] == ["red", "green", "blue"]
    assert [guess.confidence for guess in red.top] == pytest.approx([math.e / (math.e + 2)] + [1 / (math.e + 2)] * 2)
    powers = math.exp(1), math.exp(0.4), 1
    assert [guess.label for guess in purple.top] == ["blue", "red", "green"]
    assert [guess.confidence for guess in purple.top] == pytest.approx([power / sum(powers) for power in powers])
    assert [guess.confidence for guess in black.top] == pytest.approx([1 / 3] * 3)
    assert red.error is None
    assert red.latency_ms
    assert red.latency_ms > 0


def test_labels_that_do_not_exclude_each_other_have_probabilities_of_their_own(tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "model", problem_type="multi_label_classification")
    with ModelProcess(folder) as model:
        (answer,) = model.answer([photo("yellow")])
    assert dict(guess[:2] for guess in answer.top) == pytest.approx(
        {"red": 1 / (1 + math.exp(-1)), "green": 1 / (1 + math.exp(-1)), "blue": 0.5}
    )


def test_of_many_labels_five_are_named() -> None:
    with ModelProcess(V1_1_0) as model:
        (answer,) = model.answer([TESTS / "few_images/blue_tiger_01.jpg"])
        assert len(model.labels) > 5
    assert len(answer.top) == 5
    assert [guess.confidence for guess in answer.top] == sorted(
        (guess.confidence for guess in answer.top), reverse=True
    )


def test_the_photo_is_prepared_as_the_folder_says(tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "model")
    set_preprocessing(folder, do_normalize=True, image_mean=[1, 0, 0.5], image_std=[0.5, 1, 1])
    with ModelProcess(folder) as model:
        (answer,) = model.answer([photo("red")])
    assert [guess.label for guess in answer.top] == ["red", "green", "blue"]
    powers = 1, 1, math.exp(-0.5)
    assert [guess.confidence for guess in answer.top] == pytest.approx([power / sum(powers) for power in powers])


def test_photos_that_cannot_be_read_are_answered_with_their_reason(model: ModelProcess, tmp_path: Path) -> None:
    """In their places, without a hang, and the photos around them keep their answers."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "good.png").write_bytes(photo("green"))
    (tmp_path / "half.png").write_bytes(photo("green")[:-30])
    bomb = bytearray(photo("red"))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    bad: list[Path | bytes] = [
        tmp_path / "pipe.jpg",
        tmp_path,
        tmp_path / "missing.jpg",
        b"",
        tmp_path / "half.png",
        b"GIF89a",
        bytes(bomb),
    ]
    answers = model.answer([tmp_path / "good.png", *bad, photo("blue")])
    assert [bool(answer.top) for answer in answers] == [True, *[False] * len(bad), True]
    assert [answers[0].top[0].label, answers[-1].top[0].label] == ["green", "blue"]
    errors = [answer.error or "" for answer in answers[1:-1]]
    assert errors[:4] == ["is a pipe or a device", "is a folder", "there is no such file", "is empty"]
    assert "cannot be decoded" in errors[4]
    assert "is no image" in errors[5] or "cannot be decoded" in errors[5]
    assert not any(str(tmp_path) in error for error in errors)
    assert model.alive


def test_a_photo_on_which_the_model_fails_leaves_the_others_their_answers(tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "model", operator="Sqrt")
    set_preprocessing(folder, do_normalize=True, image_mean=[0.5, 0, 0], image_std=[1, 1, 1])
    with ModelProcess(folder) as model:
        red, cyan, white = model.answer([photo("red"), photo("cyan"), photo("white")])
    assert [bool(one.top) for one in (red, cyan, white)] == [True, False, True]
    assert cyan.error == "the model fails on it: its scores are not numbers"


def test_a_model_that_takes_one_photo_at_a_time_is_given_one(tmp_path: Path) -> None:
    with ModelProcess(colour_model(tmp_path / "model", batch=1)) as model:
        answers = model.answer([photo(colour) for colour in LABELS] * 5)
    assert [answer.top[0].label for answer in answers] == [*LABELS] * 5


def test_memory_does_not_grow_with_the_number_of_photos(model: ModelProcess, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((1200, 900)).convert("RGB").save(tmp_path / "photo.jpg")

    def peak_after(photos: int) -> int:
        """In MiB."""
        assert all(answer.top for answer in model.answer([tmp_path / "photo.jpg"] * photos))
        (line,) = (line for line in Path(f"/proc/{model.pid}/status").read_text().splitlines() if "VmHWM" in line)
        return int(line.split()[1]) // 1024

    assert peak_after(100) - peak_after(20) < 10


def test_the_process_knows_no_secret_and_is_limited(
    monkeypatch: pytest.MonkeyPatch, colours: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEPINET_CANARY", "canary-in-the-environment")
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 - the module's own signature
        with ModelProcess(colours) as model:
            process = Path(f"/proc/{model.pid}")
            assert environment_of(model.pid) == {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
            assert b"canary" not in (process / "cmdline").read_bytes()
            opened = [str(file.readlink()) for file in (process / "fd").iterdir()]
            assert not any("secret" in name for name in opened)
            assert (process / "cwd").resolve() != tmp_path
            soft = limits_of(model.pid)
    assert soft["Max file size"] == soft["Max core file size"] == "0"
    assert int(soft["Max open files"]) <= 64
    assert int(soft["Max address space"]) < 3 << 30
    assert int(soft["Max cpu time"]) < 3600


def test_the_process_ends_with_its_parent(colours: Path) -> None:
    """However that ends, and while the model is busy with a photo that takes it some seconds."""
    code = """
import sys
from pathlib import Path
from threading import Thread
from evaluation.colour_model import slow_photo
from lepinet.evaluation.predictors.process import ModelProcess

def processor_time():
    return int(Path(f"/proc/{model.pid}/stat").read_text().split()[13])

model = ModelProcess(Path(sys.argv[1]))
before = processor_time()
Thread(target=model.answer, args=([slow_photo()],)).start()
while processor_time() < before + 10:
    pass
print(model.pid, flush=True)
"""
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", code, str(colours)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": paths}) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
    assert ended(pid, within=1)


def test_closing_ends_the_process_and_whoever_waits(colours: Path) -> None:
    with ThreadPoolExecutor(1) as other:
        model = ModelProcess(colours)
        waiting = other.submit(model.answer, [slow_photo()])
        model.close()
        with pytest.raises(ConfinedError):
            waiting.result(PATIENCE)
    model.close()
    assert not model.alive
    assert ended(model.pid)


def garbage(folder: Path) -> None:
    (folder / "onnx/model.onnx").write_bytes(b"no model")


def half(folder: Path) -> None:
    data = (folder / "onnx/model.onnx").read_bytes()
    (folder / "onnx/model.onnx").write_bytes(data[: len(data) // 2])


def pipe(folder: Path) -> None:
    (folder / "onnx/model.onnx").unlink()
    os.mkfifo(folder / "onnx/model.onnx")


def link(folder: Path) -> None:
    (folder / "onnx/model.onnx").unlink()
    (folder / "onnx/model.onnx").symlink_to(V1_1_0 / "onnx/model.onnx")


def missing(folder: Path) -> None:
    (folder / "onnx/model.onnx").unlink()


def fewer_labels(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"id2label": {"0": "red", "1": "green"}}))


def labels_with_a_gap(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"id2label": {"0": "red", "2": "green", "3": "blue"}}))


def regression(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"problem_type": "regression"}))


def no_preprocessor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def unknown_step(folder: Path) -> None:
    set_preprocessing(folder, do_solarize=True)


def unknown_processor(folder: Path) -> None:
    set_preprocessing(folder, image_processor_type="MyImageProcessor")


def other_size(folder: Path) -> None:
    set_preprocessing(folder, size={"height": EDGE * 2, "width": EDGE})


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (garbage, "onnxruntime cannot load it"),
        (half, "onnxruntime cannot load it"),
        (pipe, "is a pipe or a device"),
        (link, "leads out of"),
        (missing, "neither onnx/model.onnx, model.onnx nor model.safetensors is there"),
        (fewer_labels, r"its output has the shape \(1, 3\), and config.json names 2 labels"),
        (labels_with_a_gap, "should name the outputs 0 to 2"),
        (regression, "is no classification"),
        (no_preprocessor, "preprocessor_config.json is missing"),
        (unknown_step, "do_solarize is not understood"),
        (unknown_processor, "'MyImageProcessor' is not understood"),
        (other_size, "answers nothing"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, harm: Callable[[Path], None], reason: str
) -> None:
    folder = colour_model(tmp_path / "model")
    harm(folder)
    before = children()
    with pytest.raises(RefusedError, match=reason):
        ModelProcess(folder)
    assert children() == before


def test_a_model_reads_no_file_that_it_names(tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "model", weights="weights.bin")
    (folder / "onnx/weights.bin").write_bytes(bytes(4))
    with pytest.raises(RefusedError, match="its weights lie in another file"):
        ModelProcess(folder)


def test_no_folder_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        ModelProcess(tmp_path / "missing")


def test_a_process_that_is_killed_says_so_and_another_takes_its_place(colours: Path) -> None:
    before = children()
    with restarting_model(colours) as model:
        assert model.answer([photo("red")])[0].top[0].label == "red"
        (pid,) = children() - before
        os.kill(pid, signal.SIGKILL)
        assert ended(pid)
        assert model.answer([photo("blue")])[0].top[0].label == "blue"
        assert children() - before - {pid}
    assert children() == before


def test_a_process_that_dies_before_it_is_ready_leaves_its_last_words() -> None:
    with pytest.raises(RefusedError, match=r"process ended \(exit code 1\): .*No module named lepinet\.nowhere"):
        ConfinedProcess("lepinet.nowhere", [], called="the model", where="here", seconds=PATIENCE)


def test_a_process_of_another_lepinet_says_what_to_restart() -> None:
    lifeline, ours = os.pipe()
    command = [sys.executable, "-I", "-m", "lepinet.evaluation.predictors.child", str(lifeline), "0.0.1"]
    child = subprocess.run(command, pass_fds=[lifeline], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    os.close(lifeline)
    os.close(ours)
    assert child.returncode == 1
    assert b"LepiNet 0.0.1 runs" in child.stderr
    assert b"restart lepinet serve" in child.stderr


def test_a_process_that_dies_while_it_answers_names_the_signal(colours: Path) -> None:
    with ThreadPoolExecutor(1) as other, ModelProcess(colours) as model:
        waiting = other.submit(model.answer, [photo("red"), slow_photo()])
        os.kill(model.pid, signal.SIGKILL)
        with pytest.raises(ConfinedError, match=r"the model's process ended \(SIGKILL\)"):
            waiting.result(PATIENCE)
        assert not model.alive


def test_a_process_that_hangs_is_ended(colours: Path) -> None:
    with ModelProcess(colours, timings=SHORT) as model:
        os.kill(model.pid, signal.SIGSTOP)
        with pytest.raises(ConfinedError, match=r"the model took longer than 0\.5 s"):
            model.answer([photo("red")])
        assert ended(model.pid)


def test_the_photo_that_ends_the_process_is_named_and_the_others_are_answered(colours: Path, tmp_path: Path) -> None:
    cases: list[tuple[str | Path, str, str]] = []
    for name, data in {"a": photo("red"), "b": slow_photo(), "c": photo("green"), "d": photo("blue")}.items():
        (tmp_path / name).write_bytes(data)
        cases.append((tmp_path / name, "red", "red"))
    answers = ask(colours, known_images(cases), timings=SHORT, jobs=1)
    assert [answer.predicted_id for answer in answers.answers] == ["red", None, "green", "blue"]
    assert [answer.error for answer in answers.answers] == [None, "the model took longer than 0.5 s", None, None]


def test_a_model_that_ends_with_every_photo_is_given_up(colours: Path) -> None:
    with (
        restarting_model(colours, timings=SHORT) as model,
        pytest.raises(RefusedError, match="so it went with 5 photos one after the other"),
    ):
        model.answer([slow_photo()] * 100)


def ask(folder: Path, known: KnownImages, *, timings: Timings | None = None, jobs: int | None = None) -> Answers:
    species = read_species(TESTS.parent / "species.csv") if folder == V1_1_0 else ()
    return answers_of_folder(folder, ModelIdentity(name="v1.1.0"), known, species, timings=timings, jobs=jobs)


def said(answers: Answers) -> dict[str, object]:
    """All but the time it took."""
    return {answer.file_name: answer.model_copy(update={"latency_ms": None}) for answer in answers.answers}


def test_answers_do_not_depend_on_cores_batches_or_order() -> None:
    known = read_known_images(TESTS / "known_images")
    small = sorted(known.images, key=lambda image: image.path.stat().st_size)[:24]
    known = replace(known, images=tuple(small))
    one_core = ask(V1_1_0, known, jobs=1)
    assert len(said(one_core)) == 24
    assert said(ask(V1_1_0, known, jobs=2)) == said(one_core)
    reverse = ask(V1_1_0, replace(known, images=known.images[::-1]), jobs=2)
    assert said(reverse) == said(one_core)
    assert [answer.file_name for answer in reverse.answers] == [image.file_name for image in known.images[::-1]]
    confidences = [tuple(score.confidence for score in answer.top) for answer in one_core.answers]
    with ModelProcess(V1_1_0, threads=2) as model:
        together = model.answer([image.path for image in known.images])
        alone = [model.answer([image.path.read_bytes()])[0] for image in known.images]
    for answers in (together, alone):
        assert [tuple(guess.confidence for guess in answer.top) for answer in answers] == confidences


def test_every_known_image_is_answered_and_counted_once(tmp_path: Path) -> None:
    """Two files with the same content are asked about once; what cannot be read counts as wrong, with its reason."""
    shutil.copy(TESTS / "few_images/blue_tiger_01.jpg", tmp_path / "a.jpg")
    shutil.copy(TESTS / "few_images/blue_tiger_01.jpg", tmp_path / "b.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    lines = ["a.jpg,027", "b.jpg,031", "missing.jpg,027", "pipe.jpg,027", "text.jpg,027"]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,species_id", *lines]))
    known = read_known_images(tmp_path)
    heard: list[tuple[int, int]] = []
    answers = answers_of_folder(
        V1_1_0,
        ModelIdentity(name="v1.1.0"),
        known,
        read_species(TESTS.parent / "species.csv"),
        progress=lambda done, total: heard.append((done, total)),
    )
    first, second, *others = answers.answers
    assert first.top == second.top
    assert first.top
    assert [answer.error for answer in others] == [
        "there is no such file",
        "is a pipe or a device",
        "is no image that can be read (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF)",
    ]
    assert not any(answer.correct for answer in others)
    assert heard == [(2, 5), (5, 5)]
    assert answers.known_images_sha256 == known.sha256
    assert answers.model.sha256
    assert len(answers.model.sha256) == 64


def test_nameable_are_the_species_that_have_a_label(colours: Path, tmp_path: Path) -> None:
    for name in ("Red", "ultra-violet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(photo("red"))
    answers = ask(colours, read_known_images(tmp_path))
    assert answers.nameable == frozenset({"Red"})
    assert [(answer.predicted_id, answer.correct) for answer in answers.answers] == [("Red", True), ("Red", False)]
