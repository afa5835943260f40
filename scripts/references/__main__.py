"""`make docs`: write the generated pages."""

from __future__ import annotations

from pathlib import Path

from references.pages import PAGES

for name, page in PAGES.items():
    (Path(__file__).parents[2] / "docs" / name).write_text(page(), encoding="utf-8")
