"""What is to say of the known images, as plain text: what to mend, what to know, how many more are needed."""

from __future__ import annotations

from collections.abc import Iterator

import click

from lepinet.evaluation.gates.verdict import points
from lepinet.evaluation.survey import Finding, Needed, Survey
from lepinet.report.escape import for_terminal
from lepinet.report.wording import sentence

_ROWS = 20
"""So many lines of a list; --json has all."""


def terminal(survey: Survey, *, colour: bool) -> str:
    return "\n".join(_lines(survey, colour=colour))


def _lines(survey: Survey, *, colour: bool) -> Iterator[str]:
    size, mend = survey.known_images.size, sum(finding.mend for finding in survey.findings)
    counted = "all count" if survey.counted == size else f"{survey.counted} count"
    answer = f"{mend} thing{'s' if mend != 1 else ''} to mend" if mend else "nothing to mend"
    head = f"{size} known images of {len(survey.species)} species, {counted}: {answer}"
    yield click.style(head, bold=True) if colour else head
    for finding in survey.findings[:_ROWS]:
        yield from _finding(finding, colour=colour)
    if len(survey.findings) > _ROWS:
        yield f"… and {len(survey.findings) - _ROWS} more (--json has all)"
    if survey.needed:
        yield _needed(survey, survey.needed)
    if survey.needed_of_species:
        yield from _of_species(survey, survey.needed_of_species)


def _finding(finding: Finding, *, colour: bool) -> Iterator[str]:
    word = click.style("mend", fg="red") if finding.mend and colour else "mend" if finding.mend else "know"
    yield f"{word}  {for_terminal(sentence(finding.sentence), 600)}"
    yield f"      {for_terminal(sentence(finding.todo))}"


def _needed(survey: Survey, needed: Needed) -> str:
    more = needed.images - survey.counted
    enough = f"{more:,} more" if more > 0 else "there are enough"
    sure = f"at {_percent(survey.confidence)} confidence and in {_percent(survey.power)} of cases"
    limit = f"at most {points(needed.margin)} worse"
    return f"About {needed.images:,} would show, {sure}, that an equally good model is {limit}: {enough}."


def _of_species(survey: Survey, needed: Needed) -> Iterator[str]:
    lacking = sorted((row for row in survey.species if row.counted < needed.images), key=lambda row: row.counted)
    limit = f"About {needed.images:,} of a species would show that it lost at most {points(needed.margin)}"
    if not lacking:
        yield f"{limit}: every species has them."
        return
    yield f"{limit}; {len(lacking)} of {len(survey.species)} species need more:"
    for row in lacking[:_ROWS]:
        yield f"  {for_terminal(row.name, 60)}: {needed.images - row.counted} more than its {row.counted}"
    if len(lacking) > _ROWS:
        yield f"  … and {len(lacking) - _ROWS} more (--json has all)"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
