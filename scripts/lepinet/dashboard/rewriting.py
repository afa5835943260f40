"""A page of the dashboard as a file: no forms, nothing that needs a server, links to the files beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit

from markupsafe import escape

FOLLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "/": (),
    "/versions": ("page", "environment"),
    "/version": ("name", "environment"),
    "/compare": ("old", "new", "environment"),
    "/species": ("page", "environment"),
    "/known-images": ("page",),
    "/deployments": ("after.",),
}
"""Paths of the pages that become files, and how the names in their queries begin; with others they do not."""
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
_OF_A_SERVER: Final = ("/static/htmx.min.js", "/static/live.js")
_CHANGING: Final = ("/changes", "/check-photo", "/known-images/add")
"""How the addresses begin whose links go with their words, where they do not become files."""
_LOADING: Final = {"img": "src", "script": "src", "link": "href"}
_HELD: Final = ("ul", "li")
"""Elements that go where nothing is left in them."""


def followed(address: str) -> str | None:
    """The address of a page that becomes a file, written in one way; None of others."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or parts.path not in FOLLOWED:
        return None
    query = parse_qsl(parts.query)
    if not all(name.startswith(FOLLOWED[parts.path]) for name, _ in query):
        return None
    return f"{parts.path}?{urlencode(sorted(query))}" if query else parts.path


class Rewritten(HTMLParser):
    """One page.

    Args:
        document: as the app gives it: markup of our own, in which all else is text.
        file_of: the name of the file that an address became; None where it became none.
        notice: said above the page.
    """

    def __init__(self, document: str, file_of: Callable[[str], str | None], notice: str) -> None:
        super().__init__(convert_charrefs=False)
        self.links: list[str] = []
        """Pages that it leads to, which may become files."""
        self.loads: list[str] = []
        """What it needs beside it."""
        self._file_of = file_of
        self._notice = notice
        self._written: list[list[str]] = [[]]
        """What is written so far, and what stands in each element that may go."""
        self._hidden = ""
        """The element that is being left out."""
        self.feed(document)
        self.close()
        self.text = "".join(self._written[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden:
            return
        raw, said = self.get_starttag_text() or "", dict(attrs)
        if tag in _HELD:
            self._written.append([])
        if tag == "form":
            self._hidden = tag
        elif tag == "a":
            self._link(raw, said)
        elif tag in _LOADING:
            self._load(tag, raw, said)
        elif tag == "main":
            self._write(f'<p class="notice">{escape(self._notice)}</p>\n<main id="main" tabindex="-1">')
        elif tag == "meta" and "charset" in said:
            self._write(f'{raw}\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">')
        else:
            self._write(raw)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs
        self._write(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            self._hidden = "" if tag == self._hidden else self._hidden
            return
        self._write(f"</{tag}>")
        if tag in _HELD:
            held = self._written.pop()
            if any(piece.strip() for piece in held[1:-1]):
                self._write("".join(held))

    def handle_data(self, data: str) -> None:
        self._write(data)

    def handle_entityref(self, name: str) -> None:
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._write(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self._write(f"<!{decl}>")

    def _write(self, text: str) -> None:
        if not self._hidden:
            self._written[-1].append(text)

    def _link(self, raw: str, said: Mapping[str, str | None]) -> None:
        address, fragment = urldefrag(said.get("href") or "")
        if not address.startswith("/"):
            self._write(raw)
            return
        if page := followed(address):
            self.links.append(page)
        file = self._file_of(address)
        if file is None and address.startswith(_CHANGING):
            self._hidden = "a"
        else:
            self._write(_tag("a", {**said, "href": file and file + (f"#{fragment}" if fragment else "")}))

    def _load(self, tag: str, raw: str, said: Mapping[str, str | None]) -> None:
        key = _LOADING[tag]
        address = said.get(key) or ""
        if not address.startswith("/"):
            self._write(raw)
        elif address.startswith(_OF_A_SERVER):
            self._hidden = tag
        else:
            self.loads.append(address)
            if file := self._file_of(address):
                self._write(_tag(tag, {**said, key: file}))


def _tag(name: str, attributes: Mapping[str, str | None]) -> str:
    """What has no value is left out, but for those that never have one."""
    written = (f' {key}="{escape(value)}"' for key, value in attributes.items() if value is not None)
    bare = "".join(f" {key}" for key, value in attributes.items() if value is None and key == "defer")
    return f"<{name}{''.join(written)}{bare}>"
