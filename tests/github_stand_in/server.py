"""A stand-in for GitHub's REST API on loopback: it remembers, and holds both sides to GitHub's description.

What GitHub's prose says beside the description, and is done here: one open pull request for a branch; the newest
deployments and statuses come first; an issue list has pull requests in it; pages of at most 100; a branch is made once;
a token may do what the job's permissions say. Commits and branches are those of a real repository.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from github_stand_in.contract import filled, operation
from github_stand_in.of_releases import Releases
from github_stand_in.settings import Settings
from loopback import running

TOKEN = "ghs_canary0123456789canary0123456789abcd"  # noqa: S105 -- of the stand-in, to be looked for where it must not be
ME = "github-actions[bot]"
_NUMBERED = "/repositories/1296269"
_RIGHTS = (
    (r"/git/|/releases", "contents"),
    (r"/pulls|/commits/[^/]+/pulls|/issues/\d+/comments|/issues/comments/", "pull-requests"),
    (r"/issues", "issues"),
    (r"/deployments", "deployments"),
    (r"/check-runs|/commits/[^/]+/check-runs", "checks"),
    (r"/actions/", "actions"),
)
"""Which permission of a job a path asks for; comments count as pull requests', for no job comments on an issue."""
_SOME_DAY = "2026-11-26T00:00:00Z"
_ACTIONS = {
    "id": 15368,
    "slug": "github-actions",
    "node_id": "text",
    "owner": filled("simple-user"),
    "name": "GitHub Actions",
    "description": None,
    "external_url": "https://example.org/",
    "html_url": "https://example.org/",
    "created_at": _SOME_DAY,
    "updated_at": _SOME_DAY,
    "permissions": {},
    "events": [],
}
"""The app whose checks those of every workflow are."""


@dataclass(frozen=True)
class Failure:
    """What GitHub answers instead."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "Something went wrong"
    after: bool = False
    """It does what was asked, and only then fails to say so."""


@dataclass
class StandIn:
    """A repository's pull requests, issues, comments and deployments."""

    url: str = ""
    owner: str = "acme"
    name: str = "butterflies"
    pulls: list[Any] = field(default_factory=list)
    issues: list[Any] = field(default_factory=list)
    comments: list[Any] = field(default_factory=list)
    outrun_by: str | None = None
    """What another run says just before the next comment."""
    deployments: list[Any] = field(default_factory=list)
    statuses: list[Any] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    releases: Releases = field(default_factory=Releases)
    checks: list[Any] = field(default_factory=list)
    dispatches: list[tuple[str, str]] = field(default_factory=list)
    """Workflows that were started by hand, each with its branch."""
    runs: list[tuple[str, str]] = field(default_factory=list)
    """The same, each with the commit on which it ran."""
    origin: Path | None = None
    """The repository itself, bare; without one there are no branches."""
    permissions: dict[str, str] | None = None
    """Of the job whose token is used; None: a person's, which may do all."""
    me: str = ME
    """Whose token is used."""
    allows_auto_merge: bool = True
    """As the repository's settings say."""
    failures: list[Failure | None] = field(default_factory=list)
    """For the next requests, in this order; None: as always."""
    fails_at: tuple[str, Failure] | None = None
    """For the first request of that method and path."""
    requests: list[str] = field(default_factory=list)
    elsewhere: str | None = None
    """Where the next page of a list is said to be, in place of here."""
    wrong: list[str] = field(default_factory=list)
    """What broke the description."""

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """What GitHub answers to a request that its description allows."""
        rest = path.removeprefix(f"/repos/{self.owner}/{self.name}")
        if not self._may(method, rest):
            return 403, filled("basic-error", message="Resource not accessible by integration")
        for (wanted, pattern), act in self._acts().items():
            if method == wanted and (found := re.fullmatch(pattern, rest)):
                return act([int(part) if part.isdecimal() else part for part in found.groups()], query, body)
        return 404, filled("basic-error", message="Not Found")

    def _may(self, method: str, path: str) -> bool:
        if self.permissions is None:
            return True
        named = next(right for pattern, right in _RIGHTS if re.match(pattern, path))
        return self.permissions.get(named) in ({"read", "write"} if method == "GET" else {"write"})

    def _acts(self) -> dict[tuple[str, str], Callable[[list[Any], dict[str, str], Any], tuple[int, Any]]]:
        return {
            ("GET", "/pulls"): self._list_pulls,
            ("POST", "/pulls"): self._open_pull,
            ("GET", r"/pulls/(\d+)"): self._get_pull,
            ("PATCH", r"/pulls/(\d+)"): lambda ids, _, body: self._change(self.pulls, "number", ids[0], body),
            ("GET", "/issues"): self._list_issues,
            ("POST", "/issues"): self._open_issue,
            ("PATCH", r"/issues/(\d+)"): lambda ids, _, body: self._change(self.issues, "number", ids[0], body),
            ("GET", r"/issues/(\d+)/comments"): lambda ids, *_: (200, [c for c in self.comments if _of(c) == ids[0]]),
            ("POST", r"/issues/(\d+)/comments"): self._comment,
            ("DELETE", r"/issues/comments/(\d+)"): self._delete_comment,
            ("PATCH", r"/issues/comments/(\d+)"): lambda ids, _, body: self._change(self.comments, "id", ids[0], body),
            ("GET", "/deployments"): self._list_deployments,
            ("POST", "/deployments"): self._deploy,
            ("GET", r"/deployments/(\d+)/statuses"): lambda ids, *_: (200, self._statuses(ids[0])),
            ("POST", r"/deployments/(\d+)/statuses"): self._set_status,
            **self.settings.acts(),
            **self.releases.acts(),
            ("GET", r"/commits/(\w+)/pulls"): self._pulls_of_commit,
            ("GET", r"/commits/(\w+)/check-runs"): self._list_checks,
            ("POST", "/check-runs"): self._check,
            ("PATCH", r"/check-runs/(\d+)"): self._check_again,
            ("POST", "/git/blobs"): self._blob,
            ("POST", "/git/trees"): self._tree,
            ("POST", "/git/commits"): self._commit,
            ("GET", "/git/ref/(.+)"): self._ref,
            ("POST", "/git/refs"): self._make_ref,
            ("PATCH", "/git/refs/(.+)"): self._move_ref,
            ("POST", r"/actions/workflows/([\w.-]+)/dispatches"): self._dispatch,
            ("GET", r"/actions/workflows/([\w.-]+)/runs"): self._list_runs,
        }

    def _list_pulls(self, _: list[int], query: dict[str, str], __: Any) -> tuple[int, Any]:
        owner, branch = query.get("head", ":").split(":")
        state = query.get("state", "open")
        wanted = [
            pull
            for pull in reversed(self.pulls)
            if state in {"all", pull["state"]}
            and (not branch or (owner, branch) == (pull["head"]["user"]["login"], pull["head"]["ref"]))
            and query.get("base", pull["base"]["ref"]) == pull["base"]["ref"]
        ]
        return 200, [filled("pull-request-simple", **_common(pull, "pull-request-simple")) for pull in wanted]

    def _open_pull(self, _: list[int], __: dict[str, str], body: Any) -> tuple[int, Any]:
        branch = body["head"].rpartition(":")[2]
        if any(pull["state"] == "open" and pull["head"]["ref"] == branch for pull in self.pulls):
            said = f"A pull request already exists for {self.owner}:{branch}."
            return 422, {"message": "Validation Failed", "errors": [{"message": said}], "documentation_url": self.url}
        head = self.git("rev-parse", branch) if self.origin else "0" * 40
        return 201, self.open(branch, head, title=body["title"], body=body.get("body"), base=body["base"])

    def open(
        self, branch: str, head: str, *, title: str, body: str | None, base: str = "main", owner: str | None = None
    ) -> Any:
        """A pull request from a branch here, or in the fork of an owner."""
        number = self._number()
        pull = filled("pull-request", number=number, title=title, body=body, state="open", merged_at=None)
        pull |= {"html_url": f"https://github.com/{self.repository}/pull/{number}", "node_id": f"PR_{number}"}
        pull["user"] = filled("simple-user", login=self.me, type="Bot")
        pull["head"] |= {"ref": branch, "sha": head, "user": filled("simple-user", login=owner or self.owner)}
        pull["head"]["repo"]["full_name"] = f"{owner or self.owner}/{self.name}"
        pull["base"]["ref"] = base
        self.pulls.append(pull)
        return pull

    def _get_pull(self, ids: list[Any], _: dict[str, str], __: Any) -> tuple[int, Any]:
        found = next((one for one in self.pulls if one["number"] == ids[0]), None)
        return (200, found) if found else (404, filled("basic-error", message="Not Found"))

    def mutate(self, body: Any) -> Any:
        """What GraphQL answers, whose schema is not in the description: the one mutation that is asked for."""
        found = re.fullmatch(
            r"mutation\(\$id: ID!\) \{ enablePullRequestAutoMerge\(input: \{pullRequestId: \$id\}\)"
            r" \{ clientMutationId \} \}",
            body["query"],
        )
        (pull,) = (pull for pull in self.pulls if pull["node_id"] == body["variables"]["id"])
        assert found
        assert body.keys() == {"query", "variables"}
        if not self.allows_auto_merge or not self._may("POST", "/pulls") or not self._may("POST", "/git/refs"):
            said = "Pull request Auto merge is not allowed for this repository"
            return {
                "data": {"enablePullRequestAutoMerge": None},
                "errors": [{"type": "UNPROCESSABLE", "message": said}],
            }
        pull["auto_merge"] = {
            "enabled_by": pull["user"],
            "merge_method": "merge",
            "commit_title": "",
            "commit_message": "",
        }
        return {"data": {"enablePullRequestAutoMerge": {"clientMutationId": None}}}

    def merged(self, number: int, commit: str) -> None:
        """Somebody has merged a pull request."""
        (pull,) = (one for one in self.pulls if one["number"] == number)
        pull |= {"state": "closed", "merged_at": "2026-11-26T00:00:00Z", "merge_commit_sha": commit}

    def _pulls_of_commit(self, ids: list[Any], _: dict[str, str], __: Any) -> tuple[int, Any]:
        found = [pull for pull in self.pulls if pull["merge_commit_sha"] == str(ids[0])]
        return 200, [filled("pull-request-simple", **_common(pull, "pull-request-simple")) for pull in found]

    def _list_checks(self, ids: list[Any], query: dict[str, str], _: Any) -> tuple[int, Any]:
        found = [
            one
            for one in self.checks
            if one["head_sha"] == str(ids[0]) and query.get("check_name") in {None, one["name"]}
        ]
        return 200, {"total_count": len(found), "check_runs": found}

    def _check(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        check = filled("check-run", id=len(self.checks) + 1, **{k: v for k, v in body.items() if k != "output"})
        check["output"] |= body["output"]
        check["app"] = dict(_ACTIONS)
        self.checks.append(check)
        return 201, check

    def _check_again(self, ids: list[Any], _: dict[str, str], body: Any) -> tuple[int, Any]:
        (check,) = (one for one in self.checks if one["id"] == ids[0])
        check |= {**body, "output": check["output"] | body["output"]}
        return 200, check

    def git(self, *arguments: str, given: bytes = b"", **variables: str) -> str:
        """A command in the repository itself."""
        assert self.origin
        someone = {f"GIT_{role}_{what}": ME for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", "--git-dir", str(self.origin), *arguments],
            input=given,
            capture_output=True,
            check=True,
            env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, **someone, **variables},
        )
        return done.stdout.decode().strip()

    def _blob(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        assert body["encoding"] == "base64"
        blob = self.git("hash-object", "-w", "--stdin", given=base64.b64decode(body["content"]))
        return 201, filled("short-blob", sha=blob)

    def _tree(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        with TemporaryDirectory() as scratch:
            index = str(Path(scratch, "index"))
            self.git("read-tree", body["base_tree"], GIT_INDEX_FILE=index)
            for one in body["tree"]:
                entry = f"{one['mode'] if one['sha'] else '0'} {one['sha'] or '0' * 40}\t{one['path']}\0"
                self.git("update-index", "-z", "--index-info", given=entry.encode(), GIT_INDEX_FILE=index)
            return 201, filled("git-tree", sha=self.git("write-tree", GIT_INDEX_FILE=index))

    def _commit(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        assert not body.keys() & {"author", "committer", "signature"}, "then GitHub signs nothing"
        parents = [part for parent in body["parents"] for part in ("-p", parent)]
        commit = self.git("commit-tree", body["tree"], *parents, given=body["message"].encode())
        return 201, filled("git-commit", sha=commit, message=body["message"])

    def _ref(self, ids: list[Any], _: dict[str, str], __: Any) -> tuple[int, Any]:
        ref = f"refs/{ids[0]}"
        commit = self.git("for-each-ref", "--format=%(objectname)", ref)
        if not commit:
            return 404, filled("basic-error", message="Not Found")
        return 200, filled("git-ref", ref=ref, object={"type": "commit", "sha": commit, "url": f"{self.url}/commit"})

    def _make_ref(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        assert body["ref"].startswith("refs/heads/")
        if self.git("for-each-ref", body["ref"]):
            return 422, {"message": "Reference already exists", "documentation_url": self.url}
        return 201, self._set_ref(body["ref"], body["sha"])

    def _move_ref(self, ids: list[Any], _: dict[str, str], body: Any) -> tuple[int, Any]:
        assert body["force"]
        return 200, self._set_ref(f"refs/{ids[0]}", body["sha"])

    def _set_ref(self, ref: str, commit: str) -> Any:
        self.git("update-ref", ref, commit)
        for pull in self.pulls:
            if pull["head"]["user"]["login"] == self.owner and f"refs/heads/{pull['head']['ref']}" == ref:
                pull["head"]["sha"] = commit
        return filled("git-ref", ref=ref, object={"type": "commit", "sha": commit, "url": f"{self.url}/commit"})

    def _dispatch(self, ids: list[Any], _: dict[str, str], body: Any) -> tuple[int, Any]:
        self.dispatches.append((str(ids[0]), body["ref"]))
        self.runs.append((str(ids[0]), self.git("rev-parse", body["ref"])))
        return 204, None

    def _list_runs(self, ids: list[Any], query: dict[str, str], _: Any) -> tuple[int, Any]:
        found = [commit for workflow, commit in self.runs if (workflow, commit) == (str(ids[0]), query["head_sha"])]
        runs = [filled("workflow-run", head_sha=commit) for commit in found]
        return 200, {"total_count": len(runs), "workflow_runs": runs[: int(query["per_page"])]}

    def _list_issues(self, _: list[int], query: dict[str, str], __: Any) -> tuple[int, Any]:
        named = [one for one in query.get("labels", "").split(",") if one]
        wanted = [
            issue
            for issue in self.issues
            if query.get("state", "open") in {"all", issue["state"]}
            and set(named) <= set(issue["labels"])
            and query.get("creator", ME) == issue["user"]["login"]
        ]
        pulls = [filled("issue", number=pull["number"], title=pull["title"]) for pull in self.pulls if not named]
        for pull in pulls:
            pull["pull_request"] = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), self.url)
        return 200, [*pulls, *wanted]

    def _open_issue(self, _: list[int], __: dict[str, str], body: Any) -> tuple[int, Any]:
        issue = filled("issue", number=self._number(), state="open", **body)
        issue["user"] = filled("simple-user", login=ME, type="Bot")
        self.issues.append(issue)
        return 201, issue

    def _comment(self, ids: list[int], _: dict[str, str], body: Any) -> tuple[int, Any]:
        if self.outrun_by:
            self.say(ids[0], self.outrun_by)
            self.outrun_by = None
        return 201, self.say(ids[0], body["body"])

    def _delete_comment(self, ids: list[int], _: dict[str, str], __: Any) -> tuple[int, Any]:
        self.comments[:] = [one for one in self.comments if one["id"] != ids[0]]
        return 204, None

    def say(self, number: int, text: str, who: str = ME) -> Any:
        """Somebody writes a comment."""
        comment = filled("issue-comment", id=len(self.comments) + 1, body=text)
        comment |= {"user": filled("simple-user", login=who), "issue_url": f"{self.url}/issues/{number}"}
        self.comments.append(comment)
        return comment

    def _list_deployments(self, _: list[int], query: dict[str, str], __: Any) -> tuple[int, Any]:
        wanted = [one for one in self.deployments if query.get("environment") in {None, one["environment"]}]
        return 200, [one for one in reversed(wanted) if query.get("sha") in {None, one["sha"]}]

    def _deploy(self, _: list[int], __: dict[str, str], body: Any) -> tuple[int, Any]:
        known = {key: body[key] for key in ("ref", "environment", "payload", "description") if key in body}
        deployment = filled("deployment", id=len(self.deployments) + 1, sha=body["ref"], **known)
        self.deployments.append(deployment)
        return 201, deployment

    def _statuses(self, deployment: int) -> list[Any]:
        return [status for status in reversed(self.statuses) if _of(status, "deployment_url") == deployment]

    def _set_status(self, ids: list[int], _: dict[str, str], body: Any) -> tuple[int, Any]:
        known = {key: value for key, value in body.items() if key != "auto_inactive"}
        status = filled("deployment-status", id=len(self.statuses) + 1, **known)
        status["deployment_url"] = f"{self.url}/deployments/{ids[0]}"
        self.statuses.append(status)
        return 201, status

    def _change(self, things: list[Any], key: str, identity: int, body: Any) -> tuple[int, Any]:
        for thing in things:
            if thing[key] == identity:
                thing.update(body)
                return 200, thing
        return 404, filled("basic-error", message="Not Found")

    def _number(self) -> int:
        return len(self.pulls) + len(self.issues) + 1


def _of(thing: Any, key: str = "issue_url") -> int:
    return int(thing[key].rpartition("/")[2])


def _common(pull: Any, name: str) -> dict[str, Any]:
    """What the short form of a pull request has of the long one."""
    return {key: pull[key] for key in filled(name) if key in pull and key not in {"head", "base", "_links"}} | {
        "head": filled(name)["head"] | {key: pull["head"][key] for key in ("ref", "sha", "repo")},
        "base": filled(name)["base"] | {"ref": pull["base"]["ref"]},
    }


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.github = StandIn(url=f"http://127.0.0.1:{self.server_address[1]}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        github = self.server.github
        split = urlsplit(self.path.replace(_NUMBERED, f"/repos/{github.owner}/{github.name}"))
        length = int(self.headers.get("content-length", 0))
        content = self.rfile.read(length)
        is_file = self.headers.get("content-type") == "application/octet-stream"
        body = content if is_file else json.loads(content) if length else None
        github.requests.append(f"{self.command} {split.path}")
        failure = github.failures.pop(0) if github.failures else None
        if github.fails_at and github.fails_at[0] == github.requests[-1]:
            (_, failure), github.fails_at = github.fails_at, None
        if failure is None or failure.after:
            status, said, headers = self._answer(split.path, dict(parse_qsl(split.query, keep_blank_values=True)), body)
        if failure:
            status, said, headers = failure.status, {"message": failure.message}, failure.headers
        content = b"" if said is None else json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 -- the names that http.server calls

    def _answer(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        github = self.server.github
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, filled("basic-error", message="Bad credentials"), {}
        if path == "/graphql":
            return 200, github.mutate(body), {}
        asked = operation(self.command, path)
        if asked is None:
            github.wrong.append(f"{self.command} {path} is not in the cut")
            return 404, filled("basic-error", message="Not Found"), {}
        if problems := asked.wrong_request(query, body):
            github.wrong.extend(f"{self.command} {path}: {problem}" for problem in problems)
            return 422, {"message": "Validation Failed", "errors": problems, "documentation_url": github.url}, {}
        status, said = github.answer(self.command, path, query, body)
        headers = {}
        if isinstance(said, list):
            page, size = int(query.get("page", 1)), min(int(query.get("per_page", 30)), 100)
            if len(said) > page * size:
                following = urlencode(query | {"page": str(page + 1)})
                # GitHub names the repository by its number here.
                numbered = path.replace(f"/repos/{github.owner}/{github.name}", _NUMBERED)
                headers["link"] = f'<{github.elsewhere or github.url}{numbered}?{following}>; rel="next"'
            said = said[(page - 1) * size : page * size]
        broken = asked.wrong_answer(status, said)
        github.wrong.extend(f"the stand-in, {self.command} {path}: {problem}" for problem in broken)
        return status, said, headers

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """The stand-in, serving; at its end nothing may have broken GitHub's description."""
    with running(_Server()) as server:
        yield server.github
        assert not server.github.wrong, server.github.wrong
