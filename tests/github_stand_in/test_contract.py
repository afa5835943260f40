"""The description bites: for each operation a bad request that it must refuse, and an answer that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from github_stand_in.contract import OPERATIONS, Operation, filled, operation

BAD: dict[tuple[str, str], tuple[dict[str, str], Any]] = {
    ("get", "pulls"): ({"state": "shut"}, None),
    ("post", "pulls"): ({}, {"title": "no base", "head": "work"}),
    ("get", "pulls/1"): ({"state": "open"}, None),
    ("patch", "pulls/1"): ({}, {"state": "shut"}),
    ("get", "issues"): ({"direction": "up"}, None),
    ("post", "issues"): ({}, {"body": "no title"}),
    ("patch", "issues/1"): ({}, {"state": "shut"}),
    ("get", "issues/1/comments"): ({"per_page": "many"}, None),
    ("post", "issues/1/comments"): ({}, {"text": "no body"}),
    ("delete", "issues/comments/1"): ({"quietly": "1"}, None),
    ("patch", "issues/comments/1"): ({}, {}),
    ("get", "deployments"): ({"env": "production"}, None),
    ("post", "deployments"): ({}, {"environment": "no ref"}),
    ("get", "deployments/1/statuses"): ({"state": "success"}, None),
    ("post", "deployments/1/statuses"): ({}, {"state": "live"}),
    ("get", "environments"): ({"per_page": "many"}, None),
    ("put", "environments/production"): ({}, {"wait_timer": "long"}),
    ("get", "environments/production/deployment-branch-policies"): ({"branch": "main"}, None),
    ("post", "environments/production/deployment-branch-policies"): ({}, {"type": "branch"}),
    ("get", "environments/production/secrets"): ({"names": "all"}, None),
    ("put", "environments/production/secrets/KEY"): ({}, {"encrypted_value": "in plain words", "key_id": "1"}),
    ("get", "environments/production/variables"): ({"names": "all"}, None),
    ("post", "environments/production/variables"): ({}, {"name": "KEY"}),
    ("get", "actions/permissions/workflow"): ({"all": "1"}, None),
    ("put", "actions/permissions/workflow"): ({}, {"default_workflow_permissions": "admin"}),
    ("get", "actions/variables"): ({"names": "all"}, None),
    ("post", "actions/variables"): ({}, {"name": "KEY"}),
    ("patch", "actions/variables/KEY"): ({}, {"value": 1}),
    ("get", "rules/branches/main"): ({"per_page": "many"}, None),
    ("post", "rulesets"): ({}, {"name": "lepinet", "enforcement": "always"}),
    ("get", "commits/9f3c2ab/pulls"): ({"state": "open"}, None),
    ("get", "commits/9f3c2ab/check-runs"): ({"filter": "newest"}, None),
    ("post", "check-runs"): ({}, {"name": "verdict", "conclusion": "neutral"}),
    ("patch", "check-runs/1"): ({}, {"conclusion": "undecided"}),
    ("post", "git/blobs"): ({}, {"encoding": "base64"}),
    ("post", "git/trees"): ({}, {"tree": [{"path": "models.yaml", "mode": "644"}]}),
    ("post", "git/commits"): ({}, {"message": "no tree"}),
    ("post", "git/refs"): ({}, {"ref": "refs/heads/work"}),
    ("get", "git/ref/tags/v1.2.0"): ({"peeled": "1"}, None),
    ("patch", "git/refs/heads/register-v1.2.0"): ({}, {"force": True}),
    ("post", "actions/workflows/pr.yml/dispatches"): ({}, {"inputs": {}}),
    ("get", "actions/workflows/pr.yml/runs"): ({"commit": "9f3c2ab"}, None),
    ("post", "releases"): ({}, {"name": "no tag"}),
    ("patch", "releases/1"): ({}, {"draft": "no"}),
    ("post", "releases/1/assets"): ({"name": "lepinet.whl"}, {"name": "lepinet.whl"}),
}


def test_there_is_a_bad_request_for_every_operation() -> None:
    assert {found(method, path) for method, path in BAD} == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), BAD, ids=lambda value: value)
def test_a_bad_request_is_seen(method: str, path: str) -> None:
    query, body = BAD[method, path]
    assert found(method, path).wrong_request(query, body)


def test_a_name_that_github_would_pass_over_is_seen() -> None:
    asked = found("post", "pulls")
    good = {"title": "Activate", "head": "work", "base": "main"}
    assert asked.wrong_request({}, good) == []
    assert asked.wrong_request({}, good | {"reviewers": ["asha"]}) == ["there is no reviewers"]


def test_an_answer_that_lacks_something_is_seen() -> None:
    asked = found("post", "pulls")
    answer = filled("pull-request", number=1)
    assert asked.wrong_answer(201, answer) == []
    del answer["number"]
    assert asked.wrong_answer(201, answer)
    assert asked.wrong_answer(200, answer) == ["200 is not described"]


def found(method: str, path: str) -> Operation:
    one = operation(method, f"/repos/acme/butterflies/{path}")
    assert one
    return one
