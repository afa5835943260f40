from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lepinet.manifest.fields import Link, Moment, RelativePath, Revision, VersionName
from lepinet.manifest.load import load
from lepinet.manifest.model import Gates, Manifest, ModelVersion
from lepinet.target import Target


def takes(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text, strict=True)
    except ValidationError:
        return False
    return True


def test_smallest_file_has_every_default(smallest: str) -> None:
    manifest = load(smallest)
    assert manifest.known_images == "tests/known_images"
    assert manifest.species is None
    assert manifest.gates == Gates()
    assert (manifest.retention.min_versions, manifest.retention.min_age_days) == (3, 30)
    assert manifest.environments["production"].override is None


def test_absent_gate_has_its_default_and_null_switches_it_off(fullest: str) -> None:
    gates = load(fullest.replace("  max_negative_flips: 0.10\n", "")).gates
    assert gates.max_negative_flips == Decimal("0.05")
    assert gates.min_top3_accuracy is None


@pytest.mark.parametrize("text", ["0.02", "0.1", "0.020000000000000001", "2e-2", "0.3"])
def test_limits_are_exactly_what_the_file_says(smallest: str, text: str) -> None:
    margin = load(f"{smallest}gates: {{non_inferiority_margin: {text}}}\n").gates.non_inferiority_margin
    assert margin is not None
    assert Fraction(margin) == Fraction(text)


def test_order_of_environments_is_the_order_of_the_file(fullest: str) -> None:
    assert list(load(fullest).environments) == ["staging", "production", "phones"]


def test_target_is_what_an_endpoint_serves(fullest: str) -> None:
    manifest = load(fullest)
    assert manifest.target("v1.0.0") == Target("Bhanura/lepinet-model", "0f5c21a0" * 5, "v1.0.0")
    with pytest.raises(KeyError):
        manifest.target("v9.0.0")


def test_what_a_version_says_of_itself(fullest: str) -> None:
    version = load(fullest).versions["v1.1.0"]
    assert version.accuracy_score == 0.9234
    assert version.created_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert version.links == {"run": "https://example.org/runs/41"}


def test_manifest_cannot_be_changed(smallest: str) -> None:
    with pytest.raises(ValidationError):
        load(smallest).known_images = "elsewhere"  # type: ignore[misc]  # that it cannot is the point


@pytest.mark.parametrize(
    "name", ["v0.0.0", "v1.2.3", "v10.20.30-rc.1", "v1.0.0-alpha-b.0a", "v1.0.0+build.7", "v1.0.0-x+y"]
)
def test_semantic_versions_are_names(name: str) -> None:
    assert takes(VersionName, name)


@pytest.mark.parametrize(
    "name",
    [
        "1.2.3",
        "v1.2",
        "v1.2.3.4",
        "v01.2.3",
        "v1.2.3-",
        "v1.2.3-01",
        "v1.2.3 ",
        "v1.2.3\n",
        "V1.2.3",
        "v1.٢.3",
        "latest",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not takes(VersionName, name)


@pytest.mark.parametrize(
    "path", ["tests/models/v1.0.0", "a", ".hidden/b", "a..b/c", "org/name", "ගොනු/සමනල්ලු", "with space/x"]
)
def test_paths_inside_of_the_repository(path: str) -> None:
    assert takes(RelativePath, path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc",
        "..",
        "../x",
        "a/../b",
        "a/..",
        "./a",
        "a//b",
        "a/",
        ".",
        "C:/x",
        "a\\b",
        "~root:x",
        "a\nb",
        "x" * 501,
    ],
)
def test_paths_that_lead_out_or_have_two_spellings(path: str) -> None:
    assert not takes(RelativePath, path)


@pytest.mark.parametrize(
    "text", ["main", "0f5c21a", "0F5C21A0" * 5, "sha256:0f", "sha1:" + "0" * 40, "v1.0.0", "0" * 41]
)
def test_branches_tags_and_short_ids_are_no_revisions(text: str) -> None:
    assert not takes(Revision, text)


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "http://user:secret@host/x", "https://", "https://a b", "example.org"]
)
def test_links_that_nobody_should_follow(text: str) -> None:
    assert not takes(Link, text)


@pytest.mark.parametrize("text", ["2026-11-20", "2026-11-20T10:00:00", "yesterday", "1700000000"])
def test_moments_without_an_offset_are_ambiguous(text: str) -> None:
    assert not takes(Moment, text)


def test_a_hub_commit_needs_a_hub_repository() -> None:
    with pytest.raises(ValidationError, match="no repository there"):
        ModelVersion(file_path="tests/models/v1.0.0", revision="0f5c21a0" * 5)


@pytest.mark.parametrize("key", ["auto_rollback"])
def test_keys_that_nobody_has_brought_yet_are_unknown(key: str) -> None:
    assert not any(key in model.model_fields for model in (Manifest, Gates))
