"""A change of models.yaml as a pull request on GitHub. The working tree has no part in it: it may hold anything."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lepinet.errors import RefusedError, UsageError
from lepinet.manifest.load import FILE
from lepinet.workflow.workspace import Workspace

if TYPE_CHECKING:
    from lepinet.github import GitHub  # an edit on this machine needs no client

_OURS = "Proposed-by: lepinet"
"""The last line of each commit made here: a branch of nothing else may be replaced."""


_PLACE = re.compile(r"(?:https://(?:[^/@]+@)?|ssh://git@|git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?")


@dataclass(frozen=True)
class Proposal:
    """An edit of models.yaml that is to come to main."""

    edit: Callable[[bytes], bytes]
    sentence: str
    """What models.yaml then says."""
    branch: str
    """By which it comes."""
    message: str
    """Of the commit; its first line is the pull request's title."""
    folders: tuple[str, ...] = ()
    """A model's files that git has not got yet."""


def repository_at(url: str) -> str | None:
    """`owner/name` of a repository on GitHub, by the URL that git has of it; None for other places."""
    found = _PLACE.fullmatch(url)
    return found[1] if found else None


def propose(workspace: Workspace, repository: str, wanted: Proposal) -> str:
    """Commit the edit on top of origin's main, push it, open the pull request; its address.

    Made again, it brings branch and pull request up to date.

    Raises:
        UsageError: there is no token, or models.yaml on main does not have what is to be changed.
        RefusedError: main says so already, or others have put commits on a branch of that name.
        OutsideError: origin or GitHub does not take it.
    """
    github = open_github(workspace, repository)
    git = workspace.git
    main = git.fetch_main()
    known = git.object_id(main, FILE)
    if known is None:
        raise UsageError(f"there is no {FILE} on main yet", todo="write it here with --local; commit and push it")
    before = git.blobs([known])[known]
    content = wanted.edit(before)
    if content == before:
        raise RefusedError(f"{wanted.sentence} on main already", todo="git pull, to see it here")
    commit = git.commit_on(main, FILE, content, wanted.folders, f"{wanted.message}\n\n{_OURS}\n")
    tip = git.fetch_branch(wanted.branch)
    if tip and not all(message.endswith(_OURS) for message in git.messages_beyond(tip, main)):
        raise RefusedError(
            f"the branch {wanted.branch} has commits of others",
            where=repository,
            todo=f"merge it, or take it away: git push origin --delete {wanted.branch}",
        )
    if tip is None or git.tree(tip) != git.tree(commit) or git.merge_base(tip, main) != main:
        git.push(commit, wanted.branch, tip)
    title, _, text = wanted.message.partition("\n")
    with github:
        base = git.main().removeprefix("refs/remotes/origin/")
        body = "\n\n".join(part for part in (text.strip(), f"{wanted.sentence}.") if part)
        return github.open_pull_request(branch=wanted.branch, base=base, title=title, body=body).html_url


def open_github(workspace: Workspace, repository: str) -> GitHub:
    """The repository on GitHub, by the token that there is.

    Raises:
        UsageError: there is none.
    """
    from lepinet.github import API, GitHub  # noqa: PLC0415 -- see above

    api = workspace.settings.environ.get("GITHUB_API_URL") or API
    return GitHub(repository, _token(workspace), workspace.timings, api)


def _token(workspace: Workspace) -> str:
    """GITHUB_TOKEN, GH_TOKEN, or the one that `gh` is logged in with."""
    settings = workspace.settings
    if token := settings.get("GITHUB_TOKEN") or settings.get("GH_TOKEN"):
        return token
    try:
        asked = subprocess.run(
            ["gh", "auth", "token", "--hostname", "github.com"],
            capture_output=True,
            text=True,
            check=False,
            timeout=workspace.timings.request,
            stdin=subprocess.DEVNULL,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        asked = None
    if asked is None or asked.returncode or not asked.stdout.strip():
        raise UsageError(
            "there is no token for GitHub, so no pull request can be opened",
            todo="gh auth login, or GITHUB_TOKEN; or write models.yaml here alone: --local",
        )
    return asked.stdout.strip()
