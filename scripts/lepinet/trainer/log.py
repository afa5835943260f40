"""The last step of a training: the new version becomes a row of the registry, and the training never fails by it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, SupportsIndex

from lepinet.errors import LepinetError, UsageError
from lepinet.manifest.problems import readable
from lepinet.registry.records import VersionRow
from lepinet.registry.refusals import RegistryRefusal
from lepinet.trainer.place import registry_here
from lepinet.trainer.say import say
from lepinet.trainer.version import TrainedVersion, read_version

_NEXT_FREE = "next free: "
"""How the registry's hint begins when a name is taken."""


def log_model_version(
    version_name: str,
    file_path: str | os.PathLike[str],
    training_image_count: SupportsIndex | None,
    accuracy_score: SupportsFloat | None,
    is_active: bool = False,  # noqa: FBT001, FBT002  # trainers have called it so for years
    *,
    revision: str | None = None,
    notes: str | None = None,
    links: Mapping[str, str] | None = None,
    metrics: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> list[dict[str, Any]] | None:
    """Log a trained model version to the registry. The same call again is the same row.

    A failure does not end the training: it is explained on stderr, with the command that registers the version by hand.

    Args:
        version_name: a semantic version with `v` in front, such as `v1.2.3`.
        file_path: repository on the Hub (`org/name`), or a folder of the git repository.
        training_image_count: all images that were trained on.
        accuracy_score: on the validation set, 0 to 1.
        is_active: kept as False; models are activated in models.yaml.
        revision: what the files are: the commit on the Hub (40 hex digits, `push_to_hub(…).oid`), or `sha256:` and 64.
        notes: what is new in this version.
        links: where to read on, by title: `{"run": "https://…"}`.
        metrics: further figures, as far as JSON can hold them.
        strict: raise what is otherwise explained.

    Returns:
        The row in a list, its columns by their names; None when it was not logged.

    Raises:
        LepinetError: with `strict`, whatever was in the way.
    """
    version, complaints = read_version(
        {
            "version_name": version_name,
            "file_path": file_path,
            "training_image_count": training_image_count,
            "accuracy_score": accuracy_score,
            "revision": revision,
            "notes": notes,
            "links": links,
            "metrics": metrics,
        }
    )
    try:
        row = _logged(version, complaints)
    except Exception as error:
        if strict:
            raise
        say(_failure(version, error), sys.stderr)
        return None
    say(_success(row) if not _kept(version, row) else f"{row.version_name} was not logged again.", sys.stdout)
    for notice in _notices(version, row, is_active=bool(is_active)):
        say(notice, sys.stderr)
    return [row.model_dump(mode="json")]


def _logged(version: TrainedVersion, complaints: Sequence[str]) -> VersionRow:
    if complaints:
        raise UsageError("\n".join(complaints))
    with registry_here() as registry:
        return registry.log_version(**dict(version))


def _failure(version: TrainedVersion, error: Exception) -> str:
    why = str(error) if isinstance(error, LepinetError) else readable(f"{type(error).__name__}: {error}")
    mended = version
    if isinstance(error, RegistryRefusal) and (error.hint or "").startswith(_NEXT_FREE):
        next_free = str(error.hint).removeprefix(_NEXT_FREE)
        why = f"{error.what} Next free: {next_free}"
        mended = version.model_copy(update={"version_name": next_free})
    return (
        f"LepiNet did not log {version.version_name or 'this version'}: {why}\n"
        f"Your training is safe{f': {version}' if version.file_path else ''}. From any machine, when you like:\n"
        f"  {mended.register_command()}"
    )


def _success(row: VersionRow) -> str:
    accuracy = "not given" if row.accuracy_score is None else f"{row.accuracy_score:.4f}"
    images = "not given" if row.training_image_count is None else row.training_image_count
    revision = row.revision.removeprefix("sha256:")[:7] if row.revision else "no revision given"
    return (
        "✅ Model version logged successfully!\n"
        f"   Version: {row.version_name}\n"
        f"   Accuracy: {accuracy}\n"
        f"   Images: {images}\n"
        f"   Path: {row.file_path} @ {revision}\n"
        "Next, in the repository that has models.yaml:\n"
        f"  {row.register_command()}"
    )


def _kept(version: TrainedVersion, row: VersionRow) -> list[str]:
    """What the row says otherwise than this call."""
    return [
        f"{column} {getattr(row, column)} (now {given})"
        for column, given in version
        if given is not None and getattr(row, column) != given
    ]


def _notices(version: TrainedVersion, row: VersionRow, *, is_active: bool) -> list[str]:
    """What is in order, and yet another thing than the caller may think."""
    name = row.version_name
    notices = []
    if kept := _kept(version, row):
        notices.append(
            f"{name} had been logged before, and a version never changes; the registry keeps {', '.join(kept)}.\n"
            "Is this another training? Log it under a name of its own."
        )
    if is_active and not row.is_active:
        notices.append(
            f"{name} is stored as not active: models are activated in models.yaml, through git.\n"
            f"Once it is registered there: lepinet activate {name}"
        )
    if unfit := version.unfit_for_models_yaml():
        notices.append(f"models.yaml will not take {name} as it is: {unfit}.")
    return notices
