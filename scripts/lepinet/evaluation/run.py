"""The whole run: every known image through a model's folder or a live endpoint, its answers named in species."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from lepinet.evaluation.answers import Answer, Answers, ModelIdentity, Score
from lepinet.evaluation.cache import AnswerCache
from lepinet.evaluation.cases import KnownImage, KnownImages
from lepinet.evaluation.labels import EndpointLabels, ModelLabels, Species, SpeciesNames
from lepinet.evaluation.photos import Look
from lepinet.evaluation.predictors import Predictor, RawAnswer
from lepinet.evaluation.predictors.process import restarting_model
from lepinet.evaluation.predictors.runtime import runtime_of
from lepinet.evaluation.spread import cores, spread
from lepinet.model_files import read_model_files
from lepinet.timings import Timings

Progress = Callable[[int, int], None]
"""Told how many images are answered, and of how many; in the thread that called."""

_BATCH = 16
"""Photos that a process is given at once: enough to keep it busy, few enough to share large ones out."""
_MEMORY_FOR_MODELS = 2 << 30
"""Bytes that all processes together may hold; each holds its libraries, and about three times the model's file."""
_REQUESTS_AT_ONCE = 4
_REQUESTS = 4
"""Photos that go over one connection before the progress is told."""


def answers_of_folder(
    folder: Path,
    model: ModelIdentity,
    known: KnownImages,
    species: Sequence[Species] = (),
    *,
    timings: Timings | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
    jobs: int | None = None,
    looks: Mapping[str, Look] | None = None,
) -> Answers:
    """Ask the model in a folder about every known image.

    Args:
        folder: the model's files.
        model: what it is called; its digest is filled in here.
        known: the photos.
        species: the list of species; without it, those on the photos.
        timings: limits for loading and for one image.
        cache: a folder for kept answers; None asks the model about every photo.
        progress: told after every few images.
        jobs: processor cores to use; None: all that this process may use.
        looks: what the photos show, by digest; None: which of them look alike, or like training photos, is not told.

    Raises:
        UsageError: no such folder, or the packages that run a model are not installed.
        RefusedError: the model cannot be used, with the reason.
    """
    files = read_model_files(folder)
    looked_at = _looked_at(looks, known, folder)
    runtime = runtime_of(files)
    versions = runtime.versions(model.name)
    sha256 = files.sha256()
    labels = ModelLabels(files.labels, SpeciesNames(species or known.species()))
    photos = _distinct(known)
    with ExitStack() as stack:
        kept = stack.enter_context(AnswerCache(cache, sha256, versions, files.labels)) if cache else None
        raw = kept.get(list(photos)) if kept else {}
        missing = {digest: path for digest, path in photos.items() if digest not in raw}
        held = runtime.memory + 3 * files.weights.stat().st_size
        processes, threads = _share(jobs or cores(), held, len(missing))
        models: list[Predictor] = [
            stack.enter_context(restarting_model(folder, threads=threads, timings=timings)) for _ in range(processes)
        ]
        count = _Count(known, raw, progress)
        for some in spread(missing, models, _BATCH):
            if kept:
                kept.put(some)
            raw.update(some)
            count.add(some)
    return _assembled(model.model_copy(update={"sha256": sha256}), known, labels, raw, looked_at)


def kept_answers(
    folder: Path,
    model: ModelIdentity,
    known: KnownImages,
    species: Sequence[Species] = (),
    *,
    cache: Path,
    looks: Mapping[str, Look] | None = None,
) -> Answers | None:
    """As `answers_of_folder` where every answer is kept; None where the model would have to be asked.

    Args and errors as there.
    """
    files = read_model_files(folder)
    sha256 = files.sha256()
    photos = _distinct(known)
    with AnswerCache(cache, sha256, runtime_of(files).versions(model.name), files.labels) as kept:
        raw = kept.get(list(photos))
    if len(raw) < len(photos):
        return None
    labels = ModelLabels(files.labels, SpeciesNames(species or known.species()))
    looked_at = _looked_at(looks, known, folder)
    return _assembled(model.model_copy(update={"sha256": sha256}), known, labels, raw, looked_at)


def _assembled(
    model: ModelIdentity,
    known: KnownImages,
    labels: ModelLabels,
    raw: Mapping[str, RawAnswer],
    looked_at: tuple[tuple[tuple[str, ...], ...], tuple[str, ...]],
) -> Answers:
    alike, trained_on = looked_at
    return Answers(
        model=model,
        known_images_sha256=known.sha256,
        nameable=labels.nameable & {image.expected_id for image in known.images},
        answers=tuple(_answer(image, raw, labels.named) for image in known.images),
        alike=alike,
        trained_on=trained_on,
    )


def answers_of_endpoint(
    url: str,
    known: KnownImages,
    species: Sequence[Species] = (),
    *,
    token: str | None = None,
    asleep: bool = True,
    timings: Timings | None = None,
    progress: Progress | None = None,
) -> Answers:
    """Ask a live endpoint about every known image.

    The model's path and revision are those that the endpoint names, where it names the same ones in every answer.

    Args:
        url: where photos are posted.
        known: the photos.
        species: the list of species; without it, those on the photos.
        token: sent to that URL.
        asleep: it may be scaled to zero, and is given the time to start.
        timings: limits for each photo and for all.
        progress: told after every few images.

    Raises:
        UsageError: no usable URL.
        MayNotAskError: the endpoint does not take the token, or wants one.
        OutsideError: it does not answer, or not all photos within `Timings.known_images`.
    """
    # An HTTP client takes a tenth of a second to import, and a model's folder needs none.
    from lepinet.evaluation.predictors.http import EndpointPredictor  # noqa: PLC0415

    labels = EndpointLabels(SpeciesNames(species or known.species()))
    raw: dict[str, RawAnswer] = {}
    with EndpointPredictor(url, timings or Timings(), token, asleep=asleep) as endpoint:
        count = _Count(known, raw, progress)
        for some in spread(_distinct(known), [endpoint] * _REQUESTS_AT_ONCE, _REQUESTS):
            raw.update(some)
            count.add(some)
        identity = endpoint.identity()
    return Answers(
        model=identity,
        known_images_sha256=known.sha256,
        nameable=None,
        answers=tuple(_answer(image, raw, labels.named) for image in known.images),
    )


def _looked_at(
    looks: Mapping[str, Look] | None, known: KnownImages, folder: Path
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Which photos look alike, and which look like one that the model was trained on; none where nobody looked."""
    if not looks:
        return (), ()
    # It needs numpy, which takes longer to import than all else where every answer was kept.
    from lepinet.evaluation.fingerprints import alike, among, fingerprints_of, training_fingerprints  # noqa: PLC0415

    shown = fingerprints_of(known, looks)
    learned = among(shown, training_fingerprints(folder)) if shown else ()
    return tuple(map(tuple, alike(shown))), tuple(sorted(learned))


class _Count:
    """Counts answered images for the progress; two files with the same content are one photo, but two images."""

    def __init__(self, known: KnownImages, already: Iterable[str], progress: Progress | None) -> None:
        self._images = Counter(image.sha256 for image in known.images)
        self._total = len(known)
        self._done = self._images[None]
        self._progress = progress
        self.add(already)

    def add(self, digests: Iterable[str]) -> None:
        self._done += sum(self._images[digest] for digest in digests)
        if self._progress:
            self._progress(self._done, self._total)


def _distinct(known: KnownImages) -> dict[str, Path]:
    """Readable photos by their digest."""
    return {image.sha256: image.path for image in known.images if image.sha256}


def _share(usable: int, held: int, photos: int) -> tuple[int, int]:
    """How many processes, with how many threads each: one a core, fewer where what each holds (bytes) is too much."""
    fitting = _MEMORY_FOR_MODELS // held
    processes = max(1, min(usable, fitting, -(-photos // _BATCH)))
    return processes, max(1, usable // processes) if fitting < usable else 1


def _answer(image: KnownImage, raw: Mapping[str, RawAnswer], named: Callable[[RawAnswer], tuple[Score, ...]]) -> Answer:
    said = raw[image.sha256] if image.sha256 else RawAnswer(error=image.problem)
    return Answer(
        file_name=image.file_name,
        sha256=image.sha256,
        expected_id=image.expected_id,
        expected_name=image.expected_name,
        top=named(said),
        error=said.error,
        latency_ms=said.latency_ms,
    )
