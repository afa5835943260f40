"""Pages from templates, in which whatever is not markup of our own is text."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lepinet.dashboard.doors import NAME_YOURSELF
from lepinet.dashboard.pages import PAGES
from lepinet.dashboard.place import site_of, visitor_of
from lepinet.report import shipped, status
from lepinet.report.page import templates as templates_of_reports

STATIC_FOLDERS = (("lepinet.report", "static"), ("lepinet.dashboard", "static"))
"""Package and folder of what pages load: the components' style, and the dashboard's own files."""


def page(request: Request, template: str, status_code: int = HTTPStatus.OK, **values: Any) -> Response:
    """A page with its navigation.

    Args:
        request: whose answer it is.
        template: which extends `base.html`.
        status_code: of the answer.
        values: what the template shows.
    """
    visitor = visitor_of(request)
    about = {
        "pages": PAGES if visitor.entry else (),
        "here": request.url.path,
        "person": visitor.entry.person if visitor.entry else None,
        "is_named": visitor.entry is None or visitor.entry.is_named,
        "name_yourself": NAME_YOURSELF,
        "can_leave": bool(visitor.entry and site_of(request).door.asks),
        "csrf_token": site_of(request).sessions.csrf_token(visitor.number),
        "links": site_of(request).links,
        "made": f"{time.monotonic():.3f}",
        "trouble": site_of(request).main.trouble,
    }
    text = _templates().get_template(template).render(**about, **values)
    return HTMLResponse(site_of(request).main.without_folders(text), status_code)


def plain_page(title: str, lines: Sequence[str], status_code: int) -> Response:
    """A page of a few lines for whoever asks, with no navigation: it needs nothing that can go wrong."""
    return HTMLResponse(_templates().get_template("plain.html").render(title=title, lines=lines), status_code)


def read_templates() -> None:
    """Read every template once: where the package is updated meanwhile, the files are those of other code."""
    for name in _templates().list_templates():
        _templates().get_template(name)


@cache
def _templates() -> Environment:
    """As the reports' templates, with their components; those here first."""
    loader = ChoiceLoader([PackageLoader("lepinet.dashboard"), PackageLoader("lepinet.report")])
    made = templates_of_reports().overlay(loader=loader)
    # An overlay shares its globals with what it lies over.
    made.globals = {**made.globals, "shipped": shipped, "static": _address, "status": status}
    return made


@cache
def _address(name: str) -> str:
    """Where a browser finds a static file; another content has another address, so each may be kept for ever."""
    contents = (files(package).joinpath(folder, name) for package, folder in STATIC_FOLDERS)
    content = next(file.read_bytes() for file in contents if file.is_file())
    return f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"
