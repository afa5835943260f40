"""The story from end to end, as a user plays it: with real parts, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lepinet.cli.story.scratch import scratch

ROOT = Path(__file__).parents[2]


def test_the_demo_keeps_its_promises_and_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    home = tmp_path / "home"
    for folder in (scratch, home):
        folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(scratch)}
    done = subprocess.run(
        [sys.executable, "-c", "from lepinet.cli import main; main()", "demo"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "steps happened as told" in done.stdout
    assert ", 0 failed." in done.stdout
    assert not list(scratch.iterdir())
    assert not list(home.iterdir())
    assert not [name for name in _processes() if str(scratch) in name]


def test_whoever_looks_around_can_commit_without_having_told_git_a_name(tmp_path: Path) -> None:
    nobody = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    merge = ["git", "-c", "user.useConfigOnly=true", "merge", "--quiet", "--no-ff", "--no-edit", "change"]
    with scratch(ROOT, keep=False) as place:
        for words in ("git switch --create change", "git commit --allow-empty --message Change", "git switch main"):
            assert place.run(words.split()).code == 0
        subprocess.run(merge, cwd=place.repository, env=nobody, check=True)


def _processes() -> list[str]:
    """Command lines of everything that runs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found
