"""The pages: each a module with its routes, and a function that reads and renders; the one table of them is here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from starlette.routing import BaseRoute


@dataclass(frozen=True)
class Page:
    """An entry of the navigation."""

    title: str
    path: str
    module: str
    """In this folder; its `ROUTES` are what the page answers to."""


PAGES = (
    Page("Overview", "/", "overview"),
    Page("Versions", "/versions", "versions"),
    Page("Compare", "/compare", "compare"),
    Page("Species", "/species", "species"),
    Page("Known images", "/known-images", "known_images"),
    Page("Check a photo", "/check-photo", "check_photo"),
    Page("Deployments", "/deployments", "deployments"),
    Page("Changes", "/changes", "changes"),
)
"""In the order of the navigation."""
_UNLISTED = ("events", "photos", "sign_in", "version")
"""Modules that the navigation does not name."""


def all_routes() -> list[BaseRoute]:
    """What the pages answer to."""
    modules = (*(page.module for page in PAGES), *_UNLISTED)
    return [route for module in modules for route in import_module(f"{__name__}.{module}").ROUTES]
