"""`import`: a first models.yaml from a registry that people kept by hand, so that git begins with what is live."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lepinet.errors import RefusedError, UsageError
from lepinet.files import inside, replace_file
from lepinet.manifest.fields import VERSION, DeclaredName
from lepinet.manifest.load import FILE, load
from lepinet.manifest.model import Environment, Manifest, ModelVersion, Override
from lepinet.manifest.problems import HIDDEN, spaces_seen
from lepinet.model_files import folder_revision
from lepinet.registry.adopt import ConflictsError, conflicts_of_rows
from lepinet.registry.kinds import old_rows
from lepinet.registry.records import OldRow
from lepinet.report.escape import columns_for_terminal, for_terminal
from lepinet.target import HUB_REPOSITORY, Target
from lepinet.workflow.evaluate import Counted
from lepinet.workflow.first_manifest import allowing, environment_of, fitted_manifest, has_photos, holds_code
from lepinet.workflow.to_main import steps_to_main
from lepinet.workflow.workspace import Workspace

_COMMIT = re.compile(r"[0-9a-f]{40}")
_LONGEST_NOTES = 5000
"""Characters, as models.yaml has it."""
_SHOWN = 100
_EACH_ITS_OWN = "one --endpoint for each -e, in the same order: lepinet import -e … --endpoint … -e … --endpoint …"
_UNPROVED = "it was active before models.yaml was there, and there are no known images to show anything by"


@dataclass(frozen=True)
class LeftOut:
    """A row that models.yaml cannot have."""

    name: str
    file_path: str
    why: str

    def __str__(self) -> str:
        name, path = _seen(self.name), _seen(self.file_path)
        return f"{name or 'a row without a name'} ({path or 'no path'}): {for_terminal(self.why)}"


@dataclass(frozen=True)
class Imported:
    """The models.yaml that was written."""

    manifest: Manifest
    left_out: tuple[LeftOut, ...]
    strange: tuple[str, ...]
    """A sentence about each value that models.yaml cannot have, of a version that it has."""
    next_steps: tuple[str, ...]
    """Shell commands that bring it to main."""

    @property
    def guessed(self) -> tuple[str, ...]:
        """Versions whose revision nobody noted."""
        return tuple(name for name, version in self.manifest.versions.items() if version.revision_guessed)


@dataclass(frozen=True)
class _Taken:
    """What of the rows models.yaml can have."""

    versions: Mapping[str, ModelVersion]
    left_out: tuple[LeftOut, ...]
    strange: tuple[str, ...]
    holding_code: tuple[str, ...]
    """Versions beside whose files lies what runs code when somebody loads it."""


def import_registry(
    workspace: Workspace,
    environments: Sequence[str],
    *,
    registry: str,
    endpoints: Sequence[str],
    over: bool = False,
    counted: Counted | None = None,
) -> Imported:
    """Write the first models.yaml: the registry's versions, and the active one in every environment.

    Rows whose files are not to be had any more, or could never be run, are left out.

    Args:
        workspace: where.
        environments: in promotion order, at least one.
        registry: of them all, as models.yaml has it.
        endpoints: one for each environment, or one for all, as models.yaml has it.
        over: write over a models.yaml that is there and not on main yet.
        counted: told of answers.

    Raises:
        UsageError: an option is none that models.yaml takes, or environments would share an endpoint.
        RefusedError: the registry says what no models.yaml can, or there is one; nothing was written.
        OutsideError: registry or Hub do not answer; nothing was written.
    """
    _require_room(workspace, over=over)
    settings = _settings(environments, registry, endpoints)
    kind = next(iter(settings.values())).registry
    rows = old_rows(kind, lambda: workspace.data, workspace.settings, workspace.timings)
    active = _active(rows)
    taken = _take(workspace, rows)
    if active is not None and active not in taken.versions:
        why = next(one.why for one in taken.left_out if one.name == active)
        raise RefusedError(
            f"{active} is active, and models.yaml cannot have it: {why}",
            todo="bring its files back, or make a version active that has some; nothing was written",
        )
    draft, reasons = _draft(workspace, settings, active, taken)
    content = fitted_manifest(workspace, draft, reasons, by=active, counted=counted)
    replace_file(workspace.root / FILE, content)
    steps = steps_to_main(workspace, "models-yaml", "Begin models.yaml with what is live", added=[FILE])
    return Imported(load(content), taken.left_out, taken.strange, steps)


def _settings(environments: Sequence[str], registry: str, endpoints: Sequence[str]) -> dict[str, Environment]:
    """By environment, in promotion order, without their active version."""
    if len(endpoints) == 1:
        endpoints = [*endpoints] * len(environments)
    if len(endpoints) != len(environments):
        what = f"-e is there {len(environments)} times, and --endpoint {len(endpoints)} times"
        raise UsageError(what, todo=_EACH_ITS_OWN)
    settings: dict[str, Environment] = {}
    served: dict[str, str] = {}
    for name, endpoint in zip(environments, endpoints, strict=True):
        settings[name] = environment_of(registry, endpoint)
        address = settings[name].endpoint.address
        if address and served.setdefault(address, name) != name:
            raise UsageError(f"{served[address]} and {name} cannot share {address}", todo=_EACH_ITS_OWN)
    return settings


def _require_room(workspace: Workspace, *, over: bool) -> None:
    try:
        on_main = workspace.git.object_id(workspace.git.main(), FILE)
    except UsageError:
        on_main = None  # nothing was committed yet
    if on_main:
        raise RefusedError(f"{FILE} is on main already, and its beginning was its only import", todo="lepinet register")
    if os.path.lexists(workspace.root / FILE) and not over:
        raise RefusedError(f"there is a {FILE} already; nothing was written", todo="--over writes over it")


def _active(rows: Sequence[OldRow]) -> str | None:
    """The name of the active version.

    Raises:
        RefusedError: there are no rows.
        ConflictsError: they contradict each other.
    """
    if not rows:
        raise RefusedError("the registry has no versions", todo="lepinet init begins with a model instead")
    if wrong := conflicts_of_rows(rows):
        raise ConflictsError(wrong, "the registry contradicts itself; nothing was written")
    return next((row.version_name or "" for row in rows if row.is_active), None)


def _draft(
    workspace: Workspace, settings: Mapping[str, Environment], active: str | None, taken: _Taken
) -> tuple[Manifest, Mapping[str, str]]:
    """The manifest before its limits are fitted, and the reasons for those that it has."""
    gates, reasons = allowing(taken.holding_code)
    draft = Manifest.model_construct(
        schema_version=1, environments=_with(settings, active=active), gates=gates, versions=taken.versions
    )
    if active and not has_photos(workspace, draft):
        unproved = Override(version=active, reason=_UNPROVED)
        draft = draft.model_copy(update={"environments": _with(draft.environments, override=unproved)})
    return draft, reasons


def _with(environments: Mapping[str, Environment], **said: object) -> dict[str, Environment]:
    return {name: environment.model_copy(update=said) for name, environment in environments.items()}


def _take(workspace: Workspace, rows: Sequence[OldRow]) -> _Taken:
    versions: dict[str, ModelVersion] = {}
    left_out: list[LeftOut] = []
    strange: list[str] = []
    holding_code: list[str] = []
    for row in sorted(rows, key=lambda row: (_logged(row), row.version_name or "")):
        name = row.version_name or ""
        try:
            version = _version(workspace, row)
            if holds_code(workspace, Target(version.file_path, version.revision, name)):
                holding_code.append(name)
            versions[name] = version
            if row.accuracy_score is not None and version.accuracy_score is None:
                strange.append(f"{_seen(name)}: {_no_share(row.accuracy_score)}")
        except RefusedError as error:
            left_out.append(LeftOut(name, row.file_path or "", error.what))
    return _Taken(versions, tuple(left_out), tuple(strange), tuple(holding_code))


def _version(workspace: Workspace, row: OldRow) -> ModelVersion:
    """Raises RefusedError: models.yaml cannot have it, and why."""
    name, path = row.version_name or "", row.file_path or ""
    if not name or not path:
        raise RefusedError("it has no name" if path else "it has no path")
    for what, text in (("name", name), ("path", path)):
        if hidden := HIDDEN.search(text):
            raise RefusedError(f"its {what} has a character that cannot be seen: U+{ord(hidden.group()):04X}")
    legacy = not re.fullmatch(VERSION, name)
    revision, guessed = _revision(workspace, path, row)
    said: dict[str, Any] = {
        "file_path": path,
        "revision": revision,
        "training_image_count": row.training_image_count,
        "accuracy_score": row.accuracy_score if 0 <= (row.accuracy_score or 0) <= 1 else None,
        "created_at": row.created_at,
        "notes": _notes(row),
        "legacy": legacy,
        "revision_guessed": guessed,
    }
    try:
        TypeAdapter(DeclaredName).validate_python(name, context={name: {"legacy": legacy}})
        return ModelVersion.model_validate({key: value for key, value in said.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = ".".join(str(part) for part in first["loc"]) or "its name"
        raise RefusedError(f"{what} is {_seen(str(first['input']))}, {first['msg']}") from None


def _no_share(accuracy: float) -> str:
    meant = f"; is that percent, write {accuracy / 100:.10g}" if 1 < accuracy <= 100 else ""
    return f"accuracy_score {accuracy:.10g} is not between 0 and 1, and was left out{meant}"


def _seen(text: str) -> str:
    return columns_for_terminal(spaces_seen(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"))


def _notes(row: OldRow) -> str | None:
    """As far as a file can have them."""
    return HIDDEN.sub("\N{REPLACEMENT CHARACTER}", row.notes or "").strip()[:_LONGEST_NOTES] or None


def _revision(workspace: Workspace, path: str, row: OldRow) -> tuple[str, bool]:
    """Which files the row means, and whether that is a guess: the last commit before it was logged."""
    if folder := _folder(workspace, path):
        found = folder_revision(folder)
        if row.revision not in {None, found}:
            raise RefusedError(f"the files in {path} are not those of its revision {row.revision}")
        return found, False
    if not HUB_REPOSITORY.fullmatch(path):
        raise RefusedError("its path is neither a folder of this repository nor a model on the Hub (org/name)")
    if row.revision is not None:
        if not _COMMIT.fullmatch(row.revision):
            raise RefusedError(f"its revision {row.revision} is no commit; branches and tags move")
        return row.revision, False
    commit = workspace.hub.commit_at(path, _logged(row))
    if commit is None:
        raise RefusedError(f"{path} has no commit from before {_logged(row):%d %b %Y}, when this was logged")
    return commit, True


def _folder(workspace: Workspace, path: str) -> Path | None:
    """The folder of this repository at that path, where there is one."""
    try:
        folder = inside(workspace.root, path)
        return folder if folder.is_dir() else None
    except (RefusedError, OSError):  # a name longer than any file's
        return None


def _logged(row: OldRow) -> datetime:
    """When; a row that does not say is as of now."""
    return row.created_at or datetime.now(UTC)
