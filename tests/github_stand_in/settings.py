"""A repository's settings on GitHub: environments and what jobs are told, rules of branches, rights of workflows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from github_stand_in.contract import filled

Act: TypeAlias = Callable[[list[Any], dict[str, str], Any], tuple[int, Any]]


@dataclass
class Environment:
    """One of them; values of secrets as they came."""

    branches: list[str] | None = None
    """Patterns; None: jobs of every branch may use it, as of one that GitHub makes because a job names it."""
    reviewers: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class Settings:
    """At first as of a new repository."""

    environments: dict[str, Environment] = field(default_factory=dict)
    rulesets: list[Any] = field(default_factory=list)
    workflows_open_pull_requests: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    """The repository's own."""

    def acts(self) -> dict[tuple[str, str], Act]:
        one = r"/environments/([\w-]+)"
        return {
            ("GET", "/environments"): self._list,
            ("PUT", one): self._make,
            ("GET", f"{one}/deployment-branch-policies"): self._in(self._branches),
            ("POST", f"{one}/deployment-branch-policies"): self._in(self._add_branch),
            ("GET", f"{one}/secrets"): self._in(self._secrets),
            ("PUT", rf"{one}/secrets/(\w+)"): self._in(self._set_secret),
            ("GET", f"{one}/variables"): self._in(self._variables),
            ("POST", f"{one}/variables"): self._in(self._set_variable),
            ("GET", "/actions/variables"): lambda *_: _listed(self.variables),
            ("POST", "/actions/variables"): self._make_variable,
            ("PATCH", r"/actions/variables/(\w+)"): self._change_variable,
            ("GET", "/actions/permissions/workflow"): self._rights,
            ("PUT", "/actions/permissions/workflow"): self._set_rights,
            ("GET", r"/rules/branches/(\w+)"): self._rules,
            ("POST", "/rulesets"): self._add_ruleset,
        }

    def _list(self, _: list[Any], __: dict[str, str], ___: Any) -> tuple[int, Any]:
        found = [_environment(name, one) for name, one in self.environments.items()]
        return 200, {"total_count": len(found), "environments": found}

    def _make(self, ids: list[Any], _: dict[str, str], body: Any) -> tuple[int, Any]:
        made = self.environments.setdefault(ids[0], Environment())
        policy = (body or {}).get("deployment_branch_policy")
        made.branches = (made.branches or []) if policy and policy["custom_branch_policies"] else None
        made.reviewers = bool((body or {}).get("reviewers"))
        return 200, _environment(ids[0], made)

    def _in(self, act: Callable[[Environment, list[Any], Any], tuple[int, Any]]) -> Act:
        """Of an environment that there is."""

        def found(ids: list[Any], _: dict[str, str], body: Any) -> tuple[int, Any]:
            environment = self.environments.get(ids[0])
            if environment is None:
                return 404, filled("basic-error", message="Not Found")
            return act(environment, ids[1:], body)

        return found

    def _branches(self, environment: Environment, _: list[Any], __: Any) -> tuple[int, Any]:
        found = [filled("deployment-branch-policy") | {"name": name} for name in environment.branches or ()]
        return 200, {"total_count": len(found), "branch_policies": found}

    def _add_branch(self, environment: Environment, _: list[Any], body: Any) -> tuple[int, Any]:
        if environment.branches is None:
            return 404, filled("basic-error", message="Not Found")
        environment.branches.append(body["name"])
        return 200, filled("deployment-branch-policy") | {"name": body["name"]}

    def _secrets(self, environment: Environment, _: list[Any], __: Any) -> tuple[int, Any]:
        found = [filled("actions-secret") | {"name": name} for name in environment.secrets]
        return 200, {"total_count": len(found), "secrets": found}

    def _set_secret(self, environment: Environment, ids: list[Any], body: Any) -> tuple[int, Any]:
        environment.secrets[ids[0]] = body["encrypted_value"]
        return 201, {}

    def _variables(self, environment: Environment, _: list[Any], __: Any) -> tuple[int, Any]:
        return _listed(environment.variables)

    def _set_variable(self, environment: Environment, _: list[Any], body: Any) -> tuple[int, Any]:
        environment.variables[body["name"]] = body["value"]
        return 201, {}

    def _make_variable(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        assert body["name"] not in self.variables, "GitHub refuses it"
        self.variables[body["name"]] = body["value"]
        return 201, {}

    def _change_variable(self, ids: list[Any], _: dict[str, str], body: Any) -> tuple[int, Any]:
        self.variables[ids[0]] = body["value"]
        return 204, None

    def _rights(self, _: list[Any], __: dict[str, str], ___: Any) -> tuple[int, Any]:
        may = self.workflows_open_pull_requests
        return 200, {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": may}

    def _set_rights(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        self.workflows_open_pull_requests = body["can_approve_pull_request_reviews"]
        return 204, None

    def _rules(self, _: list[Any], __: dict[str, str], ___: Any) -> tuple[int, Any]:
        return 200, [rule for ruleset in self.rulesets for rule in ruleset["rules"]]

    def _add_ruleset(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        self.rulesets.append(body)
        return 201, filled("repository-ruleset") | body


def _listed(variables: dict[str, str]) -> tuple[int, Any]:
    found = [filled("actions-variable") | {"name": name, "value": value} for name, value in variables.items()]
    return 200, {"total_count": len(found), "variables": found}


def _environment(name: str, one: Environment) -> Any:
    custom = {"protected_branches": False, "custom_branch_policies": True}
    rules = [{"id": 1, "node_id": "1", "type": "required_reviewers"}] if one.reviewers else []
    policy = None if one.branches is None else custom
    return filled("environment") | {"name": name, "deployment_branch_policy": policy, "protection_rules": rules}
