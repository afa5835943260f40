"""What the registry keeps of versions and of how they performed, the same for every kind of registry."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from lepinet.registry import Registry
from lepinet.registry.records import NEWEST, PerformanceLog, VersionRow
from lepinet.registry.refusals import RegistryRefusal

OLD, NEW = "0f5c21a" + "0" * 33, "9f3c2ab" + "0" * 33


def test_a_new_version_keeps_all_that_the_trainer_said(registry: Registry) -> None:
    said: dict[str, Any] = {
        "training_image_count": 5400,
        "accuracy_score": 0.9234,
        "revision": OLD,
        "notes": "1,200 more photos of the wet season; “same” architecture",
        "links": {"run": "https://example.org/run/7"},
        "metrics": {"loss": [0.4, 0.2]},
        "created_at": datetime(2026, 11, 20, 10, tzinfo=UTC),
    }
    row = registry.log_version("v1.1.0", "Bhanura/lepinet-model", **said)
    assert row.model_dump(include=set(said)) == said
    assert (row.version_name, row.file_path, row.is_active) == ("v1.1.0", "Bhanura/lepinet-model", False)
    assert registry.snapshot("production").versions == (row,)


def test_the_same_version_again_is_the_same_row(registry: Registry) -> None:
    first = registry.log_version("v1.1.0", "Bhanura/lepinet-model", revision=OLD, accuracy_score=0.9)
    again = registry.log_version("v1.1.0", "Bhanura/lepinet-model", revision=OLD, accuracy_score=0.9)
    assert again == first


def test_a_row_learns_what_it_did_not_know_and_forgets_nothing(registry: Registry) -> None:
    registry.log_version("v1.1.0", "Bhanura/lepinet-model", accuracy_score=0.9, notes="first words")
    row = registry.log_version(
        "v1.1.0",
        "Bhanura/lepinet-model",
        revision=OLD,
        accuracy_score=0.5,
        training_image_count=10,
        notes="later words",
    )
    assert (row.revision, row.training_image_count) == (OLD, 10)
    assert (row.accuracy_score, row.notes) == (0.9, "first words")
    assert registry.log_version("v1.1.0", "Bhanura/lepinet-model").revision == OLD


def test_a_row_that_nobody_can_read_stops_no_other(registry: Registry, owner: psycopg.Connection[Any]) -> None:
    owner.execute(
        "insert into public.model_versions (version_name, file_path, links, created_at, accuracy_score)"
        " values ('odd', 'somewhere', '[1, 2]', 'infinity', 'NaN')"
    )
    (row,) = [row for row in registry.snapshot("production").versions if row.version_name == "odd"]
    assert (row.links, row.created_at, row.accuracy_score) == (None, None, None)


def test_a_snapshot_has_the_versions_asked_about_the_environments_own_and_the_newest(
    registry: Registry, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "insert into public.model_versions (version_name, file_path, created_at)"
        " select 'v1.' || n || '.0', 'm', timestamptz '2026-01-01' + n * interval '1 day' from generate_series(0, 40) n"
    )
    owner.execute("insert into public.model_versions (version_name, file_path, created_at) values ('old', 'm', null)")
    owner.execute("select public.emergency_activate('v1.3.0', 'why', 'production')")
    there = [row.version_name for row in registry.snapshot("production", ["v1.0.0", "v1.40.0", "v9.9.9"]).versions]
    assert there == ["v1.0.0", "v1.3.0", *(f"v1.{n}.0" for n in range(40 - NEWEST, 41))]
    assert "old" not in there
    assert [row.version_name for row in registry.versions()] == sorted(["old", *(f"v1.{n}.0" for n in range(41))])


@pytest.mark.parametrize("other", [("Bhanura/lepinet-model", NEW), ("Bhanura/other-model", OLD)])
def test_a_name_belongs_to_its_files_for_ever(registry: Registry, other: tuple[str, str]) -> None:
    logged = registry.log_version("v1.1.0", "Bhanura/lepinet-model", revision=OLD)
    for name in ("v1.1.9", "v1.1.10", "v1.10.77", "v11.1.99", "v1.1.10-rc"):
        registry.log_version(name, f"models/{name}")
    with pytest.raises(RegistryRefusal, match=r"v1\.1\.0 is taken: Bhanura/lepinet-model @ 0f5c21a, logged") as refused:
        registry.log_version("v1.1.0", other[0], revision=other[1])
    assert refused.value.code == 409
    assert refused.value.hint == "next free: v1.1.11"
    assert logged in registry.snapshot("production").versions


@pytest.mark.parametrize("name", ["lepinet-model-2024-12-21", "v99999999999.0.0", "v1.0.99999999999"])
def test_a_name_that_counts_nothing_has_no_next_one(registry: Registry, name: str) -> None:
    registry.log_version(name, "Bhanura/lepinet-model", revision=OLD)
    with pytest.raises(RegistryRefusal, match="is taken") as refused:
        registry.log_version(name, "Bhanura/lepinet-model", revision=NEW)
    assert refused.value.hint is None


def test_a_version_needs_a_name_files_and_a_share_as_accuracy(registry: Registry) -> None:
    for accuracy in (92.34, -0.01, math.nan, math.inf):
        with pytest.raises(RegistryRefusal, match="must lie between 0 and 1"):
            registry.log_version("v1.1.0", "Bhanura/lepinet-model", accuracy_score=accuracy)
    for name, path in (("", "Bhanura/lepinet-model"), (" \n", "Bhanura/lepinet-model"), ("v1.1.0", "")):
        with pytest.raises(RegistryRefusal, match="needs a name and a file_path"):
            registry.log_version(name, path)
    assert registry.snapshot("production").versions == ()


def test_trainers_who_end_at_once_make_one_row(registry: Registry) -> None:
    def log(number: int) -> VersionRow | RegistryRefusal:
        try:
            return registry.log_version("v1.1.0", f"models/{number % 2}", revision=OLD)
        except RegistryRefusal as refused:
            return refused

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(log, range(6)))
    rows = [answer for answer in answers if isinstance(answer, VersionRow)]
    assert registry.snapshot("production").versions == (rows[0],)
    assert rows == [rows[0]] * 3


def known_images(digest: str, **changes: Any) -> PerformanceLog:
    log: dict[str, Any] = {
        "id": uuid4(),
        "version_name": "v1.1.0",
        "kind": "known-images",
        "test_accuracy": 0.9,
        "test_sample_size": 240,
        "details": {"known_images_sha256": digest, "answers": [digest]},
    }
    return PerformanceLog(**(log | changes))


def test_stored_answers_are_the_last_ones_on_exactly_these_images(registry: Registry) -> None:
    for name in ("v1.0.0", "v1.1.0"):
        registry.log_version(name, f"models/{name}")
    registry.log_performance(known_images("these", details={"known_images_sha256": "these", "answers": ["earlier"]}))
    registry.log_performance(known_images("these"))
    registry.log_performance(known_images("others"))
    registry.log_performance(known_images("others", version_name="v1.0.0"))
    registry.log_performance(known_images("these", kind="proof", details={"known_images_sha256": "these"}))
    assert registry.stored_answers("v1.1.0", "these") == known_images("these").details
    assert registry.stored_answers("v1.0.0", "these") is None
    assert registry.stored_answers("v9.9.9", "these") is None


def test_a_repeated_log_is_one_row(registry: Registry, owner: psycopg.Connection[tuple[Any, ...]]) -> None:
    registry.log_version("v1.1.0", "models/v1.1.0")
    log = known_images("these", notes="ok", top3_accuracy=0.99, commit_sha="c" * 40, details=None)
    registry.log_performance(log, "production")
    registry.log_performance(log.model_copy(update={"test_accuracy": 0.1}), "production")
    kept = owner.execute(
        "select environment, kind, test_accuracy, test_sample_size, top3_accuracy, notes, commit_sha, details"
        " from public.model_performance_logs"
    ).fetchall()
    assert kept == [("production", "known-images", 0.9, 240, 0.99, "ok", "c" * 40, None)]
    with pytest.raises(RegistryRefusal, match=r"no version v9\.9\.9"):
        registry.log_performance(known_images("these", version_name="v9.9.9"))


def test_a_row_from_before_there_were_bounds_is_filled_in_all_the_same(
    registry: Registry, owner: psycopg.Connection[Any]
) -> None:
    with owner.transaction():
        owner.execute("alter table public.model_versions disable trigger lepinet_bound")
        owner.execute(
            "insert into public.model_versions (version_name, file_path, notes)"
            " values ('v1.0.0', 'm', repeat('x', 100000))"
        )
        owner.execute("alter table public.model_versions enable trigger lepinet_bound")
    assert registry.log_version("v1.0.0", "m", revision="r").revision == "r"


def test_the_answers_on_thousands_of_known_images_have_room(registry: Registry) -> None:
    registry.log_version("v1.1.0", "Bhanura/lepinet-model")
    five = [{"id": "LK-PAP-001", "name": "Common Sri Lankan Birdwing", "confidence": 0.98765432101}] * 5
    answers = [{"file_name": f"birdwing/{number:>060}.jpeg", "sha256": "a" * 64, "top": five} for number in range(3000)]
    stored = {"known_images_sha256": "f" * 64, "answers": answers * 5}
    registry.log_performance(known_images("f" * 64, details=stored))
    assert registry.stored_answers("v1.1.0", "f" * 64) == stored
