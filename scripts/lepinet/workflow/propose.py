"""A change as a pull request on GitHub, or as a branch here.

The working tree has no part in it: it may hold anything.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from lepinet.errors import RefusedError, UsageError
from lepinet.git import Repository
from lepinet.manifest.load import FILE
from lepinet.report.escape import for_terminal
from lepinet.workflow.workspace import Workspace

if TYPE_CHECKING:
    from lepinet.github import GitHub  # an edit on this machine needs no client
    from lepinet.github.answers import PullRequest

CHECK = "pr.yml"
"""The workflow that checks a pull request."""

_OURS = "Proposed-by: lepinet"
"""The last line of each commit made here: a branch of nothing else may be replaced."""

Reading: TypeAlias = Callable[[str], bytes | None]
"""Gives what is in a file before the edit; None where there is none."""
Files: TypeAlias = Mapping[str, bytes | None]
"""What is in some files after an edit, by path; None takes one away."""

_REQUESTED_BY = "Requested-by: "
"""Before it stands for whom a server made the commit."""

_PLACE = re.compile(r"(?:https://(?:[^/@]+@)?|ssh://git@|git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?")


@dataclass(frozen=True)
class Proposal:
    """An edit that is to come to main."""

    edit: Callable[[Reading], Files]
    sentence: str
    """What is so then."""
    branch: str
    """By which it comes."""
    message: str
    """Of the commit; its first line is the pull request's title."""
    folders: tuple[str, ...] = ()
    """A model's files that git has not got yet."""
    body: str = ""
    """Of the pull request, in Markdown; empty: what the message says, and the sentence."""
    requested_by: str | None = None
    """Whom a server does it for, in one line; None: for whoever runs the command."""


@dataclass(frozen=True)
class Drafted:
    """A commit on top of main that nobody has seen yet, and the pull request by which it comes."""

    commit: str
    branch: str
    title: str
    body: str
    requested_by: str | None = None


def of_manifest(edit: Callable[[bytes], bytes]) -> Callable[[Reading], Files]:
    """An edit of models.yaml alone."""

    def edited(read: Reading) -> Files:
        before = read(FILE)
        if before is None:
            raise UsageError(f"there is no {FILE} on main yet", todo="write it here with --local; commit and push it")
        return {FILE: edit(before)}

    return edited


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
    with open_github(workspace, repository) as github:
        return opened(workspace, github, drafted(workspace, wanted)).html_url


def drafted(workspace: Workspace, wanted: Proposal) -> Drafted:
    """Commit the edit on top of main as origin has it; errors as of `propose`, but for GitHub's."""
    git = workspace.git
    main = git.fetch_main()
    read = partial(git.content, main)
    files = wanted.edit(read)
    if all(read(path) == content for path, content in files.items()):
        here = all(git.content("HEAD", path) == content for path, content in files.items())
        raise RefusedError(f"{wanted.sentence} on main already", todo=None if here else "git pull, to see it here")
    trailers = [f"{_REQUESTED_BY}{wanted.requested_by}"] if wanted.requested_by else []
    message = "\n".join([wanted.message, "", *trailers, _OURS, ""])
    commit = git.commit_on(main, files, message, folders=wanted.folders)
    title, _, text = wanted.message.partition("\n")
    body = wanted.body or "\n\n".join(part for part in (text.strip(), f"{wanted.sentence}.") if part)
    return Drafted(commit, wanted.branch, title, body, wanted.requested_by)


def opened(workspace: Workspace, github: GitHub, draft: Drafted) -> PullRequest:
    """Bring a commit to a branch of origin, and open the pull request, or bring both up to date; as of `propose`."""
    git = workspace.git
    main = git.resolve(git.main())
    tip = git.fetch_branch(draft.branch)
    work = git.work_beyond(tip, main) if tip else {}
    moved = tip is None or _moves(git, tip, draft.commit, main)
    settled = moved and tip is not None and git.merged_by_hand(tip, main)
    if work and (settled or not is_ours([*work.values()])):
        raise _of_others(draft.branch, github.repository, f"git push origin --delete {draft.branch}")
    in_workflow = _in_workflow(workspace)
    if not moved and draft.requested_by and (before := github.proposed(draft.branch)) and before.is_open:
        return before  # who asks for it too does not take the first one's place
    if moved and (in_workflow or draft.requested_by):
        # git has no key there, and a commit that is made by the API is signed by GitHub.
        from lepinet.github import NewFile  # noqa: PLC0415 -- see above

        new = git.objects_beyond(draft.commit, main)
        changed = git.files_changed_by(draft.commit)
        contents = git.blobs(one.blob for one in changed if one.blob in new)
        files = [NewFile(one.path, one.mode, one.blob, contents.get(one.blob or "")) for one in changed]
        tip = github.put_branch(draft.branch, (main, git.tree(main)), files, git.message(draft.commit))
    elif moved:
        git.push(draft.commit, draft.branch, tip)
    base = git.main().removeprefix("refs/remotes/origin/")
    made = github.open_pull_request(branch=draft.branch, base=base, title=draft.title, body=draft.body)
    if in_workflow and tip:
        github.start(CHECK, draft.branch, tip)
    return made


def start_check(workspace: Workspace, github: GitHub, found: PullRequest) -> None:
    """Check an open pull request that an earlier run of this workflow had no time to have checked."""
    if _in_workflow(workspace) and found.is_open:
        github.start(CHECK, found.head.ref, found.head.sha)


def put_on_branch(workspace: Workspace, draft: Drafted) -> str:
    """Make the commit a branch of this repository; the commit. Made again, it is the same one.

    Raises:
        RefusedError: others have put commits on a branch of that name.
        OutsideError: git cannot do it; somebody may have checked the branch out.
    """
    git = workspace.git
    main, tip = git.resolve(git.main()), git.branches().get(draft.branch)
    work = git.work_beyond(tip, main) if tip else {}
    if work and not is_ours([*work.values()]):
        raise _of_others(draft.branch, str(workspace.root), f"git branch -D {draft.branch}")
    if tip and work and git.merged_by_hand(tip, main):
        return next(iter(work))
    if tip and not _moves(git, tip, draft.commit, main):
        return next(iter(work), tip)
    git.set_branch(draft.branch, draft.commit)
    return draft.commit


def propose_revert(workspace: Workspace, github: GitHub, commit: str, branch: str, body: str) -> str | None:
    """The pull request that undoes a commit of main; None where what came after it stands in the way.

    Arguments and errors as of `propose`; `body` is its text.
    """
    git = workspace.git
    main = git.fetch_main()
    title = f'Revert "{for_terminal(git.commit(commit).subject, 200)}"'
    made = git.revert_on(main, commit, f"{title}\n\nThis reverts commit {commit}.\n\n{_OURS}\n")
    return opened(workspace, github, Drafted(made, branch, title, body)).html_url if made else None


def is_ours(messages: Sequence[str]) -> bool:
    """Whether there are commits, and all of them were made here, by what they say."""
    return bool(messages) and all(message.endswith(_OURS) for message in messages)


def requested_by(message: str) -> str | None:
    """For whom a commit was made, by what it says."""
    named = [line.removeprefix(_REQUESTED_BY) for line in message.splitlines() if line.startswith(_REQUESTED_BY)]
    return named[-1] if named else None


def words_of(message: str) -> str:
    """What a commit says, a line for each paragraph, without the lines that were added when it was made here.

    Of a revert the subject alone: the rest only names the reverted commit.
    """
    subject, _, body = message.partition("\n\n")
    said = subject if body.startswith("This reverts commit") else message
    ours = (_REQUESTED_BY, _OURS)
    kept = "\n".join(line for line in said.splitlines() if not line.startswith(ours))
    return "\n".join(" ".join(part.split()) for part in kept.split("\n\n") if part.strip())


def _in_workflow(workspace: Workspace) -> bool:
    return workspace.settings.environ.get("GITHUB_ACTIONS") == "true"


def _moves(git: Repository, tip: str, commit: str, main: str) -> bool:
    """Whether a branch at `tip` has to become another one to say what `commit` does, on the main of today."""
    return git.tree(tip) != git.tree(commit) or git.merge_base(tip, main) != main


def _of_others(branch: str, where: str, todo: str) -> RefusedError:
    return RefusedError(
        f"the branch {branch} has commits of others", where=where, todo=f"merge it, or take it away: {todo}"
    )


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
