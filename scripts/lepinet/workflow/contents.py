"""What a model's repository may hold beside the model, by the rule of models.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lepinet.errors import RefusedError
from lepinet.hub import Kept
from lepinet.model_code import Code, code_by_configuration, code_by_name, code_in_folder

_SHOWN = 5


@dataclass(frozen=True)
class ModelFolder:
    """A model's files on this machine."""

    path: Path
    cautions: tuple[str, ...] = ()
    """What else its repository holds that a person should know of, a sentence each."""


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
