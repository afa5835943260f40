"""The dashboard as files: the same pages, to be read without a server, and nothing that could change anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from dashboard.test_hostile_text import Seen
from dashboard.world import ADMIN, World, on_github
from lepinet.dashboard.export import FIRST, export
from lepinet.report.escape import for_terminal
from report.hostile import NAMES

LEADING = ("href", "src")


class Leading(HTMLParser):
    """Where a page leads, and of which elements it is made."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.to: list[str] = []
        self.elements: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.to += [value for name, value in attrs if name in LEADING and value]


@pytest.fixture(scope="module")
def exported(hostile: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a registry that strangers have written into."""
    folder = tmp_path_factory.mktemp("exported") / "public"
    ended = hostile.desk.lepinet("dashboard", "--export", str(folder))
    assert ended.code == 0, ended.err
    assert f" pages in {folder}, " in ended.out
    return folder


def pages(folder: Path) -> Iterator[tuple[Path, str]]:
    return ((file, file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.html")))


def test_every_link_leads_to_a_file_and_nothing_asks_a_server(exported: Path) -> None:
    for _, page in pages(exported):
        found = Leading(page)
        assert not found.elements & {"form", "button", "input", "iframe", "object"}
        for address in found.to:
            file, fragment = urldefrag(address)
            if file and not file.startswith("https://"):
                assert (exported / unquote(file)).is_file(), address
            assert file or fragment


def test_the_pages_are_those_of_the_dashboard(exported: Path) -> None:
    assert {path.strip("/") or "index" for path in FIRST} <= {file.stem for file, _ in pages(exported)}
    index = (exported / "index.html").read_text()
    assert "Roll production back to v1.0.0: wrong names" in index
    assert re.search(
        "Read-only: main at [0-9a-f]{7}, of .* UTC, and the registry, whose newest entry is of .* UTC", index
    )
    assert index.count('<circle class="new') > 8
    gallery = Leading((exported / "known-images.html").read_text())
    assert sum(address.startswith("photos/") for address in gallery.to) == 12


def test_the_comparisons_that_there_are_can_be_reached_from_their_page(world: World, tmp_path: Path) -> None:
    with world.site() as site:
        export(site, tmp_path / "public")
    listed = Leading((tmp_path / "public" / "compare.html").read_text())
    comparison, *others = {address for address in listed.to if address.startswith("compare-")}
    assert others == []
    assert "undecided, a person decides" in (tmp_path / "public" / comparison).read_text()


def test_github_is_not_asked_of_what_its_next_answer_would_change(world: World, tmp_path: Path) -> None:
    with on_github(world, tmp_path) as (there, github), there.site() as site:
        export(site, tmp_path / "public")
        assert github.requests == []
    assert "Of pull requests" not in (tmp_path / "public" / "index.html").read_text()


def test_what_strangers_wrote_is_text_there_too(exported: Path) -> None:
    text = ""
    for _, page in pages(exported):
        assert "csrf" not in page
        text += "".join(Seen(page, scripts="static/").text)
    assert all(for_terminal(name) in text for name in NAMES[:10])


def test_the_same_state_gives_the_same_files(hostile: World, exported: Path, tmp_path: Path) -> None:
    with hostile.site() as site:
        export(site, tmp_path / "again")
    first, second = (
        {file.relative_to(root): file.read_bytes() for file in root.rglob("*") if file.is_file()}
        for root in (exported, tmp_path / "again")
    )
    assert first == second


def test_an_export_takes_away_what_an_earlier_one_wrote_and_nothing_else(world: World, tmp_path: Path) -> None:
    with world.site() as site:
        whole = export(site, tmp_path / "public")
        (tmp_path / "public" / "CNAME").write_text("dashboard.example.org")
        fewer = export(site, tmp_path / "public", most=len(FIRST))
    assert (fewer.pages, fewer.left_out > 0) == (len(FIRST), True)
    assert whole.pages > fewer.pages == len(list((tmp_path / "public").glob("*.html")))
    assert (tmp_path / "public" / "CNAME").read_text() == "dashboard.example.org"


@pytest.mark.parametrize("there", ["thesis.txt", ".lepinet-dashboard/thesis.txt"])
def test_a_folder_of_somebody_s_is_left_alone(world: World, tmp_path: Path, there: str) -> None:
    file = tmp_path / "mine" / there
    file.parent.mkdir(parents=True)
    file.write_text("three years of work")
    ended = world.desk.lepinet("dashboard", "--export", str(tmp_path / "mine"))
    assert (ended.code, "holds something that no export has made" in ended.err) == (2, True)
    assert [one.name for one in (tmp_path / "mine").iterdir()] == [there.partition("/")[0]]


@pytest.mark.parametrize("listed", [b"index.html\n\nversions.html", b"\xff\xfe"])
def test_a_list_that_no_export_has_written_takes_nothing_away(world: World, tmp_path: Path, listed: bytes) -> None:
    (tmp_path / "index.html").write_text("mine")
    (tmp_path / ".lepinet-dashboard").write_bytes(listed)
    ended = world.desk.lepinet("dashboard", "--export", str(tmp_path))
    assert ended.code == 2
    assert f"{tmp_path / '.lepinet-dashboard'}: is no list of files that an export has written" in ended.err
    assert (tmp_path / "index.html").read_text() == "mine"


def test_a_list_that_leads_elsewhere_takes_nothing_away(world: World, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "thesis.txt").write_text("three years of work")
    (tmp_path / "mine" / ".lepinet-dashboard").write_text("../thesis.txt")
    ended = world.desk.lepinet("dashboard", "--export", str(tmp_path / "mine"))
    assert (ended.code, "leads out of" in ended.err) == (1, True)
    assert (tmp_path / "thesis.txt").is_file()


@pytest.mark.parametrize(
    ("link", "to"), [("index.html", "thesis.txt"), ("static", ""), ("versions.html", "mine/CNAME")]
)
def test_nothing_is_written_through_a_link(world: World, tmp_path: Path, link: str, to: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for file in (tmp_path / "thesis.txt", mine / "CNAME", mine / "species.html"):
        file.write_text("three years of work")
    (mine / ".lepinet-dashboard").write_text("species.html")
    (mine / link).symlink_to(tmp_path / to)
    ended = world.desk.lepinet("dashboard", "--export", str(mine))
    assert (ended.code, "link" in ended.err or "leads out of" in ended.err) == (1, True), ended.err
    for file in (tmp_path / "thesis.txt", mine / "CNAME", mine / "species.html"):
        assert file.read_text() == "three years of work"
    assert len(list(mine.iterdir())) == 4


def test_a_workflow_exports_with_the_rights_of_an_admin_and_no_key_that_opens_all(
    hosted: World, tmp_path: Path
) -> None:
    settings = {name: hosted.variables[name] for name in ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY")}
    settings |= {"SUPABASE_USER_EMAIL": ADMIN.email, "SUPABASE_USER_PASSWORD": ADMIN.password}
    ended = hosted.desk.lepinet("dashboard", "--export", str(tmp_path / "public"), **settings)
    assert ended.code == 0, ended.err
    assert "Roll production back to v1.0.0: wrong names" in (tmp_path / "public" / "index.html").read_text()
    assert "v1.2.0" in (tmp_path / "public" / "versions.html").read_text()
