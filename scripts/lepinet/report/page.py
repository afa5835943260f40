"""A test, a comparison and a check as one page of HTML that needs nothing else: no script, no network.

Its parts are macros of `templates/components.html`, which a web application can use as well.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lepinet.evaluation.results import Results
from lepinet.report import gallery, headline, illustrations, wording
from lepinet.report.choices import choices
from lepinet.report.documents import CheckDocument, ComparisonDocument
from lepinet.report.escape import columns_for_terminal, for_terminal
from lepinet.report.gallery import Gallery

Thumbnails: TypeAlias = Mapping[str, bytes]
"""Small JPEG pictures by the file names of known images; made by a process that may be attacked by what it decodes."""


def test(results: Results, thumbnails: Thumbnails) -> str:
    return _page("test.html", thumbnails, results=results)


def comparison(document: ComparisonDocument, thumbnails: Thumbnails) -> str:
    return _page("comparison.html", thumbnails, document=document)


def check(document: CheckDocument, thumbnails: Thumbnails) -> str:
    return _page("check.html", thumbnails, document=document)


def pictured(document: Results | ComparisonDocument | CheckDocument) -> tuple[str, ...]:
    """File names of the photos that the page has a place for."""
    return tuple(dict.fromkeys(photo.file_name for one in _galleries(document) for photo in one.photos))


@cache
def templates() -> Environment:
    """The templates, in which whatever is not markup of our own is text: one line, escaped, hiding nothing."""
    made = Environment(
        loader=PackageLoader("lepinet.report"),
        autoescape=True,
        # Where the package is updated meanwhile, the files are those of other code.
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.globals.update(choices=choices, gallery=gallery, headline=headline)
    made.globals.update(illustrations=illustrations, wording=wording)
    made.filters["lines"] = str.splitlines
    made.filters["ours"] = Markup
    made.filters["columns"] = lambda line: Markup.escape(columns_for_terminal(line))
    return made


def style() -> str:
    """The style sheet: by day, and over it by night; on paper it is day."""
    static = files(__package__).joinpath("static")
    day, night = (static.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "dark.css"))
    return f"{day}@media screen and (prefers-color-scheme: dark) {{\n{night}}}\n"


def _page(template: str, thumbnails: Thumbnails, **about: Any) -> str:
    looks = style()
    digest = base64.b64encode(hashlib.sha256(looks.encode()).digest()).decode()
    page = templates().get_template(template)
    return page.render(style=looks, style_digest=digest, source=_source(thumbnails), **about)


def _source(thumbnails: Thumbnails) -> Callable[[str], str | None]:
    """What an image's `src` is; None where there is no picture."""

    def source(file_name: str) -> str | None:
        picture = thumbnails.get(file_name)
        return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}" if picture else None

    return source


def _shown(value: Any) -> Any:
    """Text as one harmless line, in which a number stays with its percent sign."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return for_terminal(value, 1000).replace(" %", "\N{NO-BREAK SPACE}%")


def _galleries(document: Results | ComparisonDocument | CheckDocument) -> tuple[Gallery, ...]:
    match document:
        case Results():
            return (gallery.named_wrong(document),)
        case ComparisonDocument():
            return gallery.newly_wrong(document), gallery.newly_right(document)
        case CheckDocument():
            parts = (part.comparison for part in document.environments if part.comparison)
            return tuple(one for part in parts for one in _galleries(part))
