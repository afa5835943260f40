"""Pages show main as it is, while people go on working in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from html import escape
from pathlib import Path

import pytest

from dashboard.world import Browser, World
from lepinet.dashboard.main_line import MainLine
from lepinet.errors import LepinetError
from workflow.desk import Desk, lay


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return lay(tmp_path)


@pytest.fixture
def main(desk: Desk) -> Iterator[MainLine]:
    with closing(MainLine(desk.workspace)) as main:
        yield main


def active(main: MainLine) -> str | None:
    return main.now().manifest.environments["production"].active


def test_what_is_not_on_main_is_not_shown(desk: Desk, main: MainLine) -> None:
    desk.set_active("production", "v1.1.0")
    assert active(main) == "v1.0.0"
    desk.git("switch", "--quiet", "--create", "work")
    desk.commit("Activate v1.1.0 in production")
    assert active(main) == "v1.0.0"
    desk.git("switch", "--quiet", "main")
    desk.git("merge", "--quiet", "work")
    assert active(main) == "v1.1.0"


def test_a_main_that_nobody_can_read_leaves_the_one_before_and_says_why(desk: Desk, main: MainLine) -> None:
    assert active(main) == "v1.0.0"
    (desk.folder / "models.yaml").write_text("environments: 5\n")
    desk.commit("Break it")
    assert active(main) == "v1.0.0"
    assert "models.yaml" in str(main.trouble)
    desk.git("revert", "--no-edit", "HEAD")
    assert active(main) == "v1.0.0"
    assert main.trouble is None


def test_a_main_that_is_gone_leaves_the_one_before_and_says_so(desk: Desk, main: MainLine) -> None:
    assert active(main) == "v1.0.0"
    there = desk.git("rev-parse", "main").strip()
    desk.git("switch", "--quiet", "--detach")
    desk.git("update-ref", "-d", "refs/heads/main")
    assert active(main) == "v1.0.0"
    assert "there is no branch main" in str(main.trouble)
    desk.git("update-ref", "refs/heads/main", there)
    assert active(main) == "v1.0.0"
    assert main.trouble is None


def test_without_any_main_that_can_be_read_nothing_begins(desk: Desk) -> None:
    (desk.folder / "models.yaml").write_text("environments: 5\n")
    desk.commit("Break it")
    with closing(MainLine(desk.workspace)) as main, pytest.raises(LepinetError, match=r"models\.yaml"):
        main.now()


def test_origin_s_main_comes_without_anybody_fetching_it(desk: Desk, tmp_path: Path) -> None:
    desk.git("clone", "--quiet", str(desk.folder), str(tmp_path / "clone"))
    clone = Desk(tmp_path / "clone", desk.home)
    now = 0.0
    with closing(MainLine(clone.workspace, lambda: now)) as main:
        assert active(main) == "v1.0.0"
        desk.set_active("production", "v1.1.0")
        desk.commit("Activate v1.1.0 in production")
        now += 60
        main.now()
        main.wait()
        assert active(main) == "v1.1.0"
        clone.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
        now += 60
        main.now()
        main.wait()
        assert active(main) == "v1.1.0"
        assert "git fetch failed" in str(main.trouble)


def test_nothing_is_left_of_it(desk: Desk) -> None:
    before = desk.git("worktree", "list")
    with closing(MainLine(desk.workspace)) as main:
        for number in range(4):
            desk.commit(f"Nothing {number}")
            main.now()
        assert len(desk.git("worktree", "list").splitlines()) == 3
    assert desk.git("worktree", "list").split()[2:] == before.split()[2:]


def test_where_the_clone_lies_is_told_to_no_browser(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    desk.git("clone", "--quiet", str(desk.folder), str(folder))
    clone = Desk(folder, desk.home)
    clone.git("remote", "set-url", "origin", "../nowhere")
    now = 0.0
    with closing(MainLine(clone.workspace, lambda: now)) as main:
        now += 60
        main.now()
        main.wait()
        told = main.without_folders(f"<p>{escape(str(main.trouble))}</p>")
        assert told.startswith("<p>git fetch failed")
        assert main.without_folders(f"in {escape(str(folder))}") == "in the repository"
        link = f'<a href="{escape(str(folder))}">https://example.org{escape(str(folder))}</a>'
        assert main.without_folders(link) == link


@pytest.mark.parametrize("page", ["/", "/known-images/photo?name=blue_tiger_01.jpg", "/changes"])
def test_pages_outlive_main_and_say_that_it_is_gone(world: World, page: str) -> None:
    there = world.desk.git("rev-parse", "main").strip()
    with world.dashboard() as url, Browser(url) as browser:
        assert browser.get(page).status_code == 200
        world.desk.git("switch", "--quiet", "--detach")
        world.desk.git("update-ref", "-d", "refs/heads/main")
        shown = browser.get(page)
        world.desk.git("update-ref", "refs/heads/main", there)
        world.desk.git("switch", "--quiet", "main")
    assert (shown.status_code, "there is no branch main" in shown.text) == (200, True)
