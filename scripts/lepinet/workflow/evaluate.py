"""`test`: a model on the known images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lepinet.errors import RefusedError, UsageError
from lepinet.evaluation.answers import Answers, ModelIdentity
from lepinet.evaluation.cases import KnownImages, known_images, read_known_images, read_species
from lepinet.evaluation.labels import Species
from lepinet.evaluation.photos import Look
from lepinet.evaluation.photos.looking import look_at
from lepinet.evaluation.results import Results, results_of
from lepinet.evaluation.run import answers_of_endpoint, answers_of_folder
from lepinet.hub import Fetching, Hub
from lepinet.manifest.load import FILE
from lepinet.manifest.model import Gates
from lepinet.model_files import folder_revision, wanted_files
from lepinet.settings import Settings, read_settings
from lepinet.target import Target
from lepinet.timings import Timings
from lepinet.workflow.contents import ModelFolder, judged_folder, judged_repository
from lepinet.workflow.workspace import Workspace, quietly

Counted = Callable[[int, int], None]
"""Told how many images are answered, and of how many."""
ENDPOINT_TOKEN = "LEPINET_ENDPOINT_TOKEN"  # noqa: S105 -- its name
"""The setting with the token that `test --endpoint` sends."""
LOOKING = "looking at the known images"
"""What its progress is called."""


@dataclass(frozen=True)
class Bench:
    """What models are tested with."""

    known: KnownImages | None
    species: tuple[Species, ...]
    gates: Gates
    workspace: Workspace | None
    """None: no models.yaml is needed, paths say it all."""
    cache: Path | None
    timings: Timings
    looking: Counted | None = None
    """Told of photos that are looked at."""
    fetching: Fetching = quietly
    """Told of models that are fetched from the Hub."""

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """What the known images show, by digest; a verdict needs it, to tell copies and what a model was trained on."""
        photos = {image.sha256: image.path for image in self.known.images if image.sha256} if self.known else {}
        return look_at(photos, cache=self.cache, timings=self.timings, progress=self.looking)

    @property
    def hub(self) -> Hub:
        """Where models are that are named as `org/name@revision`."""
        if self.workspace:
            return self.workspace.hub
        return Hub(self.settings.home / "cache" / "hub", self.settings, self.timings, self.fetching)

    @cached_property
    def settings(self) -> Settings:
        return self.workspace.settings if self.workspace else read_settings()


@dataclass(frozen=True)
class Asked:
    """A model that is asked about the known images."""

    name: str
    """As the user calls it."""
    target: Target
    model: ModelFolder


def bench(
    workspace: Workspace | None,
    known_images: Path | None,
    *,
    cached: bool = True,
    looking: Counted | None = None,
    fetching: Fetching = quietly,
) -> Bench:
    """The known images that are named, else the manifest's.

    Args:
        workspace: None where paths say it all.
        known_images: None for those of models.yaml.
        cached: whether answers and looks are kept.
        looking: told of photos that are looked at.
        fetching: told of models that are fetched, where there is no workspace that tells it.

    Raises:
        UsageError: none are named and there is no models.yaml.
    """
    if known_images is None and workspace is None:
        raise UsageError("which known images?", todo="--known-images DIR, or run this where models.yaml is")
    timings = workspace.timings if workspace else Timings()
    species = workspace.species if workspace else _species_beside(known_images)
    if known_images is not None:
        known: KnownImages | None = read_known_images(known_images, species)
    else:
        known = workspace.known_images if workspace else None
    gates = workspace.manifest.gates if workspace else Gates()
    cache = workspace.cache if workspace and cached else None
    return Bench(known, species, gates, workspace, cache, timings, looking, fetching)


def answers_of(target: Target, bench: Bench, counted: Counted | None = None, *, judged: bool = True) -> Answers | None:
    """The offline answers of a version's files; None where there are no known images: then it answers a drawn photo.

    Args:
        target: the version.
        bench: the known images.
        counted: told of answers.
        judged: whether there will be a verdict, for which the photos are looked at.

    Raises:
        RefusedError: the model cannot be loaded or asked, or its files are not those of its revision.
    """
    if bench.workspace is None:
        return None
    asked = Asked(target.version or target.file_path, target, bench.workspace.model(target))
    if bench.known and bench.known.images:
        return _of_folder(asked, bench.known, bench, counted, judged=judged)
    with something_to_ask(bench.known) as drawn:
        (answer,) = _of_folder(asked, drawn, replace(bench, cache=None), counted, judged=False).answers
    if answer.error:
        raise RefusedError(f"it does not answer: {answer.error}", where=str(target))
    return None


@contextmanager
def something_to_ask(known: KnownImages | None) -> Iterator[KnownImages]:
    """The known images; without any, one drawn photo, which shows at least that a model loads and answers."""
    if known and known.images:
        yield known
        return
    from PIL import Image  # noqa: PLC0415 -- only a repository without known images draws one

    with TemporaryDirectory(prefix="lepinet-") as folder:
        photo = Path(folder, "drawn.png")
        Image.linear_gradient("L").convert("RGB").save(photo)
        yield known_images([(photo, "none", "none")])


def evaluate(what: str | None, bench: Bench, *, endpoint: str | None = None, counted: Counted | None = None) -> Results:
    """Test a version, a folder, a model on the Hub or a live endpoint on the known images."""
    return results_of(answers_named(what, bench, endpoint=endpoint, counted=counted, judged=False), datetime.now(UTC))


def answers_named(
    what: str | None, bench: Bench, *, endpoint: str | None = None, counted: Counted | None = None, judged: bool
) -> Answers:
    if bench.known is None or not bench.known.images:
        raise UsageError("there are no known images to test on", todo="--known-images DIR")
    if endpoint is not None:
        return answers_of_endpoint(
            endpoint,
            bench.known,
            bench.species,
            # Never HF_TOKEN: behind an address that somebody names may be anybody.
            token=bench.settings.token(ENDPOINT_TOKEN),
            timings=bench.timings,
            progress=counted,
        )
    if what is None:
        raise UsageError("what shall be tested?", todo="lepinet test v1.1.0, or a folder, or --endpoint URL")
    if bench.workspace and what in bench.workspace.manifest.versions:
        answers = answers_of(bench.workspace.manifest.target(what), bench, counted, judged=judged)
        if answers is not None:
            return answers
    return _of_folder(model_named(what, bench), bench.known, bench, counted, judged=judged)


def model_named(what: str, bench: Bench) -> Asked:
    """A version of models.yaml, a folder, or a model on the Hub."""
    if bench.workspace and what in bench.workspace.manifest.versions:
        target = bench.workspace.manifest.target(what)
        return Asked(what, target, bench.workspace.model(target))
    # The rule is that of models.yaml: where there is none, what lies beside the model is only said.
    allow_code = bench.gates.allow_code or bench.workspace is None
    if Path(what).is_dir():
        model = judged_folder(Path(what), where=what, allow_code=allow_code)
        return Asked(what, Target(what, folder_revision(model.path)), model)
    repository, _, revision = what.partition("@")
    if not revision:
        raise _unknown(what, bench.workspace)
    hub = bench.hub
    target = Target(repository, hub.commit(repository, revision))
    kept = hub.fetch(repository, target.revision, partial(wanted_files, where=what))
    return Asked(what, target, judged_repository(kept, where=what, allow_code=allow_code))


def _unknown(what: str, workspace: Workspace | None) -> UsageError:
    if workspace is None:
        said = f"{what} is neither a folder nor a model on the Hub, and no {FILE} around {Path.cwd()} names it"
        return UsageError(said, todo=f"run this where {FILE} is, or name a folder or org/name@revision")
    said = f"{what} is neither a version of {FILE} nor a folder, nor a model on the Hub (org/name@revision)"
    return UsageError(said, todo=f"versions: {', '.join(workspace.manifest.versions)}")


def _of_folder(asked: Asked, known: KnownImages, bench: Bench, counted: Counted | None, *, judged: bool) -> Answers:
    identity = ModelIdentity(
        name=asked.name,
        file_path=asked.target.file_path,
        revision=asked.target.revision,
        cautions=asked.model.cautions,
    )
    return answers_of_folder(
        asked.model.path,
        identity,
        known,
        bench.species,
        timings=bench.timings,
        cache=bench.cache,
        progress=counted,
        looks=bench.looks if judged else None,
    )


def _species_beside(known_images: Path | None) -> tuple[Species, ...]:
    """Without a models.yaml: the species.csv in the known images' folder, where there is one."""
    file = known_images / "species.csv" if known_images else None
    return read_species(file) if file and file.is_file() else ()
