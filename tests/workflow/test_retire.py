"""`lepinet retire`: what the rules let go leaves models.yaml, by a pull request; what could go elsewhere is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from github_stand_in.server import TOKEN, StandIn, stand_in
from workflow.desk import Desk, lay, put_on_github

HUB = "  v0.{n}.0: {{file_path: Bhanura/lepinet-model, revision: {digits}}}\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """v0.1.0 to v0.3.0 are of the Hub, two of them the same files, and were never active; long ago."""
    desk = lay(tmp_path)
    with (desk.folder / "models.yaml").open("a") as file:
        file.write("".join(HUB.format(n=n, digits=str(n // 2) * 40) for n in (1, 2, 3)))
    desk.git("add", "--all")
    desk.run(
        "env", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z", "git", "commit", "--quiet", "--message", "Register three"
    )
    return desk


@pytest.fixture
def github(desk: Desk) -> Iterator[StandIn]:
    put_on_github(desk)
    with stand_in() as there:
        yield there


def test_locally_the_file_is_written_and_what_could_go_is_named(desk: Desk) -> None:
    done = desk.lepinet("retire", "--local")
    assert done.code == 0, done.err
    assert done.out.startswith("models.yaml no longer has v0.1.0, v0.2.0, v0.3.0\n")
    assert "v0." not in desk.manifest
    assert f"Could go then, by your hand: Bhanura/lepinet-model of the Hub at {'0' * 40}, once v0.1.0" in done.out
    assert desk.lepinet("validate", "--base", "HEAD").code == 0


def test_where_origin_is_github_a_pull_request_takes_them_out(desk: Desk, github: StandIn) -> None:
    done = desk.lepinet("retire", "--json", GITHUB_API_URL=github.url, GITHUB_TOKEN=TOKEN)
    assert done.code == 0, done.err
    assert done.json["versions"] == ["v0.1.0", "v0.2.0", "v0.3.0"]
    assert {one["revision"][0] for one in done.json["unnamed"]} == {"0", "1"}
    (pull,) = github.pulls
    assert (pull["title"], pull["head"]["ref"]) == ("Retire v0.1.0, v0.2.0, v0.3.0", "retire")
    assert "v0.1.0" in desk.manifest, "nothing changes here"


def test_files_that_a_version_still_has_are_not_named(desk: Desk) -> None:
    desk.alter(r"(production:\n    active: v1\.0\.0)", r"\1\n    reference: v0.3.0")
    desk.commit("Keep the best one of old")
    done = desk.lepinet("retire", "--local", "--json")
    assert done.json["versions"] == ["v0.1.0", "v0.2.0"]
    assert [one["revision"] for one in done.json["unnamed"]] == ["0" * 40], "v0.3.0 has the files of v0.2.0"


def test_where_nothing_may_go_nothing_is_proposed(tmp_path: Path) -> None:
    desk = lay(tmp_path)
    before = desk.manifest
    done = desk.lepinet("retire")
    assert (done.code, desk.manifest) == (0, before)
    assert done.out.startswith("Nothing may go")
    assert desk.lepinet("retire", "--json").json == {"versions": [], "unnamed": []}
