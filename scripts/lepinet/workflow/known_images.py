"""`known-images check`: what is to say of the known images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from lepinet.errors import OutsideError, RefusedError, UsageError
from lepinet.evaluation.answers import Answers
from lepinet.evaluation.fingerprints import Words, training_fingerprints
from lepinet.evaluation.paired import POWER
from lepinet.evaluation.survey import Seen, Survey, Wanted, survey
from lepinet.files import inside
from lepinet.model_files import TRAINING
from lepinet.target import Target
from lepinet.workflow.evaluate import Bench
from lepinet.workflow.workspace import Workspace


def check(
    bench: Bench, margin: float | None, power: float = POWER, *, versions: Collection[str] | None = None
) -> Survey:
    """Look closely at the known images.

    Args:
        bench: with the photos.
        margin: how much worse a model may be, over all and in each species; None: as models.yaml has both.
        power: in such a share of cases shall the images be enough, 0.5 to 1, exclusive.
        versions: whose training photos are looked for among them; None: every version's.

    Raises:
        UsageError: there are none.
    """
    if bench.known is None or not bench.known.images:
        raise UsageError("there are no known images yet", todo="lepinet known-images add PHOTO --species ID")
    learned, unknown = trained_on(bench.workspace, versions) if bench.workspace else ({}, {})
    seen = Seen(bench.looks, bench.known.unlisted(), learned, unknown)
    gates = bench.gates
    wanted = Wanted(
        confidence=float(gates.confidence),
        power=power,
        margin=margin or _float(gates.non_inferiority_margin),
        margin_of_species=margin or _float(gates.max_species_recall_drop),
    )
    return survey(bench.known, seen, bench.species, wanted, datetime.now(UTC))


def hard(models: Sequence[Answers]) -> frozenset[str]:
    """File names of the known images that every one of several models gets wrong; none without a model."""
    wrong = [{answer.file_name for answer in one.answers if not answer.correct} for one in models]
    return frozenset(set.intersection(*wrong)) if wrong else frozenset()


def trained_on(
    workspace: Workspace, versions: Collection[str] | None = None
) -> tuple[dict[str, Words], dict[str, str]]:
    """The training photos of each version (default: all) whose files are here; why those of others cannot be told."""
    learned: dict[str, Words] = {}
    unknown: dict[str, str] = {}
    for name in workspace.manifest.versions if versions is None else versions:
        try:
            learned[name] = training_fingerprints(_folder(workspace, workspace.manifest.target(name)))
        except (RefusedError, OutsideError) as error:
            unknown[name] = error.lines()[0]
    return learned, unknown


def _folder(workspace: Workspace, target: Target) -> Path:
    """Where a version's fingerprints lie, if it has any; from the Hub they come without the model."""
    if target.on_hub:
        return workspace.hub.fetch(
            target.file_path, target.revision, lambda names: (TRAINING,) if TRAINING in names else ()
        ).folder
    return inside(workspace.root, target.file_path)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
