"""What people look at in the registry: versions, tests, accuracy over time and species, the same for every kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from lepinet.registry import Registry
from lepinet.registry.records import (
    DeploymentRow,
    PerformanceLog,
    SpeciesSort,
    VersionSort,
    VersionStatus,
)

Deployments: TypeAlias = Callable[..., DeploymentRow]
Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def answer(species: str, said: str | None, name: str = "") -> dict[str, Any]:
    """One of `details`, as a run stores it, as far as the registry looks at it."""
    top = [{"id": said, "name": said, "confidence": 0.9}] if said else []
    return {"expected_id": species, "expected_name": name or f"species {species}", "top": top}


def log_test(
    registry: Registry, version: str, *answers: dict[str, Any], known: str = "these", kind: str = "known-images"
) -> None:
    details = {"known_images_sha256": known, "answers": list(answers)}
    log = PerformanceLog(
        id=uuid4(), version_name=version, kind=kind, test_accuracy=0.9, test_sample_size=12, details=details
    )
    registry.log_performance(log, "production")


@pytest.fixture
def grown(registry: Registry, owner: Rows) -> Registry:
    """Four versions, logged a day after each other, the third without figures."""
    for day, (name, path, images, accuracy) in enumerate(
        [
            ("v1.9.0", "Bhanura/lepinet", 4000, 0.88),
            ("v1.10.0", "Bhanura/lepinet", 5400, 0.93),
            ("v1.10.1", "asha/Lepi_100%", None, None),
            ("v2.0.0-rc.1", "asha/lepi", 9000, 0.91),
        ]
    ):
        registry.log_version(name, path, training_image_count=images, accuracy_score=accuracy)
        owner.execute(
            "update public.model_versions set created_at = %s where version_name = %s", [DAY + timedelta(day), name]
        )
    return registry


def names(registry: Registry, **asked: Any) -> list[str]:
    return [row.version_name for row in registry.version_page((), **asked).versions]


def test_versions_come_newest_first_and_page_by_page(grown: Registry) -> None:
    first = grown.version_page((), page=3)
    assert [row.version_name for row in first.versions] == ["v2.0.0-rc.1", "v1.10.1", "v1.10.0"]
    assert first.total == 4
    last = grown.version_page((), page=3, skip=3)
    assert [row.version_name for row in last.versions] == ["v1.9.0"]
    assert last.total == 4


@pytest.mark.parametrize(
    ("sort", "ascending"),
    [
        (VersionSort.VERSION, ["v1.9.0", "v1.10.0", "v1.10.1", "v2.0.0-rc.1"]),
        (VersionSort.PATH, ["v1.10.0", "v1.9.0", "v1.10.1", "v2.0.0-rc.1"]),
        (VersionSort.ACCURACY, ["v1.10.1", "v1.9.0", "v2.0.0-rc.1", "v1.10.0"]),
        (VersionSort.IMAGES, ["v1.10.1", "v1.9.0", "v1.10.0", "v2.0.0-rc.1"]),
        (VersionSort.CREATED, ["v1.9.0", "v1.10.0", "v1.10.1", "v2.0.0-rc.1"]),
    ],
)
def test_versions_are_sorted_by_any_column_both_ways(grown: Registry, sort: VersionSort, ascending: list[str]) -> None:
    assert names(grown, sort=sort, descending=False) == ascending
    assert names(grown, sort=sort) == ascending[::-1]


def test_a_release_comes_after_what_led_to_it(grown: Registry) -> None:
    grown.log_version("v2.0.0", "asha/lepi")
    assert names(grown, sort=VersionSort.VERSION)[:2] == ["v2.0.0", "v2.0.0-rc.1"]


@pytest.mark.parametrize(
    ("text", "count"), [("1.10", 2), ("LEPI_1", 1), ("%", 1), ("_", 1), ("wet season", 0), ("", 4)]
)
def test_versions_are_found_by_what_stands_in_them(grown: Registry, text: str, count: int) -> None:
    """No character of it has a meaning of its own."""
    page = grown.version_page((), search=text)
    assert (page.total, len(page.versions)) == (count, count)


def test_a_version_says_how_far_it_has_come(grown: Registry, deploy: Deployments) -> None:
    deploy("v0.1.0", "staging")
    deploy("v0.1.0")
    deploy("v0.2.0", "staging")
    deploy("v0.3.0", "staging")
    declared = ("v0.1.0", "v0.2.0", "v0.3.0", "v1.10.0", "v3.0.0")
    page = grown.version_page(declared, sort=VersionSort.STATUS, descending=False)
    assert [(row.version_name, row.status, row.active_in) for row in page.versions] == [
        ("v0.1.0", "active", ("production",)),
        ("v0.3.0", "active", ("staging",)),
        ("v1.10.0", "candidate", ()),
        ("v0.2.0", "deployed", ()),
        ("v1.10.1", "proposal", ()),
        ("v1.9.0", "proposal", ()),
        ("v2.0.0-rc.1", "proposal", ()),
    ]
    assert page.unregistered == ("v3.0.0",)
    for status, count in {"active": 2, "candidate": 1, "deployed": 1, "proposal": 3}.items():
        some = grown.version_page(declared, status=VersionStatus(status))
        assert (some.total, {row.status for row in some.versions}) == (count, {status})


def test_one_version_is_found_by_its_whole_name_alone(grown: Registry) -> None:
    row = grown.version("v1.10.0", ("v1.10.0",))
    assert row is not None
    assert (row.version_name, row.status, row.before) == ("v1.10.0", "candidate", "v1.9.0")
    first = grown.version("v1.9.0", ())
    assert first is not None
    assert first.before is None
    assert grown.version("v1.1", ()) is None


def test_a_versions_tests_come_newest_first_and_leave_none_out(grown: Registry, owner: Rows) -> None:
    for _ in range(5):
        log_test(grown, "v1.9.0", kind="monitor")
    log_test(grown, "v1.10.0")
    # Two at the same time, and one that a hand wrote without one.
    owner.execute("update public.model_performance_logs set test_date = %s where kind = 'monitor'", [DAY])
    owner.execute(
        "insert into public.model_performance_logs (model_version_id, test_date) select id, null"
        " from public.model_versions where version_name = 'v1.9.0'"
    )
    log_test(grown, "v1.9.0", known="those")
    seen = [*grown.performance("v1.9.0", page=2)]
    assert seen[0].known_images_sha256 == "those"
    while page := grown.performance("v1.9.0", before=seen[-1].id, page=2):
        seen += page
    assert len({row.id for row in seen}) == len(seen) == 7
    assert [row.kind for row in seen] == ["known-images", *["monitor"] * 5, None]
    assert grown.performance("v9.9.9") == ()


def test_accuracy_over_time_is_told_run_by_run_while_there_are_few(grown: Registry) -> None:
    for version in ("v1.9.0", "v1.10.0"):
        log_test(grown, version, kind="monitor")
        log_test(grown, version, kind="proof")
    runs = grown.monitored_accuracy("production", points=2)
    assert [(run.version, run.accuracy, run.sample_size) for run in runs] == [("v1.9.0", 0.9, 12), ("v1.10.0", 0.9, 12)]
    assert grown.monitored_accuracy("staging") == ()


def test_accuracy_over_a_long_time_is_told_in_even_steps_from_the_first_run_to_the_last(
    grown: Registry, owner: Rows
) -> None:
    owner.execute(
        "insert into public.model_performance_logs (model_version_id, environment, kind, test_date, test_accuracy)"
        " select id, 'production', 'monitor', %s + n * interval '6 hours', n / 1000.0"
        " from public.model_versions, generate_series(0, 1000) n where version_name = 'v1.9.0'",
        [DAY],
    )
    runs = grown.monitored_accuracy("production", points=11)
    assert [run.accuracy for run in runs] == [n / 10 for n in range(11)]
    owner.execute("update public.model_performance_logs set test_date = %s", [DAY])
    assert 1 <= len(grown.monitored_accuracy("production", points=11)) <= 11


def test_each_species_is_told_in_the_versions_that_were_tested_last(grown: Registry) -> None:
    log_test(grown, "v1.9.0", answer("001", "001"), answer("001", "001"), answer("045", "045"))
    log_test(grown, "v1.10.0", answer("001", "001"), answer("001", None), known="others")
    log_test(grown, "v1.9.0", answer("001", "045"), answer("001", "001"), answer("045", "045", "Blue Tiger"))
    log_test(grown, "v1.9.0", answer("001", "001"), kind="proof")
    page = grown.species_recall()
    assert [(test.version, test.environment, test.known_images_sha256) for test in page.tests] == [
        ("v1.9.0", "production", "these"),
        ("v1.10.0", "production", "others"),
    ]
    assert [(one.id, one.name, one.counts) for one in page.species] == [
        ("001", "species 001", {0: (1, 2), 1: (1, 2)}),
        ("045", "Blue Tiger", {0: (1, 1)}),
    ]
    assert [test.version for test in grown.species_recall(versions=1).tests] == ["v1.9.0"]


def test_the_photos_of_earlier_tests_are_told_once_each_the_newest_test_first(grown: Registry) -> None:
    for known in ("oldest", *"abcd", "a", "last"):
        log_test(grown, "v1.9.0", answer("001", "001"), known=known)
    log_test(grown, "v1.9.0", answer("001", "001"), known="proved", kind="proof")
    log_test(grown, "v1.10.0", answer("001", "001"), known="last")
    told = {test.version: test.known_images for test in grown.species_recall(versions=2).tests}
    assert told == {"v1.10.0": ("last",), "v1.9.0": ("last", "a", "d", "c", "b")}


def test_species_are_found_sorted_and_told_page_by_page(grown: Registry) -> None:
    said = {"001": ("zebra", "002"), "002": ("Apollo", "002"), "003": ("monarch", "003")}
    log_test(grown, "v1.9.0", *(answer(id_, right, name) for id_, (name, right) in said.items()))

    def ids(**asked: Any) -> list[str]:
        return [one.id for one in grown.species_recall(**asked).species]

    assert ids() == ["001", "002", "003"]
    assert ids(sort=SpeciesSort.NAME) == ["002", "003", "001"]
    assert ids(sort=SpeciesSort.ID, skip=1, page=1) == ["002"]
    assert ids(search="MON") == ["003"]
    assert grown.species_recall(page=1).total == 3
    assert grown.species_recall(search="mon").total == 1


@pytest.mark.parametrize(
    "details",
    ["null", "7", '"x"', "[]", '{"answers": 7}', '{"answers": [7, null, [], {}, {"expected_id": 1, "top": "x"}]}'],
)
def test_whatever_a_test_was_logged_with_it_is_kept_and_stops_nobody(
    grown: Registry, owner: Rows, details: str
) -> None:
    log_test(grown, "v1.9.0", answer("001", "001"))
    owner.execute(
        "insert into public.model_performance_logs (model_version_id, kind, details)"
        " select id, 'known-images', %s from public.model_versions where version_name = 'v1.10.0'",
        [details],
    )
    assert "001" in {one.id for one in grown.species_recall().species}
    assert len(grown.performance("v1.10.0")) == 1


def test_answers_are_those_on_exactly_these_images(grown: Registry) -> None:
    for known in ("these", "those"):
        log_test(grown, "v1.9.0", answer("001", known), known=known)
    stored = grown.stored_answers("v1.9.0", "these")
    assert stored is not None
    assert stored["answers"][0]["top"][0]["id"] == "these"
    assert grown.stored_answers("v1.9.0", "others") is None
    assert grown.stored_answers("v1.10.0", "these") is None
