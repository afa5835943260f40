"""A repository's releases on GitHub, and the files beside each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from github_stand_in.contract import filled
from github_stand_in.settings import Act


@dataclass
class Releases:
    """At first there are none."""

    made: list[Any] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    """Of all of them, by name."""

    def acts(self) -> dict[tuple[str, str], Act]:
        return {
            ("POST", "/releases"): self._make,
            ("PATCH", r"/releases/(\d+)"): self._change,
            ("POST", r"/releases/(\d+)/assets"): self._add,
        }

    def _make(self, _: list[Any], __: dict[str, str], body: Any) -> tuple[int, Any]:
        if any(one["tag_name"] == body["tag_name"] for one in self.made):
            return 422, {"message": "Validation Failed", "errors": [{"field": "tag_name", "code": "already_exists"}]}
        self.made.append(filled("release", id=len(self.made) + 1) | body)
        return 201, self.made[-1]

    def _change(self, ids: list[Any], _: dict[str, str], body: Any) -> tuple[int, Any]:
        release = self.made[ids[0] - 1]
        release |= body
        return 200, release

    def _add(self, _: list[Any], query: dict[str, str], body: Any) -> tuple[int, Any]:
        self.files[query["name"]] = body
        return 201, filled("release-asset", name=query["name"])
