"""A stand-in for GitHub's REST API on loopback: it remembers, and holds both sides to GitHub's description.

What GitHub's prose says beside the description, and is done here: one open pull request for a branch; the newest
deployments and statuses come first; an issue list has pull requests in it; pages of at most 100.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from github_stand_in.contract import filled, operation
from github_stand_in.settings import Settings

TOKEN = "ghs_canary0123456789canary0123456789abcd"  # noqa: S105 -- of the stand-in, to be looked for where it must not be
ME = "github-actions[bot]"
_NUMBERED = "/repositories/1296269"


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
    deployments: list[Any] = field(default_factory=list)
    statuses: list[Any] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    failures: list[Failure | None] = field(default_factory=list)
    """For the next requests, in this order; None: as always."""
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
        for (wanted, pattern), act in self._acts().items():
            if method == wanted and (found := re.fullmatch(pattern, rest)):
                return act([int(part) if part.isdecimal() else part for part in found.groups()], query, body)
        return 404, filled("basic-error", message="Not Found")

    def _acts(self) -> dict[tuple[str, str], Callable[[list[Any], dict[str, str], Any], tuple[int, Any]]]:
        return {
            ("GET", "/pulls"): self._list_pulls,
            ("POST", "/pulls"): self._open_pull,
            ("PATCH", r"/pulls/(\d+)"): lambda ids, _, body: self._change(self.pulls, "number", ids[0], body),
            ("GET", "/issues"): self._list_issues,
            ("POST", "/issues"): self._open_issue,
            ("PATCH", r"/issues/(\d+)"): lambda ids, _, body: self._change(self.issues, "number", ids[0], body),
            ("GET", r"/issues/(\d+)/comments"): lambda ids, *_: (200, [c for c in self.comments if _of(c) == ids[0]]),
            ("POST", r"/issues/(\d+)/comments"): self._comment,
            ("PATCH", r"/issues/comments/(\d+)"): lambda ids, _, body: self._change(self.comments, "id", ids[0], body),
            ("GET", "/deployments"): self._list_deployments,
            ("POST", "/deployments"): self._deploy,
            ("GET", r"/deployments/(\d+)/statuses"): lambda ids, *_: (200, self._statuses(ids[0])),
            ("POST", r"/deployments/(\d+)/statuses"): self._set_status,
            **self.settings.acts(),
        }

    def _list_pulls(self, _: list[int], query: dict[str, str], __: Any) -> tuple[int, Any]:
        owner, branch = query.get("head", ":").split(":")
        wanted = [
            pull
            for pull in self.pulls
            if pull["state"] == query.get("state", "open")
            and (not branch or (owner, branch) == (self.owner, pull["head"]["ref"]))
            and query.get("base", pull["base"]["ref"]) == pull["base"]["ref"]
        ]
        return 200, [filled("pull-request-simple", **_common(pull, "pull-request-simple")) for pull in wanted]

    def _open_pull(self, _: list[int], __: dict[str, str], body: Any) -> tuple[int, Any]:
        branch = body["head"].rpartition(":")[2]
        if any(pull["state"] == "open" and pull["head"]["ref"] == branch for pull in self.pulls):
            said = f"A pull request already exists for {self.owner}:{branch}."
            return 422, {"message": "Validation Failed", "errors": [{"message": said}], "documentation_url": self.url}
        number = self._number()
        pull = filled(
            "pull-request",
            number=number,
            title=body["title"],
            body=body.get("body"),
            state="open",
            html_url=f"https://github.com/{self.repository}/pull/{number}",
        )
        pull["head"]["ref"], pull["base"]["ref"] = branch, body["base"]
        self.pulls.append(pull)
        return 201, pull

    def _list_issues(self, _: list[int], query: dict[str, str], __: Any) -> tuple[int, Any]:
        named = [one for one in query.get("labels", "").split(",") if one]
        wanted = [
            issue
            for issue in self.issues
            if issue["state"] == query.get("state", "open")
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
        return 201, self.say(ids[0], body["body"])

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
        "head": filled(name)["head"] | {"ref": pull["head"]["ref"]},
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
        body = json.loads(self.rfile.read(length)) if length else None
        github.requests.append(f"{self.command} {split.path}")
        failure = github.failures.pop(0) if github.failures else None
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

    do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 -- the names that http.server calls

    def _answer(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        github = self.server.github
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, filled("basic-error", message="Bad credentials"), {}
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
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.github
            assert not server.github.wrong
        finally:
            server.shutdown()
            thread.join()
