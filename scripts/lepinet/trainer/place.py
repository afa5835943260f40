"""Which registry a script means by the place where it runs: its repository's, a project's, or this machine's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lepinet.errors import LepinetError, UsageError
from lepinet.git import Repository
from lepinet.manifest.load import FILE, load
from lepinet.manifest.model import Manifest, RegistrySettings
from lepinet.registry import Registry
from lepinet.registry.kinds import embedded_folder, names_somebody, open_registry
from lepinet.settings import Settings, read_settings
from lepinet.timings import Timings

_FIRST_COMMIT = re.compile(r"[0-9a-f]{40}")


@contextmanager
def registry_here(environment: str | None = None) -> Iterator[Registry]:
    """The registry of an environment; None: of the last one, which is the one that users are served by.

    In a repository models.yaml says which registry that is. Elsewhere it is the Supabase project at SUPABASE_URL, else
    the database at DATABASE_URL, else the one that LEPINET_HOME holds.

    Raises:
        LepinetError: there is none, models.yaml is wrong, or it has no such environment.
    """
    here = manifest_here()
    settings = read_settings(here.root if here else None)
    if here:
        name: str | None = environment or list(here.manifest.environments)[-1]
        kind = here.registry_of(str(name))
        folder, repository = partial(here.data, settings), here.first_commit
    else:
        name, kind = environment, _kind_elsewhere(settings, environment)
        folder, repository = partial(_only_repository, settings), None
    with open_registry(kind, name, folder, settings, Timings(), repository=repository) as registry:
        yield registry


@dataclass(frozen=True)
class Here:
    """The repository that the working directory lies in, with its models.yaml as it is there now."""

    root: Path
    manifest: Manifest

    def registry_of(self, environment: str) -> RegistrySettings:
        environments = self.manifest.environments
        if environment not in environments:
            known = f"It has {', '.join(environments)}."
            raise UsageError(f"there is no environment {environment}", where=str(self.root / FILE), todo=known)
        return environments[environment].registry

    def data(self, settings: Settings) -> Path:
        """Where this machine keeps the repository's data."""
        return settings.home / Repository(self.root).first_commit()

    @property
    def first_commit(self) -> str | None:
        """Of main; None where nobody can tell, as in a shallow clone, which is no reason to lose a training."""
        with suppress(LepinetError):
            return Repository(self.root).first_commit()
        return None


def manifest_here() -> Here | None:
    """The models.yaml around the working directory; None outside of a repository that has one.

    Raises:
        ManifestError: it is wrong, with every problem.
    """
    folder = Path.cwd()
    for root in (folder, *folder.parents):
        if (root / FILE).is_file() and (root / ".git").exists():
            return Here(root, load((root / FILE).read_bytes(), str(root / FILE)))
    return None


def _kind_elsewhere(settings: Settings, environment: str | None) -> RegistrySettings:
    """By the settings alone.

    Raises:
        UsageError: nothing at all is set.
    """
    project = settings.get("SUPABASE_URL", environment)
    if settings.get("DATABASE_URL", environment) and not (project and names_somebody(settings, environment)):
        return RegistrySettings(kind="postgres")
    if project:
        return RegistrySettings(kind="supabase")
    if settings.get("LEPINET_HOME"):
        return RegistrySettings(kind="embedded")
    raise UsageError(
        f"no SUPABASE_URL {settings.places}, and no {FILE} around {Path.cwd()} that names a registry",
        todo=f"Run this inside of the repository that has {FILE}, or set SUPABASE_URL (https://….supabase.co; in the "
        "project's dashboard: Connect, API).",
    )


def _only_repository(settings: Settings) -> Path:
    home = settings.home
    found = [
        folder
        for folder in (home.iterdir() if home.is_dir() else ())
        if _FIRST_COMMIT.fullmatch(folder.name) and embedded_folder(folder).is_dir()
    ]
    if len(found) != 1:
        raise UsageError(
            f"{'no' if not found else 'more than one'} repository has its registry here",
            where=f"LEPINET_HOME, {home}",
            todo="Run this inside of the repository, or set SUPABASE_URL or DATABASE_URL.",
        )
    return found[0]
