"""`activate`, `rollback` and `register`: the edit, and the git commands that bring it to main, run as shown."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lepinet.workflow.propose import branch_name
from workflow.desk import Desk, Ended, lay

HUB = ("--file-path", "Bhanura/lepinet-model", "--revision", "1" * 40)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, str]:
    """A repository that is live, and where its main begins for every test."""
    desk = lay(tmp_path_factory.mktemp("change"))
    for command in (["db", "migrate"], ["reconcile"]):
        done = desk.lepinet(*command)
        assert done.code == 0, done.err
    return desk, desk.git("rev-parse", "main")


@pytest.fixture
def desk(laid: tuple[Desk, str]) -> Desk:
    """On main as it was laid, without other branches and without an origin."""
    desk, start = laid
    desk.git("switch", "--quiet", "--discard-changes", "--force-create", "main", start)
    desk.git("clean", "--quiet", "--force", "-dx")
    if others := desk.git("for-each-ref", "--format=%(refname:short)", "refs/heads/").replace("main", "").split():
        desk.git("branch", "--quiet", "-D", *others)
    if desk.git("remote"):
        desk.git("remote", "remove", "origin")
    return desk


def done(desk: Desk, *arguments: str) -> Ended:
    """A command that changes models.yaml, and then the git commands that it shows."""
    ended = desk.lepinet(*arguments)
    assert ended.code == 0, ended.err
    for line in shown(ended):
        desk.run(*shlex.split(line))
    return ended


def shown(ended: Ended) -> list[str]:
    """The commands, as a person copies them."""
    return re.split(r"\n  (?=git )", ended.out.rstrip("\n"))[1:]


def branches(desk: Desk) -> set[str]:
    return set(desk.git("for-each-ref", "--format=%(refname:short)", "refs/heads/").split())


def committed(desk: Desk, branch: str = "main") -> str:
    return desk.git("show", f"{branch}:models.yaml")


def test_an_activation_comes_to_main(desk: Desk) -> None:
    ended = done(desk, "activate", "v1.1.0", "-e", "production")
    assert ended.out.startswith("models.yaml declares v1.1.0 active in production\n")
    assert desk.git("branch", "--show-current") == "main"
    assert committed(desk) == desk.manifest.rstrip()
    assert "production:\n    active: v1.1.0" in committed(desk)
    assert desk.git("log", "-1", "--format=%s") == "Activate v1.1.0 in production"
    assert desk.git("status", "--porcelain") == ""
    assert branches(desk) == {"main", "activate-production-v1.1.0"}


@given(st.one_of(st.text(min_size=1), st.from_regex(r"v1\.2\.0-[a-z.]{1,8}(\.lock|\.|@\{|~1)?", fullmatch=True)))
@settings(max_examples=60, deadline=None)
def test_git_takes_a_branch_for_whatever_a_version_is_called(version: str) -> None:
    name = branch_name(f"register-{version}")
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)


def test_a_version_called_like_git_s_own_files_comes_to_main(desk: Desk) -> None:
    done(desk, "register", "v1.2.0-x.lock", *HUB)
    assert "v1.2.0-x.lock" in committed(desk)


def test_a_link_to_a_model_is_no_model(desk: Desk) -> None:
    (desk.folder / "linked").symlink_to("models/v1.1.0")
    refused = desk.lepinet("register", "v1.2.0", "--file-path", "linked")
    assert refused.code == 1, refused.out
    assert "linked is a link" in refused.err
    assert desk.git("status", "--porcelain", "models.yaml") == ""


def test_what_is_declared_already_needs_no_commit(desk: Desk) -> None:
    for arguments in (["activate", "v1.0.0"], ["rollback", "v1.0.0", "--reason", "wrong names"]):
        told = desk.lepinet(*arguments, "-e", "production")
        assert told.code == 0
        assert told.out.endswith("models.yaml declares v1.0.0 active in production already\n")


def test_before_the_first_commit_that_is_what_is_missing(desk: Desk, tmp_path: Path) -> None:
    new = Desk(tmp_path / "new", desk.home)
    new.folder.mkdir()
    (new.folder / "models.yaml").write_text(desk.manifest)
    new.git("init", "--quiet", "--initial-branch=main")
    for command in ("check", "plan", "reconcile"):
        told = new.lepinet(command)
        assert (told.code, told.err) == (2, "nothing is committed yet\ngit add . && git commit\n")


def test_json_tells_the_same_commands(desk: Desk) -> None:
    told = desk.lepinet("activate", "v1.1.0", "-e", "production", "--json").json
    assert told["done"] == "models.yaml declares v1.1.0 active in production"
    assert told["next"] == shown(desk.lepinet("activate", "v1.1.0", "-e", "production"))


def test_with_an_origin_a_branch_is_pushed_for_a_pull_request(desk: Desk, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    desk.git("init", "--quiet", "--bare", str(origin))
    desk.git("remote", "add", "origin", str(origin))
    desk.git("push", "--quiet", "--set-upstream", "origin", "main")
    before = desk.git("rev-parse", "origin/main")
    done(desk, "activate", "v1.1.0", "-e", "production")
    assert desk.git("rev-parse", "origin/main") == before, "main is the pull request's business"
    assert "production:\n    active: v1.1.0" in committed(desk, "origin/activate-production-v1.1.0")
    assert desk.git("rev-parse", "--abbrev-ref", "@{upstream}") == "origin/activate-production-v1.1.0"


def test_a_branch_that_only_origin_still_has_is_not_taken_again(desk: Desk, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    desk.git("init", "--quiet", "--bare", str(origin))
    desk.git("remote", "add", "origin", str(origin))
    desk.git("push", "--quiet", "--set-upstream", "origin", "main")
    done(desk, "rollback", "-e", "staging", "--reason", "wrong names")
    desk.git("switch", "--quiet", "main")
    desk.git("branch", "--quiet", "-D", "rollback-staging-v1.0.0")
    done(desk, "rollback", "-e", "staging", "--reason", "wrong names again")
    assert desk.git("branch", "--show-current") == "rollback-staging-v1.0.0-2"


def test_a_decision_is_committed_with_its_reason(desk: Desk) -> None:
    reason = 'It\'s "due": $HOME `date` #1 & \\ %s'
    done(desk, "activate", "v1.1.0", "-e", "production", "--override", reason)
    assert f"Override: {reason}" in desk.git("log", "-1", "--format=%B", "activate-production-v1.1.0")
    override = desk.workspace.manifest.environments["production"].override
    assert override
    assert (override.version, override.reason) == ("v1.1.0", reason)


def test_a_rollback_returns_to_what_was_active_before(desk: Desk) -> None:
    ended = done(desk, "rollback", "-e", "staging", "--reason", "wrong names\nin the field")
    assert "staging:\n    active: v1.0.0" in committed(desk)
    assert desk.git("log", "-1", "--format=%s", "main") == "Roll staging back to v1.0.0: wrong names in the field"
    assert "models.yaml declares v1.0.0 active in staging" in ended.out


def test_a_second_rollback_to_the_same_version_has_a_branch_of_its_own(desk: Desk) -> None:
    for _ in range(2):
        done(desk, "rollback", "-e", "staging", "--reason", "wrong names")
        assert "staging:\n    active: v1.0.0" in committed(desk)
        done(desk, "activate", "v1.1.0", "-e", "staging")
    assert branches(desk) >= {"rollback-staging-v1.0.0", "rollback-staging-v1.0.0-2"}
    assert branches(desk) >= {"activate-staging-v1.1.0", "activate-staging-v1.1.0-2"}


def test_the_stack_goes_down_with_every_rollback(desk: Desk) -> None:
    done(desk, "rollback", "-e", "staging", "--reason", "wrong names")
    again = desk.lepinet("rollback", "-e", "staging", "--reason", "wrong names")
    assert again.code == 2
    assert "staging has no earlier version to return to" in again.err
    named = desk.lepinet("rollback", "v1.1.0", "-e", "staging", "--reason", "it was right")
    assert named.code == 0
    assert "it is not among those that were active before v1.0.0, so this counts as an activation" in named.out


def test_a_rollback_shows_the_checklist_of_the_old_guide(desk: Desk) -> None:
    ended = desk.lepinet("rollback", "-e", "staging", "--reason", "wrong names")
    lines = ended.out.splitlines()[:6]
    assert [line.partition(": ")[0] for line in lines] == [
        "1. Database",
        "2. Endpoint",
        "3. Mobile app",
        "4. Testing",
        "5. Monitoring",
        "6. Documentation",
    ]
    evidence = [line.partition(": ")[2] for line in lines]
    assert evidence[0] == "says v1.1.0 now; flips when reconcile has proved v1.0.0"
    assert evidence[1] == "there is none to move"
    assert evidence[3].startswith("v1.0.0 names ")
    assert evidence[3].endswith(" of 12 known images right")
    assert evidence[4] == "there is no live endpoint to ask: see what the app answers"
    assert evidence[5].endswith("lepinet history: wrong names")
    told = desk.lepinet("rollback", "v1.0.0", "-e", "staging", "--reason", "wrong names", "--json").json
    assert list(told["checklist"].values()) == evidence


def test_an_endpoint_is_spoken_of_where_there_is_one(desk: Desk) -> None:
    desk.alter("endpoint: none\n  production", "endpoint: local\n  production")
    desk.commit("Serve staging here")
    told = desk.lepinet("rollback", "-e", "staging", "--reason", "wrong names", "--json").json["checklist"]
    assert told["Endpoint"].endswith("moves to " + str(desk.workspace.manifest.target("v1.0.0")))
    assert told["Monitoring"] == "reconcile asks the live endpoint about all known images before it flips"


def test_evidence_that_cannot_be_had_is_said_and_stops_nothing(desk: Desk) -> None:
    (desk.folder / "models" / "v1.0.0" / "config.json").write_text("{}")
    elsewhere = Desk(desk.folder, desk.home.parent / "another_home")
    told = elsewhere.lepinet("rollback", "-e", "staging", "--reason", "wrong names", "--json").json
    assert told["checklist"]["Database"].startswith("says nothing that can be read (")
    assert told["checklist"]["Testing"].startswith("not tested: the files of v1.0.0 are not those of its revision")
    assert "staging:\n    active: v1.0.0" in desk.manifest


def test_a_folder_is_registered_with_its_files(desk: Desk) -> None:
    desk.copy_model("v1.2.0", "v1.2.0")
    written = (
        "--images",
        "1500",
        "--accuracy",
        "0.93",
        "--notes",
        "more: 'wet' season",
        "--link",
        "run=https://a.org/1",
    )
    done(desk, "register", "v1.2.0", "--file-path", "models/v1.2.0", "--created-at", "2026-11-20T10:00:00Z", *written)
    assert desk.git("ls-tree", "-r", "--name-only", "main", "models/v1.2.0/onnx") == "models/v1.2.0/onnx/model.onnx"
    assert desk.git("status", "--porcelain") == ""
    version = desk.workspace.manifest.versions["v1.2.0"]
    assert (version.training_image_count, version.accuracy_score) == (1500, 0.93)
    assert (version.notes, dict(version.links)) == ("more: 'wet' season", {"run": "https://a.org/1"})
    assert str(version.created_at) == "2026-11-20 10:00:00+00:00"
    assert desk.workspace.model(desk.workspace.manifest.target("v1.2.0")).path.is_dir()


def test_a_folder_is_what_its_files_are_whatever_branch_a_command_names(desk: Desk) -> None:
    desk.copy_model("v1.2.0", "v1.2.0")
    done(desk, "register", "v1.2.0", "--file-path", "models/v1.2.0", "--revision", "main")
    assert desk.workspace.model(desk.workspace.manifest.target("v1.2.0")).path.is_dir()


def test_a_model_of_the_hub_is_registered_by_its_commit(desk: Desk) -> None:
    without = desk.lepinet("register", "v2.0.0", *HUB[:2])
    assert without.code == 2
    assert "name a branch, a tag or a commit, such as --revision main" in without.err
    done(desk, "register", "v2.0.0+build.7", *HUB)
    assert branches(desk) == {"main", "register-v2.0.0-build.7"}
    assert desk.workspace.manifest.versions["v2.0.0+build.7"].revision == "1" * 40


def test_the_commands_take_nothing_along_that_lies_about(desk: Desk) -> None:
    (desk.folder / "scratch.txt").write_text("mine\n")
    with (desk.folder / "photos" / "metadata.csv").open("a") as file:
        file.write("\n")
    desk.git("add", "scratch.txt")
    desk.copy_model("v1.2.0", "v1.2.0")
    ended = desk.lepinet("register", "v1.2.0", "--file-path", "models/v1.2.0")
    for line in shown(ended)[:3]:
        desk.run(*shlex.split(line))
    changed = desk.git("show", "--format=", "--name-only", "HEAD").splitlines()
    assert {name.split("/")[0] for name in changed} == {"models.yaml", "models"}


def test_the_first_commit_of_all(tmp_path: Path) -> None:
    """A repository that has none yet has no main to go to."""
    fresh = Desk(tmp_path / "fresh", tmp_path / "home")
    fresh.folder.mkdir()
    fresh.git("init", "--quiet", "--initial-branch=main")
    (fresh.folder / "models.yaml").write_text(
        "schema_version: 1\n"
        "environments: {production: {registry: embedded, endpoint: none}}\n"
        "versions:\n"
        f"  v0.1.0: {{file_path: org/model, revision: '{'0' * 40}'}}\n"
    )
    done(fresh, "register", "v1.0.0", *HUB)
    assert fresh.git("log", "--format=%s") == "Register v1.0.0"
    assert "v1.0.0:" in committed(fresh)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["activate", "v1.1", "-e", "production"], 2, "models.yaml has no version v1.1\ndid you mean v1.1.0?"),
        (["activate", "v1.1.0"], 2, "which environment? models.yaml has staging, production"),
        (["activate", "v1.1.0", "-e", "nowhere"], 2, "there is no environment nowhere"),
        (["activate", "v1.1.0", "-e", "production", "--override", " "], 2, "an override needs a reason"),
        (["rollback", "-e", "production", "--reason", "x"], 2, "production has no earlier version to return to"),
        (["rollback", "-e", "staging"], 2, "a rollback needs a reason"),
        (["rollback", "v9.9.9", "-e", "staging", "--reason", "x"], 2, "models.yaml has no version v9.9.9"),
        (["register", "v1.1.0", *HUB], 1, "models.yaml has v1.1.0 already, and a version never changes"),
        (["register", "v1.2.0", "--file-path", "models/nowhere"], 2, "models/nowhere is no folder of this repository"),
        (["register", "v1.2.0", *HUB, "--accuracy", "93"], 2, "--accuracy is 93.0, but must be at most 1"),
        (
            ["register", "v1.2.0", *HUB, "--created-at", "2026-11-20"],
            2,
            "--created-at is 2026-11-20, but must",
        ),
        (["register", "v1.2.0", *HUB, "--link", "run"], 2, "--link run is not NAME=URL"),
    ],
)
def test_a_mistake_changes_nothing(desk: Desk, arguments: list[str], code: int, says: str) -> None:
    before = desk.manifest
    ended = desk.lepinet(*arguments)
    assert ended.code == code
    assert says in ended.err
    assert desk.manifest == before
    assert desk.git("status", "--porcelain") == "", "no half-written file either"
