"""The first day as docs/first-day.md has it: its list is run from the first command to the last, and has at most 15."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from github_stand_in.gh import write_gh
from github_stand_in.server import stand_in
from hf_stand_in.repository import files_of
from hf_stand_in.server import hub_online
from lepinet.registry.embedded import EmbeddedServer
from lepinet.registry.keeper import OWNER
from supabase_gateway.gateway import project_online
from supabase_gateway.project import Project
from workflow.desk import TESTS, Desk

PAGE = (TESTS.parent / "docs" / "first-day.md").read_text()
STEPS = re.findall(r"^(\d+)\. (.+)$", PAGE.partition("## The list\n")[2].partition("\n## ")[0], re.MULTILINE)
HERE = ("cp", "git", "lepinet")
"""Commands that are run; the others go to hosted services, which are there already."""


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A model on the Hub, an empty Supabase project, an empty repository on GitHub: settings that lead there."""
    with ExitStack() as stack:
        hub = stack.enter_context(hub_online(tmp_path / "hub"))
        hub.create("asha/butterflies", files_of(TESTS / "models" / "v1.1.0"))
        server = stack.enter_context(EmbeddedServer(tmp_path / "postgres"))
        server.connect().close()
        project = Project(server.url(OWNER, "authenticator"))
        url = stack.enter_context(project_online(project))
        github = stack.enter_context(stand_in())
        yield {
            "HF_ENDPOINT": hub.url,
            "SUPABASE_URL": url,
            "SUPABASE_SERVICE_KEY": project.secret_key,
            "DATABASE_URL": server.url(),
            "GITHUB_API_URL": github.url,
            "PATH": f"{write_gh(tmp_path / 'bin')}:{Desk(tmp_path, tmp_path).variables['PATH']}",
        }


def commands() -> Iterator[list[str]]:
    """The words of each command of the list that is run here."""
    for _, step in STEPS:
        for line in re.findall(r"`([^`]+)`", step):
            yield from (words for part in line.split(" && ") if (words := shlex.split(part))[0] in HERE)


def test_the_list_is_counted_and_short() -> None:
    assert [int(number) for number, _ in STEPS] == list(range(1, len(STEPS) + 1))
    assert len(STEPS) <= 15
    assert f"{len(STEPS)} commands and clicks" in PAGE


def test_what_the_page_says_is_all_that_is_needed(accounts: dict[str, str], tmp_path: Path) -> None:
    desk = Desk(tmp_path / "repository", tmp_path / "home")
    desk.folder.mkdir()
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    desk.git("remote", "add", "origin", "https://github.com/acme/butterflies.git")
    desk.git("config", f"url.{tmp_path / 'origin.git'}.insteadOf", "https://github.com/acme/butterflies.git")
    for words in commands():
        match words:
            case ["cp", _, _, to]:
                shutil.copytree(TESTS / "few_images", desk.folder / to)
            case ["git", *rest]:
                desk.git(*rest)
            case ["lepinet", "init", "--model", *_]:
                # pip notes the repository that it has installed from; these tests' LepiNet is from none.
                words += ["--lepinet", f"acme/lepinet@{'a' * 40}"]
        pushed = desk.git("for-each-ref", "refs/remotes/origin/main")
        first_time = "--github" in words and not pushed
        if words == ["lepinet", "status"]:
            # What the workflow does there after the push.
            assert desk.lepinet("reconcile", **accounts).code == 0
        if words[0] == "lepinet":
            done = desk.lepinet(*words[1:], **accounts)
            assert done.code == (1 if first_time else 0), f"{words}: {done.out}{done.err}"
    assert done.out.startswith("production  v1.0.0  live")
    assert desk.git("ls-remote", "origin", "refs/heads/main").startswith(desk.git("rev-parse", "HEAD"))
