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
_LONGEST: Final = 50_000
"""Characters; what comes after is left out."""
_DEEPEST: Final = 6
_BELOW: Final = 2
"""A page has its own first and second headings."""


def shown(text: str) -> Markup:
    """A model's card without its front matter; HTML in it is text, a picture is its description."""
    text = _FRONT.sub("", text[:_LONGEST])
    plain = "\n".join(columns_for_terminal(line) for line in text.splitlines())
    markdown = _markdown()
    tokens = markdown.parse(plain)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + _BELOW, _DEEPEST)}"
        token.attrs.pop("style", None)  # a table's alignment, which the policy forbids
        for inner in token.children or ():
            _tame(inner)
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 -- made of tamed tokens


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 -- the library's name
        return leads_out(url)


@cache
def _markdown() -> MarkdownIt:
    return _Markdown("commonmark", {"html": False}).enable("table")


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
