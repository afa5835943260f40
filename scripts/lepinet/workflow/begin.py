"""`init`: what a repository needs to ship models by git, written beside what it has already."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.cases import METADATA
from lepinet.files import inside, replace_file
from lepinet.manifest.fields import VERSION, EnvironmentName
from lepinet.manifest.load import FILE, load
from lepinet.manifest.model import Manifest, ModelVersion
from lepinet.manifest.schema import schema_text
from lepinet.model_files import folder_revision
from lepinet.report.next_steps import Begun, next_steps
from lepinet.target import HUB_REPOSITORY, Target
from lepinet.workflow.callers import MONITOR, WORKFLOWS, Source, callers, has, needed, strange
from lepinet.workflow.dotenv import KEYS
from lepinet.workflow.evaluate import Counted
from lepinet.workflow.first_manifest import allowing, environment_of, fitted_manifest, has_photos, holds_code
from lepinet.workflow.github_setup import has_code_owners, settings_of, settings_of_monitor
from lepinet.workflow.propose import repository_at
from lepinet.workflow.workspace import Workspace

PAGE = "LEPINET.md"
_IGNORED = ".gitignore"
_SPECIES = "species.csv"


@dataclass(frozen=True)
class First:
    """What the first models.yaml says."""

    model: str
    """A folder of this repository, or `org/name` on the Hub, with or without `@revision`."""
    version: str
    environment: str
    registry: str
    """As models.yaml has it."""
    endpoint: str
    """As `registry`."""


@dataclass(frozen=True)
class Laid:
    """What became of the files that a repository needs."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    """They were there, and are as they were."""
    others: tuple[str, ...]
    """Those among them that have the name of a workflow of LepiNet's and call it not."""
    ignored_now: bool
    """A line of `.gitignore` is new, by which git passes over `.env`; its other lines are as they were."""


def begin(
    workspace: Workspace,
    first: First | None,
    source: Source | None,
    asked: Collection[str] = (),
    counted: Counted | None = None,
) -> Laid:
    """Write what is missing; what is there stays as it is, but for a line more in a `.gitignore` without `.env`.

    Args:
        workspace: where.
        first: for models.yaml; None where there is one.
        source: of the workflows; None: no workflows are written.
        asked: workflows that are written on request alone, as of `callers.needed`.
        counted: told of answers.

    Raises:
        RefusedError: the model is not to be had or does not answer; nothing was written.
        UsageError: there is no models.yaml, and nothing to write it from.
    """
    files: dict[str, bytes] = {}
    names: tuple[str, ...] = ()
    if not os.path.lexists(workspace.root / FILE):
        if first is None:
            raise UsageError("which model?", todo="lepinet init --model ORG/NAME, or a folder: --model models/v1.0.0")
        files[FILE] = _manifest(workspace, first, counted)
    manifest = load(files.get(FILE) or workspace.content)
    files[_IGNORED] = f"{KEYS}\n".encode()
    files["models.schema.json"] = schema_text().encode()
    if source:
        names = needed(manifest, asked)
        texts = callers(source, names, workspace.git.main_branch())
        files |= {path: text.encode() for path, text in texts.items()}
    if not (workspace.root / manifest.known_images).is_dir():
        files[f"{manifest.known_images}/{METADATA}"] = b"file_name,species_id,species_name\n"
    files[PAGE] = next_steps(_begun(workspace, manifest, asked)).encode()
    kept = tuple(path for path in dict.fromkeys((FILE, *files)) if os.path.lexists(workspace.root / path))
    places = {path: inside(workspace.root, path) for path in files if path not in kept}
    ignored_now = _IGNORED in kept and not workspace.git.ignores(KEYS)
    if ignored_now:
        ignored = inside(workspace.root, _IGNORED)
        replace_file(ignored, _with_line(ignored.read_bytes(), files[_IGNORED]))
    for path, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, files[path])
    if ignored_now:
        kept = tuple(path for path in kept if path != _IGNORED)
    others = tuple(f"{WORKFLOWS}/{name}" for name in strange(workspace.root, names))
    return Laid(tuple(places), kept, others, ignored_now)


def _with_line(content: bytes, line: bytes) -> bytes:
    return content + (b"" if not content or content.endswith(b"\n") else b"\n") + line


def _manifest(workspace: Workspace, first: First, counted: Counted | None) -> bytes:
    try:
        TypeAdapter(EnvironmentName).validate_python(first.environment)
    except ValidationError as error:
        raise UsageError(f"-e is {first.environment or 'empty'}, {error.errors()[0]['msg']}") from None
    settings = environment_of(first.registry, first.endpoint)
    if not re.fullmatch(VERSION, first.version):
        raise UsageError(f"{first.version} is no name of a version", todo="v and a semantic version, such as v1.0.0")
    version = _version(workspace, first.model)
    code = holds_code(workspace, Target(version.file_path, version.revision, first.version))
    gates, reasons = allowing([first.version] if code else [])
    draft = Manifest.model_construct(
        schema_version=1,
        species=_SPECIES if (workspace.root / _SPECIES).is_file() else None,
        environments={first.environment: settings},
        gates=gates,
        versions={first.version: version},
    )
    # Without photos nothing can be shown, and what cannot be shown does not ship.
    if has_photos(workspace, draft):
        live = settings.model_copy(update={"active": first.version})
        draft = draft.model_copy(update={"environments": {first.environment: live}})
    return fitted_manifest(workspace, draft, reasons, by=first.version, counted=counted)


def _version(workspace: Workspace, model: str) -> ModelVersion:
    """A folder as it is, a model of the Hub at the commit that is meant."""
    folder = inside(workspace.root, model)
    if folder.is_dir():
        path = folder.relative_to(os.path.realpath(workspace.root)).as_posix()
        try:
            return ModelVersion(file_path=path, revision=folder_revision(folder))
        except ValidationError as error:
            raise UsageError(f"{path} cannot stand in {FILE}, {error.errors()[0]['msg']}") from None
    repository, _, revision = model.partition("@")
    if not HUB_REPOSITORY.fullmatch(repository):
        raise RefusedError(f"{model} is neither a folder of this repository nor a model on the Hub (org/name)")
    return ModelVersion(file_path=repository, revision=workspace.hub.commit(repository, revision or "main"))


def _begun(workspace: Workspace, manifest: Manifest, asked: Collection[str]) -> Begun:
    name, environment = list(manifest.environments.items())[-1]
    secrets = [*settings_of(environment), *(["DATABASE_URL"] if environment.registry.kind == "supabase" else [])]
    if MONITOR in asked or has(workspace.root, MONITOR):
        secrets += settings_of_monitor(environment)
    return Begun(
        environment=name,
        version=environment.active or next(reversed(list(manifest.versions)), "VERSION"),
        active=environment.active is not None,
        known_images=manifest.known_images,
        secrets=tuple(dict.fromkeys(secrets)),
        serves_here=environment.endpoint.kind == "local",
        on_github=repository_at(workspace.git.origin() or "") is not None,
        here_alone=bool(environment.on_one_machine),
        has_code_owners=has_code_owners(workspace.root),
    )
