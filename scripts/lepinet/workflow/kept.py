"""What is here already of a version: its answers, its card, its configuration. No model is run, nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from lepinet.errors import LepinetError, RefusedError
from lepinet.evaluation.answers import Answer, Answers, ModelIdentity
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Best, Terms
from lepinet.evaluation.photos import Look
from lepinet.evaluation.photos.kept import LookCache
from lepinet.evaluation.run import kept_answers
from lepinet.files import read_small
from lepinet.model_files import CARD, CONFIG, wanted_files
from lepinet.registry import Registry
from lepinet.report.documents import ComparisonDocument, comparison_document
from lepinet.target import Target
from lepinet.workflow.judging import stored_answers
from lepinet.workflow.workspace import Workspace

_LARGEST = 1 << 20
_TESTS = 20
"""So many of the versions that were tested last are looked through."""


@dataclass(frozen=True)
class Pair:
    """Two versions that are compared, and what besides their answers decides."""

    old: str
    new: str
    tries: int
    """The new one's place among those tried against the old one on the same photos."""
    reference: str | None = None
    """The environment's, where the verdict is on what an environment gets."""


def answers_here(workspace: Workspace, registry: Registry, version: str, *, judged: bool) -> Answers | None:
    """What a version says of main's known images: as it was stored when it was deployed, else as kept by a test here.

    Args:
        workspace: whose known images, and whose cache.
        registry: asked for stored answers.
        version: its name.
        judged: whether there will be a verdict, for which it must be known what the photos show.

    Returns:
        None where somebody has to test it first.
    """
    known = workspace.known_images
    if known is None or not known.images:
        return None
    stored = stored_answers(registry, version, known.sha256)
    if stored or version not in workspace.manifest.versions:
        return stored
    with suppress(LepinetError):
        return _kept(workspace, known, workspace.manifest.target(version), judged=judged)
    return None


def compared(workspace: Workspace, registry: Registry, pair: Pair) -> ComparisonDocument | None:
    """Two versions on main's known images, by answers that are here; how long they take is not judged.

    Args:
        workspace: whose known images, and whose cache.
        registry: asked for stored answers.
        pair: the versions.

    Returns:
        None where somebody has to test one of them, or the reference, first.
    """
    before, after = (answers_here(workspace, registry, name, judged=True) for name in (pair.old, pair.new))
    if before is None or after is None:
        return None
    best = None
    if pair.reference and pair.reference not in {pair.old, pair.new}:
        best = Best(pair.reference, answers_here(workspace, registry, pair.reference, judged=True))
        if best.answers is None:
            return None
    # Nobody runs both side by side here.
    terms = Terms(workspace.manifest.gates, pair.tries, best)
    return comparison_document(before, after, judge(before, after, terms), terms, datetime.now(UTC))


def tested_last(registry: Registry) -> Mapping[str, tuple[str, ...]]:
    """The versions that were tested last, with the digests of the photos of their tests; the newest test first."""
    return {test.version: test.known_images for test in registry.species_recall(versions=_TESTS, page=1).tests}


def answers_then(workspace: Workspace, registry: Registry, version: str, photos: tuple[str, ...]) -> Answers | None:
    """What a version said, in tests for deployments, of those of main's known images that it was shown then.

    A photo is known by its content, and the answer is held against today's label. Of two answers the newer one counts.

    Args:
        workspace: whose known images.
        registry: asked for stored answers.
        version: its name.
        photos: the digests of the known images of these tests, the newest test first.

    Returns:
        None where none of today's photos was among them.
    """
    known = workspace.known_images
    if known is None:
        return None
    today = {image.sha256 for image in known.images if image.sha256}
    said: dict[str, Answer] = {}
    newest: Answers | None = None
    for digest in photos:
        stored = stored_answers(registry, version, digest)
        if stored is None:
            continue
        newest = newest or stored
        said = {answer.sha256: answer for answer in stored.answers if answer.sha256 in today} | said
        if said.keys() == today:
            break
    answers = tuple(
        said[image.sha256].model_copy(
            update={
                "file_name": image.file_name,
                "expected_id": image.expected_id,
                "expected_name": image.expected_name,
            }
        )
        for image in known.images
        if image.sha256 in said
    )
    return newest.model_copy(update={"answers": answers}) if newest and answers else None


def _kept(workspace: Workspace, known: KnownImages, target: Target, *, judged: bool) -> Answers | None:
    looks = _looks(workspace, known) if judged else {}
    folder = workspace.kept_files(target, partial(wanted_files, where=str(target)))
    if looks is None or folder is None:
        return None
    identity = ModelIdentity(
        name=target.version or target.file_path, file_path=target.file_path, revision=target.revision
    )
    return kept_answers(folder, identity, known, workspace.species, cache=workspace.cache, looks=looks)


def _looks(workspace: Workspace, known: KnownImages) -> Mapping[str, Look] | None:
    """What every photo that can be read shows; None where one has not been looked at."""
    digests = {image.sha256 for image in known.images if image.sha256}
    with LookCache(workspace.cache) as cache:
        looks = cache.get(list(digests))
    return looks if looks.keys() == digests else None


def card_and_configuration(workspace: Workspace, target: Target) -> tuple[str, str]:
    """What a version's makers say of it, in Markdown, and its config.json; empty where they are not here."""
    folder = workspace.kept_files(target, lambda names: tuple(name for name in (CARD, CONFIG) if name in names))
    texts = []
    for name in (CARD, CONFIG):
        text = ""
        with suppress(RefusedError):
            text = read_small(folder / name, at_most=_LARGEST).decode(errors="replace") if folder else ""
        texts.append(text)
    return texts[0], texts[1]
