"""The check beside the lines of models.yaml: what blocks the change, and what a person has to decide."""

from __future__ import annotations

from lepinet.evaluation.gates import Decision
from lepinet.manifest.load import locate
from lepinet.manifest.problems import Finding, Problem
from lepinet.report import headline
from lepinet.report.documents import CheckDocument, EnvironmentCheck
from lepinet.report.escape import for_terminal


def blocking(document: CheckDocument, text: str) -> tuple[Problem, ...]:
    """All that keeps the change back: broken rules, versions that cannot be tested, environments that are held.

    Args:
        document: what the check found.
        text: the models.yaml it is about.
    """
    held = [_finding(part) for part in document.environments if part.blocks]
    held += [
        Finding(
            ("versions", new.version), for_terminal(f"{new.version} cannot be tested: {new.error}", 1000), at_key=True
        )
        for new in document.registered
        if new.error
    ]
    return (*document.problems, *locate(text, held))


def undecided(document: CheckDocument, text: str) -> tuple[Problem, ...]:
    """What a person decides by merging or not; arguments as of `blocking`."""
    open_ones = (part for part in document.environments if not part.blocks and not part.override)
    asked = (part for part in open_ones if part.verdict and part.verdict.answer is Decision.UNDECIDED)
    return tuple(locate(text, map(_finding, asked)))


def _finding(part: EnvironmentCheck) -> Finding:
    said = headline.of_environment(part)
    text = for_terminal(f"{said.title}: {said.word}. {said.sentence}", 1000)
    return Finding(("environments", part.name, "active"), text)
