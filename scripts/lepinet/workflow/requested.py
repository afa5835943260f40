"""What somebody with no more than a browser asks for, as a change through git: a server proposes it in their name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from lepinet.changes import change_between
from lepinet.errors import OutsideError, RefusedError, UsageError
from lepinet.locks import alone
from lepinet.report.escape import for_commit, for_markdown, for_terminal
from lepinet.workflow.propose import Drafted, Proposal, drafted, open_github, opened, put_on_branch, repository_at
from lepinet.workflow.workspace import Workspace

LONGEST = 1000
"""Characters of a reason."""
_SHOWN = 3
"""So many broken rules stand in an error."""
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")


@dataclass(frozen=True)
class Request:
    """Who asks for a change, and why; both are anybody's text, in one line."""

    by: str
    reason: str

    @classmethod
    def of(cls, by: str, reason: str) -> Request:
        """As they were typed.

        Raises:
            UsageError: there is no reason, or it is too long.
        """
        one_line = for_terminal(reason, LONGEST + 1)
        if not one_line:
            raise UsageError("a change needs a reason", todo="say in a few words why: the history keeps it")
        if len(one_line) > LONGEST:
            raise UsageError(f"the reason has more than {LONGEST:,} characters", todo="say it shorter")
        return cls(for_terminal(by, 200) or "somebody who did not sign in", one_line)


@dataclass(frozen=True)
class Requested:
    """A change that is on its way to main."""

    key: str
    """By which it is followed: the number of its pull request, else the commit on its branch."""
    sentence: str
    """What is so when it is merged."""
    in_other_words: bool
    """It was on its way already, with the words of whoever asked first: these were not added."""


def ask(workspace: Workspace, wanted: Proposal, request: Request) -> Requested:
    """Propose a change for somebody: a pull request where origin is GitHub, else a branch of this repository.

    Asked for again, by whomever, it is the same pull request or branch.

    Args:
        workspace: the repository; its working tree has no part in it.
        wanted: the change, as whoever runs a command would propose it.
        request: for whom, and why.

    Raises:
        UsageError: there is no token for GitHub, or main does not have what is to be changed.
        RefusedError: main says so already, a rule forbids it, or others have put commits on its branch.
        OutsideError: git, origin or GitHub does not take it.
    """
    repository = repository_at(workspace.git.origin() or "")
    with _asking_alone(workspace):
        draft = drafted(workspace, _in_the_name_of(request, wanted))
        _refuse_what_rules_forbid(workspace, draft)
        if repository is None:
            commit = put_on_branch(workspace, draft)
            said, mine = (workspace.git.message(one) for one in (commit, draft.commit))
            return Requested(commit, wanted.sentence, in_other_words=said != mine)
        with open_github(workspace, repository) as github:
            made = opened(workspace, github, draft)
            said = "\n".join((made.body or "").splitlines())
            return Requested(str(made.number), wanted.sentence, in_other_words=said != draft.body)


def _in_the_name_of(request: Request, wanted: Proposal) -> Proposal:
    """The change with the reason and the person in its commit and text, where neither can pass for anything else."""
    subject, *said = filter(None, wanted.message.split("\n\n"))
    message = "\n\n".join(for_commit(part, 2 * LONGEST) for part in (subject, request.reason, *said))
    body = [for_markdown(request.reason, LONGEST), wanted.body or f"{for_markdown(wanted.sentence, 1000)}."]
    body += [for_markdown(part, LONGEST) for part in said]
    body += [f"Requested by {for_markdown(request.by)} on the dashboard."]
    by = request.by if _ADDRESS.fullmatch(request.by) else for_commit(request.by)
    return replace(wanted, message=message, body="\n\n".join(body), requested_by=by)


def _refuse_what_rules_forbid(workspace: Workspace, draft: Drafted) -> None:
    """The check of a pull request would say so too, minutes later."""
    git = workspace.git
    problems = change_between(git, git.main(), draft.commit).problems
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise RefusedError(f"{'; '.join(problem.message for problem in problems[:_SHOWN])}{more}")


@contextmanager
def _asking_alone(workspace: Workspace) -> Iterator[None]:
    """Of two who ask for the same at once, each would find no branch yet."""
    seconds = workspace.timings.git
    try:
        with alone(workspace.cache / "requests.lock", seconds):
            yield
    except BlockingIOError:
        what = f"other changes have been on their way to git for {seconds:g} s"
        raise OutsideError(what, todo="try again") from None
