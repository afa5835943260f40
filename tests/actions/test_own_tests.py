"""ci.yml, run: this repository's own tests decide, on what the merge would give and on each Python."""

from __future__ import annotations

import pytest

from actions.github import CANARIES, GitHub

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("code", "result"), [(0, "success"), (1, "failure")])
def test_what_the_tests_say_is_the_result(github: GitHub, code: int, result: str) -> None:
    tests = github.desk.folder / ".ci" / "run"
    tests.parent.mkdir()
    tests.write_text(f'echo "tested $(git rev-parse HEAD)"\nenv\nexit {code}\n')
    github.desk.commit("Test it otherwise")
    opened = github.pull_request(fork="mallory")
    ran = github.run("ci.yml", opened)
    assert set(ran.jobs.values()) == {result}
    assert ran.log.count(f"tested {opened.sha}") == 2
    assert [ran.log.count(f"Python {version}") for version in ("3.11", "3.13")] == [1, 1]
    assert not [value for secrets in CANARIES.values() for value in secrets.values() if value in ran.log]
