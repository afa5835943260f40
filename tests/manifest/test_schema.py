from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lepinet.manifest.explain import MODELS
from lepinet.manifest.schema import schema, schema_text
from lepinet.manifest.source import plain

CHECKED_IN = Path(__file__).parents[2] / "models.schema.json"


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_checked_in_schema_is_current() -> None:
    assert CHECKED_IN.read_text() == schema_text(), "lepinet schema writes it again"


def test_accepts_the_smallest_and_the_fullest(validator: Any, smallest: str, fullest: str) -> None:
    for text in (smallest, fullest):
        data, _ = plain(text)
        assert not list(validator.iter_errors(data))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema_version: 1", "schema_version: 2"),
        ("registry: embedded", "registry: sqlite"),
        ("endpoint: {kind: local}", "endpoint: {kind: local, port: 0}"),
        ("endpoint: {kind: local}", "endpoint: {port: 80}"),
        ("endpoint: {kind: local}", "endpoint: {kind: none, port: 80}"),
        ("  v1.0.0:\n", "  1.0.0:\n"),
        ("  production:\n", "  Production:\n"),
        ("file_path: tests/", "file_path: ../"),
        ("revision: sha256:", "revision: "),
        ("versions:", "gates: {min_accuracy: 80}\nversions:"),
        ("versions:", "gates: {non_inferiority_margin: 0}\nversions:"),
        ("versions:", "known_image: x\nversions:"),
        ("environments:", "environment:"),
    ],
)
def test_refuses_what_an_editor_can_know(validator: Any, smallest: str, old: str, new: str) -> None:
    assert old in smallest
    data, _ = plain(smallest.replace(old, new, 1))
    assert list(validator.iter_errors(data))


def test_an_old_name_is_for_a_version_that_says_so(validator: Any, smallest: str) -> None:
    old = smallest.replace("v1.0.0:", "best of 2024:").replace("active: v1.0.0", "active: best of 2024")
    assert list(validator.iter_errors(plain(old)[0]))
    assert not list(validator.iter_errors(plain(f"{old}    legacy: true\n")[0]))


def test_near_misses_know_every_part_of_the_file() -> None:
    named = {part["title"] for part in schema()["$defs"].values()}
    assert {model.__name__ for model in MODELS.values()} == named | {"Manifest"}
