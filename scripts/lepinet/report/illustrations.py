"""Figures for a page: each a picture, the sentence that it shows, and the table that it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lepinet.evaluation.gates import SMOKE_TEST, percents
from lepinet.evaluation.results import CalibrationBin, Result, Results, Summary
from lepinet.registry.records import MonitoredAccuracy
from lepinet.report import pictures, wording
from lepinet.report.documents import ComparisonDocument, ReferenceDocument, SpeciesRecall
from lepinet.report.pictures import MeasuredRun, SpeciesRow

_DRAWN = 24
"""So many species are drawn; the table has all."""
_MATRIX = 10
"""So many species are in the matrix of confusion: on a phone a cell must still hold its number."""


@dataclass(frozen=True)
class Illustration:
    """One picture with what belongs to it."""

    title: str
    picture: str
    """SVG, to stand in a page as it is; texts of others are harmless in it."""
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def shortened(one: Illustration, most: int) -> Illustration:
    """The same with at most so many lines in its table, for a page that must stay small."""
    if len(one.rows) <= most:
        return one
    return replace(one, caption=f"{one.caption} Of {len(one.rows):,} lines the table has {most}.", rows=one.rows[:most])


def differences(document: ComparisonDocument) -> tuple[Illustration, ...]:
    """Against the old model, and against the reference; none for identical models and for a smoke test."""
    if any(reason.code == "identical" for reason in document.reasons):
        return ()
    old, new = document.old.model.name, document.new.model.name
    found = [_difference(f"Better or worse than {old}", document, old, new)]
    if document.reference:
        best = document.reference.name
        found.append(_difference(f"Better or worse than {best}, the reference", document.reference, best, new))
    return tuple(one for one in found if one)


def species(document: ComparisonDocument) -> Illustration | None:
    """The species that lost most first; None without images."""
    rows = [(one, _before_and_now(one)) for one in wording.by_change(document)]
    if not rows:
        return None
    old, new = document.old.model.name, document.new.model.name
    lost, gained = (sum(row.gained * sign > 0 for _, row in rows) for sign in (-1, 1))
    caption = f"Of {len(rows)} species {lost or 'none'} lost photos, {gained or 'none'} gained some."
    if len(rows) > _DRAWN:
        caption += f" {len(rows) - _DRAWN} more are in the table; none of them lost more."
    return Illustration(
        title="Species, before and now",
        picture=pictures.species([row for _, row in rows[:_DRAWN]], f"Species: {old} and {new}"),
        caption=caption,
        head=("species", "photos", f"{old} right", f"{new} right", "label"),
        rows=tuple(
            (row.name, str(row.images), str(row.old), str(row.new), wording.label_of(document, one.id))
            for one, row in rows
        ),
    )


def species_alone(results: Results) -> Illustration | None:
    """The species that the model knows least first; None without images."""
    worst = sorted(results.species, key=lambda one: (one.recall, one.id))
    if not worst:
        return None
    rows = [SpeciesRow(one.name, one.support, None, round(one.recall * one.support)) for one in worst]
    missed = sum(row.new < row.images for row in rows)
    caption = f"In {missed} of {len(rows)} species a photo is named wrong." if missed else "Every photo is named right."
    if len(rows) > _DRAWN:
        caption += f" {len(rows) - _DRAWN} more are in the table, no worse than these."
    return Illustration(
        title="Species",
        picture=pictures.species(rows[:_DRAWN], f"Species: {results.model.name}"),
        caption=caption,
        head=("species", "photos", "right"),
        rows=tuple((row.name, str(row.images), str(row.new)) for row in rows),
    )


def calibration(summary: Summary) -> Illustration | None:
    """How sure the model is, and how often it is right then; None for a smoke test, and without answers."""
    error = summary.expected_calibration_error
    if summary.sample_size < SMOKE_TEST or error is None or not summary.calibration:
        return None
    name = summary.model.name
    return Illustration(
        title=f"How sure {name} is",
        picture=pictures.calibration(summary.calibration, name),
        caption=(
            f"On average {error * 100:.1f} points lie between how sure it says it is and how often it is right then; "
            "on the slanted line, none."
        ),
        head=("it says", "photos", "right", "share right"),
        rows=tuple(_bin(one) for one in summary.calibration),
    )


def confusion(results: Results) -> Illustration | None:
    """The species that are taken for others most often; None where none is, and for a smoke test."""
    said = {one.predicted_id: one.predicted_name for one in results.results if isinstance(one, Result)}
    names = said | {one.id: one.name for one in results.species}
    cells = [(one.expected_id, one.predicted_id, one.count) for one in results.confusion if one.predicted_id]
    mistaken = sorted((cell for cell in cells if cell[0] != cell[1]), key=lambda cell: (-cell[2], *cell[:2]))
    if not mistaken or results.sample_size < SMOKE_TEST:
        return None
    most = list(dict.fromkeys(id_ for cell in mistaken for id_ in cell[:2]))
    drawn = {id_: place for place, id_ in enumerate(sorted(most[:_MATRIX]))}
    caption = "Each row is a species, each column what it was called; the diagonal is right."
    if len(most) > _MATRIX:
        caption += f" The {_MATRIX} that are mistaken most are drawn; the table has all."
    elif any(one.id not in most for one in results.species):
        caption += " Species that were never mistaken are left out."
    return Illustration(
        title="What is taken for what",
        picture=pictures.confusion(
            [names[id_] for id_ in drawn],
            {(drawn[one], drawn[other]): count for one, other, count in cells if one in drawn and other in drawn},
            results.model.name,
        ),
        caption=caption,
        head=("it is", "it was called", "photos"),
        rows=tuple((names[one], names[other], str(count)) for one, other, count in mistaken),
    )


def monitored(runs: Sequence[MonitoredAccuracy], floor: float | None) -> Illustration | None:
    """What the monitor's runs measured, oldest first; None where none got an answer.

    Args:
        runs: of one environment.
        floor: the gate on accuracy, where there is one.
    """
    measured = [
        MeasuredRun(run.at, run.version, round(run.accuracy * run.sample_size), run.sample_size)
        for run in runs
        if run.accuracy is not None and run.sample_size
    ]
    if not measured:
        return None
    last = measured[-1]
    return Illustration(
        title="Named right, as monitored",
        picture=pictures.over_time(measured, floor, "Share of known images named right, by the monitor's runs"),
        caption=(
            f"Last: {last.right} of {last.images} right; {percents(*last.interval)} of all such photos, "
            f"at 95 % confidence.{_without_answer(len(runs) - len(measured))}"
        ),
        head=("run", "version", "photos", "right", "share", "at least", "at most"),
        rows=tuple(
            (
                wording.moment(run.at),
                run.version,
                str(run.images),
                str(run.right),
                *(f"{share * 100:.1f} %" for share in (run.share, *run.interval)),
            )
            for run in reversed(measured)
        ),
    )


def _without_answer(runs: int) -> str:
    return f" {runs} run{'s' if runs > 1 else ''} got no answer." if runs else ""


def _difference(
    title: str, document: ComparisonDocument | ReferenceDocument, old: str, new: str
) -> Illustration | None:
    paired, middle, interval = document.paired, document.accuracy_difference, document.difference_interval
    if paired.size < SMOKE_TEST or middle is None or interval is None:
        return None
    tested = document.non_inferiority
    bounds = (tested.lower_bound, tested.upper_bound) if tested else interval
    rows = [
        ("difference", f"{middle * 100:+.1f} points"),
        ("at the worst", f"{bounds[0] * 100:+.1f} points"),
        ("at the best", f"{bounds[1] * 100:+.1f} points"),
        *([("limit", f"{-tested.margin * 100:+g} points")] if tested else []),
        ("both right", str(paired.both_right)),
        ("newly wrong", str(paired.negative)),
        ("newly right", str(paired.positive)),
        ("both wrong", str(paired.both_wrong)),
    ]
    return Illustration(
        title=title,
        picture=pictures.difference(old, middle, bounds, tested.margin if tested else None),
        caption=wording.difference(document, old, new),
        head=("figure", f"{new} beside {old}"),
        rows=tuple(rows),
    )


def _before_and_now(one: SpeciesRecall) -> SpeciesRow:
    old, new = (round(recall * one.support) for recall in (one.old_recall, one.new_recall))
    return SpeciesRow(one.name, one.support, old, new)


def _bin(one: CalibrationBin) -> tuple[str, ...]:
    says = f"{one.lower * 100:.0f} to {one.upper * 100:.0f} %"
    return says, str(one.count), str(one.correct), f"{one.correct / one.count * 100:.0f} %"
