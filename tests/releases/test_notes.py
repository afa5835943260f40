"""A release says what CHANGELOG.md says of its version, and there is none without."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import lepinet
from releases.__main__ import notes

ROOT = Path(__file__).parents[2]
CHANGELOG = """\
# Changelog

## Unreleased

### Added

- Next.

## 0.2.0, 1 Dec 2026

### Added

- `lepinet init`.

## 0.2.0-rc.1, 28 Nov 2026

- `lepinet init`, to be tried.

## 0.1.1, 25 Nov 2026

### Added

## 0.1.0

- The first.
"""


def test_the_notes_are_those_of_the_version() -> None:
    assert notes("v0.2.0", "0.2.0", CHANGELOG) == "### Added\n\n- `lepinet init`.\n"
    assert notes("v0.1.0", "0.1.0", CHANGELOG) == "- The first.\n"


@pytest.mark.parametrize(
    ("tag", "version", "said"),
    [
        ("v0.2.0", "0.2.1", "the tag is v0.2.0"),
        ("0.2.0", "0.2.0", "the tag is 0.2.0"),
        ("v0.3.0", "0.3.0", "nothing"),
        ("v0.1.1", "0.1.1", "nothing"),
        ("v0.2.0-rc", "0.2.0-rc", "nothing"),
    ],
)
def test_a_tag_of_another_version_or_one_without_notes_is_no_release(tag: str, version: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        notes(tag, version, CHANGELOG)


def test_the_package_says_one_version_everywhere() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert lepinet.__version__ == declared
