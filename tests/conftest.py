"""What every test run says: first whether PostgREST itself was there, last which tests it left to `make test-all`."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Who is signed in to the Hub on this machine does not sign in to the tests' own; read when its client is imported.
os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"  # noqa: S105 -- no secret
# The stand-in takes large files by Git LFS, as the Hub does beside its own protocol.
os.environ["HF_HUB_DISABLE_XET"] = "1"

# A busy machine is no counterexample.
settings.register_profile("lepinet", deadline=None)
settings.load_profile("lepinet")

left_out: Counter[str] = Counter()


def pytest_report_header() -> str:
    found = shutil.which("postgrest")
    return f"postgrest: {found or 'not on the PATH; its contract is tested with supabase_gateway alone'}"


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="torch is not here: make reference runs it"))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    left_out.update(Path(item.path).relative_to(Path(__file__).parent).as_posix() for item in items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["left_out"] = dict(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each of several processes leaves out the same tests."""
    left_out.update({name: count for name, count in node.workeroutput["left_out"].items() if name not in left_out})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not left_out:
        return
    terminalreporter.section("not run")
    for name, count in sorted(left_out.items()):
        terminalreporter.write_line(f"{name}: {count}")
    terminalreporter.write_line("make test-all runs them")
