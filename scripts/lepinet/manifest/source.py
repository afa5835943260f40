"""From the text of `models.yaml` to plain data and back to the place of each value, on guard against hostile YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from lepinet.manifest.problems import HIDDEN, shown

# 10,000 versions with notes and links are 3 MB and 200,000 events, read in about a third of a second.
_MOST_BYTES = 8 * 2**20
_MOST_EVENTS = 400_000
_MOST_KEYS = 20_000
_MOST_COMPLAINTS = 1_000
_DEEPEST = 8
_LONGEST = 20_000

# YAML 1.2 as editors read it, and no more: `yes`, `010` and `1_000` are text, whatever YAML 1.1 made of them.
_LINE_END = re.compile(r"[\r\n]")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_POINT = re.compile(r"[-+]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(?=[eE]))([eE][-+]?[0-9]{1,2})?")


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


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the text with its place, up to the character before `end`."""

    start: Mark
    end: int
    style: str
    """`{` or `[` in brackets, `:` for a block of keys or items; of a scalar nothing, a quote, `|` or `>`."""
    entries: dict[str, tuple[Node, Node]] = field(default_factory=dict)
    """A mapping's key and value nodes by key."""


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


def line_at(text: str, at: Mark) -> str:
    """The whole line of a place."""
    begin = at.index - at.column
    end = _LINE_END.search(text, begin)
    return text[begin : end.start() if end else len(text)]


def _mark(before: str) -> Mark:
    """The place behind a text; the parser counts lines the same way, what else might end one has been refused."""
    line = before.count("\n") + before.count("\r") - before.count("\r\n")
    return Mark(len(before), line, len(before) - 1 - max(before.rfind("\n"), before.rfind("\r")))


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
                raise _refusal(event, "aliases (*) are not understood here", "write the value out")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _refusal(event, "a second document begins here (---)", "one file is one document")
                continue
            elif kind is yaml.StreamEndEvent:
                return
            else:
                continue
            yield event
        raise _refusal(event, f"the file has more than {_MOST_EVENTS:,} parts")
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text) from None
    finally:
        parser.dispose()


def plain(text: str) -> tuple[Any, list[UnreadableError]]:
    """The document as dicts, lists, text, `int`, `Decimal`, `bool` and None, and what is wrong with single keys.

    Raises:
        UnreadableError: the text cannot be read at all.
    """
    stream = events(text)
    complaints: list[UnreadableError] = []
    first = next(stream, None)
    data = None if first is None else _value(first, stream, complaints)
    for _ in stream:  # whatever follows is looked at too
        pass
    return data, complaints


def compose(text: str) -> Node:
    """The document with the place of each value. The text has been read before."""
    stream = events(text)
    first = next(stream, None)
    return Node(Mark(0, 0, 0), 0, "") if first is None else _node(first, stream, text)


def _value(event: Any, stream: Iterator[Any], complaints: list[UnreadableError]) -> Any:
    if type(event) is yaml.ScalarEvent:
        return event.value if event.style else _resolve(event.value)
    if type(event) is yaml.SequenceStartEvent:
        return list(_items(stream, complaints))
    mapping: dict[str, Any] = {}
    for key in stream:
        if type(key) is yaml.MappingEndEvent:
            break
        if type(key) is not yaml.ScalarEvent:
            raise _refusal(key, "a key must be one word of text")
        value = _value(next(stream), stream, complaints)
        if not key.style and not isinstance(_resolve(key.value), str):
            complaints.append(_refusal(key, f"the key {shown(key.value)} is not text", "put it in quotes"))
        elif not key.style and key.value == "<<":
            complaints.append(_refusal(key, "merge keys (<<) are not understood here", "write the values out"))
        elif key.value in mapping:
            complaints.append(
                _refusal(key, f"the key {shown(key.value)} stands here a second time", "keep one of them")
            )
        else:
            mapping[key.value] = value
        if len(mapping) > _MOST_KEYS:
            raise _refusal(key, f"more than {_MOST_KEYS:,} keys")
        if len(complaints) > _MOST_COMPLAINTS:  # no slip: one of them says it
            raise complaints[0]
    return mapping


def _items(stream: Iterator[Any], complaints: list[UnreadableError]) -> Iterator[Any]:
    for event in stream:
        if type(event) is yaml.SequenceEndEvent:
            return
        yield _value(event, stream, complaints)


def _node(event: Any, stream: Iterator[Any], text: str) -> Node:
    begin, finish = event.start_mark, event.end_mark
    start = Mark(begin.index, begin.line, begin.column)
    if type(event) is yaml.ScalarEvent:
        return Node(start, finish.index, event.style or "")
    entries: dict[str, tuple[Node, Node]] = {}
    end = finish.index
    for inner in stream:
        if type(inner) is yaml.MappingEndEvent or type(inner) is yaml.SequenceEndEvent:
            finish = inner.end_mark
            break
        last = key = _node(inner, stream, text)
        if type(event) is yaml.MappingStartEvent:
            last = _node(next(stream), stream, text)
            entries.setdefault(inner.value, (key, last))
        end = last.end
    style = text[begin.index] if text[begin.index] in "{[" else ":"
    # A block's own end is where the next thing begins, comments and blank lines passed over.
    return Node(start, finish.index if style in "{[" else end, style, entries)


def _resolve(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _POINT.fullmatch(text) else text


def _check_scalar(event: Any) -> None:
    _check_plainness(event)
    if len(event.value) > _LONGEST:
        raise _refusal(event, f"a text of {len(event.value):,} characters; {_LONGEST:,} are the most")
    # Escapes in double quotes can say what must not stand in the text itself.
    if event.style == '"' and HIDDEN.search(event.value):
        raise _refusal(event, "a character that cannot be seen, written as an escape", "take it out")


def _check_collection(event: Any, depth: int) -> None:
    _check_plainness(event)
    if depth > _DEEPEST:
        raise _refusal(event, f"nested deeper than {_DEEPEST} levels")


def _check_plainness(event: Any) -> None:
    if event.anchor is not None:
        raise _refusal(event, "anchors (&) are not understood here", "write the value out where it is needed")
    if event.tag is not None:
        raise _refusal(event, "tags (!) are not understood here", "write the plain value")


def _refusal(event: Any, message: str, hint: str = "") -> UnreadableError:
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
