"""Where a command runs: the repository, its models.yaml, this machine's settings and data."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from lepinet.errors import LepinetError, RefusedError, UsageError
from lepinet.files import inside, read_small
from lepinet.git import Repository
from lepinet.manifest.load import FILE, load
from lepinet.manifest.model import Manifest
from lepinet.settings import Settings, read_settings
from lepinet.timings import Timings

if TYPE_CHECKING:
    # Every command opens a workspace, and pays for what it asks of it: hence the imports inside of the methods below.
    from lepinet.changes import Standing
    from lepinet.endpoints import Endpoint
    from lepinet.evaluation.cases import KnownImages
    from lepinet.evaluation.labels import Species
    from lepinet.hub import Fetching, Hub, Kept
    from lepinet.hub.listing import Choose
    from lepinet.manifest.history import EverDeclared, Number, State
    from lepinet.registry import Registry
    from lepinet.target import Target
    from lepinet.workflow.contents import ModelFolder


BEGIN = "run this in a repository that has one; lepinet init writes one, lepinet import one from an old registry"
"""What to do where there is no models.yaml."""
_OF_THE_CHECKOUT = (
    "content",
    "manifest",
    "data",
    "standing",
    "states",
    "ever_declared",
    "forbidden",
    "number",
    "species",
    "known_images",
)
"""What is read of a workspace's files and history, whoever asks."""


def quietly(_: str, __: int) -> Callable[[int], None]:
    return lambda _: None


@dataclass(frozen=True)
class Workspace:
    """One checkout of a repository with a models.yaml, on this machine."""

    git: Repository
    settings: Settings
    timings: Timings
    fetching: Fetching = quietly
    """Told of each model that is fetched from the Hub."""
    asking: Callable[[Hashable], AbstractContextManager[object]] = nullcontext
    """Surrounds each call of a registry, given what tells its database from others."""
    proposed: bytes | None = None
    """A models.yaml that is not written yet, in place of the one in the working tree."""

    @property
    def root(self) -> Path:
        return self.git.root

    @cached_property
    def manifest(self) -> Manifest:
        """models.yaml as it lies in the working tree, or as it is proposed.

        Raises:
            ManifestError: with all that is wrong with it.
            UsageError: there is none.
        """
        return load(self.content, FILE)

    @cached_property
    def content(self) -> bytes:
        """The bytes of models.yaml.

        Raises:
            UsageError: there is none.
            RefusedError: it is no regular file, or larger than any models.yaml can be.
        """
        if self.proposed is not None:
            return self.proposed
        file = self.root / FILE
        if not os.path.lexists(file):
            raise UsageError(f"there is no {FILE} in {self.root}", todo=BEGIN)
        return read_small(file)

    @cached_property
    def states(self) -> tuple[State, ...]:
        """Of main's file, oldest first, as far as HEAD's first-parent line tells."""
        from lepinet.changes import history  # noqa: PLC0415 -- see above

        return history(self.git, "HEAD").states

    @cached_property
    def ever_declared(self) -> EverDeclared:
        """The versions that main's file ever had."""
        from lepinet.manifest.history import ever_declared  # noqa: PLC0415 -- see above

        return ever_declared(self.states)

    @cached_property
    def forbidden(self) -> Callable[[str], tuple[str, ...]]:
        """Of an environment: what the rules of change have against the commit of main that set its active version.

        Empty as a rule. Each is looked into once: that asks git, and looks at all versions.
        """
        from lepinet.changes import forbidden  # noqa: PLC0415 -- see above

        return cache(partial(forbidden, self.git, self.states))

    @cached_property
    def number(self) -> Number:
        """Counts the tries on main; each is counted once as a rule.

        Raises:
            UsageError: as `standing`, which it is told by.
        """
        return lru_cache(maxsize=1024)(self.standing.tries.number)

    @cached_property
    def first_commit(self) -> str:
        """Of main: what tells this repository from others."""
        return self.git.first_commit()

    @cached_property
    def standing(self) -> Standing:
        """What HEAD declares, and how each environment came to it.

        Raises:
            UsageError: HEAD has no models.yaml, or the clone is too shallow to tell.
        """
        from lepinet.changes import standing  # noqa: PLC0415 -- see above

        return standing(self.git, "HEAD")

    @property
    def data(self) -> Path:
        """Where this machine keeps what belongs to the repository."""
        return self.settings.home / self.first_commit

    @property
    def cache(self) -> Path:
        return self.settings.home / "cache"

    def environment_folder(self, environment: str) -> Path:
        return self.data / "endpoints" / environment

    def environments(self, environment: str | None) -> tuple[str, ...]:
        """The one that is named, or all of the manifest in promotion order.

        Raises:
            UsageError: models.yaml has no such environment.
        """
        names = tuple(self.manifest.environments)
        if environment is None:
            return names
        if environment not in names:
            raise UsageError(f"there is no environment {environment}", where=FILE, todo=f"it has {', '.join(names)}")
        return (environment,)

    def only_environment(self, environment: str | None) -> str:
        """The one that is named; without a name the only one there is.

        Raises:
            UsageError: there are several and none is named.
        """
        names = self.environments(environment)
        if len(names) > 1:
            raise UsageError(f"which environment? {FILE} has {', '.join(names)}", todo=f"for example: -e {names[-1]}")
        return names[0]

    @property
    def registries(self) -> tuple[str, ...]:
        """An environment for each database: of those that share one, the last in promotion order."""
        found = {}
        for name in self.manifest.environments:
            found[self._database(name)] = name
        return tuple(found.values())

    def _database(self, environment: str) -> Hashable:
        """What is equal where two environments have one database."""
        urls = (self.settings.get(setting, environment) for setting in ("DATABASE_URL", "SUPABASE_URL"))
        return (self.manifest.environments[environment].registry, *urls)

    @contextmanager
    def registry(self, environment: str) -> Iterator[Registry]:
        from lepinet.registry.kinds import open_registry  # noqa: PLC0415 -- see above

        kind = self.manifest.environments[environment].registry
        with open_registry(
            kind,
            environment,
            lambda: self.data,
            self.settings,
            self.timings,
            repository=self.first_commit,
            asking=partial(self.asking, self._database(environment)),
        ) as registry:
            yield registry

    def endpoint(self, environment: str) -> Endpoint | None:
        from lepinet.endpoints.kinds import open_endpoint  # noqa: PLC0415 -- see above

        kind = self.manifest.environments[environment].endpoint
        folder = self.environment_folder(environment)
        return open_endpoint(kind, environment, folder, self.settings, self.timings)

    @cached_property
    def species(self) -> tuple[Species, ...]:
        from lepinet.evaluation.cases import read_species  # noqa: PLC0415 -- see above

        return read_species(self.root / self.manifest.species) if self.manifest.species else ()

    @property
    def species_of_answers(self) -> tuple[Species, ...]:
        """What answers are named in: the list of species, else the species on the known images."""
        if self.species:
            return self.species
        return self.known_images.species() if self.known_images else ()

    @cached_property
    def known_images(self) -> KnownImages | None:
        """The manifest's known images; None where the folder is not there yet."""
        from lepinet.evaluation.cases import read_known_images  # noqa: PLC0415 -- see above

        folder = self.known_images_folder
        return read_known_images(folder, self.species) if folder.is_dir() else None

    @property
    def known_images_folder(self) -> Path:
        """Where the manifest's known images are, or will be.

        Raises:
            RefusedError: it is a link.
        """
        folder = self.root / self.manifest.known_images
        if any(part.is_symlink() for part in (folder, *folder.parents) if part.is_relative_to(self.root)):
            raise RefusedError("is a link: photos behind it are in no commit", where=self.manifest.known_images)
        return folder

    @cached_property
    def hub(self) -> Hub:
        from lepinet.hub import Hub  # noqa: PLC0415 -- see above

        return Hub(self.cache / "hub", self.settings, self.timings, self.fetching)

    def read_ahead(self) -> None:
        """Read now what many will ask for; `asked_as` hands it on.

        Raises:
            LepinetError: as the properties that are read.
        """
        for name in _OF_THE_CHECKOUT:
            getattr(self, name)

    def asked_as(self, settings: Settings) -> Workspace:
        """The same checkout with other settings; what was read of it before is not read again."""
        other = replace(self, settings=settings)
        vars(other).update({name: vars(self)[name] for name in _OF_THE_CHECKOUT if name in vars(self)})
        return other

    def model(self, target: Target) -> ModelFolder:
        """A model's files, seen to be those that its revision names, and held to the rule on code in its repository.

        Raises:
            RefusedError: the files are not there, are others, or the rule forbids what lies beside them.
            OutsideError: the Hub does not give them now.
        """
        from lepinet.workflow.contents import judged_folder, judged_repository  # noqa: PLC0415 -- see above

        allow_code = self.manifest.gates.allow_code
        if target.on_hub:
            return judged_repository(self._kept(target), where=str(target), allow_code=allow_code)
        return judged_folder(self._local(target), where=str(target), allow_code=allow_code)

    def files(self, target: Target) -> Path:
        """As `model`, whatever the rule says: what was shipped is served, though the rule is stricter by now."""
        return self._kept(target).folder if target.on_hub else self._local(target)

    def kept_files(self, target: Target, choose: Choose) -> Path | None:
        """A model's folder where those of its files that are chosen are here already; nothing is fetched."""
        if target.on_hub:
            kept = self.hub.kept(target.file_path, target.revision, choose)
            return kept.folder if kept else None
        try:
            return self._local(target)
        except RefusedError:
            return None

    def seek(self, target: Target) -> None:
        """See that whoever needs the files of a target can get them from the Hub; what is kept here does not count.

        Raises:
            RefusedError: the Hub has not got them, or may not give them.
            LepinetError: nobody can tell.
        """
        if target.on_hub:
            self.hub.commit(target.file_path, target.revision)

    def _kept(self, target: Target) -> Kept:
        from lepinet.model_files import wanted_files  # noqa: PLC0415 -- see above

        return self.hub.fetch(target.file_path, target.revision, partial(wanted_files, where=str(target)))

    def _local(self, target: Target) -> Path:
        from lepinet.model_files import folder_revision  # noqa: PLC0415 -- see above

        folder = inside(self.root, target.file_path)
        if not os.path.isdir(folder):  # noqa: PTH112 -- is_dir raises where the name is too long
            raise RefusedError(f"{target} is not a folder of this repository")
        found = folder_revision(folder)
        if found != target.revision:
            raise RefusedError(
                f"the files of {target.version or target.file_path} are not those of its revision",
                where=target.file_path,
                todo=f"models.yaml names {target.revision}, the folder is {found}; restore it, or register a version",
            )
        return folder


def open_workspace(
    folder: Path | None = None, timings: Timings | None = None, fetching: Fetching = quietly
) -> Workspace:
    """The workspace around a folder (default: the working directory).

    Raises:
        UsageError: it is in no git repository.
    """
    limits = timings or Timings()
    git = Repository.containing(folder or Path.cwd(), limits)
    return Workspace(git, read_settings(git.root), limits, fetching)


def workspace_here(*, needed: bool, fetching: Fetching = quietly) -> Workspace | None:
    """The workspace around the working directory; None where none is needed, for paths say it all, and none is there.

    Raises:
        LepinetError: there is none with a models.yaml that can be read, and one is needed.
    """
    try:
        workspace = open_workspace(fetching=fetching)
        workspace.manifest  # noqa: B018 -- raises where there is no models.yaml, or none that can be read
    except UsageError:
        if needed:
            what = f"which known images? there is no {FILE} around {Path.cwd()}"
            raise UsageError(what, todo=f"--known-images DIR, or run this where {FILE} is") from None
        return None
    except LepinetError:
        if needed:
            raise
        return None
    return workspace


def actor(workspace: Workspace) -> str:
    """Who runs this, for the history; the user's number where nobody has said a name."""
    return actor_s_name(workspace) or f"uid {os.getuid()}"


def actor_s_name(workspace: Workspace) -> str | None:
    """GitHub's actor, else the user's name, else the one that git knows; None where there is none of them."""
    named = (workspace.settings.environ.get(name) for name in ("GITHUB_ACTOR", "USER", "LOGNAME"))
    return next(filter(None, named), None) or workspace.git.user_name()
