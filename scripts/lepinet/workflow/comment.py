"""The one comment on a pull request, made by main's code from a report that a stranger's code may have written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lepinet.errors import RefusedError, UsageError
from lepinet.files import read_small
from lepinet.github import Conclusion
from lepinet.report import markdown
from lepinet.report.documents import CheckAnswer, CheckDocument
from lepinet.report.escape import for_markdown, for_terminal
from lepinet.workflow.announce import COMMENT
from lepinet.workflow.callers import TRUSTED
from lepinet.workflow.propose import open_github
from lepinet.workflow.workspace import Workspace

NEUTRAL = "lepinet verdict"
"""The check that says that a person decides."""
_LARGEST = 16 << 20
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9 ._+()/-]{0,98}[A-Za-z0-9._+()-])?")
"""What stands in a report as a word of ours, in commands too: names of versions and environments."""
_GATE = re.compile(r"[a-z0-9_]+")
"""A gate's name, which is a key of models.yaml."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class CheckedHead:
    """What a check was run on, as GitHub tells it; nothing of it stands in the report."""

    owner: str
    """Of the repository that the branch is in: this one's, or a fork's."""
    branch: str
    commit: str
    succeeded: bool
    """How the run ended."""
    trusted: bool = False
    """Main's code made the report: then it may say by a check that all is well."""


def comment(workspace: Workspace, report: Path, head: CheckedHead) -> str:
    """Write the report on the open pull request of that branch and commit; its address, or why there is no comment.

    Where it is undecided, a neutral check says beside the others that a person decides.

    Raises:
        RefusedError: the file is no report, too large, or not that of a run which ended like this.
        UsageError: this is no job of GitHub Actions.
        OutsideError: GitHub does not take it.
    """
    document = read_report(read_small(report, at_most=_LARGEST), report.name)
    if _passes(document) != head.succeeded:
        raise RefusedError("says another thing than its run, which decides", where=report.name)
    environ = workspace.settings.environ
    try:
        repository, server = environ["GITHUB_REPOSITORY"], environ["GITHUB_SERVER_URL"]
    except KeyError as missing:
        raise UsageError(f"no {missing.args[0]} here", todo="this is for a job of GitHub Actions") from None
    files = f"{server}/{repository}/raw/{workspace.git.head()}"
    # The job runs on main, whatever that is called there.
    main = environ.get("GITHUB_REF_NAME") or workspace.git.main_branch()
    with open_github(workspace, repository) as github:
        found = github.pull_request_of(head.owner, head.branch, head.commit, main)
        if found is None:
            return (
                f"no open pull request of {head.owner}:{head.branch} to {main} is at {head.commit[:7]}: nothing is said"
            )
        # An owner may have forked what is its own.
        here = found.head.repo is not None and found.head.repo.full_name == repository
        github.comment(found.number, COMMENT, written(document, files, foreign=not (here or head.trusted)))
        title, said = for_terminal(document.sentence, 200), for_markdown(document.sentence, 2000)
        open_ = document.answer is CheckAnswer.UNDECIDED
        if head.trusted:
            conclusion: Conclusion = "failure" if not head.succeeded else "neutral" if open_ else "success"
            github.check_run(TRUSTED, head.commit, conclusion, title, said)
        elif open_:
            github.check_run(NEUTRAL, head.commit, "neutral", title, said)
        else:
            # The same commit was undecided before: main, its gates or its photos have gone on.
            github.take_back(NEUTRAL, head.commit, "no longer undecided: the check has the answer", said)
        return found.html_url


def written(document: CheckDocument, files: str, *, foreign: bool) -> str:
    """The comment's Markdown; `files` as of `markdown.check`, `foreign`: the report is a fork's.

    Raises:
        RefusedError: it has figures that no check comes to.
    """
    try:
        text = markdown.check(document, files)
    except (ArithmeticError, ValueError, IndexError, KeyError) as error:
        raise RefusedError(f"the report has figures that cannot be ({type(error).__name__})") from None
    note = (
        "\n<sub>From a fork: its own code may have written this report. After the merge main's code judges again.</sub>"
    )
    return text + note if foreign else text


def read_report(content: bytes, where: str) -> CheckDocument:
    """A report that anybody may have written.

    Raises:
        RefusedError: a check of ours does not write such a one.
    """
    try:
        document = CheckDocument.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        why = for_terminal(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        raise RefusedError(f"is no report of lepinet check: {why}", where=where) from None
    if not all(_NAME.fullmatch(name) for name in _names(document)):
        raise RefusedError("names what no models.yaml can have", where=where)
    if not all(_GATE.fullmatch(name) for name in _gates(document)):
        raise RefusedError("names gates that there are not", where=where)
    if not all(_COMMIT.fullmatch(commit) for commit in (document.head, document.base or document.head)):
        raise RefusedError("names no commits", where=where)
    if any(".." in path.split("/") for path in _paths(document)):
        raise RefusedError("names photos that are not in the repository", where=where)
    return document


def _paths(document: CheckDocument) -> Iterator[str]:
    yield document.known_images
    for part in document.environments:
        if part.comparison:
            yield from (flip.file_name for flip in (*part.comparison.newly_wrong, *part.comparison.newly_right))


def _names(document: CheckDocument) -> Iterator[str]:
    yield document.tool_version
    yield from (new.version for new in document.registered)
    for part in document.environments:
        yield part.name
        yield from (version.name for version in (part.baseline, part.candidate) if version)


def _gates(document: CheckDocument) -> Iterator[str]:
    for part in document.environments:
        for judged in (part.verdict, part.comparison):
            yield from (gate.name for gate in (judged.gates if judged else ()))


def _passes(document: CheckDocument) -> bool:
    blocked = any(one.blocks for one in document.environments) or any(one.error for one in document.registered)
    return not (blocked or document.answer is CheckAnswer.INVALID)
