"""Markdown that somebody else wrote, as HTML that loads nothing, runs nothing and leads nowhere unasked."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from lepinet.report.escape import columns_for_terminal

_FRONT: Final = re.compile(r"\A---[ \t]*\r?\n.*?\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LONGEST: Final = 20_000
"""Characters; what comes after is left out: links that never end take quadratic time."""
_CELLS: Final = 10_000
"""Of all lines, were each as wide as the widest: a table's short rows are filled up, each cell with no character."""
_DEEPEST: Final = 6
_BELOW: Final = 2
"""A page has its own first and second headings."""


def shown(text: str) -> Markup:
    """A model's card without its front matter; HTML in it is text, a picture is its description."""
    lines = [columns_for_terminal(line) for line in _body(text)[:_LONGEST].splitlines()]
    widest = max((line.count("|") for line in lines), default=0)
    markdown, plain = _markdown(tables=widest * len(lines) <= _CELLS), "\n".join(lines)
    tokens = markdown.parse(plain)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + _BELOW, _DEEPEST)}"
        token.attrs.pop("style", None)  # a table's alignment, which the policy forbids
        for inner in token.children or ():
            _tame(inner)
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 -- made of tamed tokens


def is_whole(text: str) -> bool:
    """Whether `shown` leaves nothing out."""
    return len(_body(text)) <= _LONGEST


def _body(text: str) -> str:
    return _FRONT.sub("", text)


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 -- the library's name
        return leads_out(url)


@cache
def _markdown(*, tables: bool) -> MarkdownIt:
    made = _Markdown("commonmark", {"html": False})
    return made.enable("table") if tables else made


def _tame(token: Token) -> None:
    if token.type == "link_open":
        token.attrSet("rel", "nofollow noopener noreferrer")
    elif token.type == "image":
        token.type, token.tag, token.nesting = "text", "", 0


def leads_out(address: str) -> bool:
    """Whether it is another site's page: what a card calls its own files would be pages of this dashboard."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
