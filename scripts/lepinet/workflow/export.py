"""`export`: the ONNX file of a version that has none, beside its other files or as a pull request on the Hub."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.answers import Answer, Answers, ModelIdentity
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.export import onnx_of
from lepinet.evaluation.run import answers_of_folder
from lepinet.files import inside
from lepinet.manifest.load import FILE
from lepinet.model_files import ONNX, ModelFiles, file_names, needed_files, read_model_files
from lepinet.target import Target
from lepinet.workflow.evaluate import Counted, something_to_ask
from lepinet.workflow.workspace import Workspace

_TOLERANCE = 1e-3
"""Confidences may differ by this much: two runtimes round differently."""
_SHOWN = 3


@dataclass(frozen=True)
class Exported:
    """An ONNX file that answers as the safetensors do."""

    target: Target
    """What it was made of."""
    photos: int
    """So many answers agree; one drawn photo's where there are no known images."""
    largest_difference: float
    """Of a confidence."""
    place: str
    """The folder, or the pull request's address."""
    next_step: str
    """The command that makes a version of it."""

    @property
    def sentence(self) -> str:
        return agreement(self.photos, self.largest_difference)


def export(workspace: Workspace, version: str, to: Path | None, counted: Callable[[str], Counted]) -> Exported:
    """Make the file, see that both agree on the known images, and put it where it is wanted.

    Args:
        workspace: with the version in models.yaml.
        version: its name.
        to: a new folder; None: a pull request to the version's repository on the Hub.
        counted: makes the progress of each of the two.

    Raises:
        UsageError: no such version, the folder is there, or packages are not installed.
        RefusedError: it has an ONNX file, cannot be exported, or both do not agree; nothing is written then.
        OutsideError: the Hub does not answer.
    """
    if version not in workspace.manifest.versions:
        names = ", ".join(workspace.manifest.versions)
        raise UsageError(f"{FILE} has no version {version}", todo=f"it has {names}")
    target = workspace.manifest.target(version)
    if to is None and not target.on_hub:
        raise UsageError(f"{target} is no repository of the Hub", todo="give a folder: --to FOLDER")
    if to is not None and to.exists():
        raise UsageError("is there already", where=str(to), todo="name a new folder: a version's files never change")
    files = read_model_files(workspace.model(target).path)
    if files.onnx:
        raise RefusedError(f"{version} has an ONNX file", where=str(target), todo=f"lepinet test {version}")
    main = None if to else _unchanged_main(workspace, target)
    with something_to_ask(workspace.known_images) as known, TemporaryDirectory(prefix="lepinet-") as beside:
        content = onnx_of(version, files, _readable(known), workspace.timings)
        made = Path(beside, "model")
        _copy(files, made, content)
        before, after = (
            answers_of_folder(
                folder,
                ModelIdentity(name=name),
                known,
                workspace.species,
                timings=workspace.timings,
                progress=counted(f"{version}, {name}"),
            )
            for folder, name in ((files.folder, "safetensors"), (made, "ONNX"))
        )
        largest = _agreed(before, after, target)
        text = f"{agreement(len(known), largest)}\n\nMade by `lepinet export` of {target.revision}."
        if main:
            title = "Add the ONNX file of the same weights"
            place = workspace.hub.propose(target.file_path, main, {ONNX: content}, title, text)
            register = _register(workspace, version, target.file_path, "main")
        else:
            place = str(shutil.copytree(made, str(to)))
            register = _register(workspace, version, place, None)
    return Exported(target, len(known), largest, place, register)


def agreement(photos: int, largest: float) -> str:
    many = "1 photo" if photos == 1 else f"{photos} photos"
    return f"The ONNX file answers {many} as the safetensors do; confidences differ by {largest:.1e} at most."


def _readable(known: KnownImages) -> Path:
    path = next((image.path for image in known.images if image.sha256), None)
    if path is None:
        raise RefusedError("none of the known images can be read", where=str(known.folder))
    return path


def _copy(files: ModelFiles, to: Path, onnx: bytes) -> None:
    """All of the model's files, links followed within it alone, and the new one."""
    for name in file_names(files.folder):
        place = to / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(inside(files.folder, name), place)
    (to / ONNX).parent.mkdir(parents=True, exist_ok=True)
    (to / ONNX).write_bytes(onnx)


def _agreed(before: Answers, after: Answers, target: Target) -> float:
    """The largest difference of two confidences.

    Raises:
        RefusedError: some photos get another answer, or none.
    """
    pairs = list(zip(before.answers, after.answers, strict=True))
    readable = [(one, other) for one, other in pairs if one.error is None]
    differing = [one.file_name for one, other in readable if not _same(one, other)]
    if differing or not readable:
        shown = ", ".join(differing[:_SHOWN]) + (", …" if len(differing) > _SHOWN else "")
        what = f"its ONNX file answers otherwise on {len(differing)} of {len(pairs)} photos: {shown}"
        todo = "export it where it was trained, and compare: lepinet test FOLDER"
        raise RefusedError(what if readable else "it answers no photo", where=str(target), todo=todo)
    return max(_difference(one, other) for one, other in readable)


def _same(one: Answer, other: Answer) -> bool:
    return other.error is None and one.predicted_id == other.predicted_id and _difference(one, other) <= _TOLERANCE


def _difference(one: Answer, other: Answer) -> float:
    """Of each place's confidence."""
    return max(abs(mine.confidence - theirs.confidence) for mine, theirs in zip(one.top, other.top, strict=True))


def _unchanged_main(workspace: Workspace, target: Target) -> str:
    """The newest commit of the main branch, which the file would come beside: it must hold the version's own files."""
    main = workspace.hub.listing(target.file_path, "main")
    now = {file.name: file for file in main.files}
    then = {file.name: file for file in workspace.hub.listing(target.file_path, target.revision).files}
    changed = [name for name in needed_files(tuple(then), str(target)) if now.get(name) != then[name]]
    if changed or ONNX in now:
        raise RefusedError(
            f"main of {target.file_path} has another {changed[0] if changed else ONNX} than {target.version}",
            todo="register what is there as a version and export that, or export this one into a folder: --to FOLDER",
        )
    return main.revision


def _register(workspace: Workspace, version: str, file_path: str, revision: str | None) -> str:
    """The command that makes a version of the new files, with the figures of the old one."""
    old = workspace.manifest.versions[version]
    options = {
        "--revision": revision,
        "--images": old.training_image_count,
        "--accuracy": old.accuracy_score,
        "--notes": f"{version} with an ONNX file",
    }
    words = ["lepinet", "register", "vX.Y.Z", "--file-path", file_path]
    for option, value in options.items():
        if value is not None:
            words += [option, str(value)]
    return shlex.join(words)
