"""The generated pages say what the code does today, and no link between the pages leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from lepinet.cli import lepinet as program
from references.pages import PAGES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize(("name", "page"), PAGES.items())
def test_generated_pages_are_current(name: str, page: Callable[[], str]) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page(), "run: make docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_their_options_exist(document: Path) -> None:
    context = click.Context(program)
    unknown = []
    for name, rest in re.findall(r"\blepinet ([a-z][a-z-]*)([^`\n·;,|]*)", document.read_text(encoding="utf-8")):
        command = program.get_command(context, name)
        if command is None:
            continue  # prose: "lepinet is …"
        if isinstance(command, click.Group):
            continue
        known = {option for parameter in command.params for option in parameter.opts}
        unknown += [
            f"lepinet {name} {option}" for option in re.findall(r"(?<!\S)--[a-z-]+", rest) if option not in known
        ]
    assert not unknown
