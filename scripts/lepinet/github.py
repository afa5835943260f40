"""The few calls of GitHub's REST API that commands need. Each may be repeated: what is there already is found again.

https://docs.github.com/rest
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Self, TypeAlias, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from lepinet.errors import LepinetError, OutsideError, RefusedError
from lepinet.timings import Timings

API = "https://api.github.com"
BOT = "github-actions[bot]"
"""Who writes with a workflow's own token."""
LABEL = "lepinet"
_VERSION = "2022-11-28"
_CHECKS = "required_status_checks"
_LARGEST = 16 << 20
_PART_ENDS = "<!-- /lepinet -->"
_ARM = "mutation($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id}) { clientMutationId } }"
_SECONDARY_PAUSE = 60.0
"""Seconds to wait after a secondary rate limit that names none."""

State: TypeAlias = Literal["queued", "in_progress", "success", "failure", "error", "inactive"]
Conclusion: TypeAlias = Literal["success", "neutral", "failure"]
_Thing = TypeVar("_Thing", bound="_Answer")


class _Answer(BaseModel):
    """A part of what GitHub answers."""

    model_config = ConfigDict(frozen=True)


class _User(_Answer):
    login: str


class _Head(_Answer):
    sha: str


class PullRequest(_Answer):
    """Open, unless it was asked for otherwise."""

    number: int
    node_id: str
    """What GraphQL calls it."""
    html_url: str
    title: str
    body: str | None = None
    state: str
    """`open` or `closed`."""
    user: _User | None = None
    head: _Head
    merged_at: datetime | None = None
    auto_merge: Any = None
    """Present once it is armed."""

    @property
    def is_open(self) -> bool:
        return self.state == "open"


class Comment(_Answer):
    """On a pull request or an issue."""

    id: int
    html_url: str
    body: str = ""
    user: _User | None = None


class Issue(_Answer):
    """One for each cause of an alarm."""

    number: int
    html_url: str
    title: str
    body: str | None = None
    pull_request: Any = None
    """Present in lists, where a pull request counts as an issue."""


class CheckRun(_Answer):
    """A check beside those of workflows."""

    id: int
    conclusion: str | None = None


class _CheckRuns(_Answer):
    """The latest of each name."""

    check_runs: tuple[CheckRun, ...]


class _Error(_Answer):
    message: str


class _Mutated(_Answer):
    """GraphQL's answer; there the status is 200 whatever came of it."""

    errors: tuple[_Error, ...] = ()


class _Object(_Answer):
    """Something in git."""

    sha: str


class Deployment(_Answer):
    """What GitHub shows of one under Environments."""

    id: int
    payload: Any = None


class DeploymentStatus(_Answer):
    """How it goes."""

    state: str
    description: str = ""


class _Named(_Answer):
    name: str


class _BranchPolicy(_Answer):
    protected_branches: bool


class Environment(_Named):
    """Of jobs, with what they are told."""

    deployment_branch_policy: _BranchPolicy | None = None
    """Which branches' jobs may use it; None: all of them may."""
    protection_rules: tuple[Any, ...] = ()
    """Such as who must agree."""


class _Environments(_Answer):
    environments: tuple[Environment, ...] = ()


class _Branches(_Answer):
    branch_policies: tuple[_Named, ...] = ()


class _Secrets(_Answer):
    secrets: tuple[_Named, ...] = ()


class _Variables(_Answer):
    variables: tuple[_Named, ...] = ()


class WorkflowRights(_Answer):
    """What the workflows' own token may do in this repository."""

    can_approve_pull_request_reviews: bool
    """And open pull requests: GitHub has one switch for both."""


class _Rule(_Answer):
    type: str
    parameters: Any = None


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


class _NoAnswerError(Exception):
    """GitHub said nothing of use; a write may have been carried out or not."""


class GitHub:
    """One repository there. The token is in no text and no error.

    Every method may raise OutsideError (no answer within `Timings.github`, no right, no such repository) and
    RefusedError (GitHub says why it will not).
    """

    def __init__(self, repository: str, token: str, timings: Timings, api: str = API) -> None:
        """Nothing is sent yet; `repository` is `owner/name`."""
        self.repository = repository
        self._owner = repository.partition("/")[0]
        self._api = api
        self._timings = timings
        self._client = httpx.Client(
            timeout=timings.request,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "User-Agent": "lepinet",
                "X-GitHub-Api-Version": _VERSION,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def open_pull_request(self, *, branch: str, base: str, title: str, body: str) -> PullRequest:
        """The open pull request from a branch of this repository to `base`, with this title and text; one, not two."""
        asked = {"head": f"{self._owner}:{branch}", "base": base, "state": "open"}
        wanted = {"title": title, "body": body}

        def find() -> PullRequest | None:
            return next(self._list("/pulls", PullRequest, asked), None)

        found = self._once(find, PullRequest, "/pulls", wanted | {"head": branch, "base": base})
        return self._make(found, PullRequest, f"/pulls/{found.number}", wanted)

    def proposed(self, branch: str) -> PullRequest | None:
        """The newest pull request from a branch of this repository, whatever became of it."""
        return next(self._list("/pulls", PullRequest, {"head": f"{self._owner}:{branch}", "state": "all"}), None)

    def pull_request_of(self, owner: str, branch: str, head: str) -> PullRequest | None:
        """The open pull request of a branch, in a fork or here, that is at a commit."""
        listed = self._list("/pulls", PullRequest, {"head": f"{owner}:{branch}", "state": "open"})
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
        url = f"{self._api}/graphql"
        asked = {"query": _ARM, "variables": {"id": pull_request.node_id}}
        answer = self._read(self._send("POST", url, asked), _Mutated, "/graphql")
        if answer.errors:
            raise RefusedError(f"GitHub says {answer.errors[0].message[:300]}", where=self.repository)

    def merged_by(self, commit: str) -> PullRequest | None:
        """The pull request that brought a commit to main; None for what was pushed."""
        listed = self._list(f"/commits/{commit}/pulls", PullRequest)
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
                self._send("POST", "/git/blobs", blob)
        entries = [{"path": one.path, "mode": one.mode, "type": "blob", "sha": one.blob} for one in files]
        tree = self._made("/git/trees", _Object, {"base_tree": parent[1], "tree": entries})
        # Without an author: only then it is signed.
        commit = self._made("/git/commits", _Object, {"message": message, "tree": tree.sha, "parents": [parent[0]]}).sha
        ref = f"heads/{branch}"
        try:
            self._send("POST", "/git/refs", {"ref": f"refs/{ref}", "sha": commit})
        except RefusedError:  # it is there already
            self._send("PATCH", f"/git/refs/{quote(ref)}", {"sha": commit, "force": True})
        return commit

    def start(self, workflow: str, branch: str) -> None:
        """Run a workflow on a branch: GitHub starts none by itself for what a workflow's own token does."""
        self._send("POST", f"/actions/workflows/{workflow}/dispatches", {"ref": branch})

    def check_run(self, name: str, commit: str, conclusion: Conclusion, title: str, text: str) -> None:
        """Say something beside the checks of a commit, unless that was said last.

        Args:
            name: of the check.
            commit: all 40 digits.
            conclusion: neutral leaves it to a person.
            title: one line.
            text: Markdown.
        """
        path = f"/commits/{commit}/check-runs?{httpx.QueryParams({'check_name': name})}"
        found = self._read(self._send("GET", path), _CheckRuns, path).check_runs
        if found and found[0].conclusion == conclusion:
            return
        said = {"title": title, "summary": text}
        wanted = {"name": name, "head_sha": commit, "status": "completed", "conclusion": conclusion, "output": said}
        self._made("/check-runs", CheckRun, wanted)

    def comment(self, number: int, key: str, text: str, author: str = BOT) -> Comment:
        """The one comment of `author` with this key: written, and from then on edited. Others' are left alone.

        Args:
            number: of the pull request or issue.
            key: which of our comments it is, such as `check`; it stands in the text, where nobody sees it.
            text: Markdown.
            author: who writes with this token.
        """
        body = f"{_mark(key)}\n{text}"
        path = f"/issues/{number}/comments"
        found = self._once(lambda: self._comment(number, key, author), Comment, path, {"body": body})
        return self._make(found, Comment, f"/issues/comments/{found.id}", {"body": body})

    def amend(self, number: int, key: str, part: str, text: str, author: str = BOT) -> Comment:
        """Say more at the top of that comment, in place of what that part of it said; arguments as of `comment`."""
        found = self._comment(number, key, author)
        said = found.body.removeprefix(_mark(key)).lstrip("\n") if found else ""
        rest = re.sub(rf"{re.escape(_mark(part))}.*?{_PART_ENDS}\n*", "", said, count=1, flags=re.DOTALL)
        return self.comment(number, key, f"{_mark(part)}\n{text}\n{_PART_ENDS}\n\n{rest}", author)

    def alarm(self, key: str, title: str, text: str) -> Issue:
        """The open issue about a cause, as it is now; opened when there is none."""
        wanted = {"title": title, "body": f"{_mark(key)}\n{text}"}
        found = self._once(lambda: self._issue(key), Issue, "/issues", wanted | {"labels": [LABEL]})
        return self._make(found, Issue, f"/issues/{found.number}", wanted)

    def report_once(self, key: str, title: str, text: str) -> Issue:
        """The issue about something, opened once: one that somebody has closed is found too, and stays as it is."""
        wanted = {"title": title, "body": f"{_mark(key)}\n{text}", "labels": [LABEL]}
        return self._once(lambda: self._issue(key, "all"), Issue, "/issues", wanted)

    def all_clear(self, key: str, text: str) -> Issue | None:
        """Close the issue about a cause with a last word; None when there is none that is open."""
        found = self._issue(key)
        if found is not None:
            self.comment(found.number, f"{key}-over", text)
            self._send("PATCH", f"/issues/{found.number}", {"state": "closed", "state_reason": "completed"})
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
            listed = self._list("/deployments", Deployment, {"environment": environment, "sha": commit})
            return next((one for one in listed if one.payload == {"lepinet": id_}), None)

        wanted = {
            "ref": commit,
            "environment": environment,
            "description": description[:140],
            "payload": {"lepinet": id_},
            "auto_merge": False,
            "required_contexts": [],
        }
        return self._once(find, Deployment, "/deployments", wanted)

    def deployment_status(self, deployment: Deployment, state: State, description: str, log_url: str) -> None:
        """Say how it goes, unless that was the last word already. `description`: at most 140 characters are kept."""
        path, said = f"/deployments/{deployment.id}/statuses", description[:140]

        def find() -> DeploymentStatus | None:
            newest = next(self._list(path, DeploymentStatus), None)
            return newest if newest == DeploymentStatus(state=state, description=said) else None

        self._once(find, DeploymentStatus, path, {"state": state, "description": said, "log_url": log_url})

    def environments(self) -> dict[str, Environment]:
        """Those that have been made, by name; at most a hundred of them."""
        path = "/environments?per_page=100"
        return {one.name: one for one in self._read(self._send("GET", path), _Environments, path).environments}

    def deploying_branches(self, environment: str) -> frozenset[str]:
        """Patterns of the branches whose jobs may use an environment that names such."""
        path = f"/environments/{environment}/deployment-branch-policies?per_page=100"
        return _names(self._read(self._send("GET", path), _Branches, path).branch_policies)

    def settings(self, environment: str) -> frozenset[str]:
        """Names of an environment's secrets and variables; what they are GitHub tells nobody, or everybody."""
        secrets, variables = (f"/environments/{environment}/{kind}?per_page=30" for kind in ("secrets", "variables"))
        known = _names(self._read(self._send("GET", secrets), _Secrets, secrets).secrets)
        return known | _names(self._read(self._send("GET", variables), _Variables, variables).variables)

    def required_checks(self, branch: str) -> frozenset[str]:
        """What must have passed before a change comes to a branch, by the repository's rules."""
        rules = [rule for rule in self._list(f"/rules/branches/{branch}", _Rule) if rule.type == _CHECKS]
        return frozenset(check["context"] for rule in rules for check in rule.parameters[_CHECKS])

    def workflow_rights(self) -> WorkflowRights:
        path = "/actions/permissions/workflow"
        return self._read(self._send("GET", path), WorkflowRights, path)

    def _comment(self, number: int, key: str, author: str) -> Comment | None:
        listed = self._list(f"/issues/{number}/comments", Comment)
        ours = (one for one in listed if one.user and one.user.login == author)
        return next((one for one in ours if one.body.startswith(_mark(key))), None)

    def _issue(self, key: str, state: str = "open") -> Issue | None:
        listed = self._list("/issues", Issue, {"labels": LABEL, "state": state})
        ours = (one for one in listed if one.pull_request is None and (one.body or "").startswith(_mark(key)))
        return next(ours, None)

    def _once(self, find: Callable[[], _Thing | None], kind: type[_Thing], path: str, wanted: Any) -> _Thing:
        """What is found, else what is made; after a request without an answer it is looked for again first."""
        pause, reason = self._timings.retry, ""
        for _ in range(self._timings.retries + 1):
            if (found := find()) is not None:
                return found
            try:
                return self._read(self._attempt("POST", path, wanted), kind, path)
            except _NoAnswerError as error:
                reason = str(error)
            time.sleep(pause)
            pause *= 2
        if (found := find()) is not None:
            return found
        raise self._silent(path, reason)

    def _make(self, found: _Thing, kind: type[_Thing], path: str, wanted: Mapping[str, Any]) -> _Thing:
        """What was found, with the values that it should have."""
        if all(getattr(found, name) == value for name, value in wanted.items()):
            return found
        return self._read(self._send("PATCH", path, wanted), kind, path)

    def _list(self, path: str, kind: type[_Thing], query: Mapping[str, str] | None = None) -> Iterator[_Thing]:
        """All pages, each asked for when it is needed."""
        page: str | None = f"{path}?{httpx.QueryParams({**(query or {}), 'per_page': '100'})}"
        while page:
            response = self._send("GET", page)
            listed = _json(response, path)
            if not isinstance(listed, list):
                raise OutsideError("GitHub's answer is no list", where=path)
            yield from (_thing(item, kind, path) for item in listed)
            page = response.links.get("next", {}).get("url")

    def _made(self, path: str, kind: type[_Thing], wanted: Any) -> _Thing:
        """What may be made again without harm: nothing of it is to be seen until something points to it."""
        return self._read(self._send("POST", path, wanted), kind, path)

    def _read(self, response: httpx.Response, kind: type[_Thing], path: str) -> _Thing:
        return _thing(_json(response, path), kind, path)

    def _send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A request that may be repeated without harm."""
        pause, reason = self._timings.retry, ""
        for _ in range(self._timings.retries + 1):
            try:
                return self._attempt(method, path, body)
            except _NoAnswerError as error:
                reason = str(error)
            time.sleep(pause)
            pause *= 2
        raise self._silent(path, reason)

    def _attempt(self, method: str, path: str, body: Any) -> httpx.Response:
        """One request, sent again only when GitHub says that it came too soon and was not carried out.

        Raises:
            _NoAnswerError: no answer, or a server's error.
        """
        end = time.monotonic() + self._timings.github
        while True:
            try:
                response = self._client.request(method, self._url(path), json=body)
            except httpx.HTTPError as error:
                raise _NoAnswerError(f"no connection ({type(error).__name__})") from None
            if response.is_server_error:
                raise _NoAnswerError(f"HTTP {response.status_code}")
            pause = _too_soon(response)
            if pause is None:
                break
            if time.monotonic() + pause > end:
                raise OutsideError(
                    f"GitHub takes no more calls for {pause:.0f} s", where=self.repository, todo="run it again then"
                )
            time.sleep(pause)
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _url(self, path: str) -> str:
        """Of a path in this repository, or of a list's next page, which GitHub names whole."""
        if path.startswith("/"):
            return f"{self._api}/repos/{self.repository}{path}"
        if not path.startswith(f"{self._api}/"):
            raise OutsideError("the next page of GitHub's list leads elsewhere", where=path[:200])
        return path

    def _refusal(self, response: httpx.Response) -> LepinetError:
        said = _said(response)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return OutsideError(
                "GitHub does not know this token", where=self.repository, todo="GITHUB_TOKEN, or gh auth login"
            )
        if response.status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
            return OutsideError(
                f"GitHub says {said}",
                where=self.repository,
                todo="is it there, and may this token do that? (the job's permissions; gh auth status)",
            )
        if response.is_redirect:
            return OutsideError("the repository has another name now", where=self.repository, todo="git remote set-url")
        return RefusedError(f"GitHub says {said}", where=self.repository)

    def _silent(self, path: str, reason: str) -> OutsideError:
        return OutsideError(f"GitHub does not answer: {reason}", where=f"{self.repository}{path}", todo="run it again")


def _names(named: Iterable[_Named]) -> frozenset[str]:
    return frozenset(one.name for one in named)


def _mark(key: str) -> str:
    return f"<!-- lepinet:{key} -->"


def _too_soon(response: httpx.Response) -> float | None:
    """Seconds to wait after a rate limit, primary or secondary; None for any other answer.

    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """
    if response.status_code not in {httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS}:
        return None
    wanted = response.headers.get("retry-after", "")
    if wanted.isdecimal():
        return float(wanted)
    if response.headers.get("x-ratelimit-remaining") == "0":
        with suppress(KeyError, ValueError):
            now = parsedate_to_datetime(response.headers["date"]).timestamp()
            return max(1.0, int(response.headers["x-ratelimit-reset"]) - now + 1)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or "secondary rate limit" in response.text[:2000]:
        return _SECONDARY_PAUSE
    return None


def _json(response: httpx.Response, path: str) -> Any:
    if len(response.content) > _LARGEST:
        raise OutsideError("GitHub's answer does not end", where=path)
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise OutsideError("GitHub's answer is no JSON", where=path) from None


def _thing(value: Any, kind: type[_Thing], path: str) -> _Thing:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise OutsideError(f"GitHub's answer has no usable {place}", where=path) from None


def _said(response: httpx.Response) -> str:
    """GitHub's message and the first of its reasons, in one line."""
    try:
        body = json.loads(response.content[:_LARGEST])
        reasons = [error.get("message") for error in body.get("errors", ()) if isinstance(error, dict)]
        parts = [str(part) for part in (body.get("message"), *reasons) if part]
    except (ValueError, AttributeError, TypeError, RecursionError):
        parts = []
    return f"{response.status_code}: {'; '.join(parts)[:300]}" if parts else f"HTTP {response.status_code}"
