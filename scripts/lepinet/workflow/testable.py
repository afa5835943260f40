"""Whether a version can be tested at all, as its small files tell."""

from __future__ import annotations

from lepinet.errors import LepinetError
from lepinet.evaluation.preprocessing import parse_preprocessing
from lepinet.files import inside
from lepinet.model_files import file_names, is_onnx, needed_files, read_json_object, read_outputs
from lepinet.target import Target
from lepinet.workflow.contents import judged_folder, judged_repository
from lepinet.workflow.workspace import Workspace


def must_be_testable(workspace: Workspace, target: Target) -> None:
    """Look at a version's small files alone: what they tell need not wait until somebody fetches its weights.

    Raises:
        RefusedError: it can never be tested, in the words of `check`.
        LepinetError: nobody can tell now.
    """
    where, allow_code = str(target), workspace.manifest.gates.allow_code
    if target.on_hub:
        kept = workspace.hub.fetch(target.file_path, target.revision, lambda names: needed_files(names, where)[:2])
        folder, names = kept.folder, kept.listing.names
        judged_repository(kept, where=where, allow_code=allow_code)
    else:
        folder = inside(workspace.root, target.file_path)
        names = tuple(file_names(folder))
        judged_folder(folder, where=where, allow_code=allow_code)
    config, preprocessor, weights = needed_files(names, where)
    read_outputs(inside(folder, config), onnx=is_onnx(weights))
    file = inside(folder, preprocessor)
    parse_preprocessing(read_json_object(file), file)


def why_untested(version: str, error: LepinetError) -> str:
    """The end of a sentence that begins with the version's name, which errors about its files begin with, too."""
    return error.in_one_line().removeprefix(f"{version}: ")
