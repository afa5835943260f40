"""From the last run and today's answers to findings: what alarms at once, what the second time, what is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.answering import Counts, two_models
from lepinet.evaluation.answers import Answers
from lepinet.manifest.model import Gates
from lepinet.monitor import (
    EVERY,
    LATE,
    WHOLE_EVERY,
    Cause,
    Look,
    Looked,
    Monitored,
    missed,
    monitor,
    standing,
    whole_is_due,
)
from lepinet.reconcile.plan import Action, Plan
from lepinet.registry.records import MonitorRow
from lepinet.target import Target

HOUR = 3600
AIM = Target("models/v1.1.0", "sha256:" + "1" * 64, "v1.1.0")
IN_STEP = Plan("production", Action.NOTHING, AIM)
BY_HAND = replace(IN_STEP, stop="the database says v1.0.0 by hand. Keep it: … · undo it: …")
MERGED = replace(IN_STEP, action=Action.DEPLOY, move=True, flip=True)


def answers(*, of: int = 20, wrong: int = 0, newly_wrong: int = 0) -> tuple[Answers, Answers]:
    """What was tested, and what is said now."""
    right = of - wrong - newly_wrong
    return two_models({"a": Counts(right, newly_wrong, 0, wrong)}, new_confidence=0.8)


def asked(*, plan: Plan | None = IN_STEP, tested: bool = True, **counts: int) -> Look:
    then, now = answers(**counts)
    return Look(Looked.ASKED, plan=plan, live=now, tested=then if tested else None, target=AIM)


def silent() -> Look:
    return Look(Looked.SILENT, "HTTP 503", plan=IN_STEP)


def unanswered() -> Look:
    look = asked()
    assert look.live
    refused = [one.model_copy(update={"top": (), "error": "HTTP 400: paused"}) for one in look.live.answers]
    return replace(look, live=look.live.model_copy(update={"answers": tuple(refused)}))


def slow(milliseconds: float) -> Look:
    look = asked()
    assert look.live
    timed = [one.model_copy(update={"latency_ms": milliseconds}) for one in look.live.answers]
    return replace(look, live=look.live.model_copy(update={"answers": tuple(timed)}))


def row(run: Monitored | None = None, **more: Any) -> MonitorRow:
    """As the registry tells the next run of this one."""
    details = run.kept.model_dump(mode="json") if run else None
    known = {"version": "v1.1.0", "seconds_ago": EVERY, "whole_seconds_ago": HOUR, "usual_ms": None}
    return MonitorRow.model_validate(known | {"details": details} | more)


def runs(*looks: Look, **more: Any) -> list[Monitored]:
    """One run after the other."""
    found: list[Monitored] = []
    for look in looks:
        found.append(monitor("production", look, Gates(), row(found[-1], **more) if found else None))
    return found


def causes(run: Monitored) -> list[Cause]:
    return [finding.cause for finding in run.alarms]


WELL = asked()
DIFFERS = asked(newly_wrong=2)
ASLEEP = Look(Looked.ASLEEP, plan=IN_STEP)
DEPLOYING = Look(Looked.DEPLOYING, "the night run")


def test_well_is_told_in_one_sentence() -> None:
    (run,) = runs(asked(of=96, wrong=7))
    assert run.findings == ()
    assert run.sentence == "89 of 96 right (86 to 96 %), as when activated"


def test_other_answers_alarm_the_second_time() -> None:
    first, second, third = runs(DIFFERS, DIFFERS, DIFFERS)
    assert (causes(first), causes(second), causes(third)) == ([], [Cause.ANSWERS], [Cause.ANSWERS])
    assert "2 of 20 answers differ from the tested ones" in first.findings[0].sentence
    assert [run.findings[0].begins for run in (first, second, third)] == [False, True, False]


def test_a_passing_difference_alarms_nobody() -> None:
    assert [causes(run) for run in runs(DIFFERS, WELL, DIFFERS)] == [[], [], []]


@pytest.mark.parametrize("between", [ASLEEP, DEPLOYING, silent()])
def test_a_run_that_could_not_ask_neither_alarms_nor_forgives(between: Look) -> None:
    *_, last = runs(DIFFERS, between, DIFFERS)
    assert Cause.ANSWERS in causes(last)
    *_, last = runs(DIFFERS, DIFFERS, between)
    assert last.over == ()
    assert Cause.ANSWERS in standing(row(last))


def test_an_alarm_is_over_when_the_answers_are_right_again() -> None:
    *_, well, after = runs(DIFFERS, DIFFERS, WELL, WELL)
    assert (well.over, after.over) == ((Cause.ANSWERS,), ())
    assert standing(row(well)) == ()


@pytest.mark.parametrize("look", [silent(), unanswered()])
def test_no_answer_is_a_cause_of_its_own_and_alarms_at_once(look: Look) -> None:
    (run,) = runs(look)
    assert causes(run) == [Cause.NO_ANSWER]
    assert [finding.cause for finding in run.findings] == [Cause.NO_ANSWER], "it is not another model for that"


SHUT = Look(Looked.BARRED, "HTTP 401", plan=IN_STEP)


def test_who_may_not_ask_says_that_alone_until_somebody_answers() -> None:
    alone, down, shut_again, well = runs(SHUT, silent(), SHUT, WELL)
    assert causes(alone) == [Cause.BARRED]
    assert set(standing(row(down))) == {Cause.NO_ANSWER, Cause.BARRED}
    assert (shut_again.over, standing(row(shut_again))) == ((Cause.NO_ANSWER,), (Cause.BARRED,))
    assert well.over == (Cause.BARRED,)


def test_where_nothing_is_served_any_more_nobody_waits_for_an_answer() -> None:
    *_, gone = runs(SHUT, silent(), Look(Looked.NOTHING, "phones have the file", plan=IN_STEP))
    assert (set(gone.over), standing(row(gone))) == ({Cause.NO_ANSWER, Cause.BARRED}, ())


def test_who_sleeps_does_not_fail_to_answer() -> None:
    _, asleep = runs(silent(), ASLEEP)
    assert (asleep.findings, asleep.over) == ((), (Cause.NO_ANSWER,))
    assert "was not woken" in asleep.sentence


def test_a_deployment_that_runs_is_named_and_nothing_is_judged() -> None:
    _, deploying = runs(asked(plan=BY_HAND), DEPLOYING)
    assert deploying.sentence == "a deployment is running (the night run); nothing was asked"
    assert (deploying.findings, deploying.over, deploying.fine) == ((), (), frozenset())


def test_drift_alarms_at_once_and_is_over_when_all_agree() -> None:
    first, second = runs(asked(plan=BY_HAND), WELL)
    assert causes(first) == [Cause.DRIFT]
    assert first.findings[0].sentence == BY_HAND.stop
    assert second.over == (Cause.DRIFT,)


def test_a_merge_on_its_way_is_no_alarm_and_one_that_never_ships_is() -> None:
    first, second = runs(asked(plan=MERGED), asked(plan=MERGED))
    assert (causes(first), causes(second)) == ([], [Cause.BEHIND])
    assert "main declares v1.1.0: models/v1.1.0 @ 1111111, and it is not live; to do: move" in (
        second.findings[0].sentence
    )


def test_an_endpoint_that_fails_is_not_told_twice() -> None:
    *_, last = runs(replace(silent(), plan=MERGED), replace(silent(), plan=MERGED))
    assert causes(last) == [Cause.NO_ANSWER]


def test_a_checkout_that_cannot_tell_leaves_drift_as_it_was() -> None:
    *_, last = runs(asked(plan=BY_HAND), asked(plan=None))
    assert last.over == ()
    assert standing(row(last)) == (Cause.DRIFT,)


def test_figures_under_a_floor_alarm_where_the_tested_ones_were_not() -> None:
    *_, worse = runs(asked(of=100, newly_wrong=40), asked(of=100, newly_wrong=40))
    assert causes(worse) == [Cause.ANSWERS, Cause.ACCURACY]
    assert "60 of 100 photos are right; the floor is 80 %" in worse.findings[1].sentence
    *_, shipped_so = runs(asked(of=100, wrong=40), asked(of=100, wrong=40))
    assert causes(shipped_so) == [], "a person shipped it as it is"
    *_, untested = runs(asked(of=100, newly_wrong=40, tested=False), asked(of=100, newly_wrong=40, tested=False))
    assert causes(untested) == [Cause.ACCURACY]


def test_a_few_photos_that_show_nothing_break_no_floor() -> None:
    *_, last = runs(asked(of=12, newly_wrong=3, tested=False), asked(of=12, newly_wrong=3, tested=False))
    assert last.findings == ()


@pytest.mark.parametrize(
    ("median", "usual", "alarmed"),
    [(1300, 400, True), (1300, None, False), (1100, 400, False), (130, 40, False), (541, 40, True)],
)
def test_much_slower_than_usual_alarms_the_second_time(median: float, usual: float | None, alarmed: bool) -> None:  # noqa: FBT001 -- a column of the table
    *_, last = runs(WELL, slow(median), slow(median), usual_ms=usual)
    assert causes(last) == ([Cause.LATENCY] if alarmed else [])


def test_what_nobody_can_read_of_the_last_run_counts_as_nothing() -> None:
    broken = row(details={"runs": {"answers": "many"}, "looked": 7})
    assert standing(broken) == ()
    assert monitor("production", DIFFERS, Gates(), broken).alarms == ()


def test_the_whole_sample_is_asked_once_a_day_by_what_was_logged() -> None:
    assert whole_is_due(None)
    assert whole_is_due(row(whole_seconds_ago=None))
    assert whole_is_due(row(whole_seconds_ago=WHOLE_EVERY - LATE))
    assert not whole_is_due(row(whole_seconds_ago=WHOLE_EVERY - LATE - 1))


@given(st.lists(st.integers(-LATE + 1, LATE - 1), min_size=30, max_size=60))
def test_runs_that_come_late_still_ask_the_whole_sample_each_day(late: list[int]) -> None:
    at = [number * EVERY + shift for number, shift in enumerate(late)]
    last: int | None = None
    for now in at:
        if whole_is_due(row(whole_seconds_ago=None if last is None else now - last)):
            assert last is None or now - last < WHOLE_EVERY + EVERY + LATE
            last = now
    assert last is not None


@pytest.mark.parametrize(("hours", "count"), [(0, 0), (6, 0), (8, 0), (9, 1), (20, 2), (21, 3), (24 * 60, 239)])
def test_runs_that_did_not_come_are_counted(hours: int, count: int) -> None:
    assert missed(row(seconds_ago=hours * HOUR)) == count
