"""What a model's repository may hold beside the model, by the rule of models.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lepinet.errors import LepinetError, RefusedError
from lepinet.evaluation.preprocessing import parse_preprocessing
from lepinet.files import inside
from lepinet.hub import Kept
from lepinet.model_code import Code, code_by_configuration, code_by_name, code_in_folder
from lepinet.model_files import file_names, is_onnx, needed_files, read_json_object, read_outputs
from lepinet.target import Target

if TYPE_CHECKING:
    from lepinet.workflow.workspace import Workspace

_SHOWN = 5


@dataclass(frozen=True)
class ModelFolder:
    """A model's files on this machine."""

    path: Path
    cautions: tuple[str, ...] = ()
    """What else its repository holds that a person should know of, a sentence each."""


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


def judged_folder(folder: Path, *, where: str, allow_code: bool) -> ModelFolder:
    """A folder of this machine, held to the rule.

    Raises:
        RefusedError: it holds what runs code when somebody loads it, and that is not allowed.
    """
    return ModelFolder(folder, _judged(_listed(code_in_folder(folder)), where, allow_code=allow_code))


def judged_repository(kept: Kept, *, where: str, allow_code: bool) -> ModelFolder:
    """A commit of a Hub repository, held to the rule: all of its files, those that were not fetched too.

    Raises:
        RefusedError: as `judged_folder`; or the Hub's own scan warns of a file, and that is not allowed.
    """
    listing = kept.listing
    found = _listed((*code_by_name(listing.names), *code_by_configuration(kept.folder)))
    if listing.flagged:
        found += (f"the Hub's scan warns of {_few([f'{file.name} ({file.level})' for file in listing.flagged])}",)
    cautions = _judged(found, where, allow_code=allow_code)
    if not listing.scanned:
        cautions += ("the Hub's scan of it is not done, or not told: nobody knows whether its files are safe",)
    return ModelFolder(kept.folder, cautions)


def _judged(found: tuple[str, ...], where: str, *, allow_code: bool) -> tuple[str, ...]:
    if found and not allow_code:
        raise RefusedError(
            "; ".join(found),
            where=where,
            todo="Take that out and register what is left, or let models.yaml allow it (gates: allow_code: true)."
            " LepiNet has run none of it.",
        )
    return found


def _listed(codes: Sequence[Code]) -> tuple[str, ...]:
    return (f"it holds what runs code when somebody loads it: {_few(list(map(str, codes)))}",) if codes else ()


def _few(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
