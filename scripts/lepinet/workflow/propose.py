"""A change of models.yaml as a pull request on GitHub. The working tree has no part in it: it may hold anything."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lepinet.errors import RefusedError, UsageError
from lepinet.manifest.load import FILE
from lepinet.report.escape import for_terminal
from lepinet.workflow.workspace import Workspace

if TYPE_CHECKING:
    from lepinet.github import GitHub  # an edit on this machine needs no client

CHECK = "pr.yml"
"""The workflow that checks a pull request."""

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
    body: str = ""
    """Of the pull request, in Markdown; empty: what the message says, and the sentence."""


@dataclass(frozen=True)
class Drafted:
    """A commit on top of main that nobody has seen yet, and the pull request by which it comes."""

    commit: str
    branch: str
    title: str
    body: str


def branch_name(name: str) -> str:
    """The name without what git does not take in a branch's; old names of versions may hold anything."""
    return re.sub(r"[^A-Za-z0-9._-]|\.(?=\.|lock$|$)", "-", name)


def repository_at(url: str) -> str | None:
    """`owner/name` of a repository on GitHub, by the URL that git has of it; None for other places."""
    found = _PLACE.fullmatch(url)
    return found[1] if found else None


def propose(workspace: Workspace, repository: str, wanted: Proposal) -> str:
    """Commit the edit on top of origin's main, bring it to a branch there, open the pull request; its address.

    Made again, it brings branch and pull request up to date.

    Raises:
        UsageError: there is no token, or models.yaml on main does not have what is to be changed.
        RefusedError: main says so already, or others have put commits on a branch of that name.
        OutsideError: origin or GitHub does not take it.
    """
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
    title, _, text = wanted.message.partition("\n")
    body = wanted.body or "\n\n".join(part for part in (text.strip(), f"{wanted.sentence}.") if part)
    with open_github(workspace, repository) as github:
        return _opened(workspace, github, Drafted(commit, wanted.branch, title, body))


def propose_revert(workspace: Workspace, github: GitHub, commit: str, branch: str, body: str) -> str | None:
    """The pull request that undoes a commit of main; None where what came after it stands in the way.

    Arguments and errors as of `propose`; `body` is its text.
    """
    git = workspace.git
    main = git.fetch_main()
    title = f'Revert "{for_terminal(git.commit(commit).subject, 200)}"'
    made = git.revert_on(main, commit, f"{title}\n\nThis reverts commit {commit}.\n\n{_OURS}\n")
    return _opened(workspace, github, Drafted(made, branch, title, body)) if made else None


def open_github(workspace: Workspace, repository: str) -> GitHub:
    """The repository on GitHub, by the token that there is.

    Raises:
        UsageError: there is none.
    """
    from lepinet.github import API, GitHub  # noqa: PLC0415 -- see above

    api = workspace.settings.environ.get("GITHUB_API_URL") or API
    return GitHub(repository, _token(workspace), workspace.timings, api)


def _opened(workspace: Workspace, github: GitHub, draft: Drafted) -> str:
    git = workspace.git
    main = git.resolve(git.main())
    tip = git.fetch_branch(draft.branch)
    if tip and not all(message.endswith(_OURS) for message in git.messages_beyond(tip, main)):
        raise RefusedError(
            f"the branch {draft.branch} has commits of others",
            where=github.repository,
            todo=f"merge it, or take it away: git push origin --delete {draft.branch}",
        )
    in_workflow = workspace.settings.environ.get("GITHUB_ACTIONS") == "true"
    moved = tip is None or git.tree(tip) != git.tree(draft.commit) or git.merge_base(tip, main) != main
    if moved and in_workflow:
        # git has no key there, and a commit that is made by the API is signed by GitHub.
        from lepinet.github import NewFile  # noqa: PLC0415 -- see above

        beyond = git.objects_beyond(draft.commit, main)
        changed = git.files_changed_by(draft.commit)
        contents = git.blobs(one.blob for one in changed if one.blob in beyond)
        files = [NewFile(one.path, one.mode, one.blob, contents.get(one.blob or "")) for one in changed]
        github.put_branch(draft.branch, (main, git.tree(main)), files, git.message(draft.commit))
    elif moved:
        git.push(draft.commit, draft.branch, tip)
    base = git.main().removeprefix("refs/remotes/origin/")
    opened = github.open_pull_request(branch=draft.branch, base=base, title=draft.title, body=draft.body)
    if moved and in_workflow:
        github.start(CHECK, draft.branch)
    return opened.html_url


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
