"""Changes on their way to main and the newest that were, as they are listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lepinet.commit import Commit
from lepinet.errors import UsageError
from lepinet.git import Repository, Said
from lepinet.report.escape import from_markdown
from lepinet.workflow.change import Aim, aim_of
from lepinet.workflow.propose import is_ours, open_github, repository_at, requested_by, words_of
from lepinet.workflow.workspace import Workspace

if TYPE_CHECKING:
    from lepinet.github.answers import PullRequest

_MOST = 100
"""So many of the newest pull requests, or commits of main, are looked at."""
_OVER = 20
"""So many of the changes that are over are told, where they are commits."""
_PHOTO = re.compile(r"Label (?P<labelled>.+) as .+|Take (?P<taken>.+) out of the known images")
"""Titles that `photo_changes` gives, which needs packages that `status` must do without."""
_REQUESTED = re.compile(r"^Requested by (.+) on the dashboard\.$", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """A pull request, or a branch of this repository, as it is listed; texts of others are in it."""

    key: str
    """The number of the pull request, else the commit."""
    title: str
    by: str
    """Who asked for it, or opened it."""
    reason: str
    """Of whoever asked for it; empty where it came by another way."""
    at: datetime
    is_open: bool
    aim: Aim | None
    """What it makes active; None where it is about something else."""
    photo: str | None
    """What it corrects or takes out, as its title has it; None where it is about something else."""
    head: str
    """The newest commit of its branch, which need not be here."""
    merge: str | None = None
    """The commit of main with which it came; None where it has not."""
    url: str | None = None
    """Of its pull request."""

    @classmethod
    def of_pull_request(cls, found: PullRequest) -> Change:
        login = found.user.login if found.user else "somebody"
        body = found.body or ""
        asked = _REQUESTED.findall(body)
        return cls(
            key=str(found.number),
            title=found.title,
            by=f"{from_markdown(asked[-1])}, through {login}" if asked else login,
            reason=from_markdown(body.partition("\n")[0]) if asked else "",
            at=found.created_at,
            is_open=found.is_open,
            aim=aim_of(found.title),
            photo=_photo_of(found.title),
            head=found.head.sha,
            merge=found.merge_commit_sha if found.merged_at else None,
            url=found.html_url,
        )

    @classmethod
    def of_commit(cls, made: Commit, message: str, *, tip: str | None = None, merge: str | None = None) -> Change:
        """A proposal that this repository has.

        Args:
            made: the newest commit of the proposal.
            message: all that it says.
            tip: of the branch on which it is on its way; None where it is not.
            merge: the commit of main with which it came; None where it has not.
        """
        asker = requested_by(message)
        return cls(
            key=made.id,
            title=made.subject,
            by=asker or made.author,
            reason="".join(words_of(message).splitlines()[1:2]) if asker else "",
            at=made.at,
            is_open=tip is not None,
            aim=aim_of(made.subject),
            photo=_photo_of(made.subject),
            head=tip or made.id,
            merge=merge,
        )

    @property
    def is_merged(self) -> bool:
        return self.merge is not None


def changes(workspace: Workspace) -> tuple[Change, ...]:
    """Those that are on their way, and the newest that were: pull requests where origin is GitHub, else branches.

    Args:
        workspace: the repository.

    Raises:
        UsageError: there is no token for GitHub.
        OutsideError: GitHub or git does not answer.
    """
    if repository := repository_at(workspace.git.origin() or ""):
        with open_github(workspace, repository) as github:
            return tuple(Change.of_pull_request(one) for one in github.pull_requests(_MOST))
    git = workspace.git
    lately = git.merged_lately(git.main(), _MOST)
    messages = dict(zip(lately, git.messages([*lately]), strict=True))
    merged = [one for one, said in messages.items() if is_ours([said])][:_OVER]
    made = git.commits(merged)
    return (
        *_open_here(workspace),
        *(Change.of_commit(made[one], messages[one], merge=lately[one]) for one in merged),
    )


def that_wait(workspace: Workspace, listed: Iterable[Change]) -> tuple[Change, ...]:
    """Changes that wait for somebody: a pull request whose words are not LepiNet's may be about anything."""
    ours = (one for one in listed if one.is_open and (one.aim or one.photo or one.reason))
    return tuple(one for one in ours if not is_needless(workspace, one))


def waiting_here(workspace: Workspace) -> tuple[Change, ...]:
    """Those that wait for somebody, as far as git alone tells: of pull requests GitHub does."""
    if repository_at(workspace.git.origin() or ""):
        return ()
    try:
        return that_wait(workspace, _open_here(workspace))
    except UsageError:
        # There is no main to wait for.
        return ()


def _open_here(workspace: Workspace) -> Iterator[Change]:
    git = workspace.git
    proposed, tips = proposed_here(git), git.branches()
    made = git.commits(proposed.values())
    messages = dict(zip(made, git.messages([*made]), strict=True))
    for name, commit in proposed.items():
        yield Change.of_commit(made[commit], messages[commit], tip=tips.get(name, commit))


def is_needless(workspace: Workspace, change: Change) -> bool:
    """Whether main says already what an open change would have it say."""
    aim = change.aim
    environment = workspace.manifest.environments.get(aim.environment) if aim else None
    return aim is not None and environment is not None and environment.active == aim.version


def proposed_here(git: Repository, commit: str | None = None) -> Mapping[str, str]:
    """Branches that wait for a merge with nothing but what was proposed here, each with its newest proposal.

    Args:
        git: the repository.
        commit: to be on them.
    """
    main = git.main()
    tips = git.branches(commit, beyond=main)
    # A repository has more branches than git could be asked about one by one.
    beyond = git.beyond(main, tips.values())
    of_others: set[str] = set()
    for one, said in reversed([*beyond.items()]):
        if not of_others.isdisjoint(said.parents) or not (said.is_merge or is_ours([said.message])):
            of_others.add(one)
    newest = {name: _newest_work(tip, beyond) for name, tip in tips.items() if tip not in of_others}
    return {name: work for name, work in newest.items() if work}


def _newest_work(tip: str, beyond: Mapping[str, Said]) -> str | None:
    """The newest commit of a branch that is no merge; None where it has none that main lacks."""
    reached = {tip}
    for one, said in beyond.items():
        if one in reached:
            if not said.is_merge:
                return one
            reached.update(said.parents)
    return None


def rivals(change: Change, listed: Sequence[Change], photos: Mapping[str, frozenset[str]]) -> tuple[Change, ...]:
    """Others on their way for the same environment's active version, or about the same photo, whatever it is called.

    Args:
        change: none has rivals that is not open.
        listed: changes, itself among them.
        photos: the contents of those that open changes are about, by the changes' keys.
    """
    about, contents = _about(change), photos.get(change.key, frozenset())
    return tuple(
        one
        for one in listed
        if change.is_open and one.is_open and one.key != change.key
        if (about and about == _about(one)) or contents & photos.get(one.key, frozenset())
    )


def _about(change: Change) -> tuple[str | None, str | None] | None:
    """What no two changes can both have as they want it."""
    environment = change.aim.environment if change.aim else None
    return (environment, change.photo) if environment or change.photo else None


def _photo_of(title: str) -> str | None:
    """The photo that a change corrects or takes out, by its title, as it is called there; None of any other change."""
    found = _PHOTO.fullmatch(title)
    return found["labelled"] or found["taken"] if found else None
