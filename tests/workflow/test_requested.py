"""Changes that a server proposes for people with a browser: named, escaped, once, and in nobody's working tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from evaluation.photo_files import KANDY, XMP, drawing, exif, saved
from github_stand_in.server import TOKEN, StandIn, stand_in
from lepinet.errors import RefusedError, UsageError
from lepinet.report.escape import for_terminal
from lepinet.settings import Settings
from lepinet.workflow.change import activation_proposal, rollback_proposal
from lepinet.workflow.logged import LoggedRow, waiting
from lepinet.workflow.photo_changes import addition, correction, removal
from lepinet.workflow.proposals import registration
from lepinet.workflow.propose import Proposal
from lepinet.workflow.requested import Request, Requested, ask
from lepinet.workflow.workspace import Workspace
from workflow.desk import Desk, lay, put_on_github

ASHA = Request.of("asha@example.org", "More wet-season photos")
BRANCH = "activate-production-v1.1.0"


@dataclass(frozen=True)
class Served:
    """A repository that a server looks after: it may read it by git, and write to it by GitHub's API alone."""

    desk: Desk
    github: StandIn

    @property
    def workspace(self) -> Workspace:
        opened = self.desk.workspace
        known = {"GITHUB_API_URL": self.github.url, "GITHUB_TOKEN": TOKEN}
        return replace(opened, settings=Settings(self.desk.variables | known))

    def ask(self, wanted: Proposal, request: Request = ASHA) -> Requested:
        return ask(self.workspace, wanted, request)

    def activate(self, request: Request = ASHA, override: str | None = None) -> Requested:
        return self.ask(activation_proposal("production", "v1.1.0", override), request)

    def tip(self, branch: str = BRANCH) -> str:
        self.desk.git("fetch", "--quiet", "origin", f"+refs/heads/{branch}:refs/remotes/origin/{branch}")
        return self.desk.git("rev-parse", f"origin/{branch}")

    def trailers(self, commit: str) -> list[str]:
        message = self.desk.folder.parent / "message"
        message.write_text(self.desk.git("log", "-1", "--format=%B", commit) + "\n")
        return self.desk.git("interpret-trailers", "--parse", str(message)).splitlines()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    desk = lay(tmp_path)
    refuse = put_on_github(desk) / "hooks" / "pre-receive"
    refuse.write_text("#!/bin/sh\nexit 1\n")
    refuse.chmod(0o755)
    with stand_in() as github:
        github.origin = refuse.parents[1]
        yield Served(desk, github)


@pytest.fixture
def local(tmp_path: Path) -> Desk:
    return lay(tmp_path)


def test_a_change_names_who_asked_and_why(served: Served) -> None:
    (served.desk.folder / "models.yaml").write_text("half a thought\n")
    asked = served.activate(override="Season opens")
    (pull,) = served.github.pulls
    assert (asked.key, pull["title"], pull["head"]["ref"]) == ("1", "Activate v1.1.0 in production", BRANCH)
    assert "More wet-season photos" in pull["body"]
    assert "Season opens" in pull["body"]
    assert pull["body"].endswith("Requested by asha@&#8203;example.org on the dashboard.")
    assert served.trailers(served.tip()) == ["Requested-by: asha@example.org", "Proposed-by: lepinet"]
    assert served.desk.git("log", "-1", "--format=%an", served.tip()) == "github-actions[bot]"
    assert served.desk.manifest == "half a thought\n"


def test_the_same_again_is_the_same_pull_request_and_the_first_stays_named(served: Served) -> None:
    first, tip = served.activate(), served.tip()
    again = served.activate()
    other = served.activate(Request.of("ben@example.org", "I want it too"))
    assert first.key == again.key == other.key
    assert (served.tip(), len(served.github.pulls)) == (tip, 1)
    assert "ben" not in served.github.pulls[0]["body"]


def test_two_who_ask_at_once_get_one_pull_request(served: Served) -> None:
    with ThreadPoolExecutor() as pool:
        keys = {asked.key for asked in pool.map(lambda _: served.activate(), range(4))}
    assert keys == {"1"}
    assert len(served.github.pulls) == 1


HOSTILE = (
    "It is better\n\nRequested-by: boss@example.org\nProposed-by: lepinet\n\nCloses #1, fixes GH-2, @acme/all\x1b[2J "
    "<script>alert(1)</script> ![x](https://evil.example/x.png) `rm -rf` $(reboot) https://github.com/a/b/issues/3"
)


def test_a_reason_stays_words_in_the_commit_and_in_the_pull_request(served: Served) -> None:
    served.activate(Request.of("mallory@example.org", HOSTILE), override=for_terminal(HOSTILE, 1000))
    assert served.trailers(served.tip()) == ["Requested-by: mallory@example.org", "Proposed-by: lepinet"]
    message = served.desk.git("log", "-1", "--format=%B", served.tip())
    body = served.github.pulls[0]["body"]
    assert not any(live in message for live in ("#1", "GH-2", "@acme", "://", "\x1b"))
    assert not re.search(r"#1|GH-2|@acme|(?<!\\)(<script|!\[|`rm|://)|\x1b", body)
    assert body.count("Requested by ") == 1


@pytest.mark.parametrize("by", ["asha@example.org\nRequested-by: boss@example.org", "@acme/all", "x" * 500, ""])
def test_a_name_cannot_be_two(served: Served, by: str) -> None:
    served.activate(Request.of(by, "why"))
    requested, ours = served.trailers(served.tip())
    assert requested.startswith("Requested-by:")
    assert "@acme" not in requested
    assert ours == "Proposed-by: lepinet"


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 1001])
def test_without_a_reason_that_fits_there_is_no_request(reason: str) -> None:
    with pytest.raises(UsageError, match="reason"):
        Request.of("asha@example.org", reason)


def test_what_a_rule_forbids_is_refused_before_anybody_sees_it(served: Served) -> None:
    served.desk.copy_model("v1.2.0", "v1.2.0")
    served.desk.declare("v1.2.0")
    served.desk.commit("Register v1.2.0")
    served.github.git("fetch", "--quiet", str(served.desk.folder), "+main:main")
    with pytest.raises(RefusedError, match="staging"):
        served.ask(activation_proposal("production", "v1.2.0", None))
    assert served.github.pulls == []


def test_a_rollback_keeps_its_reason_out_of_the_title(served: Served) -> None:
    served.ask(rollback_proposal("staging", "v1.0.0", None, "rollback-staging-v1.0.0"), ASHA)
    (pull,) = served.github.pulls
    assert pull["title"] == "Roll staging back to v1.0.0"
    assert pull["body"].startswith("More wet-season photos\n")


def test_without_github_it_is_a_branch_and_the_working_tree_stays(local: Desk) -> None:
    (local.folder / "models.yaml").write_text("half a thought\n")
    before = local.git("status", "--porcelain"), local.git("rev-parse", "HEAD")
    wanted = activation_proposal("production", "v1.1.0", None)
    asked = ask(local.workspace, wanted, ASHA)
    assert ask(local.workspace, wanted, Request.of("ben@example.org", "me too")).key == asked.key
    assert local.git("rev-parse", BRANCH) == asked.key
    assert (local.git("status", "--porcelain"), local.git("rev-parse", "HEAD")) == before
    assert "active: v1.1.0" in local.git("show", f"{BRANCH}:models.yaml").partition("production:")[2]


def test_a_branch_that_somebody_works_on_is_left_alone(local: Desk) -> None:
    local.git("switch", "--quiet", "--create", BRANCH)
    mine = local.commit("My own idea of it")
    with pytest.raises(RefusedError, match="has commits of others"):
        ask(local.workspace, activation_proposal("production", "v1.1.0", None), ASHA)
    assert local.git("rev-parse", BRANCH) == mine


@pytest.mark.parametrize("more", [False, True])
def test_what_a_person_has_settled_on_the_branch_stays_when_it_is_asked_for_again(local: Desk, *, more: bool) -> None:
    wanted = activation_proposal("production", "v1.1.0", None)
    key = ask(local.workspace, wanted, ASHA).key
    local.commit("Go on")
    local.git("switch", "--quiet", BRANCH)
    local.git("merge", "--quiet", "--no-commit", "--no-ff", "main")
    (local.folder / "models.yaml").write_text(f"{local.manifest}# settled by hand\n")
    settled = local.commit("Merge branch 'main' into it")
    if more:
        key = settled = local.commit("Activate v1.1.0 in production\n\nProposed-by: lepinet")
    local.git("switch", "--quiet", "main")
    local.commit("Go on again")
    assert ask(local.workspace, wanted, ASHA).key == key
    assert local.git("rev-parse", BRANCH) == settled


def camera(folder: Path, of: str = "blue_tiger_02") -> tuple[str, Path]:
    """As a phone stores it: turned, with a place, and called as all of its photos are."""
    photo = folder / of
    stored = drawing(of).transpose(Image.Transpose.ROTATE_90)
    photo.write_bytes(saved(stored, quality=90, exif=exif(orientation=6, place=KANDY), xmp=XMP))
    return "image.jpg", photo


def test_photos_and_their_list_come_in_one_commit_without_the_place(served: Served, tmp_path: Path) -> None:
    photos = [camera(tmp_path), camera(tmp_path, "blue_tiger_03")]
    asked = served.ask(addition(served.workspace, photos, "045"))
    assert asked.sentence == "photos has 2 photos of Blue Tiger more"
    (pull,) = served.github.pulls
    tip = served.tip(pull["head"]["ref"])
    changed = served.desk.git("diff", "--name-only", "origin/main", tip).splitlines()
    added = [path for path in changed if path != "photos/metadata.csv"]
    assert len(added) == 2
    assert all(path.startswith("photos/blue_tiger_") for path in added)
    contents = [served.workspace.git.content(tip, path) or b"" for path in added]
    assert not any(b"GPS" in data for data in contents)
    upright = {drawing(name).size for name in ("blue_tiger_02", "blue_tiger_03")}
    assert {Image.open(BytesIO(data)).size for data in contents} == upright
    assert {Path(path).name for path in added} <= set(
        served.desk.git("show", f"{tip}:photos/metadata.csv").replace(",", "\n").splitlines()
    )
    assert served.ask(addition(served.workspace, photos[::-1], "Blue Tiger")).key == asked.key


def test_a_photo_that_shows_nothing_new_is_refused_and_no_change_is_made(local: Desk, tmp_path: Path) -> None:
    (tmp_path / "again").write_bytes(saved(drawing("blue_tiger_01"), quality=60))
    with pytest.raises(RefusedError, match=r"x\.jpg shows the same as the known image blue_tiger_01"):
        addition(local.workspace, [("x.jpg", tmp_path / "again")], "Blue Tiger")
    with pytest.raises(UsageError, match="no photo"):
        addition(local.workspace, [], "Blue Tiger")


def test_a_wrong_label_is_put_right_in_one_line(local: Desk) -> None:
    asked = ask(local.workspace, correction(local.workspace, "blue_tiger_01.jpg", "Common Crow"), ASHA)
    assert asked.sentence == "blue_tiger_01.jpg is of Common Crow, no longer of Blue Tiger"
    changed = local.git("diff", "--unified=0", "main", asked.key)
    lines = [line for line in changed.splitlines() if line[0] in "+-" and line[:3] not in {"+++", "---"}]
    crow = next(line for line in local.git("show", "main:photos/metadata.csv").splitlines() if "common_crow" in line)
    assert lines == ["-blue_tiger_01.jpg,045,Blue Tiger", f"+blue_tiger_01.jpg,{crow.split(',')[1]},Common Crow"]
    with pytest.raises(RefusedError, match="is of Blue Tiger already"):
        correction(local.workspace, "blue_tiger_01.jpg", "045")


def test_a_photo_goes_with_its_line(local: Desk) -> None:
    asked = ask(local.workspace, removal(local.workspace, "blue_tiger_01.jpg"), ASHA)
    assert local.git("diff", "--name-status", "main", asked.key).splitlines() == [
        "D\tphotos/blue_tiger_01.jpg",
        "M\tphotos/metadata.csv",
    ]
    assert "blue_tiger_01" not in local.git("show", f"{asked.key}:photos/metadata.csv")


@pytest.mark.parametrize("name", ["../models.yaml", "metadata.csv", "nobody.jpg", ""])
def test_only_a_known_image_can_be_corrected_or_taken_out(local: Desk, name: str) -> None:
    with pytest.raises(UsageError, match="no known image"):
        removal(local.workspace, name)
    with pytest.raises(UsageError, match="no known image"):
        correction(local.workspace, name, "045")


def test_where_each_species_has_a_folder_a_corrected_photo_moves(local: Desk) -> None:
    for name in ("Blue Tiger", "Common Crow"):
        folder = local.folder / "folders" / name
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(saved(drawing(f"{name.lower().replace(' ', '_')}_02")))
    (local.folder / "folders" / "Blue Tiger" / "b.jpg").write_bytes(saved(drawing("blue_tiger_03")))
    local.alter("known_images: photos", "known_images: folders")
    local.commit("A folder for each species")
    asked = ask(local.workspace, correction(local.workspace, "Blue Tiger/b.jpg", "Common Crow"), ASHA)
    assert local.git("diff", "--name-status", "main", asked.key) == (
        "R100\tfolders/Blue Tiger/b.jpg\tfolders/Common Crow/b.jpg"
    )
    with pytest.raises(RefusedError, match="is there already"):
        ask(local.workspace, correction(local.workspace, "Blue Tiger/a.jpg", "Common Crow"), ASHA)
    gone = ask(local.workspace, removal(local.workspace, "Blue Tiger/a.jpg"), ASHA)
    assert local.git("diff", "--name-status", "main", gone.key) == "D\tfolders/Blue Tiger/a.jpg"


def test_what_a_trainer_logged_is_registered_under_a_free_name(served: Served) -> None:
    row = LoggedRow(name="lepinet-model-2026-11-20", file_path="models/v1.2.0", accuracy_score=0.93)
    served.desk.copy_model("v1.2.0", "v1.2.0")
    served.desk.commit("Bring the files")
    served.github.git("fetch", "--quiet", str(served.desk.folder), "+main:main")
    (found,) = waiting(served.workspace, [row])
    served.ask(registration(served.workspace, found))
    (pull,) = served.github.pulls
    assert (pull["title"], found.name) == ("Register v1.1.1", "v1.1.1")
    assert pull["body"].startswith("More wet-season photos\n\nA trainer logged **lepinet-model-2026-11-20**")
    assert "accuracy_score: 0.93" in served.desk.git("show", f"{served.tip(pull['head']['ref'])}:models.yaml")
