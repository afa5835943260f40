"""From the text of `models.yaml` to plain data, and back to the place of each value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from lepinet.manifest.problems import shown
from lepinet.manifest.stream import Mark, UnreadableError, events, refusal

_MOST_KEYS = 20_000
_MOST_COMPLAINTS = 1_000

_LINE_END = re.compile(r"[\r\n]")
# YAML 1.2 as editors read it, and no more: `yes`, `010` and `1_000` are text, whatever YAML 1.1 made of them.
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_POINT = re.compile(r"[-+]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(?=[eE]))([eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the text with its place, up to the character before `end`."""

    start: Mark
    end: int
    style: str
    """`{` or `[` in brackets, `:` for a block of keys or items; of a scalar nothing, a quote, `|` or `>`."""
    entries: dict[str, tuple[Node, Node]] = field(default_factory=dict)
    """A mapping's key and value nodes by key."""


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


def line_at(text: str, at: Mark) -> str:
    """The whole line of a place."""
    begin = at.index - at.column
    end = _LINE_END.search(text, begin)
    return text[begin : end.start() if end else len(text)]


def _value(event: Any, stream: Iterator[Any], complaints: list[UnreadableError]) -> Any:
    if type(event) is yaml.ScalarEvent:
        return event.value if event.style else _resolve(event.value)
    if type(event) is yaml.SequenceStartEvent:
        return list(_items(stream, complaints))
    return _mapping(stream, complaints)


def _mapping(stream: Iterator[Any], complaints: list[UnreadableError]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key in stream:
        if type(key) is yaml.MappingEndEvent:
            break
        if type(key) is not yaml.ScalarEvent:
            raise refusal(key, "a key must be one word of text")
        value = _value(next(stream), stream, complaints)
        complaint = _complaint(key, mapping)
        if complaint is None:
            mapping[key.value] = value
        else:
            complaints.append(complaint)
        if len(mapping) > _MOST_KEYS:
            raise refusal(key, f"more than {_MOST_KEYS:,} keys")
        if len(complaints) > _MOST_COMPLAINTS:  # no slip: one of them says it
            raise complaints[0]
    return mapping


def _complaint(key: Any, mapping: Mapping[str, Any]) -> UnreadableError | None:
    if key.value in mapping:
        return refusal(key, f"the key {shown(key.value)} stands here a second time", "keep one of them")
    if not key.style and not isinstance(_resolve(key.value), str):
        return refusal(key, f"the key {shown(key.value)} is not text", "put it in quotes")
    if not key.style and key.value == "<<":
        return refusal(key, "merge keys (<<) are not understood here", "write the values out")
    return None


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
