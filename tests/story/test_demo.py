"""The story from end to end, as a user plays it: with real parts, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def _processes() -> list[str]:
    """Command lines of everything that runs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found
