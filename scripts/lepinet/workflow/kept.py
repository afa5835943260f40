"""What is here already of a version: its answers, its card, its configuration. No model is run, nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from lepinet.errors import LepinetError, RefusedError
from lepinet.evaluation.answers import Answers, ModelIdentity
from lepinet.evaluation.cases import KnownImages
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
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


def compared(workspace: Workspace, registry: Registry, names: tuple[str, str], tries: int) -> ComparisonDocument | None:
    """Two versions on main's known images, by answers that are here; how long they take is not judged.

    Args:
        workspace: whose known images, and whose cache.
        registry: asked for stored answers.
        names: of the old one, and of the new one.
        tries: the new one's place among those tried against the old one on the same photos.

    Returns:
        None where somebody has to test one of them first.
    """
    before, after = (answers_here(workspace, registry, name, judged=True) for name in names)
    if before is None or after is None:
        return None
    # Nobody runs both side by side here.
    terms = Terms(workspace.manifest.gates, tries)
    return comparison_document(before, after, judge(before, after, terms), terms, datetime.now(UTC))


def tested_last(registry: Registry) -> Mapping[str, str]:
    """The versions that were tested last, the newest test first, with the digest of the photos it was made on."""
    tests = registry.species_recall(versions=_TESTS, page=1).tests
    return {test.version: test.known_images_sha256 for test in tests if test.known_images_sha256}


def answers_then(workspace: Workspace, registry: Registry, version: str, photos: str) -> Answers | None:
    """What a version said, in a test for a deployment, of those of main's known images that it was shown then.

    A photo is known by its content, and the answer is held against today's label.

    Args:
        workspace: whose known images.
        registry: asked for stored answers.
        version: its name.
        photos: the digest of the known images of that test.

    Returns:
        None where none of today's photos was among them.
    """
    known, stored = workspace.known_images, stored_answers(registry, version, photos)
    if known is None or stored is None:
        return None
    said = {answer.sha256: answer for answer in stored.answers if answer.sha256}
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
    return stored.model_copy(update={"answers": answers}) if answers else None


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
