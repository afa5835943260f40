"""A folder as a git repository that has begun."""

from __future__ import annotations

import subprocess
from pathlib import Path


def begin(folder: Path) -> str:
    """Commit all that lies in the folder, as the first commit of main; its id."""
    identity = ["-c", "user.name=Asha", "-c", "user.email=asha@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-qm", "begin"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()
