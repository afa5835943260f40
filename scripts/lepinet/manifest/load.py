"""The strict reader of `models.yaml`: a manifest, or everything that is wrong with the file at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from lepinet.manifest.explain import finding
from lepinet.manifest.model import Manifest
from lepinet.manifest.problems import Finding, ManifestError, Problem
from lepinet.manifest.source import Node, compose, line_at, plain
from lepinet.manifest.stream import Mark, UnreadableError, decode

FILE = "models.yaml"
_MOST = 100
_TOO_MANY = 20_000


def load(content: bytes | str, file: str = FILE) -> Manifest:
    """The manifest that a file's content says; `file` is what people call it.

    Raises:
        ManifestError: with every problem, each with its line.
    """
    raw = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    try:
        text = decode(raw)
        data, complaints = plain(text)
    except UnreadableError as error:
        raise ManifestError([_at(error.at, error.width, error, raw.decode("utf-8-sig", "replace"), file)]) from None
    findings: list[Finding] = []
    count = len(complaints)
    try:
        manifest = Manifest.model_validate(data, context=_names(data))
    except ValidationError as error:
        count += error.error_count()
        findings = _findings(error)
    else:
        if not complaints:
            return manifest
    problems = locate(text, findings, file)
    problems += [_at(complaint.at, complaint.width, complaint, text, file) for complaint in complaints[:_MOST]]
    raise ManifestError(problems, count - len(problems))


def locate(text: str, findings: Iterable[Finding], file: str = FILE) -> list[Problem]:
    """The findings with the places of the text they are about; for a place that is not there, its parent's."""
    root = compose(text)
    return [_problem(item, _place(root, item), text, file) for item in findings]


def _names(data: Any) -> Any:
    """Names of the file's versions, good or bad; None when it has nothing to refer to."""
    versions = data.get("versions") if isinstance(data, dict) else None
    return versions if isinstance(versions, dict) else None


def _findings(error: ValidationError) -> list[Finding]:
    if error.error_count() > _TOO_MANY:  # each costs half a kilobyte to ask for
        return [Finding((), "hardly anything in it is right; is this a models.yaml?")]
    return [finding(details) for details in error.errors(include_url=False)[:_MOST]]


def _place(root: Node, item: Finding) -> Node | None:
    """What to point at: the value where it has text of its own on the line, else its key; None for the whole file."""
    key, value = None, root
    for name in item.path:
        if name not in value.entries:
            break
        key, value = value.entries[name]
    if item.at_key or value.style in (":", "|", ">") or value.start.index == value.end:
        return key
    return value


def _problem(item: Finding, place: Node | None, text: str, file: str) -> Problem:
    if place is None:
        return Problem(file, 1, 1, item.message, hint=item.hint)
    return _at(place.start, place.end - place.start.index, item, text, file)


def _at(at: Mark, width: int, about: Finding | UnreadableError, text: str, file: str) -> Problem:
    line = line_at(text, at)
    width = max(1, min(width, len(line) - at.column))
    return Problem(file, at.line + 1, at.column + 1, about.message, line, about.hint, width)
