"""The notes of a release from CHANGELOG.md, for a tag of the package's version: `python -m releases v0.1.0`."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def notes(tag: str, version: str, changelog: str) -> str:
    """What changed, as CHANGELOG.md has it below `## 0.1.0`, a comma and a date.

    Args:
        tag: such as `v0.1.0`.
        version: the package's.
        changelog: the whole of it.

    Raises:
        ValueError: the tag is of another version, or nothing is noted about it.
    """
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, and the package's version is {version}")
    # All of the heading: that of a candidate, 0.1.0-rc.1, begins alike.
    heading = rf"^## {re.escape(version)}(?:,[^\n]*)?\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None or not re.search(r"^(?!#)\S", found[1], re.MULTILINE):
        raise ValueError(f"CHANGELOG.md says nothing below `## {version}`")
    return found[1].strip() + "\n"


def main() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        sys.stdout.write(notes(sys.argv[1], version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
