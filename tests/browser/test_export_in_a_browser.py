"""The dashboard's pages as files, opened from a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.conftest import PageAt
from browser.looking import SCHEMES, Scheme, fits, keyboard_reaches, no_violations, unfold
from dashboard.world import World

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("exported") / "public"
    # In a process of its own: the browser's loop is this thread's.
    ended = world.desk.process("dashboard", "--export", str(folder))
    assert ended.code == 0, ended.err
    return sorted(folder.glob("*.html"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_page_is_there_for_everybody(page_at: PageAt, files: list[Path], scheme: Scheme) -> None:
    page = page_at(360, scheme=scheme)
    assert len(files) > 5
    for file in files:
        page.goto(file.as_uri())
        unfold(page)
        fits(page)
        no_violations(page)
        keyboard_reaches(page)
