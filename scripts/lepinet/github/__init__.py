"""The few calls of GitHub's REST API that commands need. Each may be repeated: what is there already is found again.

https://docs.github.com/rest
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Self, TypeAlias
from urllib.parse import quote

import httpx

from lepinet.errors import OutsideError, RefusedError
from lepinet.github.answers import (
    Branches,
    CheckRun,
    CheckRuns,
    Comment,
    Deployment,
    DeploymentStatus,
    Environment,
    Environments,
    GitObject,
    Issue,
    Mutated,
    Named,
    PullRequest,
    Rule,
    Secrets,
    Variables,
    WorkflowRights,
    WorkflowRuns,
)
from lepinet.github.asking import Asking
from lepinet.timings import Timings

API = "https://api.github.com"
_APP = "github-actions"
BOT = f"{_APP}[bot]"
"""Who writes with a workflow's own token."""
LABEL = "lepinet"
_CHECKS = "required_status_checks"
_PART_ENDS = "<!-- /lepinet -->"
_ARM = "mutation($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id}) { clientMutationId } }"

State: TypeAlias = Literal["queued", "in_progress", "success", "failure", "error", "inactive"]
Conclusion: TypeAlias = Literal["success", "neutral", "failure"]


@dataclass(frozen=True)
class NewFile:
    """What a commit makes of a file."""

    path: str
    mode: str
    """As git writes it, such as `100644`."""
    blob: str | None
    """Id of the content; None takes the file away."""
    content: bytes | None
    """None where GitHub has the blob."""


class GitHub:
    """One repository there. The token is in no text and no error.

    Every method may raise OutsideError (no answer within `Timings.github`, no right, no such repository) and
    RefusedError (GitHub says why it will not).
    """

    def __init__(self, repository: str, token: str, timings: Timings, api: str = API) -> None:
        """Nothing is sent yet; `repository` is `owner/name`."""
        self.repository = repository
        self._owner = repository.partition("/")[0]
        self._asking = Asking(repository, token, timings, api)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.close()

    def open_pull_request(self, *, branch: str, base: str, title: str, body: str) -> PullRequest:
        """The open pull request from a branch of this repository to `base`, with this title and text; one, not two."""
        asked = {"head": f"{self._owner}:{branch}", "base": base, "state": "open"}
        wanted = {"title": title, "body": body}

        def find() -> PullRequest | None:
            return next(self._asking.listed("/pulls", PullRequest, asked), None)

        found = self._asking.once(find, PullRequest, "/pulls", wanted | {"head": branch, "base": base})
        return self._asking.make(found, PullRequest, f"/pulls/{found.number}", wanted)

    def proposed(self, branch: str) -> PullRequest | None:
        """The newest pull request from a branch of this repository, whatever became of it."""
        return next(
            self._asking.listed("/pulls", PullRequest, {"head": f"{self._owner}:{branch}", "state": "all"}), None
        )

    def pull_requests(self, most: int) -> tuple[PullRequest, ...]:
        """The newest ones from branches of this repository, whatever became of them; at most so many are looked at."""
        listed = islice(self._asking.listed("/pulls", PullRequest, {"state": "all"}), most)
        return tuple(one for one in listed if one.head.repo and one.head.repo.full_name == self.repository)

    def pull_request(self, number: int) -> PullRequest:
        return self._asking.get(f"/pulls/{number}", PullRequest)

    def checks(self, commit: str) -> tuple[CheckRun, ...]:
        """The latest of each name, at most a hundred."""
        return self._asking.get(f"/commits/{commit}/check-runs?per_page=100", CheckRuns).check_runs

    def said(self, number: int, key: str, author: str = BOT) -> str | None:
        """The text of the one comment of `author` with this key, as of `comment`; None where there is none."""
        found = self._comment(number, key, author)
        return found.body.removeprefix(_mark(key)).strip() if found else None

    def close_once(self, pull_request: PullRequest, key: str, text: str) -> None:
        """Close an open pull request, and say why in its text and in a comment; a person's decision stands.

        Args:
            pull_request: as it was found; one that somebody else has closed, or has opened again since, is left alone.
            key: of the reason, as of `comment`.
            text: Markdown.
        """
        body = pull_request.body or ""
        if pull_request.is_open == (_mark(key) in body):
            return
        if pull_request.is_open:
            # In one call, so that a run that is killed between two leaves nothing that looks like a person's doing.
            closed = {"state": "closed", "body": f"{_mark(key)}\n{text}\n{_PART_ENDS}\n\n{body}"}
            self._asking.send("PATCH", f"/pulls/{pull_request.number}", closed)
        self.comment(pull_request.number, key, text)

    def pull_request_of(self, owner: str, branch: str, head: str, base: str) -> PullRequest | None:
        """The open pull request to `base` of a branch, in a fork or here, that is at a commit."""
        asked = {"head": f"{owner}:{branch}", "base": base, "state": "open"}
        listed = self._asking.listed("/pulls", PullRequest, asked)
        return next((one for one in listed if one.head.sha == head), None)

    def merge_when_ready(self, pull_request: PullRequest) -> None:
        """Arm auto-merge: GitHub merges it once all is there that main requires. REST has no call for it.

        https://docs.github.com/graphql/reference/mutations#enablepullrequestautomerge

        Raises:
            RefusedError: GitHub says why not, such as that the repository's settings do not allow it, or that main
                requires nothing that could be waited for.
        """
        if pull_request.auto_merge is not None:
            return
        url = f"{self._asking.api}/graphql"
        asked = {"query": _ARM, "variables": {"id": pull_request.node_id}}
        answer = self._asking.read(self._asking.send("POST", url, asked), Mutated, "/graphql")
        if answer.errors:
            raise RefusedError(f"GitHub says {answer.errors[0].message[:300]}", where=self.repository)

    def merged_by(self, commit: str) -> PullRequest | None:
        """The pull request that brought a commit to main; None for what was pushed."""
        listed = self._asking.listed(f"/commits/{commit}/pulls", PullRequest)
        return next((one for one in listed if one.merged_at), None)

    def put_branch(self, branch: str, parent: tuple[str, str], files: Sequence[NewFile], message: str) -> str:
        """Make a commit the tip of a branch, whatever it was before; GitHub signs it. The commit's id.

        https://docs.github.com/authentication/managing-commit-signature-verification/about-commit-signature-verification

        Args:
            branch: its name.
            parent: commit and its tree.
            files: what is other than in the parent.
            message: with the subject in its first line.
        """
        for file in files:
            if file.content is not None:
                blob = {"content": base64.b64encode(file.content).decode(), "encoding": "base64"}
                self._asking.send("POST", "/git/blobs", blob)
        entries = [{"path": one.path, "mode": one.mode, "type": "blob", "sha": one.blob} for one in files]
        tree = self._asking.made("/git/trees", GitObject, {"base_tree": parent[1], "tree": entries})
        # Without an author: only then it is signed.
        commit = self._asking.made(
            "/git/commits", GitObject, {"message": message, "tree": tree.sha, "parents": [parent[0]]}
        ).sha
        ref = f"heads/{branch}"
        try:
            self._asking.send("POST", "/git/refs", {"ref": f"refs/{ref}", "sha": commit})
        except RefusedError:  # it is there already
            self._asking.send("PATCH", f"/git/refs/{quote(ref)}", {"sha": commit, "force": True})
        return commit

    def start(self, workflow: str, branch: str, commit: str) -> None:
        """Run a workflow on a branch, unless it was run on the commit that is its tip.

        GitHub starts none by itself for what a workflow's own token does.
        """
        path = f"/actions/workflows/{workflow}"
        ran = self._asking.get(f"{path}/runs?head_sha={commit}&per_page=1", WorkflowRuns)
        if not ran.total_count:
            self._asking.send("POST", f"{path}/dispatches", {"ref": branch})

    def check_run(self, name: str, commit: str, conclusion: Conclusion, title: str, text: str) -> None:
        """Say something beside the checks of a commit, once: what was said of it before is no longer there.

        Args:
            name: of the check.
            commit: all 40 digits.
            conclusion: neutral leaves it to a person.
            title: one line.
            text: Markdown.
        """
        wanted = {"status": "completed", "conclusion": conclusion, "output": {"title": title, "summary": text}}
        made = {"name": name, "head_sha": commit, **wanted}
        found = self._asking.once(lambda: self._check(name, commit), CheckRun, "/check-runs", made)
        if (found.conclusion, found.output.title) != (conclusion, title):
            self._asking.send("PATCH", f"/check-runs/{found.id}", wanted)

    def take_back(self, name: str, commit: str, title: str, text: str) -> None:
        """Let a check of `check_run` say no more than that it is over; nothing where it never was. As of there."""
        found = self._check(name, commit)
        if found and found.conclusion != "skipped":
            wanted = {"status": "completed", "conclusion": "skipped", "output": {"title": title, "summary": text}}
            self._asking.send("PATCH", f"/check-runs/{found.id}", wanted)

    def comment(self, number: int, key: str, text: str, author: str = BOT) -> Comment:
        """The one comment of `author` with this key: written, and from then on edited. Others' are left alone.

        Args:
            number: of the pull request or issue.
            key: which of our comments it is, such as `check`; it stands in the text, where nobody sees it.
            text: Markdown.
            author: who writes with this token.
        """
        body = f"{_mark(key)}\n{text}"
        found: tuple[Comment, ...] = ()

        def find() -> Comment | None:
            nonlocal found
            found = self._comments(number, key, author)
            return next(iter(found), None)

        made = self._asking.once(find, Comment, f"/issues/{number}/comments", {"body": body})
        # Another run may have written one while this one did.
        one = made if found else find() or made
        for younger in found[1:]:
            with suppress(OutsideError):  # that run may have taken it away itself
                self._asking.send("DELETE", f"/issues/comments/{younger.id}")
        return self._asking.make(one, Comment, f"/issues/comments/{one.id}", {"body": body})

    def amend(self, number: int, key: str, part: str, text: str, author: str = BOT) -> Comment:
        """Say more at the top of that comment, in place of what that part of it said; arguments as of `comment`."""
        found = self._comment(number, key, author)
        said = found.body.removeprefix(_mark(key)).lstrip("\n") if found else ""
        rest = re.sub(rf"{re.escape(_mark(part))}.*?{_PART_ENDS}\n*", "", said, count=1, flags=re.DOTALL)
        return self.comment(number, key, f"{_mark(part)}\n{text}\n{_PART_ENDS}\n\n{rest}", author)

    def alarm(self, key: str, title: str, text: str) -> Issue:
        """The open issue about a cause, as it is now; opened when there is none."""
        wanted = {"title": title, "body": f"{_mark(key)}\n{text}"}
        found = self._asking.once(lambda: self._issue(key), Issue, "/issues", wanted | {"labels": [LABEL]})
        return self._asking.make(found, Issue, f"/issues/{found.number}", wanted)

    def report_once(self, key: str, title: str, text: str) -> Issue:
        """The issue about something, opened once: one that somebody has closed is found too, and stays as it is."""
        wanted = {"title": title, "body": f"{_mark(key)}\n{text}", "labels": [LABEL]}
        return self._asking.once(lambda: self._issue(key, "all"), Issue, "/issues", wanted)

    def all_clear(self, key: str, text: str) -> Issue | None:
        """Close the issue about a cause with a last word; None when there is none that is open."""
        found = self._issue(key)
        if found is not None:
            self.comment(found.number, f"{key}-over", text)
            self._asking.send("PATCH", f"/issues/{found.number}", {"state": "closed", "state_reason": "completed"})
        return found

    def deployment(self, *, id_: str, environment: str, commit: str, description: str) -> Deployment:
        """GitHub's record of one of our deployments.

        Args:
            id_: of our deployment; GitHub has one record of it, however often it is asked for.
            environment: its name here is its name there.
            commit: all 40 digits.
            description: at most 140 characters are kept.
        """

        def find() -> Deployment | None:
            listed = self._asking.listed("/deployments", Deployment, {"environment": environment, "sha": commit})
            return next((one for one in listed if one.payload == {"lepinet": id_}), None)

        wanted = {
            "ref": commit,
            "environment": environment,
            "description": description[:140],
            "payload": {"lepinet": id_},
            "auto_merge": False,
            "required_contexts": [],
        }
        return self._asking.once(find, Deployment, "/deployments", wanted)

    def deployment_status(self, deployment: Deployment, state: State, description: str, log_url: str) -> None:
        """Say how it goes, unless that was the last word already. `description`: at most 140 characters are kept."""
        path, said = f"/deployments/{deployment.id}/statuses", description[:140]

        def find() -> DeploymentStatus | None:
            newest = next(self._asking.listed(path, DeploymentStatus), None)
            return newest if newest == DeploymentStatus(state=state, description=said) else None

        self._asking.once(find, DeploymentStatus, path, {"state": state, "description": said, "log_url": log_url})

    def environments(self) -> dict[str, Environment]:
        """Those that have been made, by name; at most a hundred of them."""
        path = "/environments?per_page=100"
        return {one.name: one for one in self._asking.get(path, Environments).environments}

    def deploying_branches(self, environment: str) -> frozenset[str]:
        """Patterns of the branches whose jobs may use an environment that names such."""
        path = f"/environments/{environment}/deployment-branch-policies?per_page=100"
        return _names(self._asking.get(path, Branches).branch_policies)

    def settings(self, environment: str) -> frozenset[str]:
        """Names of an environment's secrets and variables; what they are GitHub tells nobody, or everybody."""
        secrets, variables = (f"/environments/{environment}/{kind}?per_page=30" for kind in ("secrets", "variables"))
        known = _names(self._asking.get(secrets, Secrets).secrets)
        return known | _names(self._asking.get(variables, Variables).variables)

    def variables(self) -> dict[str, str]:
        """The repository's own, by name."""
        found = self._asking.get("/actions/variables?per_page=30", Variables).variables
        return {one.name: one.value for one in found}

    def required_checks(self, branch: str, app: int) -> frozenset[str]:
        """What must have passed before a change comes to a branch, where no other app's word is taken for it."""
        rules = [rule for rule in self._asking.listed(f"/rules/branches/{branch}", Rule) if rule.type == _CHECKS]
        checks = [check for rule in rules for check in rule.parameters[_CHECKS]]
        return frozenset(check["context"] for check in checks if check.get("integration_id") == app)

    def workflow_rights(self) -> WorkflowRights:
        path = "/actions/permissions/workflow"
        return self._asking.get(path, WorkflowRights)

    def _check(self, name: str, commit: str) -> CheckRun | None:
        """Ours of that name: another app's is none of what was said here, and may not be changed."""
        path = f"/commits/{commit}/check-runs?{httpx.QueryParams({'check_name': name})}"
        ours = (one for one in self._asking.get(path, CheckRuns).check_runs if one.app and one.app.slug == _APP)
        return next(ours, None)

    def _comment(self, number: int, key: str, author: str) -> Comment | None:
        return next(iter(self._comments(number, key, author)), None)

    def _comments(self, number: int, key: str, author: str) -> tuple[Comment, ...]:
        """Oldest first, as GitHub lists them."""
        listed = self._asking.listed(f"/issues/{number}/comments", Comment)
        ours = (one for one in listed if one.user and one.user.login == author)
        return tuple(one for one in ours if one.body.startswith(_mark(key)))

    def _issue(self, key: str, state: str = "open") -> Issue | None:
        listed = self._asking.listed("/issues", Issue, {"labels": LABEL, "state": state})
        ours = (one for one in listed if one.pull_request is None and (one.body or "").startswith(_mark(key)))
        return next(ours, None)


def _names(named: Iterable[Named]) -> frozenset[str]:
    return frozenset(one.name for one in named)


def _mark(key: str) -> str:
    return f"<!-- lepinet:{key} -->"
