"""The YAML parser's events, on guard: what no `models.yaml` needs ends the reading before it can do harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from lepinet.manifest.problems import HIDDEN

# 10,000 versions with notes and links are 3 MB and 200,000 events, read in about a third of a second.
_MOST_BYTES = 8 * 2**20
_MOST_EVENTS = 400_000
_DEEPEST = 8
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text, counted from 0 as PyYAML's marks do."""

    index: int
    line: int
    column: int


class UnreadableError(Exception):
    """The text is not YAML, or YAML that nobody writes by hand."""

    def __init__(self, at: Mark, message: str, hint: str = "", width: int = 1) -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.hint = hint
        self.width = width


def decode(content: bytes) -> str:
    """The text of a file, without its byte order mark.

    Raises:
        UnreadableError: it is too long, not UTF-8, or hides something.
    """
    if len(content) > _MOST_BYTES:
        raise UnreadableError(Mark(0, 0, 0), f"the file has {len(content):,} bytes; {_MOST_BYTES:,} are the most")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        raise UnreadableError(_mark(before), "the file is not UTF-8 from here on", "save it as UTF-8") from None
    if hidden := HIDDEN.search(text):
        message = f"a character that cannot be seen: U+{ord(hidden.group()):04X}"
        raise UnreadableError(_mark(text[: hidden.start()]), message, "take it out")
    return text


def events(text: str) -> Iterator[Any]:
    """The events of the one document, between its start and its end.

    The parser is asked event by event: composing whole trees in C overflows the stack on deep nesting.

    Raises:
        UnreadableError: at the first thing that is not YAML, or that no models.yaml needs.
    """
    parser = yaml.CSafeLoader(text)
    depth = documents = 0
    event: Any = None
    try:
        for _ in range(_MOST_EVENTS):
            event = parser.get_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                _check_scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                depth += 1
                _check_collection(event, depth)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                depth -= 1
            elif kind is yaml.AliasEvent:
                raise refusal(event, "aliases (*) are not understood here", "write the value out")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise refusal(event, "a second document begins here (---)", "one file is one document")
                continue
            elif kind is yaml.StreamEndEvent:
                return
            else:
                continue
            yield event
        raise refusal(event, f"the file has more than {_MOST_EVENTS:,} parts")
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text) from None
    finally:
        parser.dispose()


def _check_scalar(event: Any) -> None:
    _check_plainness(event)
    if len(event.value) > _LONGEST:
        raise refusal(event, f"a text of {len(event.value):,} characters; {_LONGEST:,} are the most")
    # Escapes in double quotes can say what must not stand in the text itself.
    if event.style == '"' and HIDDEN.search(event.value):
        raise refusal(event, "a character that cannot be seen, written as an escape", "take it out")


def _check_collection(event: Any, depth: int) -> None:
    _check_plainness(event)
    if depth > _DEEPEST:
        raise refusal(event, f"nested deeper than {_DEEPEST} levels")


def _check_plainness(event: Any) -> None:
    if event.anchor is not None:
        raise refusal(event, "anchors (&) are not understood here", "write the value out where it is needed")
    if event.tag is not None:
        raise refusal(event, "tags (!) are not understood here", "write the plain value")


def refusal(event: Any, message: str, hint: str = "") -> UnreadableError:
    """The error to raise at an event."""
    begin, end = event.start_mark, event.end_mark
    width = end.column - begin.column if begin.line == end.line else 1
    return UnreadableError(Mark(begin.index, begin.line, begin.column), message, hint, max(1, width))


def _not_yaml(error: yaml.MarkedYAMLError, text: str) -> UnreadableError:
    problem, mark = error.problem or "", error.problem_mark
    # What is missed far behind is shown where it was begun.
    if error.context_mark and (mark is None or mark.index >= len(text) or "could not find expected ':'" in problem):
        mark = error.context_mark
    inside = mark is not None and mark.index <= len(text) and mark.line <= _mark(text).line
    at = Mark(mark.index, mark.line, mark.column) if mark and inside else _mark(text)
    return UnreadableError(at, f"this is not YAML: {problem} {error.context or ''}".strip(), _advice(problem))


def _advice(problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "a colon too many, or a wrong indentation; put text with a colon in quotes"
    if "cannot start any token" in problem:
        return "indent with spaces, and put text that begins with a sign in quotes"
    return "mind indentation, colons and quotes"


def _mark(before: str) -> Mark:
    """The place behind a text; the parser counts lines the same way, what else might end one has been refused."""
    line = before.count("\n") + before.count("\r") - before.count("\r\n")
    return Mark(len(before), line, len(before) - 1 - max(before.rfind("\n"), before.rfind("\r")))
