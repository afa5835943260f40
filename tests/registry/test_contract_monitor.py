"""What the registry tells the monitor, the same for every kind of registry."""

from __future__ import annotations

from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from lepinet.errors import OutsideError
from lepinet.registry import Registry
from lepinet.registry.records import MonitorRow, PerformanceLog

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def known(registry: Registry) -> Registry:
    """It knows two versions."""
    for name in ("v1.0.0", "v1.1.0"):
        registry.log_version(name, f"models/{name}")
    return registry


def log(kind: str, details: Any, version: str = "v1.1.0") -> PerformanceLog:
    return PerformanceLog(
        id=uuid4(), version_name=version, kind=kind, test_accuracy=0.9, test_sample_size=12, details=details
    )


def last(registry: Registry, environment: str = "production") -> MonitorRow | None:
    return registry.snapshot(environment).monitored


def test_where_the_monitor_never_ran_there_is_no_last_run(known: Registry) -> None:
    known.log_performance(log("proof", {"agreed": 1}), "production")
    known.log_performance(log("monitor", {"whole": True}), "staging")
    assert last(known) is None
    assert last(known, "staging") is not None


def test_the_last_run_is_told_with_its_age_and_that_of_the_last_whole_one(known: Registry, owner: Rows) -> None:
    known.log_performance(log("monitor", {"whole": True}), "production")
    owner.execute("update public.model_performance_logs set test_date = test_date - interval '5 hours'")
    known.log_performance(log("monitor", {"whole": False}, "v1.0.0"), "production")
    seen = last(known)
    assert seen is not None
    assert (seen.version, seen.details) == ("v1.0.0", {"whole": False})
    assert 0 <= seen.seconds_ago < 60
    assert seen.whole_seconds_ago is not None
    assert 5 * 3600 <= seen.whole_seconds_ago < 5 * 3600 + 60
    owner.execute(
        "update public.model_performance_logs set test_date = test_date - interval '2 days'"
        " where details -> 'whole' = 'true'"
    )
    aged = last(known)
    assert aged is not None
    assert aged.whole_seconds_ago is None


def test_a_photos_usual_time_is_told_after_five_runs_that_timed_the_same_version(known: Registry) -> None:
    for timed in (40, 42, 900, "no number"):
        known.log_performance(log("monitor", {"median_ms": timed}), "production")
    known.log_performance(log("monitor", {"median_ms": 5}, "v1.0.0"), "production")
    known.log_performance(log("monitor", {"median_ms": 44}), "production")
    seen = last(known)
    assert seen is not None
    assert seen.usual_ms is None
    known.log_performance(log("monitor", {"median_ms": 41}), "production")
    seen = last(known)
    assert seen is not None
    assert seen.usual_ms == 42


def write_as_before_there_were_bounds(owner: Rows, details: str) -> None:
    with owner.transaction():
        owner.execute("alter table public.model_performance_logs disable trigger lepinet_bound")
        owner.execute("update public.model_performance_logs set details = %s", [details])
        owner.execute("alter table public.model_performance_logs enable trigger lepinet_bound")


@pytest.mark.parametrize("timed", ["1e400", "1e-400", "-5"])
def test_a_time_that_is_none_stops_nobody(known: Registry, owner: Rows, timed: str) -> None:
    known.log_performance(log("monitor", {"median_ms": 0}), "production")
    write_as_before_there_were_bounds(owner, f'{{"median_ms": {timed}}}')
    for _ in range(5):
        known.log_performance(log("monitor", {"median_ms": 41}), "production")
    seen = last(known)
    assert seen is not None
    assert seen.usual_ms == 41


UNREADABLE = pytest.mark.parametrize(
    "details",
    ['{"x": 1e5000}', '{"x": ' + "[" * 3000 + "]" * 3000 + "}"],
    ids=["a number without end", "nested"],
)


@UNREADABLE
def test_not_even_the_owner_writes_what_nobody_can_read(known: Registry, owner: Rows, details: str) -> None:
    known.log_performance(log("monitor", {"right": 12}), "production")
    with pytest.raises(psycopg.Error, match=r"details (has a number beyond 1\.7e308|is nested deeper than 32 levels)"):
        owner.execute("update public.model_performance_logs set details = %s", [details])
    seen = last(known)
    assert seen is not None
    assert seen.details == {"right": 12}


@UNREADABLE
def test_an_answer_that_nobody_can_read_is_said_in_one_sentence_that_finds_the_row(
    known: Registry, owner: Rows, details: str
) -> None:
    known.log_performance(log("monitor", {}), "production")
    write_as_before_there_were_bounds(owner, details)
    with pytest.raises(OutsideError, match="what the registry answers cannot be read") as told:
        last(known)
    query, _, else_ = str(told.value.todo).partition(": ")[2].partition("; ")
    assert "public.model_versions" in else_, "another row may be at fault"
    (row,) = owner.execute("select id from public.model_performance_logs").fetchall()
    assert owner.execute(query.encode()).fetchall() == [row]


def test_the_tested_answers_are_those_of_the_last_activation_there(known: Registry, owner: Rows) -> None:
    assert known.tested_answers("v1.1.0", "production") is None
    for number, environment in enumerate(("staging", "production", "production", "staging")):
        known.log_performance(log("known-images", {"number": number}), environment)
    known.log_performance(log("monitor", {"number": 9}), "production")
    assert known.tested_answers("v1.1.0", "production") == {"number": 2}
    owner.execute("delete from public.model_performance_logs where environment = 'production'")
    assert known.tested_answers("v1.1.0", "production") == {"number": 3}
    assert known.tested_answers("v1.0.0", "production") is None
