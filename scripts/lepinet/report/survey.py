"""What is to say of the known images, as plain text: what to mend, what to know, how many more are needed."""

from __future__ import annotations

from collections.abc import Iterator

import click

from lepinet.evaluation.gates.verdict import points
from lepinet.evaluation.paired import DIFFERING
from lepinet.evaluation.survey import Finding, Needed, Survey
from lepinet.report.escape import for_terminal
from lepinet.report.wording import sentence

_ROWS = 20
"""So many lines of a list; --json has all."""


def terminal(survey: Survey, *, colour: bool) -> str:
    return "\n".join(_lines(survey, colour=colour))


def headline(survey: Survey) -> str:
    """How many there are, whether something is to be mended, and whether they are enough for the margin."""
    size, mend = survey.known_images.size, sum(finding.mend for finding in survey.findings)
    counted = "all count" if survey.counted == size else f"{survey.counted} count"
    answer = f"{mend} thing{'s' if mend != 1 else ''} to mend" if mend else "nothing to mend"
    return f"{size} known images of {len(survey.species)} species, {counted}: {answer}{_enough(survey)}"


def needed(survey: Survey) -> str | None:
    """How many would show that an equally good model is inside the margin, and what that assumes; None without one."""
    wanted = survey.needed
    if wanted is None:
        return None
    more = wanted.images - survey.counted
    enough = f"{more:,} more" if more > 0 else "there are enough"
    sure = f"at {_percent(survey.confidence)} confidence and in {_percent(survey.power)} of cases"
    limit = f"at most {points(wanted.margin)} worse"
    return (
        f"About {wanted.images:,} would show, {sure}, that an equally good model is {limit}: {enough}. "
        f"This reckons with models that differ on {DIFFERING * 100:g} of 100 photos, as two trainings mostly do; "
        "a comparison reckons with how often its own two differ."
    )


def _enough(survey: Survey) -> str:
    if survey.needed is None:
        return ""
    enough = "enough" if survey.counted >= survey.needed.images else "too few"
    return f"; {enough} to show a margin of {points(survey.needed.margin)}"


def _lines(survey: Survey, *, colour: bool) -> Iterator[str]:
    head = headline(survey)
    yield click.style(head, bold=True) if colour else head
    for finding in survey.findings[:_ROWS]:
        yield from _finding(finding, colour=colour)
    if len(survey.findings) > _ROWS:
        yield f"… and {len(survey.findings) - _ROWS} more (--json has all)"
    if line := needed(survey):
        yield line
    if survey.needed_of_species:
        yield from _of_species(survey, survey.needed_of_species)


def _finding(finding: Finding, *, colour: bool) -> Iterator[str]:
    word = click.style("mend", fg="red") if finding.mend and colour else "mend" if finding.mend else "know"
    yield f"{word}  {for_terminal(sentence(finding.sentence), 600)}"
    yield f"      {for_terminal(sentence(finding.todo))}"


def _of_species(survey: Survey, wanted: Needed) -> Iterator[str]:
    lacking = sorted((row for row in survey.species if row.counted < wanted.images), key=lambda row: row.counted)
    limit = f"About {wanted.images:,} of a species would show that it lost at most {points(wanted.margin)}"
    if not lacking:
        yield f"{limit}: every species has them."
        return
    yield f"{limit}; {len(lacking)} of {len(survey.species)} species need more:"
    for row in lacking[:_ROWS]:
        yield f"  {for_terminal(row.name, 60)}: {wanted.images - row.counted} more than its {row.counted}"
    if len(lacking) > _ROWS:
        yield f"  … and {len(lacking) - _ROWS} more (--json has all)"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
